"""The HTML report in a real browser: what is there, what the console says, what one sees."""

import re
import struct
import subprocess
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import faultwire_profiler
from faultwire_profiler import Profile
from faultwire_profiler.comparing import compare
from faultwire_profiler.merging import Merged, merge
from faultwire_profiler.page import report
from faultwire_profiler.reading import Source, read
from faultwire_profiler.rules import read_rules, shipped
from faultwire_profiler.waterfall import COLOURS
from tests.unit.profiler.sets import good, many, poor

pytestmark = pytest.mark.system

EXAMPLES = Path(faultwire_profiler.__file__).with_name("examples")
WIDTH, HEIGHT = 1000, 700
SECONDS = 60
WHITE = (255, 255, 255)
Pixels = list[list[tuple[int, int, int]]]


class Browser:
    """Opens pages in headless Chromium, one process for each."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self.document = ""
        self.console: list[str] = []

    def open(self, text: str) -> Pixels:
        """Open a page; keep its document and console, and return what is seen of it."""
        page, picture = self._folder / "page.html", self._folder / "page.png"
        page.write_text(text, encoding="utf-8")
        options = (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
            "--blink-settings=preferredColorScheme=1",
            "--enable-logging=stderr",
            f"--window-size={WIDTH},{HEIGHT}",
            f"--user-data-dir={self._folder / 'user'}",
            f"--screenshot={picture}",
            "--dump-dom",
        )
        shown = subprocess.run(
            [self._program, *options, page.as_uri()],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        self.document = shown.stdout
        self.console = re.findall(r":CONSOLE[:(].*", shown.stderr)
        return decoded(picture.read_bytes())


def decoded(raw: bytes) -> Pixels:
    """The rows of a PNG with eight bits a channel, as red, green and blue."""
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, kind = struct.unpack(">IIBB", raw[16:26])
    channels = {2: 3, 6: 4}[kind]
    assert depth == 8
    at, packed = 8, b""
    while at < len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        if raw[at + 4 : at + 8] == b"IDAT":
            packed += raw[at + 8 : at + 8 + length]
        at += length + 12
    flat = zlib.decompress(packed)
    size = width * channels
    rows, above = [], bytearray(size)
    for begin in range(0, height * (size + 1), size + 1):
        row = bytearray(flat[begin + 1 : begin + 1 + size])
        above = unfiltered(flat[begin], row, above, channels)
        parts = (above[0::channels], above[1::channels], above[2::channels])
        rows.append(list(zip(*parts, strict=True)))
    return rows


def unfiltered(kind: int, row: bytearray, above: bytearray, step: int) -> bytearray:
    """Undo one of PNG's five filters (RFC 2083, 6)."""
    if kind == 2:
        return bytearray((one + up) & 255 for one, up in zip(row, above, strict=True))
    for place in range(len(row)) if kind else ():
        left = row[place - step] if place >= step else 0
        up = above[place]
        corner = above[place - step] if place >= step else 0
        far = left + up - corner
        nearest = min((left, up, corner), key=lambda one: abs(far - one))
        guess = {1: left, 3: (left + up) // 2, 4: nearest}[kind]
        row[place] = (row[place] + guess) & 255
    return row


@pytest.fixture
def browser(tmp_path: Path, needs_package: Callable[..., str]) -> Browser:
    """A browser with a profile of its own."""
    return Browser(needs_package("chromium", "chromium"), tmp_path)


def example() -> Merged:
    """The run of the logs that come with the profiler."""
    own = read_rules((EXAMPLES / "inspector.yaml").read_text(), "inspector.yaml")
    return merge(read([Source(path) for path in sorted(EXAMPLES.glob("*.log"))], own, shipped()))


def colour(owner: str) -> tuple[int, int, int]:
    """An owner's colour as it is painted."""
    text = COLOURS[owner]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def bars(seen: Pixels, result: Profile) -> dict[str, tuple[int, int, int]]:
    """Of each owner the row where its first bar begins, and its leftmost and rightmost pixel."""
    found = {}
    for owner in {span.owner for span in result.spans}:
        wanted = colour(owner)
        places = [
            (y, x) for y, row in enumerate(seen) for x, pixel in enumerate(row) if pixel == wanted
        ]
        if places:
            columns = [x for _, x in places]
            found[owner] = places[0][0], min(columns), max(columns)
    return found


def test_a_run_is_seen_as_it_was(browser: Browser) -> None:
    """S69-S72: each owner's bar is there, in the order of the fault's way and as long as it took.

    The browser's console says nothing, and the table below has the costs.
    """
    merged = example()
    (run,) = merged.runs
    seen = browser.open(report(merged, "Profile of the example"))
    assert browser.console == []
    assert "<h1>Profile of the example</h1>" in browser.document
    assert browser.document.count('class="span"') == len(run.profile.spans)
    assert '<strong class="missed">missed</strong>' in browser.document
    for component in run.profile.components:
        assert f"<td>{component.owner}</td>" in browser.document
    counted = Counter(pixel for row in seen for pixel in row)
    assert len(seen) == HEIGHT
    assert counted[WHITE] > WIDTH * HEIGHT / 2
    assert len(counted) > 20
    there = bars(seen, run.profile)
    assert {"monitor", "inspector", "controller", "notifier", "evaluator"} <= set(there)
    rows = [there[owner][0] for owner in ("monitor", "inspector", "controller", "notifier")]
    assert rows == sorted(rows)
    width = {owner: right - left + 1 for owner, (_, left, right) in there.items()}
    took = {span.end: span.ms for span in run.profile.spans}
    assert width["notifier"] / width["controller"] == pytest.approx(
        took["T06"] / took["T05"], rel=0.02
    )
    assert there["notifier"][2] < there["evaluator"][1] + 3


def test_many_runs_and_a_comparison_are_seen(browser: Browser) -> None:
    """S79, S80: histogram, tables and every run that is drawn are there; the console is silent."""
    merged = many()
    compared = compare(good(), poor(), ("apex.json", "fuel.json"))
    seen = browser.open(report(merged, "Profile of <many>", compared))
    assert browser.console == []
    assert browser.document.count('class="waterfall"') == len(merged.runs)
    assert browser.document.count('class="histogram"') == 1
    assert "It is the inspector's to 100%" in browser.document
    assert "Profile of &lt;many&gt;" in browser.document
    assert len({pixel for row in seen for pixel in row}) > 20


def test_what_is_wrong_in_a_page_would_be_noticed(browser: Browser) -> None:
    """A script that the page's policy forbids is told on the console; nothing is blank."""
    text = report(example(), "any").replace(
        "</body>", "<script>document.title = 1</script></body>"
    )
    browser.open(text)
    assert any("Content Security Policy" in line for line in browser.console)
    seen = browser.open("<!DOCTYPE html><title>nothing</title>")
    assert {pixel for row in seen for pixel in row} == {WHITE}
