"""What sources tell before it is known which fault it is of: sightings and exchanges."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum

from faultwire_profiler.marks import Instant, Mark, Tallies, add, marks_of

LOOSE_KEPT = 100_000
"""Sightings of a collection that name no fault, those of one tenth of a second counted once."""

_TOGETHER_NS = 100_000_000


class Kind(IntEnum):
    """How a sighting was made, the most exact first: of two that differ the first is believed."""

    TRACE = 1
    SPAN = 2
    DOCUMENT = 3
    LOG = 4

    @property
    def words(self) -> str:
        """What it is called."""
        return _WORDS[self]


_WORDS = {
    Kind.TRACE: "trace points",
    Kind.SPAN: "spans",
    Kind.DOCUMENT: "documents",
    Kind.LOG: "logs",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sighting is from.

    `clock` names the machine whose clock was read, empty where nobody said; `feed` is the file
    or set of files; times are known to `resolution_ns`.
    """

    kind: Kind
    feed: str
    clock: str = ""
    resolution_ns: int = 1


@dataclass(frozen=True, slots=True)
class Sighting:
    """A checkpoint as one source saw it.

    `fault` is the fault's id and `host` the host that failed; empty where the source does not
    say. A source that says neither is believed by its time alone.
    """

    mark: Mark
    origin: Origin
    fault: str = ""
    host: str = ""


LARGEST = 2**63 - 1
"""Times in nanoseconds and counts have 64 bits: with more nothing could be computed."""


def whole(value: object, what: str) -> int:
    """Return a time or count that a file says, as a number or in digits; else ValueError."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            found = int(value)
        except (ValueError, OverflowError):
            found = LARGEST + 1
        if -LARGEST <= found <= LARGEST:
            return found
    raise ValueError(f"{what}: {value!r:.40} is no whole number of 64 bits")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer between two machines, by the wall clock of each; nanoseconds.

    The client read `sent` and `returned`, the server `received` and `answered`; None where it
    is not known.
    """

    client: str
    server: str
    sent: int | None
    received: int | None
    answered: int | None
    returned: int | None


@dataclass(slots=True)
class Evidence:
    """All that was collected; the result does not depend on the order in which it was added.

    Memory grows with the faults, hosts and sources, not with how often a checkpoint was passed:
    what one source saw of one fault is joined, and where no fault is named, what it saw within
    the same tenth of a second. `problems` are sentences for the reader: what could not
    be read, and what was left out.
    """

    exchanges: list[Exchange] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    servers: dict[str, int] = field(default_factory=dict)
    """How many servers a fault concerned, by its id, where a source said so."""
    _joined: dict[tuple[Origin, str, str, int], Tallies] = field(default_factory=dict)
    _loose: int = 0
    dropped: int = 0
    """How many that name no fault were left out for want of room."""

    def add(self, sighting: Sighting) -> None:
        """Take a sighting."""
        when = 0 if sighting.fault else sighting.mark.last.wall_ns // _TOGETHER_NS
        key = sighting.origin, sighting.fault, sighting.host, when
        tallies = self._joined.get(key)
        if tallies is None:
            if not sighting.fault:
                if self._loose >= LOOSE_KEPT:
                    self.dropped += sighting.mark.count
                    return
                self._loose += 1
            tallies = self._joined[key] = {}
        add(tallies, sighting.mark)

    def merge(self, other: "Evidence") -> None:
        """Take all that another collection holds."""
        for sighting in other.sightings():
            self.add(sighting)
        self.exchanges.extend(other.exchanges)
        self.problems.extend(other.problems)
        self.servers.update(other.servers)
        self.dropped += other.dropped

    def sightings(self) -> Iterator[Sighting]:
        """Return what was taken, joined where it could be."""
        for (origin, fault, host, _), tallies in self._joined.items():
            for mark in marks_of(tallies):
                yield Sighting(mark, origin, fault, host)

    def told(self) -> tuple[str, ...]:
        """Return the problems, what was left out for want of room among them."""
        if not self.dropped:
            return tuple(self.problems)
        dropped = f"{self.dropped} sightings that name no fault were left out: too many"
        return (*self.problems, dropped)


def shifted(mark: Mark, by_ns: int, note: str) -> Mark:
    """Return a mark of another machine on our clock: `by_ns` later, without monotonic time."""
    return replace(
        mark,
        first=Instant(mark.first.wall_ns + by_ns),
        last=Instant(mark.last.wall_ns + by_ns),
        note="; ".join(words for words in (mark.note, note) if words),
    )


def in_fixed_order(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Sort sightings by time, and those of one time in an order that is always the same."""
    return sorted(sightings, key=_order)


def _order(one: Sighting) -> tuple[object, ...]:
    mark, origin = one.mark, one.origin
    monotonic = mark.last.mono_ns if mark.last.mono_ns is not None else -1
    return (
        mark.first.wall_ns,
        mark.point,
        mark.last.wall_ns,
        monotonic,
        origin.kind,
        origin.feed,
        origin.clock,
        one.fault,
        one.host,
        mark.source,
        mark.count,
        mark.upper_bound,
        mark.restated,
        mark.note,
    )
