"""Marks and how they are joined."""

import pytest

from faultwire_profiler import OURS, UPPER_BOUND, Instant, Mark
from faultwire_profiler.marks import joined
from tests.unit.profiler.runs import at


def test_parallel_work_is_first_last_and_count() -> None:
    """S54: passes of one checkpoint are one mark with its first, its last and their number."""
    marks = [Mark("T08", at(ms), at(ms)) for ms in (3, 1, 2)]
    assert joined(marks) == (Mark("T08", at(1), at(3), 3),)


def test_marks_of_several_sources_stay_apart() -> None:
    """Two sources of one checkpoint, or two kinds of clock, are not mixed."""
    marks = [
        Mark("T09", at(1), at(1)),
        Mark("T09", at(2), at(2), source="consumer"),
        Mark("T09", at(3, mono=False), at(3, mono=False), source="consumer"),
        Mark("T09", at(4), at(4), upper_bound=True),
    ]
    assert len(joined(marks)) == 4


def test_an_upper_bound_is_known_by_flag_or_source() -> None:
    """A mark from the source of upper bounds is one."""
    assert Mark("T09", at(1), at(1), source=UPPER_BOUND).upper_bound
    assert Mark("T09", at(1), at(1), upper_bound=True).upper_bound
    assert not Mark("T09", at(1), at(1)).upper_bound


@pytest.mark.parametrize(
    ("mark", "counted", "restated"),
    [
        (Mark("T09", at(1), at(1)), 1, 0),
        (Mark("T09", at(1), at(1), 0), 0, 1),
        (Mark("T09", at(1), at(1), 0, restated=4), 0, 4),
        (Mark("T09", at(1), at(1), 0, upper_bound=True), 0, 0),
    ],
)
def test_a_count_of_nothing_restates_one(mark: Mark, counted: int, restated: int) -> None:
    """A true mark that adds no pass takes the place of one that was counted as a bound."""
    assert (mark.count, mark.restated) == (counted, restated)


def test_less_than_nothing_cannot_be_counted() -> None:
    """A negative count is refused and the checkpoint named."""
    with pytest.raises(ValueError, match="T03"):
        Mark("T03", at(1), at(1), -1)


def test_a_mark_has_one_form() -> None:
    """First comes before last, and both are of the same clock."""
    assert Mark("T08", at(2), at(1)) == Mark("T08", at(1), at(2))
    assert Mark("T08", at(1), at(2, mono=False)) == Mark(
        "T08", at(1, mono=False), at(2, mono=False)
    )


def test_a_wall_clock_that_was_set_back_does_not_change_the_order() -> None:
    """Instants with a monotonic time are compared by it."""
    before, after = Instant(2_000, 10), Instant(1_000, 20)
    assert joined([Mark("T08", after, after), Mark("T08", before, before)]) == (
        Mark("T08", before, after, 2),
    )


def test_the_last_note_stays() -> None:
    """Of several notes the one of the latest mark is kept, and no mark without one takes it."""
    marks = [
        Mark("T08", at(1), at(1), note="first"),
        Mark("T08", at(3), at(3)),
        Mark("T08", at(2), at(2), note="second"),
    ]
    assert joined(marks)[0].note == joined(marks[::-1])[0].note == "second"
    assert joined(marks)[0].source == OURS
