"""The eleven instants of a fault's way, their owners, and the cycle they lie on (S55-S68, D5)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One instant of the timeline.

    `owner` is answerable for the span that ends here; the first has none. `after` is the
    checkpoint without which this one cannot happen, empty for the first: whatever the clocks of
    two machines say, it came before. Checkpoints that are not each other's cause may happen in
    any order; the consumer may well be told before the servers' states are set.
    """

    key: str
    number: int
    name: str
    owner: str
    after: str
    meaning: str


_ROWS = (
    ("hostdown", "", "", "The host stopped working, by the clock of whoever knows."),
    ("raw failure", "monitor", "T00", "A monitor reported the failure: the law's clock starts."),
    ("found affected", "inspector", "T01", "The inspector knows who is affected."),
    ("marked host down", "inspector", "T01", "The host's service is down in the API, durably."),
    ("set VM error", "inspector", "T02", "The servers' states are true in the API, durably."),
    ("notified VM error", "controller", "T02", "The facts that owners hear are durable."),
    ("transformed event", "notifier", "T02", "The facts have the form that alarms match."),
    ("evaluated event", "evaluator", "T06", "The alarms that match are known."),
    ("fired alarm", "evaluator", "T07", "The alarm's webhook is on its way."),
    ("received alarm", "delivery", "T08", "The consumer has the alarm: the law's clock stops."),
    ("handled alarm", "consumer", "T09", "The consumer has acted on the alarm."),
)

CHECKPOINTS: tuple[Checkpoint, ...] = tuple(
    Checkpoint(f"T{number:02}", number, *row) for number, row in enumerate(_ROWS)
)
BY_KEY: Mapping[str, Checkpoint] = {point.key: point for point in CHECKPOINTS}

OWNERS: tuple[str, ...] = tuple(dict.fromkeys(point.owner for point in CHECKPOINTS if point.owner))
"""Who answers for a span, in the order of the flow; the last, the consumer, is no part of us."""

CONSUMER = OWNERS[-1]


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where a phase of the cycle ends and the next begins; `checkpoint` None: not marked."""

    name: str
    checkpoint: str | None


@dataclass(frozen=True, slots=True)
class Lane:
    """One phase of the cycle: who is at work between two boundaries."""

    name: str
    begin: str
    end: str


BOUNDARIES = (
    Boundary("occurred", "T00"),
    Boundary("detected", "T01"),
    Boundary("identified", "T02"),
    Boundary("notified", "T09"),
    Boundary("processed", "T10"),
    Boundary("resolved", None),
)
"""The boundaries of the fault management cycle, in order (S55)."""

LANES = (
    Lane("monitor", "occurred", "detected"),
    Lane("inspector", "detected", "identified"),
    Lane("notifier", "identified", "notified"),
    Lane("manager", "notified", "processed"),
    Lane("controller", "processed", "resolved"),
)
"""The lanes of the fault management cycle, each from one boundary to the next (S55)."""

DOCTOR = Lane("doctor", "detected", "notified")
"""The part of the cycle that the law speaks of (S56)."""

FAULT_MANAGEMENT = Lane("fault management", "occurred", "resolved")
"""The whole cycle, from start to end (S57)."""
