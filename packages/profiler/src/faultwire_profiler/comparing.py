"""Two sets of runs: which spans differ, which explain it, and whether the samples tell (S79).

A difference is told where the interval of 95 % around the difference of the means (Welch) leaves
zero out. With fewer than three runs on a side there is no such interval: then the difference is
of these runs only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from faultwire_profiler.checkpoints import OWNERS
from faultwire_profiler.many import LAW, TOTAL, percentile, samples, verdicts
from faultwire_profiler.profile import Profile, Verdict

FEWEST = 3
"""Runs on each side below which nothing can be told."""

_QUANTILES = (
    (3, 3.182),
    (4, 2.776),
    (5, 2.571),
    (6, 2.447),
    (7, 2.365),
    (8, 2.306),
    (9, 2.262),
    (10, 2.228),
    (12, 2.179),
    (15, 2.131),
    (20, 2.086),
    (30, 2.042),
    (60, 2.0),
    (120, 1.98),
)
"""Student's t for 95 %, two-sided, by degrees of freedom."""


class Telling(StrEnum):
    """Whether the samples tell a difference from chance."""

    DIFFERENT = "different"
    NOT_SHOWN = "no difference shown"
    TOO_FEW = "too few samples to tell"
    ONE_SIDED = "known on one side only"


@dataclass(frozen=True, slots=True)
class Difference:
    """One span in both sets; milliseconds, None where a side does not know it.

    `ms` is the second's mean less the first's and `give_or_take` the half of its interval.
    """

    name: str
    first_count: int
    second_count: int
    first_p50: float | None
    second_p50: float | None
    first_mean: float | None
    second_mean: float | None
    ms: float | None
    give_or_take: float | None
    telling: Telling


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sets of runs side by side.

    `explained_by` is the owner whose difference goes the total's way and is the largest of those
    that are told, `share` its part of the total's difference in percent, and `span` the span
    (as T03..T04) of which the same is true; None where nothing is.
    `total` is the name of what was compared as the whole: total, or law where no total is known.
    """

    names: tuple[str, str]
    runs: tuple[int, int]
    verdicts: tuple[dict[Verdict, int], dict[Verdict, int]]
    differences: tuple[Difference, ...]
    total: str
    explained_by: str | None
    share: float | None
    span: str | None

    def difference(self, name: str) -> Difference | None:
        """Return the row of a span; None where neither side knows it."""
        return next((one for one in self.differences if one.name == name), None)


def compare(
    first: Sequence[Profile], second: Sequence[Profile], names: tuple[str, str]
) -> Comparison:
    """Compare two sets of runs; the order within a set has no part in it."""
    ones, others = samples(first), samples(second)
    rows = tuple(
        _difference(name, ones.get(name, []), others.get(name, []))
        for name in (*ones, *(name for name in others if name not in ones))
    )
    by_name = {row.name: row for row in rows}
    both_total = TOTAL in by_name and by_name[TOTAL].ms is not None
    whole = TOTAL if both_total else LAW
    explained_by, share = _explained(by_name, whole, OWNERS)
    span, _ = _explained(by_name, whole, [row.name for row in rows if ".." in row.name])
    return Comparison(
        names,
        (len(first), len(second)),
        (verdicts(first), verdicts(second)),
        rows,
        whole,
        explained_by,
        share,
        span,
    )


def _difference(name: str, first: Sequence[float], second: Sequence[float]) -> Difference:
    means = [math.fsum(side) / len(side) if side else None for side in (first, second)]
    halves = [percentile(side, 50) if side else None for side in (first, second)]
    ms = None if means[0] is None or means[1] is None else means[1] - means[0]
    spread = _interval(first, second)
    if ms is None:
        telling = Telling.ONE_SIDED
    elif spread is None:
        telling = Telling.TOO_FEW
    else:
        telling = Telling.DIFFERENT if abs(ms) > spread else Telling.NOT_SHOWN
    return Difference(
        name,
        len(first),
        len(second),
        halves[0],
        halves[1],
        means[0],
        means[1],
        ms,
        spread,
        telling,
    )


def _interval(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return half of the interval around the difference of the means; None for too few."""
    if len(first) < FEWEST or len(second) < FEWEST:
        return None
    parts = [_variance(side) / len(side) for side in (first, second)]
    whole = parts[0] + parts[1]
    if whole == 0:
        return 0.0
    ways = zip(parts, (first, second), strict=True)
    freedom = whole**2 / math.fsum(part**2 / (len(side) - 1) for part, side in ways)
    return _quantile(freedom) * math.sqrt(whole)


def _variance(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _quantile(freedom: float) -> float:
    """Return the quantile of the next lower number of degrees: rather too careful."""
    if freedom < _QUANTILES[0][0]:
        return 4.303
    return next(value for degrees, value in reversed(_QUANTILES) if freedom >= degrees)


def _explained(
    rows: dict[str, Difference], whole: str, names: Sequence[str]
) -> tuple[str | None, float | None]:
    """Return which of these explains most of the whole's difference, and its share in percent."""
    total = rows.get(whole)
    if total is None or not total.ms or total.telling is Telling.NOT_SHOWN:
        return None, None
    told = {Telling.DIFFERENT, Telling.TOO_FEW} if total.telling is Telling.TOO_FEW else set()
    told.add(Telling.DIFFERENT)
    shares = {
        name: row.ms / total.ms
        for name in names
        if (row := rows.get(name)) and row.ms is not None and row.telling in told
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    if best is None or shares[best] <= 0:
        return None, None
    return best, shares[best] * 100
