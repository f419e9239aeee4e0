"""Sightings of many sources to runs: by the fault's id, its host, and the time."""

from dataclasses import replace

from faultwire_profiler import Instant, Mark, Verdict
from faultwire_profiler.evidence import Evidence, Exchange, Kind, Origin, Sighting
from faultwire_profiler.merging import merge
from tests.unit.profiler.runs import WALL, at, one, seed_run
from tests.unit.profiler.sets import ORIGIN, gathered, told

LOG = Origin(Kind.LOG, "nova-api.log", "", 1_000_000)


def seen(
    point: str, ms: float, origin: Origin = LOG, *, fault: str = "", host: str = ""
) -> Sighting:
    """Return a sighting by wall clock."""
    return Sighting(one(point, ms, mono=False), origin, fault, host)


def test_what_names_no_fault_joins_the_one_of_its_host_and_time() -> None:
    """Sources merge by fault id, host and time; a short host name is the same host."""
    evidence = gathered(
        told([one("T01", 0), one("T09", 300)], "f1", "compute-1.example.org"),
        told([one("T01", 60_000), one("T09", 60_300)], "f2", "compute-2"),
        [
            seen("T03", 100, host="compute-1"),
            seen("T04", 60_100),
            seen("T03", 60_050, host="other"),
        ],
    )
    runs = {run.fault: run for run in merge(evidence).runs}
    assert [point.key for point in runs["f1"].profile.points] == ["T01", "T03", "T09"]
    assert [point.key for point in runs["f2"].profile.points] == ["T01", "T04", "T09"]
    (other,) = runs.keys() - {"f1", "f2"}
    assert other.startswith("other@")


def test_two_faults_interleaved_on_one_host() -> None:
    """Ids tell them apart; what names neither and fits both is left out and said."""
    evidence = gathered(
        told([one("T01", 0), one("T03", 50), one("T09", 300)], "f1"),
        told([one("T01", 20), one("T03", 90), one("T09", 310)], "f2"),
        [seen("T04", 100, host="compute-1")],
    )
    merged = merge(evidence)
    assert [run.profile.law_ms for run in merged.runs] == [300, 290]
    assert all(run.profile.point("T04") is None for run in merged.runs)
    (doubt,) = [line for line in merged.problems if "f1 or f2" in line]
    assert doubt.startswith("T04 at 2027-01-15T08:00:00.100000Z in nova-api.log is left out")


def test_a_hundred_doubts_are_not_printed() -> None:
    """What fits several faults is told of twenty times, then counted."""
    evidence = gathered(
        told([one("T01", 0), one("T09", 300)], "f1"),
        told([one("T01", 0), one("T09", 300)], "f2"),
        [seen("T04", n * 10, host="compute-1") for n in range(1000)],
    )
    doubts = [line for line in merge(evidence).problems if "left out" in line]
    assert len(doubts) == 21
    assert doubts[-1].startswith("80 more")


def test_runs_without_ids_are_cut_at_a_pause_or_a_new_failure() -> None:
    """A log alone: ten seconds of silence, or a failure after an alarm was received."""
    first = [seen("T01", 0, host="c1"), seen("T03", 50, host="c1"), seen("T09", 90, host="c1")]
    again = [seen("T01", 500, host="c1"), seen("T09", 700, host="c1")]
    later = [seen("T03", 60_000, host="c1")]
    merged = merge(gathered(later, again, first))
    assert [len(run.profile.points) for run in merged.runs] == [3, 2, 1]
    assert merged.runs[0].fault == "c1@2027-01-15T08:00:00.000000Z"
    assert merged.runs[0].host == "c1"
    wide = merge(gathered(later, first), gap_ns=100_000_000_000)
    assert [len(run.profile.points) for run in wide.runs] == [3]


def test_the_most_exact_source_is_believed_and_others_are_compared() -> None:
    """A log beside trace points adds no passes; a difference beyond its resolution is shown."""
    exact = told(seed_run(), "f1")
    agreeing = [Sighting(one("T03", 130.4, mono=False), LOG, "f1")]
    (run,) = merge(gathered(exact, agreeing)).runs
    assert run.conflicts == ()
    assert run.profile.point("T03") == merge(gathered(exact)).runs[0].profile.point("T03")
    (run,) = merge(gathered(exact, [Sighting(one("T03", 150, mono=False), LOG, "f1")])).runs
    (conflict,) = run.conflicts
    assert (conflict.point, conflict.kept, conflict.other) == ("T03", "server", "nova-api.log")
    assert conflict.ms == 20
    twice = [seen("T03", 130, fault="f1"), seen("T03", 130, fault="f1")]
    (run,) = merge(gathered(exact, twice)).runs
    assert "says +0.000 ms, 2 times" in run.conflicts[0].text


