"""Alarms in Aodh's terms, their rules, and what comes of them when they move."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.ids import AlarmId, DeliveryId, FaultId, ProjectId, UserId
from faultwire.domain.rules import Rule


class AlarmState(StrEnum):
    """States of an alarm, spelled as Aodh does."""

    OK = "ok"
    ALARM = "alarm"
    INSUFFICIENT_DATA = "insufficient data"


Actions = tuple[str, ...] | None
"""URLs; None is what an owner gave as null, and is shown so: it says as much as an empty list."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm as stored; times are nanoseconds since the epoch.

    `type` is the spelling it was created with (D11). `version` grows with every change and
    transition, and names deliveries.
    """

    id: AlarmId
    project: ProjectId
    user: UserId
    name: str
    type: str
    rule: Rule
    description: str = ""
    enabled: bool = True
    severity: str = "low"
    state: AlarmState = AlarmState.INSUFFICIENT_DATA
    state_reason: str = "Not evaluated yet"
    state_ns: int = 0
    updated_ns: int = 0
    repeat_actions: bool = False
    alarm_actions: Actions = ()
    ok_actions: Actions = ()
    insufficient_data_actions: Actions = ()
    time_constraints: tuple[Mapping[str, object], ...] = ()
    resource_id: str | None = None
    version: int = 0

    def moved(self, move: "Transition") -> "Alarm":
        """Return this alarm after a transition of its own."""
        return Alarm(
            self.id,
            self.project,
            self.user,
            self.name,
            self.type,
            self.rule,
            self.description,
            self.enabled,
            self.severity,
            move.current,
            move.reason,
            move.at_ns,
            self.updated_ns,
            self.repeat_actions,
            self.alarm_actions,
            self.ok_actions,
            self.insufficient_data_actions,
            self.time_constraints,
            self.resource_id,
            move.version,
        )


@dataclass(frozen=True, slots=True)
class Transition:
    """An alarm moved (or, with `repeat_actions`, fired again); one history row, in order.

    `version` is the alarm's version after the move; `user` is set where a user made it by hand,
    `fault_id` where a fault moved it.
    """

    alarm_id: AlarmId
    project: ProjectId
    previous: AlarmState
    current: AlarmState
    reason: str
    at_ns: int
    version: int
    user: str = ""
    fault_id: str | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """How many of a resource (``alarms``) a project may have; -1: as many as it likes."""

    project: ProjectId
    resource: str
    limit: int


class DeliveryState(StrEnum):
    """Life of a delivery; DEAD and REFUSED are final and visible."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook owed to one destination: a row of the outbox.

    `id` is stable over retries and restarts. Deliveries with the same `ordering` (an alarm) go
    out one after the other. The destination is project and whole URL.
    """

    id: DeliveryId
    project: ProjectId
    url: str
    ordering: str
    body: bytes
    created_ns: int
    fault_id: FaultId | None = None
    kind: str = "webhook"
    attempt: int = 0
    next_ns: int = 0

    @property
    def destination(self) -> tuple[str, str]:
        """What is slowed down, capped and backed off as one."""
        return self.project, self.url


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try of a delivery; `state` PENDING means that it is tried again.

    `created_ns` is that of the delivery that was sent. It says nothing of one that is owed anew
    since: that one is younger.
    """

    delivery_id: DeliveryId
    state: DeliveryState
    attempt: int
    at_ns: int
    next_ns: int
    outcome: str
    status: int | None = None
    created_ns: int = field(kw_only=True)
