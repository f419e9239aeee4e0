"""Windows and revocations on the command line, and numbers that are none."""

from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from faultwire.cli import enrolment, guards, output
from faultwire.cli.ranges import Finite


class FakeSession:
    """Stands for a server that takes everything."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, cloud: str | None) -> "FakeSession":
        return self

    def request(self, method: str, service: str, path: str, **_: Any) -> None:
        assert service == "fault"
        self.asked.append((method, path))


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    """Give every command the server."""
    made = FakeSession()
    monkeypatch.setattr(output, "Session", made)
    return made


def run(command: click.Command, *words: str) -> Result:
    return CliRunner().invoke(command, words)


@pytest.mark.parametrize(
    ("command", "words", "why"),
    [
        (guards.maintenance, ("--for", "2h"), "say what the maintenance is about"),
        (guards.silence, ("--reason", "x"), "say what the silence is about"),
        (guards.maintenance, ("h1", "--delete", "w"), "--delete goes with nothing else"),
        (guards.silence, ("--delete", "w", "--for", "1h"), "--delete goes with nothing else"),
        (guards.maintenance, ("h1",), "say when it ends"),
    ],
)
def test_a_window_that_is_half_said_is_not_guessed_at(
    session: FakeSession, command: click.Command, words: tuple[str, ...], why: str
) -> None:
    """Usage errors are exit status 2 with one sentence, and the server is asked nothing."""
    done = run(command, *words)
    assert done.exit_code == 2
    assert why in done.output
    assert session.asked == []


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (enrolment.monitor_revoke, "/v1/monitors/a%2Fb/enrol"),
        (enrolment.agent_revoke, "/v1/agents/a%2Fb/enrol"),
        (enrolment.guest_revoke, "/v1/agents/guests/a%2Fb/enrol"),
        (enrolment.source_revoke, "/v1/sources/a%2Fb/enrol"),
    ],
)
def test_an_enrolment_ends_by_its_name(
    session: FakeSession, command: click.Command, path: str
) -> None:
    """Each kind has its command; a name stays within its place of the path."""
    done = run(command, "a/b")
    assert (done.exit_code, session.asked) == (0, [("DELETE", path)])
    assert "is void" in done.output


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "0", "11", "x"])
def test_what_is_no_number_in_the_range_is_refused(text: str) -> None:
    """NaN is neither below nor above anything, and would pass for a number of seconds."""
    with pytest.raises(click.BadParameter):
        Finite(1, 10).convert(text, None, None)
    assert Finite(1, 10).convert("2.5", None, None) == 2.5
