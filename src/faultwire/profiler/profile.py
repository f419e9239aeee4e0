"""From marks to a profile: spans, their owners, and what share of the time each took (D5).

Spans run between checkpoints in the order in which they happened, and belong to the owner of
the checkpoint that ends them. Unknown checkpoints are gaps, never zero (S75).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from faultwire.profiler.checkpoints import BY_KEY, CHECKPOINTS
from faultwire.profiler.marks import Mark, Moment, marks_to_json

LAW_MS = 1000.0
"""Doctor's requirement: from detected to received in less than this (S11)."""

_MS = 1_000_000
_RECEIVED = 9


class Verdict(StrEnum):
    """Whether the law was kept; UNKNOWN where T01 or T09 is."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Span:
    """From one checkpoint to the next that happened; `ms` is negative where clocks disagree."""

    begin: str
    end: str
    owner: str
    ms: float


@dataclass(frozen=True, slots=True)
class Share:
    """What one component cost; percentages of all shares sum to 100 (S71, S72)."""

    component: str
    ms: float
    percent: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile of one fault; times are milliseconds.

    `total_from` is T00, or T01 where T00 is unknown; `total_ms` runs from there to T09.
    `law_ms` is T01..T09. `handling_ms` is T09..T10 and in no percentage.
    """

    marks: tuple[Mark, ...]
    spans: tuple[Span, ...]
    gaps: tuple[str, ...]
    shares: tuple[Share, ...]
    total_from: str | None
    total_ms: float | None
    law_ms: float | None
    detection_ms: float | None
    handling_ms: float | None
    verdict: Verdict

    def mark(self, point: str) -> Mark | None:
        """Return the mark of a checkpoint; None where it is unknown."""
        return next((mark for mark in self.marks if mark.point == point), None)

    def offset_ms(self, moment: Moment) -> float:
        """Return a moment relative to the first known checkpoint."""
        return elapsed_ms(_ordered(self.marks)[0].last, moment)


def elapsed_ms(begin: Moment, end: Moment) -> float:
    """Return the time between two moments: monotonic where both have it, else wall."""
    if begin.mono_ns is not None and end.mono_ns is not None:
        return (end.mono_ns - begin.mono_ns) / _MS
    return (end.wall_ns - begin.wall_ns) / _MS


def profile(marks: Iterable[Mark]) -> Profile:
    """Return the profile of a fault; marks may come in any order and be incomplete."""
    known = tuple(sorted(marks, key=lambda mark: mark.point))
    by_point = {mark.point: mark for mark in known}
    ordered = _ordered(known)
    spans = tuple(
        Span(a.point, b.point, BY_KEY[b.point].owner, elapsed_ms(a.last, b.last))
        for a, b in pairwise(ordered)
    )
    begin = next((key for key in ("T00", "T01") if key in by_point), None)
    law = _between(by_point, "T01", "T09")
    return Profile(
        known,
        spans,
        tuple(p.key for p in CHECKPOINTS if p.key not in by_point),
        _shares(spans, ordered, begin),
        begin,
        None if begin is None else _between(by_point, begin, "T09"),
        law,
        _between(by_point, "T00", "T01"),
        _between(by_point, "T09", "T10"),
        Verdict.UNKNOWN if law is None else Verdict.MET if law <= LAW_MS else Verdict.MISSED,
    )


def _ordered(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Order marks as they happened; checkpoints of the same instant by number."""
    if not marks:
        return ()
    anchor = min((mark.last for mark in marks), key=lambda moment: moment.wall_ns)
    return tuple(sorted(marks, key=lambda mark: (elapsed_ms(anchor, mark.last), mark.point)))


def _between(by_point: dict[str, Mark], begin: str, end: str) -> float | None:
    if begin not in by_point or end not in by_point:
        return None
    return elapsed_ms(by_point[begin].last, by_point[end].last)


def _shares(
    spans: tuple[Span, ...], ordered: tuple[Mark, ...], begin: str | None
) -> tuple[Share, ...]:
    """Sum the spans by owner, from `begin` up to T09, most costly first."""
    places = {mark.point: place for place, mark in enumerate(ordered)}
    if begin is None or "T09" not in places:
        return ()
    cost: dict[str, float] = {}
    for span in spans[places[begin] : places["T09"]]:
        cost[span.owner] = cost.get(span.owner, 0.0) + max(0.0, span.ms)
    percents = percentages(list(cost.values()))
    rows = (Share(owner, ms, p) for (owner, ms), p in zip(cost.items(), percents, strict=True))
    return tuple(sorted(rows, key=lambda share: (-share.ms, share.component)))


def percentages(costs: list[float]) -> list[int]:
    """Return whole percentages that sum to 100, by largest remainder; all 0 for no cost."""
    total = sum(costs)
    if total <= 0:
        return [0] * len(costs)
    exact = [cost * 100 / total for cost in costs]
    floors = [int(value) for value in exact]
    by_remainder = sorted(range(len(costs)), key=lambda n: (floors[n] - exact[n], n))
    for place in by_remainder[: 100 - sum(floors)]:
        floors[place] += 1
    return floors


def to_json(result: Profile) -> dict[str, Any]:
    """Return a profile as plain JSON values.

    ``checkpoints`` maps T00..T10 to their stored marks with ``name``, ``owner``, ``offset_ms``
    (relative to the first known one) and ``upper_bound``, or to null where unknown; ``spans``,
    ``components``, ``gaps``; ``total_ms`` counts from ``total_from``; ``law_ms`` and ``verdict``;
    ``marks`` is what `marks_from_json` reads.
    """
    stored = marks_to_json(result.marks)
    checkpoints: dict[str, Any] = {}
    for point in CHECKPOINTS:
        mark = result.mark(point.key)
        checkpoints[point.key] = mark and {
            **stored[point.key],
            "name": point.name,
            "owner": point.owner,
            "offset_ms": round(result.offset_ms(mark.last), 6),
            "upper_bound": mark.upper_bound,
        }
    return {
        "checkpoints": checkpoints,
        "spans": [
            {"from": s.begin, "to": s.end, "owner": s.owner, "ms": round(s.ms, 6)}
            for s in result.spans
        ],
        "components": [
            {"component": s.component, "ms": round(s.ms, 6), "percent": s.percent}
            for s in result.shares
        ],
        "gaps": list(result.gaps),
        "total_from": result.total_from,
        "total_ms": result.total_ms,
        "law_ms": result.law_ms,
        "detection_ms": result.detection_ms,
        "handling_ms": result.handling_ms,
        "verdict": result.verdict.value,
        "marks": stored,
    }
