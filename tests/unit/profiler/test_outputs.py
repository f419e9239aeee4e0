"""Every output drawn from fixed data and compared with stored text.

After a wanted change, write the files again: FAULTWIRE_REWRITE=1.
"""

import io
import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from faultwire_profiler import profile
from faultwire_profiler.collection import FORMAT, comparison_to_json, merged_to_json
from faultwire_profiler.comparing import compare
from faultwire_profiler.console import cycle_lines, print_comparison, print_merged
from faultwire_profiler.doctor import doctor_output
from faultwire_profiler.documents import read_document
from faultwire_profiler.merging import Merged, merge
from faultwire_profiler.page import report
from faultwire_profiler.waterfall import waterfall
from tests.unit.profiler.runs import disagreeing_run, limited_run, one, own_run, seed_run
from tests.unit.profiler.sets import doubtful, good, many, nobody, poor, single

PICTURES = Path(__file__).with_name("pictures")
SETS = [single, many, doubtful, nobody]
NAMES = ("apex.json", "fuel.json")


def stored(name: str, text: str) -> str:
    """Return what is stored under a name, after writing it if so asked."""
    path = PICTURES / name
    if os.environ.get("FAULTWIRE_REWRITE"):
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def printed(show: Callable[[Console], None], width: int = 100) -> str:
    out = io.StringIO()
    show(Console(file=out, width=width, highlight=False, legacy_windows=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize("build", SETS)
def test_the_console_shows_the_stored_set(build: Callable[[], Merged]) -> None:
    """S69-S72, S76, S80: one run whole, many by figures, histogram, slope; then the doubts."""
    text = printed(lambda console: print_merged(build(), console))
    assert text == stored(f"set_{build.__name__}.txt", text)


@pytest.mark.parametrize("width", [20, 60, 100, 200])
@pytest.mark.parametrize("build", SETS)
def test_what_is_printed_is_plain_and_fits(build: Callable[[], Merged], width: int) -> None:
    """S76: at any width all is printable ASCII; a name does not steer the terminal."""
    text = printed(lambda console: print_merged(build(), console), width)
    assert text.isascii()
    assert "\x1b" not in text
    assert all(len(line) <= max(width, 40) for line in text.splitlines())


def test_the_comparison_is_the_stored_one() -> None:
    """S79: one deployment meets the law, the other does not, and the span that explains it."""
    text = printed(lambda console: print_comparison(compare(good(), poor(), NAMES), console))
    assert text == stored("comparison.txt", text)
    assert "It is the inspector's to 100%, in T03..T04 most" in text


@pytest.mark.parametrize("build", SETS)
def test_the_json_is_the_stored_one_and_can_be_read_again(build: Callable[[], Merged]) -> None:
    """A set of runs as JSON has all keys always, and the same runs come out of it."""
    document = merged_to_json(build())
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    assert text == stored(f"set_{build.__name__}.json", text)
    again = merge(read_document(json.loads(text), "stored"))
    before = build().runs
    assert [run.profile for run in again.runs] == [run.profile for run in before]
    assert [run.fault for run in again.runs] == [run.fault for run in before]


def test_the_comparison_as_json_is_the_stored_one() -> None:
    """S79: a comparison as JSON, its format named."""
    document = comparison_to_json(compare(good(), poor(), NAMES))
    assert document["format"] == FORMAT
    text = json.dumps(document, indent=1) + "\n"
    assert text == stored("comparison.json", text)


@pytest.mark.parametrize("build", SETS)
def test_the_page_is_the_stored_one(build: Callable[[], Merged]) -> None:
    """The HTML report of a fixed set is the stored one."""
    text = report(build(), "Profile of <host>")
    assert text == stored(f"set_{build.__name__}.html", text)


def test_the_page_of_a_comparison_is_the_stored_one() -> None:
    """S79: the HTML report with two sets side by side is the stored one."""
    text = report(nobody(), "Profile of apex.json", compare(good(), poor(), NAMES))
    assert text == stored("comparison.html", text)


class Page(HTMLParser):
    """What a page holds, and whether its elements are closed in order."""

    VOID = frozenset({"meta", "br", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: dict[str, int] = {}
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] = self.seen.get(tag, 0) + 1
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("build", SETS)
def test_the_page_needs_nothing_else(build: Callable[[], Merged]) -> None:
    """The report has no script and asks for nothing; names in it are text, never markup."""
    text = report(build(), "Profile of <host>", compare(good(), poor(), NAMES))
    page = Page()
    page.feed(text)
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "b"} & page.seen.keys()
    assert {name for name, _ in page.attributes}.isdisjoint({"src", "href", "onload"})
    assert [url for url in re.findall(r"https?://[^\"' ]*", text) if "www.w3.org" not in url] == []
    assert "default-src 'none'" in text


@pytest.mark.parametrize("build", [seed_run, own_run, limited_run, disagreeing_run])
def test_the_waterfall_has_a_bar_for_each_span(build: Callable[[], list[Any]]) -> None:
    """A bar per span, hatched where it is negative, all of them inside the picture."""
    result = profile(build())
    picture = ET.fromstring(waterfall(result, "a & b"))  # noqa: S314  our own text
    space = "{http://www.w3.org/2000/svg}"
    found = [
        rect
        for rect in picture.iter(f"{space}rect")
        if rect.get("class") in {"span", "negative span"}
    ]
    assert len(found) == len(result.spans)
    hatched = [rect for rect in found if rect.get("fill") == "url(#negative)"]
    assert len(hatched) == sum(span.negative for span in result.spans)
    for rect in found:
        assert 250 <= float(rect.get("x", "")) <= 851
        assert float(rect.get("x", "")) + float(rect.get("width", "")) <= 852


def test_doctors_file_has_doctors_form() -> None:
    """S58-S68: five letters a field, 3 and 4 swapped as the proof of concept had them."""
    text = json.dumps(doctor_output(profile(seed_run())), indent=1) + "\n"
    assert text == stored("doctor_profiling_output.json", text)
    assert doctor_output(profile(seed_run())) == {
        "T00": "0    ",
        "T01": "50   ",
        "T02": "90   ",
        "T03": "170  ",
        "T04": "130  ",
        "T05": "220  ",
        "T06": "290  ",
        "T07": "330  ",
        "T08": "370  ",
        "T09": "410  ",
        "M00": "50   ",
        "M01": "120  ",
        "M02": "50   ",
        "M03": "70   ",
        "M04": "120  ",
        "total": 410,
    }


def test_doctors_file_tells_zero_from_unknown() -> None:
    """S75: what is not known is a question mark, a cost of nothing is 0."""
    found = doctor_output(profile([one("T00", 0), one("T01", 0), one("T09", 3)]))
    assert found["M00"] == "0    "
    assert found["T02"] == found["M01"] == "?    "
    assert found["total"] == 3
    without = doctor_output(profile([one("T01", 0), one("T04", 5)]))
    assert without["T01"] == "?    "
    assert without["M01"] == "5    "
    assert without["total"] is None


def test_doctors_file_can_be_read() -> None:
    """A stored doctor_profiling_output.json gives its run again, as far as it knew it."""
    evidence = read_document(doctor_output(profile(seed_run())), "doctor.json")
    (run,) = merge(evidence).runs
    assert [point.last_ms for point in run.profile.points] == [
        0, 50, 90, 130, 170, 220, 290, 330, 370, 410,
    ]  # fmt: skip


def test_the_cycle_says_what_is_not_known() -> None:
    """S55-S57: lanes between boundaries; resolved is not marked, so its lanes are unknown."""
    lines = [line.plain for line in cycle_lines(profile(seed_run()), 100)]
    by_name = {line[:18].strip(): line for line in lines[1:]}
    assert list(by_name) == [
        "monitor",
        "inspector",
        "notifier",
        "manager",
        "controller",
        "doctor",
        "fault management",
    ]
    assert by_name["doctor"].endswith("360.000 ms")
    assert by_name["controller"].endswith("unknown")
    assert by_name["fault management"].endswith("unknown")
    assert cycle_lines(profile([]), 100) == []
