"""Profiles of fixed runs: order, spans, gaps, shares and the verdict."""

import pytest

from faultwire_profiler import UPPER_BOUND, Instant, Mark, Profile, Verdict, profile
from faultwire_profiler.profile import percentages
from tests.unit.profiler.runs import (
    at,
    disagreeing_run,
    limited_run,
    one,
    own_run,
    seed_run,
)


def spans(result: Profile) -> list[tuple[str, str, str, float]]:
    return [(span.begin, span.end, span.owner, span.ms) for span in result.spans]


def shares(result: Profile) -> list[tuple[str, float, int | None]]:
    return [(one.owner, one.ms, one.percent) for one in result.components]


def test_the_seeds_run() -> None:
    """S58-S68, S70: the seed's instants give its spans, each under its owner."""
    result = profile(seed_run())
    assert [span.ms for span in result.spans] == [50, 40, 40, 40, 50, 70, 40, 40, 40, 40]
    assert [span.owner for span in result.spans[1:4]] == ["inspector"] * 3
    assert (result.total_from, result.total_ms, result.law_ms) == ("T00", 410, 360)
    assert (result.occurred_ms, result.handled_ms) == (50, 40)
    assert result.gaps == ()
    assert result.verdict is Verdict.MET


def test_the_components_are_sorted_by_cost() -> None:
    """S71, S72, D5: most first, percentages of T00..T09 that sum to 100, consumer outside."""
    assert shares(profile(seed_run())) == [
        ("inspector", 120, 29),
        ("evaluator", 80, 20),
        ("notifier", 70, 17),
        ("monitor", 50, 12),
        ("controller", 50, 12),
        ("delivery", 40, 10),
    ]


def test_spans_run_in_the_order_in_which_they_happened() -> None:
    """D5: alarms that are evaluated before the commit cost their own time, not the inspector's."""
    result = profile(own_run())
    assert [point.key for point in result.points] == [
        *("T00", "T01", "T02", "T06", "T07", "T03", "T04", "T05", "T08", "T09", "T10")
    ]
    assert spans(result)[2:6] == [
        ("T02", "T06", "notifier", 1.3),
        ("T06", "T07", "evaluator", 0.7),
        ("T07", "T03", "inspector", 4.4),
        ("T03", "T04", "inspector", 0.0),
    ]


def test_a_limited_run_works_with_what_it_has() -> None:
    """S75: missing points are named, their time is in the span around them, none is zero."""
    result = profile(limited_run())
    assert result.gaps == ("T00", "T02", "T05", "T06", "T07", "T08", "T10")
    assert spans(result) == [
        ("T01", "T03", "inspector", 80),
        ("T03", "T04", "inspector", 40),
        ("T04", "T09", "delivery", 240),
    ]
    assert [span.gaps for span in result.spans] == [
        ("T02",),
        (),
        ("T05", "T06", "T07", "T08"),
    ]
    assert (result.total_from, result.total_ms, result.law_ms) == ("T01", 360, 360)
    assert result.occurred_ms is None
    assert shares(result) == [("delivery", 240, 67), ("inspector", 120, 33)]


def test_without_an_end_there_is_no_total() -> None:
    """S75: what is known is summed, and is a share of nothing."""
    result = profile([mark for mark in seed_run() if mark.point in {"T01", "T02", "T06"}])
    assert (result.total_from, result.total_ms, result.law_ms) == ("T01", None, None)
    assert shares(result) == [("notifier", 200, None), ("inspector", 40, None)]
    assert result.verdict is Verdict.UNKNOWN


def test_the_consumers_time_is_never_ours() -> None:
    """D5: what the consumer took is no component, not even where its receipt is unknown."""
    result = profile([one("T01", 0), one("T08", 5), one("T10", 9)])
    assert shares(result) == [("evaluator", 5, None)]
    assert result.handled_ms is None


def test_without_any_mark_all_is_unknown() -> None:
    """S75: an empty profile is no profile of zeros."""
    result = profile([])
    assert (result.points, result.spans, result.components) == ((), (), ())
    assert len(result.gaps) == 11
    assert (result.total_from, result.total_ms, result.law_ms) == (None, None, None)
    assert result.verdict is Verdict.UNKNOWN


def test_a_run_in_no_time_has_no_percentages() -> None:
    """A total of zero is shown as zero, and nothing is a share of it."""
    result = profile([one("T00", 5), one("T01", 5), one("T09", 5)])
    assert result.total_ms == 0
    assert shares(result) == [("monitor", 0, None), ("delivery", 0, None)]


def test_the_law_runs_from_the_first_detection_to_the_last_receipt() -> None:
    """D2: first T01 to last T09, whatever the total counts from."""
    marks = [Mark("T01", at(0), at(20), 2), Mark("T09", at(30), at(120), 3, "consumer")]
    result = profile(marks)
    assert (result.total_ms, result.law_ms) == (100, 120)


def test_states_that_are_set_after_the_alarm_are_outside_the_total() -> None:
    """S72: where owners are told first, what follows T09 is in no percentage."""
    told_first = [one("T00", 0), one("T01", 10), one("T02", 20), one("T09", 50), one("T04", 500)]
    result = profile(told_first)
    assert spans(result)[-1] == ("T09", "T04", "inspector", 450)
    assert result.total_ms == 50
    assert shares(result) == [("delivery", 30, 60), ("monitor", 10, 20), ("inspector", 10, 20)]


