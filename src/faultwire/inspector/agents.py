"""Decisions on agents that come, go, or report other servers (D20, D24)."""

from dataclasses import replace

from faultwire.domain.changes import Change, HostsSaved, RunningReported, StatusesOwed
from faultwire.domain.commands import AgentChanged
from faultwire.domain.decided import Decided, Deciding, Steps
from faultwire.domain.faults import HOST_DOWN, identity_of
from faultwire.domain.ids import HostName
from faultwire.domain.instants import Instant
from faultwire.domain.plans import ReturnPlan
from faultwire.domain.services import NOVA_TERMS, StatusTerms
from faultwire.domain.states import AgentState
from faultwire.inspector import clearing
from faultwire.inspector.guards import OWN_MONITORS
from faultwire.inspector.settings import Recover, Settings
from faultwire.ports import View


class AgentDecider:
    """Keeps what we know of agents, and gives servers back that an agent reports running."""

    def __init__(self, settings: Settings, terms: StatusTerms = NOVA_TERMS) -> None:
        """Take the settings, and how host_status is formed; there is no other state."""
        self._settings = settings
        self._terms = terms

    def decide(self, command: AgentChanged, view: View, now: Instant) -> Deciding:
        """Record the change; a host that merely answers again closes nothing unless told to."""
        host = view.host(command.host)
        if host is None:
            return Decided()
        if command.state is AgentState.SILENT and host.agent is not AgentState.GONE:
            # It came back, or was lost, before anybody got round to calling it silent.
            return Decided()
        changes: list[Change] = []
        running = view.running(command.host)
        if host.agent is not command.state or not host.monitored:
            known = replace(host, agent=command.state, monitored=True)
            changes.append(HostsSaved((known,)))
            owed = self._terms.owed(host, known, now)
            if owed:
                changes.append(StatusesOwed(owed))
        gone = command.state is not AgentState.CONNECTED
        if (gone or command.running is not None) and running != command.running:
            changes.append(RunningReported(command.host, command.running))
        yield Decided(changes=tuple(changes))
        if not gone:
            back = host.agent is not AgentState.CONNECTED
            yield from self._returned(command.host, view, now, back=back)
        return Decided()

    def _returned(self, host: HostName, view: View, now: Instant, *, back: bool) -> Steps[None]:
        """Close what the agent's return disproves, and give back what it vouches for.

        An agent that was here all along disproves only what our own ears concluded.
        """
        fault = view.open_fault(identity_of(HOST_DOWN, {"hostname": host}))
        if fault is not None and self._settings.recover is Recover.AUTO:
            ours = all(one.source in OWN_MONITORS for one in fault.evidence)
            if back or ours:
                yield from clearing.close(fault, f"agent {host}", view, now, self._settings)
        yield ReturnPlan(host, view.running(host))
