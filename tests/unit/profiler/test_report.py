"""The picture on the console, compared with stored text.

After a wanted change of the picture, write the files again: FAULTWIRE_REWRITE=1.
"""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from faultwire_profiler import Mark, profile
from faultwire_profiler.report import render
from tests.unit.profiler.runs import (
    at,
    disagreeing_run,
    limited_run,
    one,
    own_run,
    seed_run,
)

PICTURES = Path(__file__).with_name("pictures")


def nothing() -> list[Mark]:
    """Return no mark at all."""
    return []


def printed(marks: list[Mark], width: int = 100, *, colour: bool = False) -> str:
    """Return what is printed on a console of that width, without trailing blanks."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
    )
    render(profile(marks), console)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize("run", [seed_run, own_run, limited_run, disagreeing_run, nothing])
def test_the_console_shows_the_stored_picture(run: Callable[[], list[Mark]]) -> None:
    """S69-S72, S75, S76: timeline, instants, table and verdict of a fixed run, at width 100."""
    stored = PICTURES / f"{run.__name__}.txt"
    text = printed(run())
    if os.environ.get("FAULTWIRE_REWRITE"):
        stored.write_text(text, encoding="utf-8")
    assert text == stored.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 237])
@pytest.mark.parametrize("run", [seed_run, own_run, limited_run, disagreeing_run, nothing])
def test_the_picture_fits_the_console(run: Callable[[], list[Mark]], width: int) -> None:
    """S69, S76: at any width no line is longer than the console, and all is plain ASCII."""
    text = printed(run(), width)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 100, 237])
def test_the_timeline_fills_the_width(width: int) -> None:
    """S69: the line of instants begins under start and ends under end, at the last column."""
    lines = printed(seed_run(), width).splitlines()
    assert lines[1].split() == ["start", "end"]
    assert lines[2].startswith(" " * 12 + "0-")
    assert lines[2].endswith("10>")
    assert [len(line) for line in lines[1:4]] == [width, width, width - 1]


def test_every_number_is_on_the_line_however_close() -> None:
    """S58-S68: eleven instants in a hundredth of the line, at either end, are all legible."""
    keys = [f"T{number:02}" for number in range(11)]
    late = [one(key, 1000 + number / 100) for number, key in enumerate(keys[1:])]
    early = [one(key, number / 100) for number, key in enumerate(keys[:-1])]
    for run in ([one("T00", 0), *late], [*early, one("T10", 1000)]):
        axis = printed(run, 40).splitlines()[2]
        numbers = axis.strip("> ").replace("-", ",").split(",")
        assert [number for number in numbers if number] == [str(number) for number in range(11)]


def test_an_upper_bound_is_said_everywhere() -> None:
    """D2: the instant, the total and the law's figure are shown as no more than."""
    text = printed([one("T01", 0), Mark("T09", at(9), at(9), upper_bound=True)])
    assert "<= 9.000" in text
    assert "Components of T01..T09 (T00 is unknown): at most 9.000 ms" in text
    assert "in at most 9.000 ms of 1,000 ms: met" in text


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ([one("T01", 0)], "Law: unknown, 9 received alarm not known"),
        (
            [one("T01", 0), Mark("T09", at(2000), at(2000), upper_bound=True)],
            "unknown, the consumer did not say when it had the alarm",
        ),
        (
            [one("T01", 0), Mark("T08", at(1), at(1), 3), one("T09", 2)],
            "unknown, 2 of the alarms that were fired not known to be received",
        ),
        ([one("T01", 9, mono=False), one("T09", 2, mono=False)], "unknown, clocks disagree"),
        ([one("T01", 0), one("T09", 2000)], "2,000.000 ms of 1,000 ms: missed"),
    ],
)
def test_an_unknown_verdict_says_why(marks: list[Mark], said: str) -> None:
    """D2: a verdict that cannot be given names what is lacking."""
    assert said in printed(marks, 200)


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (Mark("T09", at(8), at(8), upper_bound=True), "T09 is an upper bound"),
        (Mark("T09", at(8), at(8), 3), "T10 is known for 1 of 3"),
        (one("T09", 8), "their clocks disagree"),
    ],
)
def test_a_negative_span_says_why_it_may_be(end: Mark, why: str) -> None:
    """D5: an end that is a bound, or known less often, is no disagreement of clocks."""
    text = printed([one("T01", 0), end, one("T10", 5)])
    assert f"Negative: T10 is 3.000 ms before T09; {why}" in text


def test_a_long_detection_does_not_hide_the_rest() -> None:
    """S69: where the detection takes most of the line, the rest is drawn again from T01."""
    run = [one("T00", 0), one("T01", 3000), one("T02", 3010), one("T09", 3030)]
    assert "Timeline from T01 to T09: 30.000 ms" in printed(run)
    assert "Timeline from T01" not in printed(seed_run())


def test_colours_are_the_consoles_choice() -> None:
    """S76: on a terminal owners are coloured, in a file nothing but text is written."""
    assert "\x1b[" in printed(seed_run(), colour=True)
    assert "\x1b" not in printed(disagreeing_run())


def test_a_note_does_not_steer_the_terminal() -> None:
    """Somebody else's text is shown as it is, markup too, and its control codes are not."""
    assert "T09: offset of the clock [b]unknown[/b]?" in printed(disagreeing_run())
