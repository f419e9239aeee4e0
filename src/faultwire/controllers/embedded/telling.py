"""The facts that owners and administrators hear of servers and services (interfaces.md, S47)."""

from faultwire.domain.events import INSTANCE_UPDATE, SERVICE_UPDATE, Event
from faultwire.domain.ids import ADMINISTRATORS, FaultId, derived
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host, Server
from faultwire.domain.states import HostStatus, VmState


def instance_update(  # noqa: PLR0913  one argument per fact that the event carries
    before: Server,
    after: Server,
    shown: VmState | None,
    statuses: tuple[HostStatus, HostStatus],
    fault_id: FaultId,
    now: Instant,
    *,
    raised: bool,
) -> Event:
    """Tell a server's owner everything that one plan changed for it, in one event.

    `statuses` are the host's old and new status. The host's name is on the administrators' copy
    only; `fault_id` is also the correlation id, the same for the raise and the clear (D9).
    """
    project = after.project
    return Event(
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
            "state": (shown or after.vm_state).value,
            "old_state": before.vm_state.value,
            "power_state": after.power_state.value,
            "host_status": statuses[1].value,
            "old_host_status": statuses[0].value,
            "fault_id": fault_id,
            "correlation_id": fault_id,
        },
        after.host,
        fault_id if raised else None,
    )


def service_update(host: Host, fault_id: FaultId, now: Instant, *, raised: bool) -> Event:
    """Tell the administrators that a host's nova-compute service changed."""
    up = host.status in {HostStatus.UP, HostStatus.MAINTENANCE}
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
            "state": "up" if up else "down",
            "project_id": ADMINISTRATORS,
            "fault_id": fault_id,
        },
        host.name,
        fault_id if raised else None,
    )
