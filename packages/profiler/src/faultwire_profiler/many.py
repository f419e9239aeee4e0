"""Many runs: what each span usually takes, and what it takes at worst.

A span that a run does not know counts for nothing in it, never as zero.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from faultwire_profiler.checkpoints import CONSUMER, OWNERS
from faultwire_profiler.profile import Profile, Verdict

TOTAL, LAW, OCCURRED, HANDLED = "total", "law", "occurred to detected", "received to handled"
WHOLES = (LAW, TOTAL, OCCURRED, HANDLED)
"""Figures of a whole run; components are called by their owner, spans as T01..T02."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How long one span took in `count` runs that know it; milliseconds.

    Percentiles are values that occurred (nearest rank): of few runs p99 is the largest.
    """

    name: str
    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Slope:
    """The line of least squares through total against number of servers (S80).

    `error` is the standard error of the slope, None with fewer than three runs; `explained` is
    the share of the variation that the line explains, 0 to 1.
    """

    runs: int
    ms_per_server: float
    ms_at_zero: float
    error: float | None
    explained: float


@dataclass(frozen=True, slots=True)
class Bin:
    """How many runs took at least `low` and less than `high` milliseconds."""

    low: float
    high: float
    count: int


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` percent of the values do not exceed.

    Raises ValueError without any value.
    """
    if not values:
        raise ValueError("no values")
    ranked = sorted(values)
    rank = math.ceil(len(ranked) * share / 100)
    return ranked[min(max(rank, 1), len(ranked)) - 1]


def samples(profiles: Iterable[Profile]) -> dict[str, list[float]]:
    """Return every span's durations in the runs that know it, by name: wholes, owners, spans."""
    found: dict[str, list[float]] = {name: [] for name in (*WHOLES, *OWNERS)}
    for one in profiles:
        for name, read in _READERS.items():
            value = read(one)
            if value is not None:
                found[name].append(value)
        for component in one.components:
            found[component.owner].append(component.ms)
        for span in one.spans:
            found.setdefault(f"{span.begin}..{span.end}", []).append(span.ms)
    ordered = (*WHOLES, *OWNERS, *sorted(found.keys() - {*WHOLES, *OWNERS}))
    return {name: sorted(found[name]) for name in ordered if found[name] and name != CONSUMER}


_READERS: dict[str, Callable[[Profile], float | None]] = {
    TOTAL: lambda one: one.total_ms,
    LAW: lambda one: one.law_ms,
    OCCURRED: lambda one: one.occurred_ms,
    HANDLED: lambda one: one.handled_ms,
}


def figures(found: dict[str, list[float]]) -> tuple[Figures, ...]:
    """Return the figures of samples, in their order."""
    return tuple(
        Figures(
            name,
            len(values),
            math.fsum(values) / len(values),
            percentile(values, 50),
            percentile(values, 95),
            percentile(values, 99),
            max(values),
        )
        for name, values in found.items()
    )


def verdicts(profiles: Iterable[Profile]) -> dict[Verdict, int]:
    """Return how many runs met the law, missed it, and cannot be told."""
    counted = dict.fromkeys(Verdict, 0)
    for one in profiles:
        counted[one.verdict] += 1
    return counted


def slope(points: Iterable[tuple[int, float]]) -> Slope | None:
    """Fit a line through (servers, milliseconds); None without two different numbers of servers.

    Any order of points gives the same line.
    """
    known = sorted(points)
    if len({servers for servers, _ in known}) < 2:
        return None
    count = len(known)
    middle = math.fsum(servers for servers, _ in known) / count
    mean = math.fsum(ms for _, ms in known) / count
    spread = math.fsum((servers - middle) ** 2 for servers, _ in known)
    common = math.fsum((servers - middle) * (ms - mean) for servers, ms in known)
    steep = common / spread
    start = mean - steep * middle
    rest = math.fsum((ms - start - steep * servers) ** 2 for servers, ms in known)
    whole = math.fsum((ms - mean) ** 2 for _, ms in known)
    error = math.sqrt(rest / (count - 2) / spread) if count > 2 else None
    explained = 1.0 if whole == 0 else max(0.0, 1 - rest / whole)
    return Slope(count, steep, start, error, explained)


def histogram(values: Iterable[float]) -> tuple[Bin, ...]:
    """Sort milliseconds into bins that grow as 1, 2, 5, 10, and so on, without empty ends.

    Negative ones, of clocks that disagree, have the bin below 0.
    """
    counted: dict[tuple[float, float], int] = {}
    for value in values:
        edges = _edges(value)
        counted[edges] = counted.get(edges, 0) + 1
    if not counted:
        return ()
    low, high = min(counted)[0], max(counted)[1]
    bins, edge = [], low
    while edge < high:
        edges = _edges(edge if edge >= 0 else -1.0)
        bins.append(Bin(*edges, counted.get(edges, 0)))
        edge = edges[1]
    return tuple(bins)


_FIRST_EDGE = 0.001


def _edges(value: float) -> tuple[float, float]:
    if value < 0:
        return -math.inf, 0.0
    if value < _FIRST_EDGE:
        return 0.0, _FIRST_EDGE
    exponent = math.floor(math.log10(value))
    # The logarithm of a power of ten may come out a hair too low or too high.
    powers = range(exponent - 1, exponent + 3)
    steps = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    low = max(step for step in steps if step <= value)
    return low, min(step for step in steps if step > value)
