"""How far the clocks of machines are apart, by their requests and answers, with the error.

Neither a request nor an answer arrives before it was sent. So each of them bounds the offset of
the server's clock from one side; the tightest bounds of many exchanges are the estimate's error.
An offset that no exchange bounds from both sides is unknown, and never taken for zero.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from faultwire_profiler.evidence import Exchange


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a machine's clock is ahead of the reference, in nanoseconds, give or take the error.

    `pairs` is how many exchanges it rests on. `steady` is False where no single offset fits them
    all: a clock was set or drifted meanwhile; then the error covers them all.
    """

    ns: int
    error_ns: int
    pairs: int
    steady: bool = True


@dataclass(frozen=True, slots=True)
class Clocks:
    """The offsets of machines against `reference`; one that is missing is unknown."""

    reference: str
    offsets: Mapping[str, Offset]

    def offset(self, machine: str) -> Offset | None:
        """Return a machine's offset; None where it is unknown."""
        if machine == self.reference:
            return Offset(0, 0, 0)
        return self.offsets.get(machine)


@dataclass(slots=True)
class _Bounds:
    """What exchanges say of one pair: the second clock is ahead of the first by low to high."""

    low: int | None = None
    high: int | None = None
    lowest: int | None = None
    highest: int | None = None
    pairs: int = 0

    def at_least(self, ns: int) -> None:
        self.low = ns if self.low is None else max(self.low, ns)
        self.lowest = ns if self.lowest is None else min(self.lowest, ns)

    def at_most(self, ns: int) -> None:
        self.high = ns if self.high is None else min(self.high, ns)
        self.highest = ns if self.highest is None else max(self.highest, ns)

    def offset(self) -> Offset | None:
        """Return the middle; None where one side is open."""
        if self.low is None or self.high is None or self.lowest is None or self.highest is None:
            return None
        if self.low <= self.high:
            return _between(self.low, self.high, self.pairs, steady=True)
        ends = sorted((self.low, self.high, self.lowest, self.highest))
        return _between(ends[0], ends[-1], self.pairs, steady=False)


def _between(low: int, high: int, pairs: int, *, steady: bool) -> Offset:
    middle = (low + high) // 2
    return Offset(middle, high - middle, pairs, steady)


def clocks(exchanges: Iterable[Exchange], reference: str) -> Clocks:
    """Return the offsets of all machines that exchanges lead to from the reference.

    Over several machines errors add up; of several ways the one with the smallest error counts.
    """
    ways = _ways(exchanges)
    offsets: dict[str, Offset] = {}
    waiting: list[tuple[int, str, int, int, bool]] = [(0, reference, 0, 0, True)]
    while waiting:
        error, machine, ns, pairs, steady = heapq.heappop(waiting)
        if machine in offsets:
            continue
        offsets[machine] = Offset(ns, error, pairs, steady)
        for other, way in sorted(ways.get(machine, {}).items()):
            if other not in offsets:
                seen = pairs + way.pairs
                step = (error + way.error_ns, other, ns + way.ns, seen, steady and way.steady)
                heapq.heappush(waiting, step)
    del offsets[reference]
    return Clocks(reference, offsets)


def _ways(exchanges: Iterable[Exchange]) -> dict[str, dict[str, Offset]]:
    """Return the offsets between machines that spoke with each other, in both directions."""
    bounds: dict[tuple[str, str], _Bounds] = {}
    for one in exchanges:
        if not one.client or not one.server or one.client == one.server:
            continue
        forth = one.client < one.server
        pair = (one.client, one.server) if forth else (one.server, one.client)
        _narrow(bounds.setdefault(pair, _Bounds()), one, forth=forth)
    ways: dict[str, dict[str, Offset]] = {}
    for (first, second), bound in bounds.items():
        offset = bound.offset()
        if offset is not None:
            ways.setdefault(first, {})[second] = offset
            back = Offset(-offset.ns, offset.error_ns, offset.pairs, offset.steady)
            ways.setdefault(second, {})[first] = back
    return ways


def _narrow(bound: _Bounds, one: Exchange, *, forth: bool) -> None:
    """Put one exchange to the bounds: the server is ahead by at most, and by at least."""
    bound.pairs += 1
    if one.sent is not None and one.received is not None:
        most = one.received - one.sent
        if forth:
            bound.at_most(most)
        else:
            bound.at_least(-most)
    if one.answered is not None and one.returned is not None:
        least = one.answered - one.returned
        if forth:
            bound.at_least(least)
        else:
            bound.at_most(-least)
