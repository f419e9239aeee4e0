"""The recorder: marks of the newest faults in memory, written down lazily by somebody else."""

from collections import OrderedDict
from collections.abc import Iterable

from faultwire_profiler.checkpoints import BY_KEY
from faultwire_profiler.marks import (
    OURS,
    UPPER_BOUND,
    Instant,
    Mark,
    Reading,
    Tallies,
    Tally,
    add,
    marks_of,
)

FAULTS_KEPT = 1024


class _Held:
    """The marks of one fault, and whether those that were stored before are among them."""

    __slots__ = ("loaded", "tallies")

    def __init__(self) -> None:
        self.tallies: Tallies = {}
        self.loaded = False


class Recorder:
    """Keeps marks by fault; for one thread.

    At most `kept` faults are held whose marks were drained, and as many whose marks were not.
    Where one more comes, the one that was marked longest ago is forgotten; `lost` counts those
    that went undrained.
    """

    def __init__(self, kept: int = FAULTS_KEPT) -> None:
        """Start without any marks."""
        self._kept = kept
        self._changed: OrderedDict[str, _Held] = OrderedDict()
        self._drained: OrderedDict[str, _Held] = OrderedDict()
        self.lost = 0

    def note(  # noqa: PLR0913  a mark's fields, so that the fault path need not make a mark
        self,
        fault: str,
        point: str,
        first: Reading,
        last: Reading | None = None,
        count: int = 1,
        source: str = OURS,
        *,
        upper_bound: bool = False,
    ) -> None:
        """Note that a fault passed a checkpoint, `count` times from `first` to `last`.

        `Mark` says what a count of 0 means. Raises KeyError for a checkpoint that is none,
        ValueError for a negative count. Costs about a microsecond.
        """
        last = last or first
        clocked = first.mono_ns is not None
        if count <= 0 or (last.mono_ns is not None) is not clocked:
            mark = Mark(point, _instant(first), _instant(last), count, source, upper_bound)
            self.mark(fault, mark)
            return
        if point not in BY_KEY:
            raise KeyError(point)
        key = point, upper_bound or source == UPPER_BOUND, source, clocked
        tallies = self._change(fault).tallies
        tally = tallies.get(key)
        if tally is None:
            tally = tallies[key] = Tally(key, first, last)
        tally.add(first, last, count)

    def mark(self, fault: str, mark: Mark) -> None:
        """Note a mark that was made elsewhere; KeyError for a checkpoint that is none."""
        if mark.point not in BY_KEY:
            raise KeyError(mark.point)
        add(self._change(fault).tallies, mark)

    def load(self, fault: str, marks: Iterable[Mark]) -> None:
        """Put marks that were stored before to those that came since; once per fault.

        A fault that was loaded already is left as it is, for counts would double. Loading is no
        change: `drain_changed` does not tell of it.
        """
        held = self._held(fault)
        if held is None:
            held = self._drained[fault] = _Held()
            self._forget()
        if not held.loaded:
            held.loaded = True
            for mark in marks:
                add(held.tallies, mark)

    def loaded(self, fault: str) -> bool:
        """Whether `load` was called for a fault since it was last taken into memory."""
        held = self._held(fault)
        return held is not None and held.loaded

    def marks(self, fault: str) -> tuple[Mark, ...]:
        """Return a fault's marks, ordered by checkpoint; empty for one that is not held."""
        held = self._held(fault)
        return () if held is None else marks_of(held.tallies)

    def drain_changed(self) -> tuple[tuple[str, tuple[Mark, ...]], ...]:
        """Return the faults that were marked since the last call, each with all its marks.

        The one that was marked longest ago comes first.
        """
        drained = tuple((fault, marks_of(held.tallies)) for fault, held in self._changed.items())
        self._drained.update(self._changed)
        self._changed.clear()
        self._forget()
        return drained

    def changed_again(self, faults: Iterable[str]) -> None:
        """Have the next drain return these too: storing what the last one returned has failed."""
        for fault in faults:
            if fault in self._drained:
                self._changed[fault] = self._drained.pop(fault)
        self._forget()

    def _held(self, fault: str) -> _Held | None:
        return self._changed[fault] if fault in self._changed else self._drained.get(fault)

    def _change(self, fault: str) -> _Held:
        held = self._changed.get(fault)
        if held is not None:
            self._changed.move_to_end(fault)
            return held
        held = self._drained.pop(fault) if fault in self._drained else _Held()
        self._changed[fault] = held
        self._forget()
        return held

    def _forget(self) -> None:
        while len(self._drained) > self._kept:
            self._drained.popitem(last=False)
        while len(self._changed) > self._kept:
            self._changed.popitem(last=False)
            self.lost += 1


def _instant(reading: Reading) -> Instant:
    return Instant(reading.wall_ns, reading.mono_ns)
