"""Requests for changes of hosts' services, and what owners are owed of them (part of `commands`).

The service of a host is its nova-compute: every host has one (D24).
"""

from dataclasses import dataclass

from faultwire.domain.accounts import Actor
from faultwire.domain.ids import HostName, derived
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host
from faultwire.domain.states import HostStatus, Precedence

BINARY = "nova-compute"


@dataclass(frozen=True, slots=True)
class ChangeService:
    """Change the service of a host; None leaves as it is. Answers the `Host` as it is then.

    `reason` is that of a service which `disabled` disables, empty for none; None keeps the one it
    has. False takes it away. What is so already changes nothing and is told nobody. Raises
    NotFound, and Invalid where forced_down may not be taken back yet (D17).
    """

    host: HostName
    actor: Actor
    forced_down: bool | None = None
    disabled: bool | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateHost:
    """Change a host as os-hosts does; None leaves as it is. Answers the `Host` as it is then.

    `down` True forces the service down and stops the servers of the host, all in one commit (D6,
    S118; S119's states stay); False takes the force-down back, servers stay as they are (D13).
    Raises NotFound, and Invalid as `ChangeService` does.
    """

    host: HostName
    actor: Actor
    disabled: bool | None = None
    maintenance: bool | None = None
    down: bool | None = None


@dataclass(frozen=True, slots=True)
class RemoveService:
    """Take a host out of the map; answers None.

    Raises NotFound, and Conflict while servers stand there or left their old copies there.
    """

    host: HostName
    actor: Actor


@dataclass(frozen=True, slots=True)
class TellOwners:
    """Tell owners of what `OwedStatus` rows say, oldest first, a few hundred servers at a time.

    Answers how many rows are left.
    """


ServiceCommand = ChangeService | UpdateHost | RemoveService | TellOwners


@dataclass(frozen=True, slots=True)
class OwedStatus:
    """A change of a host's host_status that owners of its servers have yet to hear of (D19).

    Owners of servers up to `after`, in the order of their ids, have heard.
    """

    id: str
    host: HostName
    old: HostStatus
    new: HostStatus
    at_ns: int
    after: str = ""


@dataclass(frozen=True, slots=True)
class StatusTerms:
    """How host_status is formed (D1), and whether owners hear of its changes (D19)."""

    precedence: Precedence = Precedence.DEFAULT
    tell: bool = True

    def status(self, host: Host | None) -> HostStatus:
        """Return what servers on that host show; empty where they have none."""
        return host.status_by(self.precedence) if host is not None else HostStatus.NONE

    def owed(self, before: Host, after: Host, now: Instant) -> tuple[OwedStatus, ...]:
        """Return what owners must hear of a change that no plan tells them of, or nothing."""
        old, new = self.status(before), self.status(after)
        if old is new or not self.tell:
            return ()
        name = derived("host_status", after.name, old, new, after.revision, now.wall_ns)
        return (OwedStatus(name, after.name, old, new, now.wall_ns),)


NOVA_TERMS = StatusTerms()
"""As without any settings."""
