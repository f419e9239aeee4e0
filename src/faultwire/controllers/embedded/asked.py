"""What deciders on requests of clients share: who is meant, what forbids it, what is told."""

from dataclasses import replace

from faultwire.controllers.embedded import holding, telling
from faultwire.domain.accounts import Actor, AuditRecord
from faultwire.domain.causes import ResourceKind, standing
from faultwire.domain.changes import Audited, ServersSaved
from faultwire.domain.decided import Decided
from faultwire.domain.errors import Conflict, NotFound
from faultwire.domain.events import Event
from faultwire.domain.faults import Severity, worst
from faultwire.domain.ids import FaultId, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Server
from faultwire.domain.services import NOVA_TERMS, StatusTerms
from faultwire.domain.states import HostStatus, PowerState, VmState
from faultwire.ports import View

NO_FAULT = FaultId("")
"""Fault and correlation id of what a client did."""


def known(name: ServerId, view: View) -> Server:
    """Return a server; raises NotFound in Nova's words."""
    server = view.server(name)
    if server is None:
        raise NotFound(f"Instance {name} could not be found.")
    return server


def refuse_locked(server: Server, *, override: bool) -> None:
    """Raise Conflict for a server that is locked."""
    if server.about is not None and server.about.locked and not override:
        raise Conflict(f"Instance {server.id} is locked")


class Teller:
    """Makes the events of what clients did, one for each server that changed."""

    def __init__(self, terms: StatusTerms = NOVA_TERMS) -> None:
        """Take how host_status is formed."""
        self._terms = terms

    def changed(
        self, before: Server, after: Server, record: AuditRecord, view: View, now: Instant
    ) -> Decided:
        """Return the decision on an edit; one that changes nothing tells nobody.

        The revision stays: who named a server anew said nothing of the state it returns to.
        """
        if after == before:
            return Decided(before)
        after = replace(after, updated_ns=now.wall_ns)
        made = (ServersSaved((after,)), Audited((record,)))
        return Decided(after, made, (self.told(before, after, view, now),))

    def told(self, before: Server, after: Server, view: View, now: Instant) -> Event:
        """Tell what became of a server, its host's status before and after; no host's name."""
        moved = before.host != after.host
        # What held it on the old host holds it no more.
        held = () if moved else view.causes_of(ResourceKind.SERVER, after.id)
        on = view.causes_of(ResourceKind.HOST, after.host)
        ours = bool(held) and all(cause.revision == after.revision for cause in held)
        shown = holding.TOLD if ours and not any(cause.wanted for cause in held) else None
        severity = worst((standing(held, view.live_fault), standing(on, view.live_fault)))
        statuses = tuple(self._terms.status(view.host(one.host)) for one in (before, after))
        ports = view.ports_of(after.id)
        fact = telling.Told(
            before, after, shown, (statuses[0], statuses[1]), ports, severity.value
        )
        return telling.instance_update(fact, NO_FAULT, now, raised=False)

    def gone(self, server: Server, view: View, now: Instant) -> Event:
        """Tell that a server was deleted: nothing is wrong with it any more."""
        after = server.in_state(VmState.DELETED, PowerState.NOSTATE, now.wall_ns)
        statuses = (self._terms.status(view.host(server.host)), HostStatus.NONE)
        fact = telling.Told(server, after, None, statuses, (), Severity.CLEARED.value)
        return telling.instance_update(fact, NO_FAULT, now, raised=False)


def line(action: str, server: Server, actor: Actor, now: Instant, detail: str = "") -> AuditRecord:
    """Return a line of the audit record."""
    return AuditRecord(now.wall_ns, actor, action, server.id, detail)
