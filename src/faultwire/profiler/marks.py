"""Marks: when checkpoints were passed, first, last and how often; and the recorder of them.

Parallel work is not one instant: a thousand webhooks have a first and a last.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from faultwire.profiler.checkpoints import BY_KEY

UPPER_BOUND = "upper_bound"
"""Source of a mark that is known only to lie not after the instant given."""

FAULTS_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Moment:
    """Wall clock (epoch) and monotonic nanoseconds; monotonic None where it is not known."""

    wall_ns: int
    mono_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """One checkpoint of one fault."""

    point: str
    first: Moment
    last: Moment
    count: int = 1
    source: str = "faultwire"

    @property
    def upper_bound(self) -> bool:
        """Whether the true instant may lie earlier."""
        return self.source == UPPER_BOUND


def merged(old: Mark, new: Mark) -> Mark:
    """Join two marks of one checkpoint; the result does not depend on their order.

    Counts add up. The source is that of the last instant, so that a mark whose last is only an
    upper bound says so.
    """
    latest = max((old, new), key=lambda mark: (*_order(mark.last), mark.source))
    return Mark(
        old.point,
        min(old.first, new.first, key=_order),
        latest.last,
        old.count + new.count,
        latest.source,
    )


def _order(moment: Moment) -> tuple[int, int]:
    return moment.wall_ns, moment.mono_ns or 0


class Recorder:
    """Marks of the newest faults, in memory; on one thread. Older ones are forgotten first."""

    def __init__(self, kept: int = FAULTS_KEPT) -> None:
        """Keep the marks of at most `kept` faults."""
        self._kept = kept
        self._faults: OrderedDict[str, dict[str, Mark]] = OrderedDict()
        self._changed: set[str] = set()

    def mark(self, fault: str, mark: Mark) -> None:
        """Add a mark; KeyError for a checkpoint that is none."""
        if mark.point not in BY_KEY:
            raise KeyError(mark.point)
        marks = self._faults.get(fault)
        if marks is None:
            marks = self._faults[fault] = {}
            self._changed.add(fault)
            while len(self._faults) > self._kept:
                gone, _ = self._faults.popitem(last=False)
                self._changed.discard(gone)
        old = marks.get(mark.point)
        marks[mark.point] = mark if old is None else merged(old, mark)
        self._changed.add(fault)

    def holds(self, fault: str) -> bool:
        """Whether the fault's marks are in memory."""
        return fault in self._faults

    def load(self, fault: str, marks: Iterable[Mark]) -> None:
        """Take marks that were stored before, in front of those that are held."""
        changed = fault in self._changed
        for mark in marks:
            self.mark(fault, mark)
        if not changed:
            self._changed.discard(fault)

    def marks(self, fault: str) -> tuple[Mark, ...]:
        """Return a fault's marks in order of number; empty for an unknown one."""
        marks = self._faults.get(fault, {})
        return tuple(marks[key] for key in sorted(marks))

    def drain_changed(self) -> tuple[tuple[str, tuple[Mark, ...]], ...]:
        """Return the faults whose marks changed since the last call, with all their marks."""
        changed = tuple((fault, self.marks(fault)) for fault in self._changed)
        self._changed.clear()
        return changed


def marks_to_json(marks: Iterable[Mark]) -> dict[str, dict[str, Any]]:
    """Return marks by checkpoint: first/last wall and monotonic ns, count, source."""
    return {
        mark.point: {
            "first_wall_ns": mark.first.wall_ns,
            "first_mono_ns": mark.first.mono_ns,
            "last_wall_ns": mark.last.wall_ns,
            "last_mono_ns": mark.last.mono_ns,
            "count": mark.count,
            "source": mark.source,
        }
        for mark in marks
    }


def marks_from_json(stored: Mapping[str, Any]) -> tuple[Mark, ...]:
    """Return what `marks_to_json` wrote; KeyError or TypeError for anything else."""
    return tuple(
        Mark(
            point,
            Moment(row["first_wall_ns"], row["first_mono_ns"]),
            Moment(row["last_wall_ns"], row["last_mono_ns"]),
            row["count"],
            row["source"],
        )
        for point, row in sorted(stored.items())
    )
