"""Budgets: which span takes longer than it may, told once for each time that it begins to."""

from collections.abc import Mapping
from dataclasses import dataclass

from faultwire_profiler.window import STANDING

AGAIN = 0.9
"""Part of the budget below which a span must fall before it can exceed the budget anew."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A span that began to take longer than its budget (`exceeded`), or is well below it again."""

    span: str
    budget_ms: float
    observed_ms: float
    exceeded: bool


def read_budgets(lines: tuple[str, ...]) -> dict[str, float]:
    """Read budgets written as ``law=1000``, milliseconds by span; ValueError for anything else."""
    found: dict[str, float] = {}
    for line in lines:
        span, sign, text = (part.strip() for part in line.partition("="))
        if not sign or span not in STANDING:
            known = ", ".join(STANDING)
            raise ValueError(f"{line!r:.60} is no budget: SPAN=MILLISECONDS, of {known}")
        if span in found:
            raise ValueError(f"{span!r} has two budgets")
        try:
            ms = float(text)
        except ValueError:
            ms = 0.0
        if not 0 < ms < 1e9:
            raise ValueError(f"the budget of {span!r} must be milliseconds above 0")
        found[span] = ms
    return found


class Budgets:
    """Compares spans with their budgets, with hysteresis; for one thread."""

    def __init__(self, budgets: Mapping[str, float]) -> None:
        """Take milliseconds by span; none is exceeded yet."""
        self._budgets = dict(budgets)
        self._over: set[str] = set()

    @property
    def over(self) -> frozenset[str]:
        """The spans that exceed their budgets, or have not fallen far enough below since."""
        return frozenset(self._over)

    @property
    def spans(self) -> tuple[str, ...]:
        """The spans that have a budget."""
        return tuple(self._budgets)

    def look(self, observed: Mapping[str, float]) -> tuple[Crossing, ...]:
        """Return what changed; a span that was not observed stays as it was.

        One that exceeds its budget is told once, until it has fallen below `AGAIN` of it.
        """
        found = []
        for span, budget in self._budgets.items():
            ms = observed.get(span)
            if ms is None:
                continue
            if span not in self._over and ms > budget:
                self._over.add(span)
                found.append(Crossing(span, budget, ms, exceeded=True))
            elif span in self._over and ms < AGAIN * budget:
                self._over.discard(span)
                found.append(Crossing(span, budget, ms, exceeded=False))
        return tuple(found)

    def untold(self, span: str) -> None:
        """Have the next look tell of a span again: nobody could be told of it."""
        self._over.discard(span)
