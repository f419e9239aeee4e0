"""Evacuation from a host of a cloud that is not ours: asked for here, done there; pure (D17, D23).

The map does not move: where the cloud builds a server is for the cloud to say, and learned from
it. Old copies are the cloud's own concern as well: its nova-compute removes them when it returns.
"""

from faultwire.controllers.openstack.acts import CloudOf, overtaken
from faultwire.domain.accounts import AuditRecord
from faultwire.domain.acts import Act, ActKind
from faultwire.domain.causes import ResourceKind
from faultwire.domain.changes import Audited
from faultwire.domain.computing import EvacuateServer
from faultwire.domain.decided import Decided, Deciding, Steps
from faultwire.domain.errors import Conflict, Invalid, NotFound
from faultwire.domain.faults import HOST_DOWN, identity_of
from faultwire.domain.instants import Instant
from faultwire.domain.moves import EVACUATE, refuse_move
from faultwire.domain.remote_acts import (
    ABOUT,
    STOPPED,
    RemoteAct,
    RemoteActsSaved,
    RemoteKind,
    act_id,
)
from faultwire.domain.resources import Host, Server
from faultwire.domain.states import VmState
from faultwire.ports import Judge, View
from faultwire.resourcemap.remote_acts import RemoteBook


class LeaveDecider:
    """Has a cloud bring a server up elsewhere, where no guard refuses it."""

    def __init__(self, cloud_of: CloudOf, book: RemoteBook, guards: Judge | None = None) -> None:
        """Take which cloud a host is in, what is owed, and the guards on acts (None: none)."""
        self._cloud_of = cloud_of
        self._book = book
        self._guards = guards

    def decide(self, command: EvacuateServer, view: View, now: Instant) -> Deciding:
        """Answer the server as it is; raises NotFound, Invalid and Conflict as the command says.

        One that is leaving already is not asked for again.
        """
        server = view.server(command.server)
        yield None
        if server is None:
            raise NotFound(f"Instance {command.server} could not be found.")
        owed = self._book.on((ABOUT[RemoteKind.EVACUATE], server.id))
        if owed is not None and owed.kind is RemoteKind.EVACUATE:
            return Decided(server)
        refuse_move(server, EVACUATE)
        host = view.host(server.host)
        if host is None:
            raise Invalid("", f"Instance {server.id} has no host to leave.")
        self._refuse_target(command, host, view)
        if host.up:
            raise Invalid("", f"Compute service of {host.name} is still in use.")
        fault = view.open_fault(identity_of(HOST_DOWN, {"hostname": host.name}))
        words = f"server {server.id}"
        judged = Act(
            ActKind.EVACUATE, host.name, fault.id if fault else None, words, command.actor.user
        )
        refusal = yield from self._asked(judged, view, now)
        if refusal is not None:
            return Decided(refusal)
        stays_off = command.stopped or _was_stopped(server, view)
        act = RemoteAct(
            act_id(RemoteKind.EVACUATE, server.id, "", judged.fault, now.wall_ns),
            self._cloud_of(host.name),
            RemoteKind.EVACUATE,
            server.id,
            STOPPED if stays_off else "",
            judged.fault,
            now.wall_ns,
            origin=host.name,
            place=command.target or "",
        )
        asked = RemoteActsSaved((*overtaken({act.about: act}, self._book, now), act))
        left = f"{host.name} to {command.target or 'any host'}"
        line = AuditRecord(now.wall_ns, command.actor, "server.evacuate", server.id, left)
        return Decided(server, (asked, Audited((line,))))

    def _refuse_target(self, command: EvacuateServer, host: Host, view: View) -> None:
        target = command.target
        if target is None:
            return
        if view.host(target) is None:
            raise NotFound(f"Compute host {target} not found.")
        if target == host.name:
            raise Invalid("", "The target host can't be the same one.")
        if self._cloud_of(target) != self._cloud_of(host.name):
            raise Invalid("", f"Host {target} is of another cloud than {host.name}.")

    def _asked(self, act: Act, view: View, now: Instant) -> Steps[Conflict | None]:
        """Return why it is not to be, in the words of a guard."""
        if self._guards is None:
            return None
        verdict = yield from self._guards.asked(act, view, now)
        if verdict.allowed:
            return None
        return Conflict(f"Evacuation is refused by the guard {verdict.guard}: {verdict.words}")


def _was_stopped(server: Server, view: View) -> bool:
    """Whether a server was stopped before faults took hold of it."""
    held = view.causes_of(ResourceKind.SERVER, server.id)
    ours = bool(held) and all(cause.revision == server.revision for cause in held)
    was = held[0].prior_states()[0] if ours else server.vm_state
    return was is VmState.STOPPED
