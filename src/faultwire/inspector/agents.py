"""Decisions on agents that come, go, or report other servers (D20, D24)."""

from dataclasses import replace

from faultwire.domain.changes import Change, HostsSaved, RunningReported
from faultwire.domain.commands import AgentChanged
from faultwire.domain.decided import Decided, Deciding, Steps
from faultwire.domain.faults import FAULT_TYPES, HOST_DOWN, identity_of
from faultwire.domain.instants import Instant
from faultwire.domain.plans import ReturnPlan
from faultwire.domain.states import AgentState
from faultwire.inspector import clearing
from faultwire.inspector.settings import Recover, Settings
from faultwire.ports import View


class AgentDecider:
    """Keeps what we know of agents, and gives servers back that an agent reports running."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; there is no other state."""
        self._settings = settings

    def decide(self, command: AgentChanged, view: View, now: Instant) -> Deciding:
        """Record the change; a host that merely answers again closes nothing unless told to."""
        entry = view.entry(command.host)
        if entry is None:
            return Decided()
        changes: list[Change] = []
        if entry.host.agent is not command.state or not entry.host.monitored:
            known = replace(entry.host, agent=command.state, monitored=True)
            changes.append(HostsSaved((known,)))
        if command.running is not None or command.state is not AgentState.CONNECTED:
            changes.append(RunningReported(command.host, command.running))
        yield Decided(changes=tuple(changes))
        if command.state is AgentState.CONNECTED:
            yield from self._returned(command, view, now)
        return Decided()

    def _returned(self, command: AgentChanged, view: View, now: Instant) -> Steps[None]:
        identity = identity_of(FAULT_TYPES[HOST_DOWN].name, {"hostname": command.host})
        fault = view.open_fault(identity)
        if fault is not None and self._settings.recover is Recover.AUTO:
            reporter = f"agent {command.host}"
            yield from clearing.close(fault, reporter, view, now, self._settings)
        if command.running is not None:
            yield ReturnPlan(command.host, command.running)
