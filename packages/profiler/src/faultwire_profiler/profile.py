"""From marks to a profile: spans, their owners, and what share of the time each took (D5).

All instants are placed on one line first. Those with a monotonic time lie on it by that; one
with a wall time only, as another machine reports it, is placed by the wall clock against the
nearest that has both. Everything else is a difference on that line, so that spans add up to the
total. Unknown checkpoints are gaps, never zero (S75).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from faultwire_profiler.checkpoints import BY_KEY, CHECKPOINTS, CONSUMER, OWNERS
from faultwire_profiler.marks import Instant, Mark, joined

LAW_MS = 1000.0
"""The requirement: from detected to received in no more than this (S11)."""

_OCCURRED, _DETECTED, _FIRED, _RECEIVED, _HANDLED = "T00", "T01", "T08", "T09", "T10"


class Verdict(StrEnum):
    """Whether the law was kept.

    UNKNOWN where T01 or T09 is; where only an upper bound of T09 is over the limit, for the true
    one may not be; where alarms were fired in time and not all are known to be received; and
    where clocks disagree so far that the alarm came before its detection.
    """

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Point:
    """A checkpoint that was passed; offsets are milliseconds from the first known one's last.

    `upper_bound`: the last instant may truly lie earlier. `source` is the last one's.
    """

    key: str
    first: Instant
    last: Instant
    first_ms: float
    last_ms: float
    count: int
    source: str
    upper_bound: bool
    note: str


@dataclass(frozen=True, slots=True)
class Span:
    """From one checkpoint to the next that happened, milliseconds between their last instants.

    Negative where clocks disagree, for no effect comes before its cause, or where the begin is
    an upper bound or was passed more often than the end is known to be. `gaps` names the
    checkpoints between the two that are not known: their owners' time may be in here.
    """

    begin: str
    end: str
    owner: str
    ms: float
    gaps: tuple[str, ...] = ()

    @property
    def negative(self) -> bool:
        """Whether it ends before it begins, by what is known."""
        return self.ms < 0


@dataclass(frozen=True, slots=True)
class Component:
    """What one owner's spans cost up to T09; percentages sum to 100, None without a total."""

    owner: str
    ms: float
    percent: int | None


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile of one fault; times are milliseconds, None where an end is not known.

    `marks` is what it was made of, joined. `points` and `spans` are in the order in which they
    happened, `gaps` in order of number. `total_from` is T00, or T01 where T00 is unknown;
    `total_ms` runs from there to T09 and is what the percentages are of. `law_ms` runs from the
    first T01 to the last T09, `occurred_ms` from T00 to the first T01, `handled_ms` from T09 to
    T10, outside the percentages. `upper_bound`: T09, and so total and law, may truly be less.
    `missing` is how many alarms were fired and are not known to be received.
    """

    marks: tuple[Mark, ...]
    points: tuple[Point, ...]
    spans: tuple[Span, ...]
    gaps: tuple[str, ...]
    components: tuple[Component, ...]
    total_from: str | None
    total_ms: float | None
    law_ms: float | None
    occurred_ms: float | None
    handled_ms: float | None
    upper_bound: bool
    missing: int
    verdict: Verdict

    def point(self, key: str) -> Point | None:
        """Return a checkpoint; None where it is not known."""
        return next((point for point in self.points if point.key == key), None)


Place = Callable[[Instant], int]
"""Where an instant lies on the line, in nanoseconds from a zero that means nothing."""


@dataclass(frozen=True, slots=True)
class _Settled:
    """What all marks of one checkpoint say together, and where that lies on the line.

    `by` is the mark that gave the last instant; `surely` is the end by those marks that are no
    upper bounds, None without any.
    """

    first: Instant
    last: Instant
    by: Mark
    count: int
    begin: int
    end: int
    surely: int | None


def profile(marks: Iterable[Mark]) -> Profile:
    """Return the profile of a fault; marks may come in any order and any may be missing.

    Several marks of a checkpoint are joined: an upper bound that was restated is left out, of
    the others the earliest is the first and the latest the last. Raises KeyError for a mark of
    a checkpoint that is none.
    """
    known = joined(marks)
    by_point: dict[str, list[Mark]] = {}
    for mark in known:
        by_point.setdefault(BY_KEY[mark.point].key, []).append(mark)
    place = _line(known)
    settled = {key: _settled(found, place) for key, found in by_point.items()}
    order = in_order({key: one.end for key, one in settled.items()})
    start = next((key for key in (_OCCURRED, _DETECTED) if key in settled), None)
    total = _total(settled, start)
    received = settled.get(_RECEIVED)
    missing = _missing(settled)
    return Profile(
        marks=known,
        points=_points(settled, order),
        spans=_spans(settled, order),
        gaps=tuple(point.key for point in CHECKPOINTS if point.key not in settled),
        components=_components(settled, order, total),
        total_from=start,
        total_ms=_ms(total),
        law_ms=_ms(_law(settled)),
        occurred_ms=_ms(_occurred(settled)),
        handled_ms=_ms(_handled(settled)),
        upper_bound=received is not None and received.by.upper_bound,
        missing=missing,
        verdict=_verdict(settled, missing),
    )


def _line(marks: tuple[Mark, ...]) -> Place:
    """Return the line on which these marks lie.

    Monotonic time is its measure. A wall clock that was set in between, or another machine's,
    distorts only what it alone knows.
    """
    instants = {instant for mark in marks for instant in (mark.first, mark.last)}
    clocked = [(i.wall_ns, i.mono_ns) for i in instants if i.mono_ns is not None]

    def place(instant: Instant) -> int:
        if instant.mono_ns is not None:
            return instant.mono_ns
        if not clocked:
            return instant.wall_ns
        wall = instant.wall_ns
        near_wall, near_mono = min(clocked, key=lambda both: (abs(both[0] - wall), both))
        return near_mono + wall - near_wall

    return place


def _settled(marks: list[Mark], place: Place) -> _Settled:
    """Join what several sources say of one checkpoint; a bound that was restated says nothing.

    The ends of each mark are placed both: of wall times the later may lie earlier on the line.
    """
    true = [mark for mark in marks if not mark.upper_bound]
    bounds = [mark for mark in marks if mark.upper_bound]
    bounded = sum(mark.count for mark in bounds)
    restated = sum(mark.restated for mark in true)
    heard = true + bounds if bounded > restated or not true else true
    ends = [(place(end), mark, end) for mark in heard for end in (mark.first, mark.last)]
    begin = min(ends, key=lambda end: (end[0], end[1].key, end[2].wall_ns))
    last = max(ends, key=lambda end: (end[0], not end[1].upper_bound, end[1].key, end[2].wall_ns))
    return _Settled(
        first=begin[2],
        last=last[2],
        by=last[1],
        count=sum(mark.count for mark in true) + max(bounded, restated),
        begin=begin[0],
        end=last[0],
        surely=max((where for where, mark, _ in ends if not mark.upper_bound), default=None),
    )


def in_order(places: Mapping[str, int]) -> tuple[str, ...]:
    """Return checkpoints in the order in which they happened, those of one instant by number.

    None comes before its cause, or before its cause's cause where that is unknown: where clocks
    say so, they disagree.
    """
    left = dict(places)
    order: list[str] = []
    while left:
        ready = [key for key in left if not _waits(key, left)]
        soonest = min(ready, key=lambda key: (left[key], BY_KEY[key].number))
        order.append(soonest)
        del left[soonest]
    return tuple(order)


def _waits(key: str, left: Mapping[str, int]) -> bool:
    cause = BY_KEY[key].after
    while cause:
        if cause in left:
            return True
        cause = BY_KEY[cause].after
    return False


def _points(settled: Mapping[str, _Settled], order: tuple[str, ...]) -> tuple[Point, ...]:
    found = []
    for key in order:
        one, zero = settled[key], settled[order[0]].end
        found.append(
            Point(
                key,
                one.first,
                one.last,
                (one.begin - zero) / 1e6,
                (one.end - zero) / 1e6,
                one.count,
                one.by.source,
                one.by.upper_bound,
                one.by.note,
            )
        )
    return tuple(found)


def _spans(settled: Mapping[str, _Settled], order: tuple[str, ...]) -> tuple[Span, ...]:
    return tuple(
        Span(
            begin,
            end,
            BY_KEY[end].owner,
            (settled[end].end - settled[begin].end) / 1e6,
            tuple(
                point.key
                for point in CHECKPOINTS[BY_KEY[begin].number : BY_KEY[end].number]
                if point.key not in settled
            ),
        )
        for begin, end in pairwise(order)
    )


def _components(
    settled: Mapping[str, _Settled], order: tuple[str, ...], total: int | None
) -> tuple[Component, ...]:
    """Sum the spans up to T09 by owner, most costly first; those after it are not in the total.

    Where T09 is unknown, all that is known is summed, without percentages.
    """
    counted = order[: order.index(_RECEIVED) + 1] if _RECEIVED in settled else order
    costs: dict[str, int] = {}
    for begin, end in pairwise(counted):
        owner = BY_KEY[end].owner
        if owner != CONSUMER:
            costs[owner] = costs.get(owner, 0) + settled[end].end - settled[begin].end
    ranked = sorted(costs, key=lambda owner: (-costs[owner], OWNERS.index(owner)))
    known = [costs[owner] for owner in ranked]
    percents = [None] * len(ranked) if total is None else percentages(known)
    return tuple(
        Component(owner, costs[owner] / 1e6, percent)
        for owner, percent in zip(ranked, percents, strict=True)
    )


def percentages(costs: Sequence[int]) -> list[int | None]:
    """Return whole percentages that sum to 100, by largest remainder; a cost may be negative.

    Of equal remainders the earlier cost gets the point. None each where the total is not
    positive: then nothing is a share of it.
    """
    total = sum(costs)
    if total <= 0:
        return [None] * len(costs)
    shares = [divmod(cost * 100, total) for cost in costs]
    spare = 100 - sum(whole for whole, _ in shares)
    by_remainder = sorted(range(len(costs)), key=lambda place: -shares[place][1])
    lucky = set(by_remainder[:spare])
    return [whole + (place in lucky) for place, (whole, _) in enumerate(shares)]


_Settlement = Mapping[str, _Settled]


def _total(settled: _Settlement, start: str | None) -> int | None:
    if start is None or _RECEIVED not in settled:
        return None
    return settled[_RECEIVED].end - settled[start].end


def _law(settled: _Settlement) -> int | None:
    if _DETECTED not in settled or _RECEIVED not in settled:
        return None
    return settled[_RECEIVED].end - settled[_DETECTED].begin


def _occurred(settled: _Settlement) -> int | None:
    if _OCCURRED not in settled or _DETECTED not in settled:
        return None
    return settled[_DETECTED].begin - settled[_OCCURRED].end


def _handled(settled: _Settlement) -> int | None:
    if _RECEIVED not in settled or _HANDLED not in settled:
        return None
    return settled[_HANDLED].end - settled[_RECEIVED].end


def _missing(settled: _Settlement) -> int:
    if _FIRED not in settled or _RECEIVED not in settled:
        return 0
    return max(0, settled[_FIRED].count - settled[_RECEIVED].count)


def _verdict(settled: _Settlement, missing: int) -> Verdict:
    law = _law(settled)
    if law is None or law < 0:
        return Verdict.UNKNOWN
    if law <= LAW_MS * 1e6:
        return Verdict.UNKNOWN if missing else Verdict.MET
    # What is fired too late cannot be received in time.
    sure = [settled[key].surely for key in (_FIRED, _RECEIVED) if key in settled]
    late = settled[_DETECTED].begin + LAW_MS * 1e6
    return (
        Verdict.MISSED if any(end is not None and end > late for end in sure) else Verdict.UNKNOWN
    )


def _ms(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e6
