"""What holds for sightings of any sources, in any order, and for figures over any runs."""

import re
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from faultwire_profiler import CHECKPOINTS, Instant, Mark, profile
from faultwire_profiler.clocks import clocks
from faultwire_profiler.comparing import compare
from faultwire_profiler.doctor import doctor_output
from faultwire_profiler.evidence import Evidence, Exchange, Kind, Origin, Sighting
from faultwire_profiler.literals import literal_of
from faultwire_profiler.logs import Collector
from faultwire_profiler.many import figures, histogram, samples, slope
from faultwire_profiler.merging import Merged, merge
from faultwire_profiler.page import report
from faultwire_profiler.rules import read_rules
from faultwire_profiler.times import rfc3339

KEYS = [point.key for point in CHECKPOINTS]
NS = st.one_of(st.integers(0, 20), st.integers(0, 4_000_000_000_000))
MS = st.floats(-1e6, 1e6)


@st.composite
def sightings(draw: st.DrawFn) -> Sighting:
    first, last = Instant(draw(NS)), Instant(draw(NS))
    mark = Mark(draw(st.sampled_from(KEYS)), first, last, draw(st.integers(0, 3)))
    origin = Origin(
        draw(st.sampled_from(Kind)),
        draw(st.sampled_from(["one.log", "two.json"])),
        draw(st.sampled_from(["", "a", "b"])),
    )
    fault = draw(st.sampled_from(["", "f1", "f2"]))
    return Sighting(mark, origin, fault, draw(st.sampled_from(["", "c1", "c1.example", "c2"])))


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    times = [draw(st.none() | NS) for _ in range(4)]
    return Exchange(draw(st.sampled_from(["a", "b"])), draw(st.sampled_from(["a", "b"])), *times)


def merged(found: Sequence[Sighting], pairs: Sequence[Exchange]) -> Merged:
    evidence = Evidence()
    for one in found:
        evidence.add(one)
    evidence.exchanges.extend(pairs)
    return merge(evidence)


@given(st.data())
def test_any_order_of_arrival_gives_the_same_runs(data: st.DataObject) -> None:
    """S53, S54: sources may be read in any order; runs, conflicts and problems are the same."""
    found = data.draw(st.lists(sightings(), max_size=15))
    pairs = data.draw(st.lists(exchanges(), max_size=4))
    others = data.draw(st.permutations(found))
    assert merged(others, data.draw(st.permutations(pairs))) == merged(found, pairs)


@given(st.lists(sightings(), max_size=15), st.lists(exchanges(), max_size=3))
def test_what_no_source_saw_is_unknown_in_every_output(
    found: list[Sighting], pairs: list[Exchange]
) -> None:
    """S75: a checkpoint that no source saw is in no run; percentages sum to 100 or are none."""
    result = merged(found, pairs)
    seen = {one.mark.point for one in found}
    for run in result.runs:
        known = {point.key for point in run.profile.points}
        assert known <= seen
        assert known | set(run.profile.gaps) == set(KEYS)
        percents = [one.percent for one in run.profile.components]
        assert None in percents or not percents or sum(filter(None, percents)) == 100
        written = doctor_output(run.profile)
        for key in set(KEYS) - known - {"T03", "T04", "T10"}:
            assert written[key] == "?    "
    assert report(result, "any").endswith("</html>\n")


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), NS, max_size=11), max_size=8))
def test_figures_are_of_the_runs_that_know(runs: list[dict[str, int]]) -> None:
    """S75: counts are of the runs that know the span, in whatever order the runs come."""
    profiles = [
        profile(Mark(key, Instant(at), Instant(at)) for key, at in one.items()) for one in runs
    ]
    rows = figures(samples(profiles))
    assert rows == figures(samples(reversed(profiles)))
    for row in rows:
        assert 0 < row.count <= len(profiles)
        assert row.p50 <= row.p95 <= row.p99 <= row.max
    for one in compare(profiles, profiles, ("a", "b")).differences:
        assert one.ms == 0


