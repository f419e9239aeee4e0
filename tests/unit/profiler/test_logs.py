"""The log collector, and files as they are found on machines."""

import gzip
from pathlib import Path

import pytest

from faultwire_profiler import evidence as kept
from faultwire_profiler import profile
from faultwire_profiler.blocks import LONGEST_LINE, blocks, set_name
from faultwire_profiler.clocks import clocks
from faultwire_profiler.evidence import Evidence, Sighting
from faultwire_profiler.logs import Collector
from faultwire_profiler.merging import merge
from faultwire_profiler.reading import Source, read
from faultwire_profiler.rules import read_rules, shipped
from tests.unit.profiler.runs import one
from tests.unit.profiler.sets import ORIGIN

EXAMPLES = Path(__file__).with_name("examples")
RULES = """\
logs:
  - name: test
    time: '^(?P<time>\\S+) '
    format: iso
    points:
      - {name: detected, point: T01, match: ' (?P<host>\\S+) is down$'}
      - {name: received, point: T09, match: ' (?P<count>\\d+) alarms of (?P<fault>\\S+) received'}
      - {name: anything, point: T10, match: '[h]andled'}
    exchanges:
      - {name: asked, step: sent, match: ' ask (?P<id>\\w+)$'}
      - {name: heard, step: received, match: ' heard (?P<id>\\w+)$'}
      - {name: told, step: answered, match: ' told (?P<id>\\w+)$'}
      - {name: back, step: returned, match: ' back (?P<id>\\w+)$'}
"""
LINES = (
    "2027-01-15T08:00:00.000Z nothing of interest\n"
    "2027-01-15T08:00:00.100Z c1 is down\n"
    "2027-01-15T08:00:00.400Z 3 alarms of f1 received\n"
)


def collected(text: bytes | str, name: str = "test.log", clock: str = "") -> Evidence:
    """Return what the rules above find in one block."""
    collector = Collector(read_rules(RULES, "test.yaml"))
    collector.take(name, [text.encode() if isinstance(text, str) else text], clock)
    return collector.finish()


def from_files(*paths: Path) -> Evidence:
    """Return what the rules above find in files."""
    return read(map(Source, paths), read_rules(RULES, "test.yaml"))


def shown(evidence: Evidence) -> list[tuple[str, int, str, str]]:
    """Return point, count, fault and host of what was found, in order of time."""
    found = sorted(evidence.sightings(), key=lambda one: one.mark.first.wall_ns)
    return [(one.mark.point, one.mark.count, one.fault, one.host) for one in found]


FOUND = [("T01", 1, "", "c1"), ("T09", 3, "f1", "")]


def test_lines_become_sightings() -> None:
    """S53: the time, the host, the fault and the count of a line are taken by named groups."""
    evidence = collected(LINES, clock="monitor-1")
    assert shown(evidence) == FOUND
    assert evidence.problems == []
    (first,) = [one for one in evidence.sightings() if one.mark.point == "T01"]
    assert first.mark.first.wall_ns == 1_800_000_000_100_000_000
    assert first.origin.resolution_ns == 1_000_000
    assert first.origin.clock == "monitor-1"


def test_an_expression_without_a_fixed_text_is_tried_on_every_line() -> None:
    """Nothing is missed where no literal is sure."""
    assert shown(collected("2027-01-15T08:00:01Z handled it\n")) == [("T10", 1, "", "")]


def test_lines_in_any_order_give_the_same() -> None:
    """Lines out of order are no error: their times count."""
    lines = LINES.splitlines(keepends=True)
    assert shown(collected("".join(reversed(lines)))) == FOUND


def test_a_time_that_cannot_be_read_is_told_once() -> None:
    """Lines without a time are counted and the first is shown."""
    evidence = collected("now c1 is down\nnow c2 is down\n" + LINES)
    assert shown(evidence) == FOUND
    (problem,) = evidence.problems
    assert problem.startswith("test.log: 2 lines without a time that test can read")
    assert "now c1 is down" in problem


def test_wrong_encoding_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """Latin-1, binary rubbish and UTF-16 do not hide the lines between."""
    path = tmp_path / "test.log"
    path.write_bytes("Überraschung\n".encode("latin-1") + b"\x00\xff\xfe\n" + LINES.encode())
    assert shown(from_files(path)) == FOUND
    for form in ("utf-16-le", "utf-16-be"):
        path.write_bytes("\ufeff".encode(form) + LINES.encode(form))
        assert shown(from_files(path)) == FOUND


def test_rotated_sets_are_one_log(tmp_path: Path) -> None:
    """Files of a rotated set, some packed, are one source; the same file twice counts once."""
    first, second, third = LINES.splitlines(keepends=True)
    paths = [tmp_path / name for name in ("test.log", "test.log.1", "test.log.2.gz")]
    paths[0].write_text(third)
    paths[1].write_text(second)
    paths[2].write_bytes(gzip.compress(first.encode()))
    evidence = from_files(*paths, paths[0])
    assert shown(evidence) == FOUND
    assert {one.origin.feed for one in evidence.sightings()} == {"test.log"}
    assert set_name(Path("api.log-20261121.gz")) == "api.log"
    assert set_name(Path(".1")) == ".1"