def test_an_upper_bound_gives_way_to_any_source_that_knows() -> None:
    """The consumer's log says when it had the alarm; the server knew the answer's end only."""
    bound = Mark("T09", at(400), at(400), 1, "upper_bound")
    exact = [*told([one("T01", 0), bound], "f1")]
    (run,) = merge(gathered(exact, [Sighting(one("T09", 350, mono=False), LOG, "f1")])).runs
    assert run.profile.law_ms == 350
    assert not run.profile.upper_bound
    assert run.conflicts == ()


def test_clocks_an_hour_apart_are_put_right_by_exchanges() -> None:
    """Where requests and answers tell the offset, instants are moved and the error is stated."""
    hour = 3_600_000
    consumer = Origin(Kind.SPAN, "consumer.json", "consumer-1")
    ours = replace(ORIGIN, clock="controller-1")
    evidence = Evidence()
    evidence.add(Sighting(one("T01", 0), ours, "f1"))
    evidence.add(Sighting(one("T08", 90), ours, "f1"))
    evidence.add(Sighting(one("T09", hour + 100, mono=False), consumer, "f1"))
    times = [WALL + round(ms * 1e6) for ms in (99, hour + 100, hour + 101, 102)]
    evidence.exchanges.append(Exchange("controller-1", "consumer-1", *times))
    merged = merge(evidence)
    (run,) = merged.runs
    assert run.profile.verdict is Verdict.MET
    assert run.profile.law_ms == 100
    point = run.profile.point("T09")
    assert point is not None
    assert point.note == (
        "the clock of consumer-1 was +3,600,000.000 ms off, give or take 1.000 ms"
    )


def test_an_offset_that_is_not_known_is_stated_and_nothing_is_moved() -> None:
    """Negative spans are shown as what they are, and whose clock is in doubt."""
    late = Origin(Kind.LOG, "consumer.log", "consumer-1")
    evidence = gathered(told([one("T01", 0), one("T08", 90)], "f1"))
    evidence.add(seen("T09", -50, late, fault="f1"))
    (run,) = merge(evidence).runs
    assert run.profile.spans[-1].negative
    assert run.profile.verdict is Verdict.UNKNOWN
    point = run.profile.point("T09")
    assert point is not None
    assert point.note == "the clock of consumer-1 is not known to be right"


def test_files_that_do_not_say_whose_clock_they_are_by_are_named() -> None:
    """Two logs of unknown machines are taken for one clock, and that is said."""
    other = replace(LOG, feed="aodh.log")
    merged = merge(gathered([seen("T01", 0), seen("T09", 5, other)]))
    assert "taken to be right: aodh.log, nova-api.log" in merged.problems[0]
    assert merge(gathered([seen("T01", 0)])).problems == ()


def test_a_clock_that_jumped_is_a_problem() -> None:
    """No single offset fits: the report says so."""
    evidence = gathered(told([one("T01", 0)], "f1"))
    evidence.exchanges += [
        Exchange("", "b", 0, 1, 2, 3),
        Exchange("x", "b", 0, 1, 2, 3),
        Exchange("x", "b", 10, 900, 901, 13),
    ]
    evidence.add(Sighting(one("T01", 0), replace(ORIGIN, clock="x"), "f1"))
    assert any("was set or drifted" in line for line in merge(evidence).problems)


def test_the_number_of_servers_is_told_or_counted() -> None:
    """S80: what a source says, else how many servers were changed, else not known."""
    evidence = gathered(told([Mark("T04", at(0), at(5), 7)], "f1"), told([one("T01", 0)], "f2"))
    assert [run.servers for run in merge(evidence).runs] == [7, None]
    evidence.servers["f1"] = 9
    assert merge(evidence).runs[0].servers == 9


def test_a_time_that_no_calendar_holds_is_no_error() -> None:
    """A run may lie anywhere on the line of 64 bits and beyond."""
    far = Instant(10**30)
    (run,) = merge(gathered([Sighting(Mark("T01", far, far), LOG)])).runs
    assert run.fault == f"run@{10**30} ns"


def test_many_faults_and_many_loose_lines() -> None:
    """A thousand faults at once: a line that names its host finds its own, others are doubts."""
    runs = [told([one("T01", n), one("T09", n + 50)], f"f{n}", f"c{n}") for n in range(1000)]
    loose = [seen("T03", n + 10, host=f"c{n}") for n in range(1000)]
    merged = merge(gathered(*runs, loose, [seen("T04", 500)]))
    assert len(merged.runs) == 1000
    assert all(run.profile.point("T03") is not None for run in merged.runs)
    (doubt,) = [line for line in merged.problems if "left out" in line]
    assert doubt.endswith("more")
