"""Properties of profiles."""

from hypothesis import given
from hypothesis import strategies as st

from faultwire.profiler import CHECKPOINTS, Mark, Moment, Recorder, profile
from faultwire.profiler.profile import percentages

POINTS = [point.key for point in CHECKPOINTS]
MOMENTS = st.integers(0, 10**12).map(lambda ns: Moment(ns, ns))
MARKS = st.lists(
    st.tuples(st.sampled_from(POINTS), MOMENTS).map(lambda p: Mark(p[0], p[1], p[1])), max_size=30
)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=9))
def test_percentages_sum_to_a_hundred(costs: list[float]) -> None:
    """S72: whatever the costs, whole percentages sum to 100, or to 0 where nothing cost."""
    assert sum(percentages(costs)) == (100 if sum(costs) > 0 else 0)
    assert all(percent >= 0 for percent in percentages(costs))


@given(MARKS, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_profile(marks: list[Mark], random: object) -> None:
    """S54: marks may come late and in any order."""
    shuffled = list(marks)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    profiles = []
    for order in (marks, shuffled):
        recorder = Recorder()
        for mark in order:
            recorder.mark("f", mark)
        profiles.append(profile(recorder.marks("f")))
    assert profiles[0] == profiles[1]


@given(MARKS)
def test_unknown_points_never_count(marks: list[Mark]) -> None:
    """S75: spans touch known points only, and their sum is the distance of the outer two."""
    recorder = Recorder()
    for mark in marks:
        recorder.mark("f", mark)
    found = profile(recorder.marks("f"))
    known = {mark.point for mark in marks}
    assert {end for span in found.spans for end in (span.begin, span.end)} <= known
    assert set(found.gaps) == set(POINTS) - known
    if found.spans:
        ends = sorted(mark.last.wall_ns for mark in recorder.marks("f"))
        assert abs(sum(s.ms for s in found.spans) - (ends[-1] - ends[0]) / 1e6) < 1e-3
