"""What a consumer has received: bounded, in order, a repeated delivery told from a new one."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faultwire.domain.instants import rfc3339

KEPT = 100_000
KEPT_BYTES = 128 * 1024 * 1024


@dataclass(slots=True)
class Record:
    """One alarm; `repeats` counts further tries of the same delivery, which change nothing."""

    number: int
    delivery_id: str
    alarm: Mapping[str, Any]
    size: int
    path: str
    attempt: int
    received_ns: int
    handled_ns: int | None = None
    repeats: int = 0

    def times(self) -> dict[str, str | None]:
        """Return what the sender is told: when it was received, and handled if it is."""
        handled = None if self.handled_ns is None else rfc3339(self.handled_ns)
        return {"received_at": rfc3339(self.received_ns), "handled_at": handled}

    def to_json(self) -> dict[str, Any]:
        """Return the record as ``GET /received`` shows it."""
        return {
            "number": self.number,
            "delivery_id": self.delivery_id,
            "alarm": self.alarm,
            "path": self.path,
            "attempt": self.attempt,
            **self.times(),
            "repeats": self.repeats,
        }


class Records:
    """The newest alarms, by delivery; on one thread."""

    def __init__(self, kept: int = KEPT, kept_bytes: int = KEPT_BYTES) -> None:
        """Keep at most `kept`, whose bodies are together no longer; the oldest gives way."""
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._number = 0
        self._records: OrderedDict[str, Record] = OrderedDict()

    def again(self, delivery_id: str) -> Record | None:
        """Return the record of a delivery that came before, one repeat richer; None if new."""
        held = self._records.get(delivery_id)
        if held is not None:
            held.repeats += 1
        return held

    def add(
        self,
        delivery_id: str,
        alarm: Mapping[str, Any],
        size: int,
        path: str,
        attempt: int,
        received_ns: int,
    ) -> Record:
        """Keep a delivery that is new; `size` is the length of its body in bytes."""
        self._number += 1
        record = Record(self._number, delivery_id, alarm, size, path, attempt, received_ns)
        self._records[delivery_id] = record
        self._bytes += size
        while len(self._records) > 1 and (
            len(self._records) > self._kept or self._bytes > self._kept_bytes
        ):
            _, gone = self._records.popitem(last=False)
            self._bytes -= gone.size
        return record

    def since(self, number: int) -> list[dict[str, Any]]:
        """Return the records after a number, oldest first."""
        return [r.to_json() for r in self._records.values() if r.number > number]
