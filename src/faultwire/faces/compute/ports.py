"""What the compute face needs of the rest."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.domain.states import HostStatus
from faultwire.faces.compute.settings import Settings
from faultwire.ports import Authenticator, Clock, Directory, Enforcer, Intake, Inventory, Pinger

LastSeen = Callable[[], Awaitable[Mapping[HostName, int]]]
"""Gives the wall ns at which each host was last heard; raises Unavailable."""


async def _never() -> Mapping[HostName, int]:
    return {}


@dataclass(frozen=True, slots=True)
class ComputePorts:
    """Ports, and settings of this face."""

    authenticator: Authenticator
    enforcer: Enforcer
    intake: Intake
    clock: Clock
    inventory: Inventory
    directory: Directory
    settings: Settings
    last_seen: LastSeen = _never
    pinger: Pinger | None = None

    def host_status(self, host: Host | None) -> HostStatus:
        """Return what a server on that host shows; empty where it has none (D1, S151)."""
        if host is None:
            return HostStatus.NONE
        return host.status_by(self.settings.host_status_precedence)