def test_a_negative_span_is_kept_and_flagged() -> None:
    """A consumer's clock that is behind shows as a negative span, never as a new order."""
    result = profile(disagreeing_run())
    assert [point.key for point in result.points][-3:] == ["T08", "T09", "T10"]
    received = result.spans[-2]
    assert (received.owner, received.ms, received.negative) == ("delivery", -1960, True)
    assert [span.negative for span in result.spans].count(True) == 1
    assert result.total_ms == -1590
    assert {share.percent for share in result.components} == {None}
    assert result.verdict is Verdict.UNKNOWN


def test_a_wall_clock_that_is_set_distorts_nothing() -> None:
    """Monotonic time is the measure; a receipt with a wall time only counts from its neighbour."""
    hour = 3_600_000_000_000
    stepped = Instant(at(20).wall_ns + hour, at(20).mono_ns)
    received = Instant(at(30).wall_ns + hour)
    result = profile(
        [one("T01", 0), Mark("T08", stepped, stepped), Mark("T09", received, received)]
    )
    assert [span.ms for span in result.spans] == [20, 10]
    assert (result.total_ms, result.law_ms) == (30, 30)


def test_wall_times_alone_are_enough() -> None:
    """A run without any monotonic time is measured by the wall clock."""
    marks = [
        one(mark.point, ms, mono=False) for mark, ms in zip(seed_run()[:2], (0, 7), strict=True)
    ]
    assert spans(profile(marks)) == [("T00", "T01", "monitor", 7)]


def test_offsets_count_from_the_first_known_checkpoint() -> None:
    """S58: the first known checkpoint is the zero of the timeline."""
    result = profile(own_run()[1:])
    first, fired = result.point("T01"), result.point("T08")
    assert first is not None
    assert fired is not None
    assert (first.last_ms, fired.first_ms, fired.last_ms) == pytest.approx((0, 7.7, 12.2))


@pytest.mark.parametrize(
    ("restated", "last_ms", "upper_bound"), [(0, 40, True), (1, 40, True), (2, 25, False)]
)
def test_bounds_count_until_all_are_restated(
    restated: int, last_ms: float, upper_bound: bool
) -> None:
    """D2: one consumer's word does not hide that another's receipt is known as a bound only."""
    words = [Mark("T09", at(20 + 5 * n), at(20 + 5 * n), 0, "consumer") for n in range(restated)]
    result = profile([one("T01", 0), Mark("T09", at(30), at(40), 2, UPPER_BOUND), *words])
    received = result.point("T09")
    assert received is not None
    assert (received.count, received.last_ms, received.upper_bound) == (2, last_ms, upper_bound)
    assert result.upper_bound is upper_bound


def test_a_true_mark_after_every_bound_makes_the_end_true() -> None:
    """A bound that lies before the last true receipt leaves no doubt about the last."""
    marks = [one("T01", 0), Mark("T09", at(5), at(5), 1, UPPER_BOUND), one("T09", 9)]
    result = profile(marks)
    assert (result.law_ms, result.upper_bound) == (9, False)


@pytest.mark.parametrize(
    ("marks", "verdict"),
    [
        ([one("T01", 0), one("T09", 1000)], Verdict.MET),
        ([one("T01", 0), one("T09", 1000.000001)], Verdict.MISSED),
        ([one("T00", 0), one("T01", 5000), one("T09", 5100)], Verdict.MET),
        ([one("T01", 0)], Verdict.UNKNOWN),
        ([one("T09", 0)], Verdict.UNKNOWN),
        ([one("T01", 0), Mark("T09", at(9), at(9), 1, UPPER_BOUND)], Verdict.MET),
        ([one("T01", 0), Mark("T09", at(9000), at(9000), 1, UPPER_BOUND)], Verdict.UNKNOWN),
        (
            [one("T01", 0), one("T08", 2000), Mark("T09", at(9000), at(9000), 1, UPPER_BOUND)],
            Verdict.MISSED,
        ),
        (
            [
                one("T01", 0),
                Mark("T09", at(9000), at(9000), 1, UPPER_BOUND),
                Mark("T09", at(2000), at(2000), 1, "consumer"),
            ],
            Verdict.MISSED,
        ),
        ([one("T01", 0), Mark("T08", at(1), at(2), 10), one("T09", 9)], Verdict.UNKNOWN),
        ([one("T01", 0), Mark("T08", at(1), at(2), 10), one("T09", 1001)], Verdict.MISSED),
    ],
    ids=[
        "just in time",
        "just late",
        "detection is no part of it",
        "not received",
        "not detected",
        "a bound in time",
        "a bound that is late",
        "fired too late",
        "another receipt is late",
        "nine of ten are missing",
        "missing, and late",
    ],
)
def test_the_verdict_on_the_law(marks: list[Mark], verdict: Verdict) -> None:
    """D2: met or missed only where it is certain; detected to received within one second."""
    assert profile(marks).verdict is verdict


def test_missing_receipts_are_counted() -> None:
    """What was fired and is not known to be received is told."""
    marks = [one("T01", 0), Mark("T08", at(1), at(2), 10), Mark("T09", at(3), at(9), 7)]
    assert profile(marks).missing == 3


def test_a_checkpoint_that_is_none_is_refused() -> None:
    """A mark of an unknown checkpoint raises, naming it."""
    with pytest.raises(KeyError, match="T77"):
        profile([one("T77", 1)])


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([1, 1, 1], [34, 33, 33]),
        ([160, 110, 50, 80], [40, 28, 12, 20]),
        ([1], [100]),
        ([999, 1], [100, 0]),
        ([450, 330, -370], [110, 80, -90]),
        ([0, 0], [None, None]),
        ([-5, 1], [None, None]),
        ([], []),
    ],
)
def test_percentages_by_largest_remainder(costs: list[int], expected: list[int | None]) -> None:
    """S72: whole percentages sum to 100; without a positive total there are none."""
    assert percentages(costs) == expected
