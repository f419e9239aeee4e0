"""Marks: when a checkpoint was passed, first, last and how often, and by whose word.

Parallel work is not one instant: a thousand webhooks have a first and a last. Marks of one
checkpoint are kept apart by source and by what their clocks can say, so that joining them does
not depend on the order in which they arrive.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

OURS = "faultwire"
"""Source of the marks that the server sets itself."""

UPPER_BOUND = "upper_bound"
"""A source whose instants are known only to lie not before the true ones."""


class Reading(Protocol):
    """Any reading of both clocks, ours or the caller's own type."""

    @property
    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""

    @property
    def mono_ns(self) -> int | None:
        """Nanoseconds of the monotonic clock; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Instant:
    """Wall clock (since the epoch) and monotonic clock, both in nanoseconds.

    All monotonic readings of one fault must be of one clock: one machine, one boot. An instant
    that another machine reported has None there.
    """

    wall_ns: int
    mono_ns: int | None = None


Moment = Instant
"""The same, for modules that have an Instant of their own."""

MarkKey = tuple[str, bool, str, bool]


@dataclass(frozen=True, slots=True)
class Mark:
    """What one source says of one checkpoint.

    `count` passes happened from `first` to `last`. A count of 0 adds no pass: it says truly when
    one that was counted before, or will be, as an upper bound happened, and takes its place;
    `restated` is how many did so. With `upper_bound`, or from the source `UPPER_BOUND`, the true
    instants may lie earlier. Raises ValueError for a negative count.
    """

    point: str
    first: Instant
    last: Instant
    count: int = 1
    source: str = OURS
    upper_bound: bool = False
    note: str = ""
    restated: int = 0

    def __post_init__(self) -> None:
        """Bring the mark to its one form: first before last, both by the same clock."""
        if self.count < 0 or self.restated < 0:
            raise ValueError(f"{self.point}: a mark cannot count less than nothing")
        if self.source == UPPER_BOUND and not self.upper_bound:
            object.__setattr__(self, "upper_bound", True)
        if self.upper_bound:
            object.__setattr__(self, "restated", 0)
        elif not self.count and not self.restated:
            object.__setattr__(self, "restated", 1)
        if (self.first.mono_ns is None) is not (self.last.mono_ns is None):
            object.__setattr__(self, "first", Instant(self.first.wall_ns))
            object.__setattr__(self, "last", Instant(self.last.wall_ns))
        if _order(self.last) < _order(self.first):
            first, last = self.first, self.last
            object.__setattr__(self, "first", last)
            object.__setattr__(self, "last", first)

    @property
    def clocked(self) -> bool:
        """Whether the monotonic clock is known."""
        return self.first.mono_ns is not None

    @property
    def key(self) -> MarkKey:
        """What marks have in common that may be joined."""
        return self.point, self.upper_bound, self.source, self.clocked


class Tally:
    """Marks with one key, joined as they come; the result does not depend on their order."""

    __slots__ = ("_begin", "_count", "_end", "_first", "_key", "_last", "_note", "_restated")

    def __init__(self, key: MarkKey, first: Reading, last: Reading) -> None:
        """Take the instants of the first of them, which is to be added as well."""
        self._key = key
        self._first, self._begin = first, _order(first)
        self._last, self._end = last, _order(last)
        self._count = self._restated = 0
        self._note: tuple[tuple[int, int], str] | None = None

    def add(self, first: Reading, last: Reading, count: int, restated: int = 0) -> None:
        """Add passes between two instants of the key's clock."""
        begin = _order(first)
        end = begin if last is first else _order(last)
        if end < begin:
            first, last, begin, end = last, first, end, begin
        if begin < self._begin:
            self._first, self._begin = first, begin
        if end > self._end:
            self._last, self._end = last, end
        self._count += count
        self._restated += restated

    def add_mark(self, mark: Mark) -> None:
        """Add a mark with this key; of several notes the last one stays."""
        self.add(mark.first, mark.last, mark.count, mark.restated)
        if mark.note:
            note = _order(mark.last), mark.note
            self._note = note if self._note is None else max(self._note, note)

    def mark(self) -> Mark:
        """Return what was added as one mark."""
        point, upper_bound, source, _ = self._key
        return Mark(
            point,
            Instant(self._first.wall_ns, self._first.mono_ns),
            Instant(self._last.wall_ns, self._last.mono_ns),
            self._count,
            source,
            upper_bound,
            self._note[1] if self._note else "",
            self._restated,
        )


Tallies = dict[MarkKey, Tally]


def add(tallies: Tallies, mark: Mark) -> None:
    """Add a mark to the tally with its key, which is made where it is missing."""
    key = mark.key
    tally = tallies.get(key)
    if tally is None:
        tally = tallies[key] = Tally(key, mark.first, mark.last)
    tally.add_mark(mark)


def marks_of(tallies: Tallies) -> tuple[Mark, ...]:
    """Return the marks of tallies, ordered by their keys: by checkpoint first."""
    return tuple(tallies[key].mark() for key in sorted(tallies))


def joined(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Join marks that have their key in common; ordered by key, whatever the order given."""
    tallies: Tallies = {}
    for mark in marks:
        add(tallies, mark)
    return marks_of(tallies)


def since(before: Iterable[Mark], now: Iterable[Mark]) -> tuple[Mark, ...]:
    """Return what came to joined marks: joined with those of before it gives those of now.

    What is of now and was not told of before is whole; where passes were added, they lie
    between the first and the last instant of all.
    """
    known = {mark.key: mark for mark in before}
    found = []
    for mark in now:
        old = known.get(mark.key)
        count = mark.count - (old.count if old else 0)
        restated = mark.restated - (old.restated if old else 0)
        if old is None or count > 0 or restated > 0:
            found.append(replace(mark, count=max(0, count), restated=max(0, restated)))
    return tuple(found)


def _order(reading: Reading) -> tuple[int, int]:
    """Order readings of one clock: by the monotonic one where it is known, for walls are set."""
    if reading.mono_ns is None:
        return reading.wall_ns, 0
    return reading.mono_ns, reading.wall_ns