@pytest.mark.parametrize("damage", ["cut", "rubbish"])
def test_a_damaged_archive_is_read_as_far_as_it_goes(tmp_path: Path, damage: str) -> None:
    """What was read before the damage counts, and the damage is told."""
    path = tmp_path / "test.log.gz"
    whole = gzip.compress((LINES + "x" * 5_000_000).encode(), compresslevel=0)
    path.write_bytes(whole[:3_000_000] if damage == "cut" else whole + b"rubbish")
    evidence = from_files(path)
    assert shown(evidence) == FOUND
    assert any("ends too early or is damaged" in one for one in evidence.problems)


def test_a_truncated_line_and_an_endless_one(tmp_path: Path) -> None:
    """The last line may lack its end; of a line without end only the end is kept."""
    path = tmp_path / "test.log"
    path.write_text("y" * (3 * LONGEST_LINE) + "\n" + LINES.rstrip("\n"))
    assert shown(from_files(path)) == FOUND
    path.write_text(LINES[: LINES.index(" is down") + 4])
    assert shown(from_files(path)) == []


def test_blocks_end_where_lines_do(tmp_path: Path) -> None:
    """No line is cut in two by reading in blocks."""
    path = tmp_path / "big.log"
    text = b"".join(
        b"line %d of many, some of them longer than others\n" % n for n in range(90_000)
    )
    path.write_bytes(text)
    pieces = list(blocks(path, pytest.fail))
    assert len(pieces) > 3
    assert b"".join(pieces) == text
    assert all(piece.endswith(b"\n") for piece in pieces)
    path.write_bytes(b"")
    assert list(blocks(path, pytest.fail)) == []


def test_a_log_that_no_rules_are_for_is_told() -> None:
    """A file of an unknown name is a problem, no silence."""
    collector = Collector(shipped())
    assert collector.take("mystery.txt", [b"x\n"]) == 0
    assert collector.finish().problems == ["mystery.txt: no rules are for a log of this name"]


def test_rules_of_ones_own_come_before_the_shipped_ones() -> None:
    """A file is read by one layer of rules alone."""
    own = read_rules(RULES, "test.yaml")
    collector = Collector(own, shipped())
    collector.take("nova-api.log", [LINES.encode()])
    assert shown(collector.finish()) == FOUND


def test_exchanges_are_put_together_over_two_logs() -> None:
    """A request's id joins what client and server wrote; so the clocks are compared."""
    collector = Collector(read_rules(RULES, "test.yaml"))
    client = "2027-01-15T08:00:00.000Z ask r1\n2027-01-15T08:00:00.010Z back r1\n"
    server = "2027-01-15T09:00:00.004Z heard r1\n2027-01-15T09:00:00.006Z told r1\n"
    collector.take("test-server.log", [server.encode()], "s")
    collector.take("test-client.log", [client.encode()], "c")
    offset = clocks(collector.finish().exchanges, "c").offset("s")
    assert offset is not None
    assert (offset.ns, offset.error_ns) == (3_600_000_000_000, 4_000_000)


def test_what_names_its_fault_takes_no_memory_per_line() -> None:
    """A million passes of one fault are one mark."""
    line = LINES.splitlines(keepends=True)[2]
    evidence = collected(line * 5000)
    (mark,) = [one.mark for one in evidence.sightings()]
    assert mark.count == 15_000


def test_what_names_none_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is seen within a tenth of a second is one mark; beyond what is kept it is told."""
    monkeypatch.setattr(kept, "LOOSE_KEPT", 3)
    evidence = Evidence()
    for ms in range(0, 450, 10):
        evidence.add(Sighting(one("T01", ms), ORIGIN))
    assert [found.mark.count for found in evidence.sightings()] == [10, 10, 10]
    assert evidence.told() == ("15 sightings that name no fault were left out: too many",)


def test_the_examples_of_nova_neutron_and_aodh_are_one_run() -> None:
    """S53: logs of the services in oslo.log's form, with a monitor's in local time."""
    own = read_rules((EXAMPLES / "monitor.yaml").read_text(), "monitor.yaml")
    evidence = read(map(Source, sorted(EXAMPLES.glob("*.log"))), own, shipped())
    (run,) = merge(evidence).runs
    offsets = {point.key: point.last_ms for point in run.profile.points}
    assert offsets == {
        "T00": 0,
        "T01": 100,
        "T03": 290,
        "T04": 401,
        "T05": 362,
        "T06": 430,
        "T07": 452,
        "T08": 460,
        "T09": 477,
    }
    assert run.host == "compute-1"
    assert run.profile.upper_bound
    assert profile(run.profile.marks) == run.profile
