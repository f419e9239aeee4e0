"""What holds for the profile of any marks whatever."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from faultwire_profiler import (
    CHECKPOINTS,
    UPPER_BOUND,
    Instant,
    Mark,
    Profile,
    Recorder,
    marks_from_json,
    marks_to_json,
    profile,
)
from faultwire_profiler.profile import in_order, percentages

KEYS = [point.key for point in CHECKPOINTS]
AFTER = {point.key: point.after for point in CHECKPOINTS}
# Small numbers meet often; large ones are clocks an hour apart.
NS = st.one_of(st.integers(0, 20), st.integers(0, 4_000_000_000_000))


@st.composite
def instants(draw: st.DrawFn) -> Instant:
    return Instant(draw(NS), draw(st.none() | NS))


@st.composite
def marks(draw: st.DrawFn) -> Mark:
    first = draw(instants())
    last = draw(st.just(first) | instants())
    return Mark(
        draw(st.sampled_from(KEYS)),
        first,
        last,
        draw(st.integers(0, 5)),
        draw(st.sampled_from(["faultwire", "consumer", "reported", UPPER_BOUND])),
        draw(st.booleans()),
        draw(st.sampled_from(["", "one", "two"])),
    )


RUNS = st.lists(marks(), max_size=25)


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[Mark], list[Mark]]:
    run = draw(RUNS)
    return run, draw(st.permutations(run))


def recorded(run: Sequence[Mark]) -> Profile:
    recorder = Recorder()
    for mark in run:
        if not mark.note and mark.restated <= 1:
            recorder.note(
                "f",
                mark.point,
                mark.last,
                mark.first,
                count=mark.count,
                source=mark.source,
                upper_bound=mark.upper_bound,
            )
        else:
            recorder.mark("f", mark)
    return profile(recorder.marks("f"))


@given(shuffled())
def test_any_order_of_arrival_gives_the_same_profile(runs: tuple[list[Mark], list[Mark]]) -> None:
    """S54: marks may arrive in any order, by a recorder or at once, before or after a restart."""
    run, other = runs
    result = profile(run)
    assert profile(other) == result
    assert recorded(run) == recorded(other) == result
    restarted = Recorder()
    half = len(other) // 2
    for mark in other[:half]:
        restarted.mark("f", mark)
    ((_, stored),) = restarted.drain_changed() or (("f", ()),)
    restarted = Recorder()
    for mark in other[half:]:
        restarted.mark("f", mark)
    restarted.load("f", marks_from_json(marks_to_json(stored)))
    assert profile(restarted.marks("f")) == result


@given(RUNS)
def test_percentages_sum_to_100_or_are_none(run: list[Mark]) -> None:
    """S71, S72: of a positive total the shares are whole and sum to 100; else there are none."""
    result = profile(run)
    percents = [share.percent for share in result.components]
    if result.total_ms is not None and result.total_ms > 0:
        assert sum(percent for percent in percents if percent is not None) == 100
        assert None not in percents
    else:
        assert set(percents) <= {None}


@given(st.lists(st.integers(-(10**15), 10**15), max_size=8))
def test_no_share_is_off_by_a_whole_point(costs: list[int]) -> None:
    """S72: rounding by largest remainder moves no share by a point or more."""
    total = sum(costs)
    for cost, percent in zip(costs, percentages(costs), strict=True):
        if percent is None:
            assert total <= 0
        else:
            assert abs(percent * total - cost * 100) < total


@given(RUNS)
def test_unknown_points_never_count_as_zero(run: list[Mark]) -> None:
    """S75: a checkpoint without a mark is in no span, no instant and no figure, and is named."""
    result = profile(run)
    known = {mark.point for mark in run}
    assert {point.key for point in result.points} == known
    assert set(result.gaps) == set(KEYS) - known
    assert all({span.begin, span.end} <= known for span in result.spans)
    assert len(result.spans) == max(0, len(known) - 1)
    figures = {
        "T00": result.occurred_ms,
        "T01": result.law_ms,
        "T09": result.total_ms,
        "T10": result.handled_ms,
    }
    assert all(figure is None for key, figure in figures.items() if key not in known)
    assert {span.owner for span in result.spans} >= {share.owner for share in result.components}


@given(RUNS)
def test_spans_add_up(run: list[Mark]) -> None:
    """S70, S72: the costs sum to the total, and no last comes before its first."""
    result = profile(run)
    assert all(point.first_ms <= point.last_ms for point in result.points)
    if result.total_ms is None:
        return
    assert abs(sum(share.ms for share in result.components) - result.total_ms) < 1e-3
    if result.total_from == "T01" and result.law_ms is not None:
        assert result.law_ms >= result.total_ms


@given(st.dictionaries(st.sampled_from(KEYS), st.integers(0, 50)))
def test_order_is_that_of_time_and_no_effect_comes_before_its_cause(
    places: dict[str, int],
) -> None:
    """D5: each comes once, after its cause; where clocks agree, time alone decides."""
    order = in_order(places)
    assert sorted(order) == sorted(places)
    for key in order:
        cause = AFTER[key]
        while cause and cause not in places:
            cause = AFTER[cause]
        assert not cause or order.index(cause) < order.index(key)
    by_time = sorted(places, key=lambda key: (places[key], key))
    agreed = all(
        not AFTER[key] or AFTER[key] not in by_time[place:] for place, key in enumerate(by_time)
    )
    grown = all(AFTER[key] in places for key in places if AFTER[key])
    if agreed and grown:
        assert list(order) == by_time
