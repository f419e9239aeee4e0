"""Standing figures: how long each span took over the newest faults."""

from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any

from faultwire_profiler.checkpoints import OWNERS
from faultwire_profiler.many import WHOLES, Figures, figures, percentile, samples, slope
from faultwire_profiler.profile import Profile, Verdict

KEPT = 1000
STANDING = (*WHOLES, *OWNERS[:-1])
"""The spans that stand: those of the whole, and each owner's; the consumer is no part of us."""


@dataclass(frozen=True, slots=True)
class _Held:
    found: dict[str, float]
    verdict: Verdict
    servers: int | None


class Window:
    """Durations of the newest faults; for one thread.

    At most `kept` are held; where one more comes, the one that was put longest ago is forgotten.
    """

    def __init__(self, kept: int = KEPT) -> None:
        """Start without any."""
        self._kept = kept
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def put(self, fault: str, result: Profile) -> None:
        """Take a fault's profile in the place of what was known of it before."""
        found = {name: values[0] for name, values in samples((result,)).items()}
        changed = result.point("T04")
        servers = changed.count if changed else None
        kept = {name: found[name] for name in STANDING if name in found}
        self._held[fault] = _Held(kept, result.verdict, servers)
        self._held.move_to_end(fault)
        if len(self._held) > self._kept:
            self._held.popitem(last=False)

    def figures(self) -> tuple[Figures, ...]:
        """Return the figures of every span that any fault knows."""
        return figures(self._samples())

    def highest(self) -> dict[str, dict[str, float]]:
        """Return p50, p95, p99 and max by span, in milliseconds."""
        return {
            name: {
                "p50": percentile(values, 50),
                "p95": percentile(values, 95),
                "p99": percentile(values, 99),
                "max": max(values),
            }
            for name, values in self._samples().items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return the window as plain JSON values; times are milliseconds.

        ``faults`` is how many are held, ``verdicts`` how many of them met and missed the law,
        ``figures`` rows of ``{name, count, mean, p50, p95, p99, max}``, and ``slope`` the line of
        the total against the number of servers, or null.
        """
        counted = dict.fromkeys(Verdict, 0)
        for one in self._held.values():
            counted[one.verdict] += 1
        fitted = slope(
            (one.servers, one.found["total"])
            for one in self._held.values()
            if one.servers is not None and "total" in one.found
        )
        return {
            "faults": len(self._held),
            "verdicts": {verdict.value: count for verdict, count in counted.items()},
            "figures": [asdict(row) for row in self.figures()],
            "slope": None if fitted is None else asdict(fitted),
        }

    def _samples(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {name: [] for name in STANDING}
        for one in self._held.values():
            for name, ms in one.found.items():
                found[name].append(ms)
        return {name: values for name, values in found.items() if values}