@given(st.lists(MS, max_size=40))
def test_the_histogram_counts_each_once(values: list[float]) -> None:
    """Every value lies in one bin, bins touch, and the first and last hold something."""
    bins = histogram(values)
    assert sum(one.count for one in bins) == len(values)
    for left, right in pairwise(bins):
        assert left.high == right.low
    if bins:
        assert bins[0].count
        assert bins[-1].count
        assert all(bins[0].low <= value < bins[-1].high for value in values)


@given(
    st.integers(-1000, 1000), st.integers(-1000, 1000), st.lists(st.integers(1, 1000), min_size=3)
)
def test_the_slope_of_a_line_is_its_own(steep: int, start: int, servers: list[int]) -> None:
    """S80: of points on a line exactly that line is found."""
    assume(len(set(servers)) > 1)
    fitted = slope((n, float(start + steep * n)) for n in servers)
    assert fitted is not None
    assert abs(fitted.ms_per_server - steep) < 1e-6
    assert abs(fitted.ms_at_zero - start) < 1e-3


@given(
    st.integers(-(10**13), 10**13),
    st.lists(st.tuples(*[st.integers(0, 10**9)] * 4), min_size=1, max_size=6),
)
def test_the_true_offset_is_within_the_stated_error(
    ahead: int, waits: list[tuple[int, ...]]
) -> None:
    """Whatever the ways take, there and back, the true offset is as near as is stated."""
    pairs, now = [], 0
    for pause, there, work, back in waits:
        sent = now + pause
        received, answered = sent + there + ahead, sent + there + work + ahead
        now = sent + there + work + back
        pairs.append(Exchange("a", "b", sent, received, answered, now))
    offset = clocks(pairs, "a").offset("b")
    assert offset is not None
    assert offset.steady
    assert abs(offset.ns - ahead) <= offset.error_ns + 1


PIECES = st.sampled_from(
    [
        "a",
        "bc",
        "x?",
        "y*",
        "z+",
        "(de|f)",
        "[gh]",
        r"\.",
        r"\d",
        ".",
        "k{2}",
        "l{,3}",
        " m ",
        "(?:n)?",
    ]
)


@given(st.data())
def test_every_match_contains_the_text_that_is_looked_for(data: st.DataObject) -> None:
    """No line that a rule matches is passed over for want of its fixed text."""
    expression = "".join(data.draw(st.lists(PIECES, min_size=1, max_size=8)))
    text = data.draw(st.from_regex(re.compile(expression, re.ASCII)))
    assert literal_of(expression) in text


RULES = """\
logs:
  - name: any
    time: '^(?P<time>\\S+Z) '
    format: iso
    points:
      - {name: passed, match: ' (?P<point>T\\d\\d) of (?P<fault>\\w+)$'}
"""


@given(
    st.lists(
        st.tuples(st.sampled_from(KEYS), st.sampled_from(["f1", "f2"]), st.integers(0, 10**9)),
        max_size=20,
    ),
    st.data(),
)
def test_a_log_gives_the_profile_of_its_instants(
    passed: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    """S53: lines of two interleaved faults in any order give the profiles that marks give."""
    lines = [f"{rfc3339(us * 1000)} {point} of {fault}\n" for point, fault, us in passed]
    collector = Collector(read_rules(RULES, "any.yaml"))
    collector.take("any.log", ["".join(data.draw(st.permutations(lines))).encode()])
    runs = {run.fault: run.profile for run in merge(collector.finish()).runs}
    for fault in {one[1] for one in passed}:
        marks = [
            Mark(point, Instant(us * 1000), Instant(us * 1000), source="any.log")
            for point, name, us in passed
            if name == fault
        ]
        assert runs[fault] == profile(marks)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_collector(raw: bytes) -> None:
    """Whatever a file holds, it is read without an error."""
    collector = Collector(read_rules(RULES, "any.yaml"))
    collector.take("any.log", [raw, b"x T01 of f1\n" + raw])
    merge(collector.finish())
