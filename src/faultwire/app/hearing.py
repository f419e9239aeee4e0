"""What hears agents beside their connections, joined to their monitor."""

from collections.abc import Iterable

from faultwire.app.core import Tools
from faultwire.app.listen import Listener
from faultwire.domain.accounts import CredentialKind
from faultwire.domain.changes import Change, HostsRemoved
from faultwire.domain.enrolment import CredentialsRemoved
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.domain.states import AgentState
from faultwire.liveness.beats import Beats, open_beats
from faultwire.liveness.settings import Settings
from faultwire.monitors.agents import AgentMonitor


def hear(
    monitor: AgentMonitor, listener: Listener, settings: Settings, tools: Tools
) -> Beats | None:
    """Return what hears datagrams on the listener's address, for its owner to run and stop.

    None where the settings or the system forbid it: agents beat on their connections then.
    """
    if not settings.grants_datagrams:
        return None
    beats = open_beats(*listener.bound, tools.clock, tools.metrics)
    if beats is not None:
        monitor.hear(beats)
    return beats


def forget_removed(monitor: AgentMonitor, change: Change) -> None:
    """Have a monitor forget hosts that a committed change removes, and agents it disenrols."""
    if isinstance(change, HostsRemoved):
        monitor.forget(change.hosts)
    elif isinstance(change, CredentialsRemoved) and change.kind is CredentialKind.AGENT:
        monitor.revoked(map(HostName, change.names))


def connected(hosts: Iterable[Host]) -> list[HostName]:
    """Return the hosts whose agents were connected when this was stored."""
    return [host.name for host in hosts if host.agent is AgentState.CONNECTED]
