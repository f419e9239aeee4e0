"""Deciders on evacuation: servers come up elsewhere, and their old copies are confirmed gone."""

from dataclasses import replace

from faultwire.controllers.embedded import placing
from faultwire.controllers.embedded.asked import Teller, known, line
from faultwire.domain.accounts import AuditRecord
from faultwire.domain.acts import Act, ActKind
from faultwire.domain.causes import ResourceKind
from faultwire.domain.changes import (
    Audited,
    CausesRemoved,
    Change,
    EvacuationsRemoved,
    EvacuationsSaved,
    PortsSaved,
    ServersSaved,
)
from faultwire.domain.computing import ConfirmHost, EvacuateServer
from faultwire.domain.decided import Decided, Deciding, Steps
from faultwire.domain.errors import Conflict, Invalid, NotFound
from faultwire.domain.instants import Instant
from faultwire.domain.moves import EVACUATE, refuse_move
from faultwire.domain.resources import Evacuation, Server
from faultwire.domain.states import PowerState, VmState
from faultwire.ports import Judge, View


class EvacuateDecider:
    """Moves a server off a host that is down (S121, D17), where no guard refuses it."""

    def __init__(self, teller: Teller, guards: Judge | None = None) -> None:
        """Take who makes the events, and the guards on acts; None: nothing is refused."""
        self._teller = teller
        self._guards = guards

    def decide(self, command: EvacuateServer, view: View, now: Instant) -> Deciding:
        """Answer the server; raises NotFound, Invalid and Conflict as the command says."""
        server = known(command.server, view)
        if command.target is not None and view.host(command.target) is None:
            raise NotFound(f"Compute host {command.target} not found.")
        refuse_move(server, EVACUATE)
        host = view.host(server.host)
        if host is None:
            raise Invalid("", f"Instance {server.id} has no host to leave.")
        if host.up:
            raise Invalid("", f"Compute service of {host.name} is still in use.")
        act = Act(ActKind.EVACUATE, host.name, None, f"server {server.id}", command.actor.user)
        refusal = yield from self._asked(act, view, now)
        if refusal is not None:
            return Decided(refusal)
        if command.target is None:
            target = yield from placing.elsewhere(host.name, view)
        else:
            target = placing.target(command.target, host.name, view, forced=command.forced)
        held = view.causes_of(ResourceKind.SERVER, server.id)
        after = replace(_awake(server, view, command, now), host=target)
        evacuation = Evacuation(host.name, server.id, target, now.wall_ns)
        changes: list[Change] = [ServersSaved((after,)), EvacuationsSaved((evacuation,))]
        if held:
            # What happened on the old host holds it no more.
            changes.append(CausesRemoved(held))
        ports = tuple(replace(port, host=target) for port in view.ports_of(server.id) if port.host)
        if ports:
            changes.append(PortsSaved(ports))
        left = f"{host.name} to {target}"
        changes.append(Audited((line("server.evacuate", server, command.actor, now, left),)))
        return Decided(after, tuple(changes), (self._teller.told(server, after, view, now),))

    def _asked(self, act: Act, view: View, now: Instant) -> Steps[Conflict | None]:
        """Return why it is not to be, in the words of a guard."""
        if self._guards is None:
            return None
        verdict = yield from self._guards.asked(act, view, now)
        if verdict.allowed:
            return None
        return Conflict(f"Evacuation is refused by the guard {verdict.guard}: {verdict.words}")


def _awake(server: Server, view: View, command: EvacuateServer, now: Instant) -> Server:
    """Return the server as it comes up: stopped if it was or shall be, else running.

    A server that a fault alone had stopped was running before, and does so again.
    """
    held = view.causes_of(ResourceKind.SERVER, server.id)
    ours = bool(held) and all(cause.revision == server.revision for cause in held)
    was = held[0].prior_states()[0] if ours else server.vm_state
    if command.stopped or was is VmState.STOPPED:
        return server.in_state(VmState.STOPPED, PowerState.SHUTDOWN, now.wall_ns)
    return server.in_state(VmState.ACTIVE, PowerState.RUNNING, now.wall_ns)


class ConfirmDecider:
    """Takes the word that old copies are gone, so that their host may return (D17)."""

    def decide(self, command: ConfirmHost, view: View, now: Instant) -> Deciding:
        """Answer the names of the servers that were confirmed now."""
        if view.host(command.host) is None:
            raise NotFound(f"no host {command.host}")
        yield None
        gone = tuple(
            one
            for one in view.evacuated(command.host)
            if command.servers is None or one.server in command.servers
        )
        names = tuple(sorted(one.server for one in gone))
        if not gone:
            return Decided(names)
        detail = f"{len(gone)} evacuated"
        record = AuditRecord(now.wall_ns, command.actor, "host.confirm", command.host, detail)
        return Decided(names, (EvacuationsRemoved(gone), Audited((record,))))
