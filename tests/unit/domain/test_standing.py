"""What makes an installation unwell, and what does not."""

from dataclasses import replace

import pytest

from faultwire.domain.standing import (
    DAY_NS,
    Database,
    Loop,
    Owed,
    Process,
    Standing,
    troubles,
)

NOW = 100 * DAY_NS
WELL = Standing(
    None,
    (Process("serve", "a:1", "127.0.0.1:8779", 0),),
    3_000_000_000,
    Database("SQLite", 2_000_000, owed=Owed(5, 1, 7)),
    Loop(1.0, 400.0, 3, suspended=False),
)


def test_a_backlog_and_a_hiccup_are_no_trouble() -> None:
    """What tenants cause, and one late timer, do not wake anybody."""
    assert troubles(WELL, NOW) == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"unhealthy": "lane ended"}, "a defect, restart this process: lane ended"),
        (
            {"database": Database("SQLite", None, "locked")},
            "the database does not answer: locked",
        ),
        (
            {"database": Database("SQLite", 1_500_000_000)},
            "the database takes 1500 ms to answer",
        ),
        ({"loop": Loop(300.0, 400.0, 0, suspended=False)}, "runs late: 300 ms"),
        ({"loop": Loop(1.0, 900.0, 0, suspended=True)}, "verdicts on silent agents are put off"),
        ({"loop": Loop(1.0, 1.0, 1000, suspended=False)}, "1000 changes wait"),
        ({"certificate_ns": NOW + 3 * DAY_NS + 1}, "the certificate ends in 3 days"),
        ({"certificate_ns": NOW - 1}, "the certificate has ended"),
    ],
)
def test_what_is_not_well_is_said(changed: dict[str, object], said: str) -> None:
    """Each trouble alone makes the installation unwell, and is named."""
    (found,) = troubles(replace(WELL, **changed), NOW)  # type: ignore[arg-type]
    assert said in found


def test_a_process_is_silent_from_the_limit_on() -> None:
    """Just below the silence that the others allow, it lives."""
    silent = replace(WELL.processes[0], silent_ns=WELL.silence_ns)
    lively = replace(silent, silent_ns=WELL.silence_ns - 1)
    assert troubles(replace(WELL, processes=(lively,)), NOW) == ()
    assert len(troubles(replace(WELL, processes=(silent,)), NOW)) == 1


def test_a_certificate_that_lasts_is_no_trouble() -> None:
    """Two weeks before its end it is still quiet."""
    assert troubles(replace(WELL, certificate_ns=NOW + 14 * DAY_NS), NOW) == ()
