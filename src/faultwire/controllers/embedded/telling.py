"""The facts that owners and administrators hear of servers and services (interfaces.md, S47)."""

from dataclasses import dataclass

from faultwire.domain.events import INSTANCE_UPDATE, SERVICE_UPDATE, Event
from faultwire.domain.ids import ADMINISTRATORS, FaultId, derived
from faultwire.domain.instants import Instant
from faultwire.domain.making import maker
from faultwire.domain.resources import Host, Port, Server
from faultwire.domain.states import HostStatus, VmState

_event = maker(Event)

_DOWN = "DOWN"
_WORST_FIRST = (_DOWN, "ACTIVE")
"""A server's data plane is as good as its worst port's; empty where no port has a status (D7)."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a server: before and after, its host's old and new status, its ports.

    `shown` is told in the place of its true state (D6, unchanged). `severity` is how bad it
    stands afterwards; empty where nothing is said of that. `planned`: operators work there on
    purpose.
    """

    before: Server
    after: Server
    shown: VmState | None
    statuses: tuple[HostStatus, HostStatus]
    ports: tuple[Port, ...] = ()
    severity: str = ""
    planned: bool = False


def instance_update(told: Told, fault_id: FaultId, now: Instant, *, raised: bool) -> Event:
    """Tell a server's owner everything that one plan changed for it, in one event.

    The host's name is on the administrators' copy only; `fault_id` is also the correlation id,
    the same for the raise and the clear (D9).
    """
    after = told.after
    project = after.project
    data_planes = [port.data_plane_status for port in told.ports]
    return _event(
        derived(INSTANCE_UPDATE, after.id, fault_id, raised, after.revision, now.wall_ns),
        INSTANCE_UPDATE,
        project,
        now.wall_ns,
        {
            "instance_id": after.id,
            "resource_id": after.id,
            "project_id": project,
            "tenant_id": project,
            "display_name": after.name,
            "state": (told.shown or after.vm_state)._value_,
            "old_state": told.before.vm_state._value_,
            "power_state": after.power_state._value_,
            "host_status": told.statuses[1]._value_,
            "old_host_status": told.statuses[0]._value_,
            "data_plane_status": next((s for s in _WORST_FIRST if s in data_planes), ""),
            "ports_down": data_planes.count(_DOWN),
            "planned": "true" if told.planned else "false",
            "fault_id": fault_id,
            "correlation_id": fault_id,
        },
        after.host,
        fault_id if raised else None,
        told.severity,
        after.metadata or None,
        None,
        False,
        None,
    )


def service_update(
    host: Host, fault_id: FaultId, now: Instant, *, raised: bool, severity: str = ""
) -> Event:
    """Tell the administrators that a host's nova-compute service changed.

    `severity` is how bad the host stands afterwards.
    """
    return Event(
        derived(SERVICE_UPDATE, host.name, host.revision, now.wall_ns),
        SERVICE_UPDATE,
        ADMINISTRATORS,
        now.wall_ns,
        {
            "host": host.name,
            "binary": "nova-compute",
            "forced_down": str(host.forced_down),
            "disabled": str(host.disabled),
            "state": "up" if host.up else "down",
            "project_id": ADMINISTRATORS,
            "fault_id": fault_id,
        },
        host.name,
        fault_id if raised else None,
        severity,
    )
