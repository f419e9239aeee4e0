"""The logs that come with the profiler, written by services that really ran (S53, S74)."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import faultwire_profiler
from faultwire_profiler.command import profile
from faultwire_profiler.evidence import Evidence
from faultwire_profiler.logs import Collector
from faultwire_profiler.merging import Run, merge
from faultwire_profiler.reading import Source, read
from faultwire_profiler.rules import RuleError, read_rules, shipped
from tests.unit.profiler.test_outputs import stored

EXAMPLES = Path(faultwire_profiler.__file__).with_name("examples")
OWN = read_rules((EXAMPLES / "inspector.yaml").read_text(), "inspector.yaml")
SERVERS = 5
BEGAN_NS = 1_795_283_093_712_334_000


def of(*names: str) -> Run:
    """Return the one run that some of the logs tell of."""
    (run,) = merge(read([Source(EXAMPLES / name) for name in names], OWN, shipped())).runs
    return run


def known(run: Run) -> dict[str, tuple[int, float]]:
    """Return count and last instant, in ms, of every checkpoint that a run knows."""
    return {point.key: (point.count, point.last_ms) for point in run.profile.points}


def test_the_example_is_the_stored_one() -> None:
    """S69-S72, S81: real logs of Nova, Neutron and Aodh show why the second was not kept."""
    result = CliRunner().invoke(profile, ["--example"], env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    text = "\n".join(line.rstrip() for line in result.output.splitlines()) + "\n"
    assert text == stored("example.txt", text)
    assert "in 1,244.911 ms of 1,000 ms: missed" in text


def test_what_the_services_wrote_agrees_with_who_called_them() -> None:
    """S53: the instants in the services' logs are those that the script saw from outside."""
    whole = of(*(path.name for path in EXAMPLES.glob("*.log")))
    assert whole.fault == "cmp2@2026-11-21T17:44:53.712334Z"
    found = known(whole)
    assert {key: count for key, (count, _) in found.items()} == {
        **dict.fromkeys(("T00", "T01", "T02", "T03"), 1),
        **dict.fromkeys(("T04", "T05", "T06", "T07", "T08", "T09"), SERVERS),
    }
    lines = (EXAMPLES / "inspector.log").read_text(encoding="utf-8").splitlines()
    seen = [json.loads(line) for line in lines]
    for what, key in (("forced down", "T03"), ("reset", "T04")):
        answered = max(one["time"] for one in seen if one["what"] == what)
        point = whole.profile.point(key)
        assert point is not None
        logged = point.last.wall_ns - BEGAN_NS
        called = _since_began(answered)
        assert 0 <= called - logged < 3_000_000, key


def _since_began(text: str) -> int:
    seconds = float(text[text.index(":44:") + 4 : text.index("+")]) - 53.712334
    return round(seconds * 1e9)


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (("nova-api.log",), {"T03", "T04", "T05"}),
        (("aodh-listener.log", "aodh-notifier.log"), {"T06", "T07", "T08", "T09"}),
        (("neutron-server.log",), {"T04"}),
    ],
)
def test_each_service_is_read_by_the_rules_that_come_with_us(
    names: tuple[str, ...], keys: set[str]
) -> None:
    """S53: Nova's, Aodh's and Neutron's own lines are known, each as often as it happened."""
    found = known(of(*names))
    assert set(found) == keys
    assert all(count == SERVERS for key, (count, _) in found.items() if key != "T03")


def test_a_request_that_uwsgi_logs_was_over_by_then() -> None:
    """The server uwsgi writes the second of the start and the length: the end is a bound."""
    (point,) = of("neutron-server.log").profile.points
    assert point.upper_bound
    # Began within 17:44:54, took 140 ms: over before 17:44:55.140.
    assert point.last.wall_ns == 1_795_283_095_140_000_000


RULES = """\
logs:
  - name: test
    time: '^(?P<time>\\S+) '
    format: iso
    points:
      - {name: told, point: T09, match: ' told in (?P<ms>\\S+)$'}
      - {name: answered, point: T09, upper_bound: true, match: ' answered$'}
"""


def collected(**logs: str) -> Evidence:
    """Return what the rules above find in logs by their names."""
    collector = Collector(read_rules(RULES, "test.yaml"))
    for name, text in logs.items():
        collector.take(name, [text.encode()])
    return collector.finish()


def test_a_duration_puts_the_end_behind_the_begin() -> None:
    """The group ms is added to the line's time; what is no duration adds nothing."""
    lines = "2027-01-15T08:00:00.000Z told in 1.5\n2027-01-15T08:00:00.000Z told in 1e9\n"
    (sighting,) = collected(one=lines).sightings()
    began = 1_800_000_000_000_000_000
    assert (sighting.mark.first.wall_ns, sighting.mark.last.wall_ns) == (began, began + 1_500_000)


def test_a_bound_of_one_log_gives_way_to_another_that_knows() -> None:
    """As many exact times as bounds take their place; fewer of them restate as many bounds."""
    bound = "2027-01-15T08:00:00.{}00Z answered\n"
    exact = "2027-01-15T08:00:00.100Z told in 5\n"
    bounds = bound.format(4) + bound.format(5)
    (whole,) = merge(collected(sender=bounds, consumer=exact + exact)).runs
    (point,) = whole.profile.points
    assert (point.count, point.upper_bound, point.source) == (2, False, "consumer")
    (part,) = merge(collected(sender=bounds, consumer=exact)).runs
    (point,) = part.profile.points
    assert (point.count, point.upper_bound) == (2, True)


def test_a_log_may_be_written_as_json(tmp_path: Path) -> None:
    """Lines that are JSON and no document of ours are read by the rules for their file's name."""
    path = tmp_path / "inspector.log"
    path.write_text((EXAMPLES / "inspector.log").read_text())
    assert merge(read([Source(path)], OWN)).runs
    other = tmp_path / "other.json"
    other.write_text(path.read_text())
    evidence = read([Source(other)], OWN)
    (problem,) = evidence.problems
    assert problem.startswith("other.json: ")
    assert "neither marks nor checkpoints" in problem


def test_a_group_that_means_nothing_is_told() -> None:
    """What groups there are is said where another is used."""
    with pytest.raises(RuleError, match="line 6: test: rule told: the group 'took' means nothing"):
        read_rules(RULES.replace("<ms>", "<took>"), "test.yaml")
