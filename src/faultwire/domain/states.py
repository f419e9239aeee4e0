"""States of servers and hosts, Nova's names, and the tables between them."""

from enum import StrEnum


class VmState(StrEnum):
    """Nova's vm_state."""

    ACTIVE = "active"
    BUILDING = "building"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    STOPPED = "stopped"
    RESCUED = "rescued"
    RESIZED = "resized"
    SOFT_DELETED = "soft-delete"
    DELETED = "deleted"
    ERROR = "error"
    SHELVED = "shelved"
    SHELVED_OFFLOADED = "shelved_offloaded"


class PowerState(StrEnum):
    """Nova's power_state as text."""

    NOSTATE = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    CRASHED = "crashed"
    SUSPENDED = "suspended"


class HostStatus(StrEnum):
    """What an owner sees of the host under a server (S145-S151)."""

    UP = "UP"
    UNKNOWN = "UNKNOWN"
    DOWN = "DOWN"
    MAINTENANCE = "MAINTENANCE"
    NONE = ""


class AgentState(StrEnum):
    """What we know of the agent of a host."""

    NEVER = "never"
    CONNECTED = "connected"
    LOST = "lost"
    GONE = "gone"
    SILENT = "silent"


SILENT_AGENTS = frozenset({AgentState.LOST, AgentState.SILENT})
"""Agents whose hosts are not alive: lost by verdict, or gone for longer than service_down_time."""


class ServerStateOnHostDown(StrEnum):
    """Setting: what becomes of the servers of a dead host (D6)."""

    ERROR = "error"
    STOPPED = "stopped"
    UNCHANGED = "unchanged"


UNTOUCHED_BY_HOST_DOWN = frozenset(
    {VmState.SOFT_DELETED, VmState.DELETED, VmState.RESIZED, VmState.ERROR}
)
"""States that no fault of a host changes, under every setting (S119)."""

NOVA_STATUS: dict[str, tuple[VmState, PowerState]] = {
    "ACTIVE": (VmState.ACTIVE, PowerState.RUNNING),
    "BUILD": (VmState.BUILDING, PowerState.NOSTATE),
    "PAUSED": (VmState.PAUSED, PowerState.PAUSED),
    "SUSPENDED": (VmState.SUSPENDED, PowerState.SUSPENDED),
    "SHUTOFF": (VmState.STOPPED, PowerState.SHUTDOWN),
    "RESCUE": (VmState.RESCUED, PowerState.RUNNING),
    "VERIFY_RESIZE": (VmState.RESIZED, PowerState.RUNNING),
    "SOFT_DELETED": (VmState.SOFT_DELETED, PowerState.RUNNING),
    "DELETED": (VmState.DELETED, PowerState.NOSTATE),
    "ERROR": (VmState.ERROR, PowerState.NOSTATE),
    "SHELVED": (VmState.SHELVED, PowerState.SHUTDOWN),
    "SHELVED_OFFLOADED": (VmState.SHELVED_OFFLOADED, PowerState.SHUTDOWN),
}
"""Nova's status of a server at rest, to its vm_state and the power_state that goes with it."""

STATUS_OF_VM_STATE: dict[VmState, str] = {vm: status for status, (vm, _) in NOVA_STATUS.items()}

POWER_AFTER: dict[VmState, PowerState | None] = {
    VmState.ERROR: None,
    VmState.STOPPED: PowerState.SHUTDOWN,
}
"""power_state that a wanted vm_state brings with it; None leaves it as it is."""


class Precedence(StrEnum):
    """Which host_status wins where several apply (D1)."""

    DEFAULT = "default"
    MANUAL = "manual"


HOST_STATUS_ORDER: dict[Precedence, tuple[HostStatus, ...]] = {
    # Nova's own: DOWN is never hidden.
    Precedence.DEFAULT: (HostStatus.DOWN, HostStatus.MAINTENANCE, HostStatus.UNKNOWN),
    # The manual's: each value of its list overrides the one before.
    Precedence.MANUAL: (HostStatus.MAINTENANCE, HostStatus.DOWN, HostStatus.UNKNOWN),
}
"""The first that applies is the status; UP where none does."""


def host_status(
    *,
    alive: bool,
    forced_down: bool,
    disabled: bool,
    precedence: Precedence = Precedence.DEFAULT,
) -> HostStatus:
    """Return the status of a host that servers on it show (D1)."""
    applies = {
        HostStatus.DOWN: forced_down,
        HostStatus.MAINTENANCE: disabled,
        HostStatus.UNKNOWN: not alive,
    }
    for status in HOST_STATUS_ORDER[precedence]:
        if applies[status]:
            return status
    return HostStatus.UP
