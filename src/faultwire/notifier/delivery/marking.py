"""Marks of a batch of tries, joined: one call of the probe for each fault and checkpoint."""

from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant
from faultwire.ports import Probe
from faultwire_profiler.marks import UPPER_BOUND

CONSUMER = "consumer"
SENDER = "faultwire"

Reading = tuple[int, int | None]
"""Wall and monotonic nanoseconds; None where another machine's clock was read (D2)."""


class Marking:
    """Gathers marks until `flush`."""

    def __init__(self, probe: Probe) -> None:
        """Gather for a probe."""
        self._probe = probe
        self._marks: dict[tuple[FaultId, str, str], list[Reading]] = {}

    def sent(self, fault: FaultId, at: Reading) -> None:
        """Note T08."""
        self._add((fault, "T08", SENDER), at)

    def received(
        self, fault: FaultId, stated_ns: int | None, handled_ns: int | None, ended: Reading
    ) -> None:
        """Note T09, as the consumer stated it or at the end of its answer, and T10 if known."""
        if stated_ns is None:
            self._add((fault, "T09", UPPER_BOUND), ended)
            return
        self._add((fault, "T09", CONSUMER), (stated_ns, None))
        if handled_ns is not None:
            self._add((fault, "T10", CONSUMER), (handled_ns, None))

    def flush(self) -> None:
        """Tell the probe first, last and count of each."""
        for (fault, point, source), readings in self._marks.items():
            first, last = Instant(*min(readings)), Instant(*max(readings))
            self._probe.mark(fault, point, first, last, len(readings), source)
        self._marks.clear()

    def _add(self, key: tuple[FaultId, str, str], at: Reading) -> None:
        known = self._marks.get(key)
        if known is None:
            self._marks[key] = [at]
        else:
            known.append(at)
