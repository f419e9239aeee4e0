"""Events: the facts that travel to alarms and buses, each with its producer and consumers."""

from collections.abc import Mapping
from dataclasses import dataclass

from faultwire.domain.ids import FaultId, HostName, ProjectId

type_of_trait: dict[type, int] = {str: 1, int: 2, float: 3}
"""Aodh's numbers for the types of traits; datetimes travel as text of type 4."""


@dataclass(frozen=True, slots=True)
class EventKind:
    """One row of the table of events; `traits` is all that a tenant may ever see of it."""

    event_type: str
    producer: str
    consumers: tuple[str, ...]
    checkpoint: str
    traits: frozenset[str]


def _kind(event_type: str, producer: str, *traits: str) -> tuple[str, EventKind]:
    return event_type, EventKind(
        event_type, producer, ("notifier",), "T06", frozenset((*traits, "fault_id"))
    )


INSTANCE_UPDATE = "compute.instance.update"
SERVICE_UPDATE = "service.update"
PORT_UPDATE = "port.update.end"
GUEST_UPDATE = "database.guest.update"
FAULT_RAISED = "fault.raised"
FAULT_CLEARED = "fault.cleared"
LATENCY_BUDGET = "faultwire.latency.budget"

EVENT_KINDS: dict[str, EventKind] = dict(
    (
        _kind(
            INSTANCE_UPDATE,
            "controllers",
            "instance_id",
            "resource_id",
            "project_id",
            "tenant_id",
            "display_name",
            "state",
            "old_state",
            "power_state",
            "host_status",
            "old_host_status",
            "data_plane_status",
            "ports_down",
            "planned",
            "correlation_id",
        ),
        _kind(
            PORT_UPDATE,
            "controllers",
            "port_id",
            "resource_id",
            "device_id",
            "project_id",
            "data_plane_status",
            "old_data_plane_status",
        ),
        _kind(
            GUEST_UPDATE,
            "controllers",
            "guest_id",
            "resource_id",
            "project_id",
            "state",
            "old_state",
        ),
        _kind(
            SERVICE_UPDATE,
            "controllers",
            "host",
            "binary",
            "forced_down",
            "disabled",
            "state",
            "project_id",
        ),
        _kind(FAULT_RAISED, "inspector", "type", "severity", "resource", "project_id"),
        _kind(FAULT_CLEARED, "inspector", "type", "severity", "resource", "project_id"),
        (
            LATENCY_BUDGET,
            # Of many faults together: none is named.
            EventKind(
                LATENCY_BUDGET,
                "profiler",
                ("notifier",),
                "T06",
                frozenset({"span", "budget", "observed"}),
            ),
        ),
    )
)
"""Every event that the product emits (interfaces.md, events and their traits; S47)."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that became true, addressed to one project.

    `traits` are what the project may see; `host` is added on the administrators' copy only.
    Values are str, int or float. `fault_id` is the fault whose timeline this event belongs
    to: set when a fault is raised, None when one is cleared (the trait names the fault in both).
    An event of project ``""`` is for administrators alone.

    `severity` is how bad the resource stands after this event, in X.733's words, ``cleared`` if
    nothing is wrong with it any more; empty where the event says nothing of that. `metadata` is
    its server's. Both are for subscriptions and no traits. `original` is an event from outside as
    it came, shown in the place of what we would make of it. A `quiet` event is for subscriptions
    alone: no alarm is looked at. `payload` is what message buses get of it, for operators alone.
    """

    message_id: str
    event_type: str
    project: ProjectId
    generated_ns: int
    traits: Mapping[str, str | int | float]
    host: HostName | None = None
    fault_id: FaultId | None = None
    severity: str = ""
    metadata: Mapping[str, str] | None = None
    original: Mapping[str, object] | None = None
    quiet: bool = False
    payload: Mapping[str, object] | None = None
