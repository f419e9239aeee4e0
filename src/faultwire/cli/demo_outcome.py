"""What the demo saw, and whether it passed."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from faultwire.cli.demo_cloud import Received

LAW_MS = 1_000.0
_NS_PER_MS = 1_000_000


@dataclass(slots=True)
class Outcome:
    """What the demo saw; times are nanoseconds of this machine's wall clock."""

    fault_kind: str
    expected: dict[str, str]
    fault_id: str = ""
    occurred: tuple[int, int] | None = None
    detected_ns: int | None = None
    alarms: list[Received] = field(default_factory=list)
    clears: list[Received] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    timeline: dict[str, Any] = field(default_factory=dict)
    host_down: dict[str, Any] = field(default_factory=dict)
    host_back: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    """What else was not as it should be, in words."""

    def since_detected_ms(self) -> list[float]:
        """Return each alarm's delay after detection, in order of receipt."""
        if self.detected_ns is None:
            return []
        return [(r.at_ns - self.detected_ns) / _NS_PER_MS for r in self.alarms]

    def passed(self) -> bool:
        """Whether all and only the expected alarms came, in time, and all cleared."""
        delays = self.since_detected_ms()
        return (
            sorted(r.alarm_id for r in self.alarms) == sorted(self.expected.values())
            and sorted(r.alarm_id for r in self.clears) == sorted(self.expected.values())
            and not self.unexpected
            and bool(delays)
            and delays[-1] <= LAW_MS
        )

    def document(self) -> dict[str, Any]:
        """Return the demo's JSON."""
        delays = self.since_detected_ms()
        occurred = self.occurred[0] if self.occurred else None
        return {
            "fault": self.fault_kind,
            "alarms_expected": len(self.expected),
            "alarms_received": len(self.alarms),
            "unexpected": self.unexpected,
            "cleared_expected": len(self.expected),
            "cleared_received": len(self.clears),
            "detected_to_received_ms": {
                "first": _rounded(delays[0]) if delays else None,
                "median": _rounded(statistics.median(delays)) if delays else None,
                "last": _rounded(delays[-1]) if delays else None,
            },
            "occurred_to_detected_ms": None
            if occurred is None or self.detected_ns is None
            else _rounded((self.detected_ns - occurred) / _NS_PER_MS),
            "checkpoints": {
                f"T{number:02}": self.timeline.get("checkpoints", {}).get(f"T{number:02}")
                for number in range(11)
            },
            "passed": self.passed(),
        }


def _rounded(value: float) -> float:
    return round(value, 3)
