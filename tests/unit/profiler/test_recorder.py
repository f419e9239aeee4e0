"""The recorder: what it holds, what it tells, what it forgets."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from faultwire_profiler import UPPER_BOUND, Instant, Mark, Recorder, profile
from tests.unit.profiler.runs import at, one


@dataclass(frozen=True, slots=True)
class Reading:
    """A caller's own type of instant."""

    wall_ns: int
    mono_ns: int | None


def test_a_trace_point_marks_a_fault() -> None:
    """S54: a trace point in code is one call, with any reading of both clocks."""
    recorder = Recorder()
    recorder.note("f-1", "T01", Reading(10, 1))
    recorder.note("f-1", "T01", Reading(20, 2))
    recorder.note("f-2", "T02", at(1))
    assert recorder.marks("f-1") == (Mark("T01", Instant(10, 1), Instant(20, 2), 2),)
    assert recorder.marks("f-2") == (one("T02", 1),)
    assert recorder.marks("f-3") == ()


def test_many_passes_are_marked_at_once() -> None:
    """S54: a thousand servers in one call, with the first, the last and how many."""
    recorder = Recorder()
    recorder.note("f", "T04", at(1), at(9), 1000)
    recorder.mark("f", Mark("T04", at(0), at(2), 5))
    recorder.note("f", "T04", at(10), at(3), 2)
    assert recorder.marks("f") == (Mark("T04", at(0), at(10), 1007),)


def test_an_upper_bound_is_replaced_by_the_consumers_word() -> None:
    """D2: what the consumer says takes the place of the end of the answer, in either order."""
    calls: list[Callable[[Recorder], None]] = [
        lambda recorder: recorder.note("f", "T09", at(30), source=UPPER_BOUND),
        lambda recorder: recorder.note("f", "T09", at(20), source="consumer", count=0),
    ]
    for order in (calls, calls[::-1]):
        recorder = Recorder()
        for call in order:
            call(recorder)
        point = profile(recorder.marks("f")).point("T09")
        assert point is not None
        assert (point.last, point.count, point.upper_bound) == (at(20), 1, False)


def test_what_is_no_mark_is_refused() -> None:
    """An unknown checkpoint and a negative count leave nothing behind."""
    recorder = Recorder()
    with pytest.raises(KeyError):
        recorder.note("f", "T11", at(1))
    with pytest.raises(KeyError):
        recorder.mark("f", one("T99", 1))
    with pytest.raises(ValueError, match="T01"):
        recorder.note("f", "T01", at(1), count=-1)
    assert recorder.marks("f") == ()
    assert recorder.drain_changed() == ()


def test_a_drain_tells_what_changed_since_the_last() -> None:
    """A lazy flush writes each changed fault once, with all its marks, oldest mark first."""
    recorder = Recorder()
    recorder.note("a", "T01", at(1))
    recorder.note("b", "T01", at(2))
    recorder.note("a", "T02", at(3))
    assert recorder.drain_changed() == (
        ("b", (one("T01", 2),)),
        ("a", (one("T01", 1), one("T02", 3))),
    )
    assert recorder.drain_changed() == ()
    recorder.note("b", "T02", at(4))
    assert [fault for fault, _ in recorder.drain_changed()] == ["b"]


def test_a_flush_that_failed_is_told_again() -> None:
    """What could not be stored comes with the next drain; what is not held does not."""
    recorder = Recorder()
    recorder.note("a", "T01", at(1))
    drained = recorder.drain_changed()
    recorder.changed_again(["a", "unknown"])
    assert recorder.drain_changed() == drained


def test_what_was_stored_is_joined_once() -> None:
    """After a restart the stored marks come under the new ones, and never double."""
    recorder = Recorder()
    recorder.note("f", "T08", at(5))
    assert not recorder.loaded("f")
    recorder.load("f", [one("T01", 1), one("T08", 4)])
    recorder.load("f", [one("T01", 1), one("T08", 4)])
    assert recorder.loaded("f")
    assert recorder.marks("f") == (one("T01", 1), Mark("T08", at(4), at(5), 2))


def test_loading_is_no_change() -> None:
    """A timeline that is only looked at is not written again."""
    recorder = Recorder()
    recorder.load("f", [one("T01", 1)])
    assert recorder.marks("f") == (one("T01", 1),)
    assert recorder.drain_changed() == ()


def test_the_fault_marked_longest_ago_is_forgotten() -> None:
    """The number of faults in memory is bounded; a mark makes a fault young again."""
    recorder = Recorder(kept=2)
    for fault in "abac":
        recorder.note(fault, "T01", at(1))
    assert [bool(recorder.marks(fault)) for fault in "abc"] == [True, False, True]
    assert recorder.lost == 1


def test_what_was_drained_is_forgotten_without_loss() -> None:
    """A storm pushes out what is stored already before anything else."""
    recorder = Recorder(kept=2)
    for fault in "abcd":
        recorder.note(fault, "T01", at(1))
        recorder.drain_changed()
    recorder.note("e", "T01", at(1))
    assert [bool(recorder.marks(fault)) for fault in "abcde"] == [False, False, True, True, True]
    assert recorder.lost == 0
