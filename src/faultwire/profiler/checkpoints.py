"""The eleven instants of a fault's way, their owners, and the cycle they lie on (S55-S68, D5)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One instant; `owner` is answerable for the span that ends here, empty for the first."""

    key: str
    number: int
    name: str
    owner: str
    meaning: str


_ROWS = (
    ("hostdown", "", "The host stopped working, by the clock of whoever knows."),
    ("raw failure", "monitor", "A monitor reported the failure: the law's clock starts."),
    ("found affected", "inspector", "The inspector knows who is affected."),
    ("marked host down", "inspector", "The host's service is down in the API, durably."),
    ("set VM error", "inspector", "The servers' states are true in the API, durably."),
    ("notified VM error", "controller", "The facts that owners hear are durable."),
    ("transformed event", "notifier", "The facts have the form that alarms match."),
    ("evaluated event", "evaluator", "The alarms that match are known."),
    ("fired alarm", "evaluator", "The alarm's webhook is on its way."),
    ("received alarm", "delivery", "The consumer has the alarm: the law's clock stops."),
    ("handled alarm", "consumer", "The consumer has acted on the alarm."),
)

CHECKPOINTS: tuple[Checkpoint, ...] = tuple(
    Checkpoint(f"T{number:02}", number, *row) for number, row in enumerate(_ROWS)
)
BY_KEY: Mapping[str, Checkpoint] = {point.key: point for point in CHECKPOINTS}

LANES = ("monitor", "inspector", "notifier", "manager", "controller")
"""The lanes of the fault management cycle (S55)."""

BOUNDARIES = ("occurred", "detected", "identified", "notified", "processed", "resolved")
"""The boundaries between its phases (S55)."""

DOCTOR_SPAN = ("detected", "notified")
"""The part of the cycle that the 1 s law speaks of (S56)."""

FAULT_MANAGEMENT_SPAN = ("occurred", "resolved")
"""The whole cycle (S57)."""
