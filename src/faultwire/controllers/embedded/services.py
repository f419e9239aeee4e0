"""Decides on services of hosts: what administrators change, and what owners hear of it; pure."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

from faultwire.controllers.embedded import holding, telling
from faultwire.domain.accounts import Actor, AuditRecord
from faultwire.domain.causes import ResourceKind
from faultwire.domain.changes import (
    Audited,
    Change,
    HostsRemoved,
    HostsSaved,
    ServersMoved,
    StatusesOwed,
    StatusesTold,
)
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import Conflict, Invalid, NotFound
from faultwire.domain.events import Event
from faultwire.domain.ids import FaultId, HostName, derived
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host, HostEntry, Server
from faultwire.domain.services import (
    NOVA_TERMS,
    ChangeService,
    OwedStatus,
    RemoveService,
    StatusTerms,
    TellOwners,
    UpdateHost,
)
from faultwire.domain.states import UNTOUCHED_BY_HOST_DOWN, HostStatus, PowerState, VmState
from faultwire.ports import Decider, View
from faultwire.resourcemap.owing import OwedStatuses

SLICE = 64
"""Servers worked on between two breathing points."""
TOLD_AT_ONCE = 256
"""Servers whose owners one command tells: faults that come meanwhile wait no longer than that."""
NAMED = 20
"""Servers that a refusal names."""

NO_FAULT = FaultId("")


def deciders(owed: OwedStatuses, terms: StatusTerms = NOVA_TERMS) -> Mapping[type, Decider[Any]]:
    """Return the decider of every command on services."""
    return {
        ChangeService: ServiceDecider(terms),
        UpdateHost: HostDecider(terms),
        RemoveService: RemoveDecider(),
        TellOwners: TellDecider(owed, terms),
    }


class ServiceDecider:
    """Forces down, disables, and takes either back."""

    def __init__(self, terms: StatusTerms) -> None:
        """Take how host_status is formed."""
        self._terms = terms

    def decide(self, command: ChangeService, view: View, now: Instant) -> Deciding:
        """Answer the host; one event for each change that is one."""
        before = view.host(command.host)
        if before is None:
            raise _missing(command.host)
        after = _forced(before, view, forced_down=command.forced_down)
        after = _disabled(after, disabled=command.disabled, reason=command.reason)
        yield None
        after, told = _revised(before, after, view, operator=command.forced_down is True)
        changes = _saved(before, after)
        changes += _owed(self._terms.owed(before, after, now))
        events = (_service(after, now),) if told else ()
        if told:
            changes.append(_audited(command.actor, "service.update", before, after, now))
        return Decided(after, tuple(changes), events)


class HostDecider:
    """Does what os-hosts asks for; with its servers, where the host is reported down (S118)."""

    def __init__(self, terms: StatusTerms) -> None:
        """Take how host_status is formed."""
        self._terms = terms

    def decide(self, command: UpdateHost, view: View, now: Instant) -> Deciding:
        """Answer the host; each of its servers has one event that says all."""
        entry = _entry(command.host, view)
        before = entry.host
        after = _forced(before, view, forced_down=command.down)
        after = _disabled(after, disabled=command.disabled)
        if command.maintenance is not None:
            after = replace(after, maintenance=command.maintenance)
        after, told = _revised(before, after, view, operator=command.down is True)
        changes = _saved(before, after)
        events = [_service(after, now)] if told else []
        if not command.down:
            changes += _owed(self._terms.owed(before, after, now))
        else:
            statuses = self._terms.status(before), self._terms.status(after)
            moved = []
            for number, server in enumerate(entry.servers, 1):
                stopped = _stopped(server, now)
                if stopped is not server:
                    moved.append(stopped)
                if stopped is not server or not before.forced_down:
                    events.append(_instance(server, stopped, statuses, view, now))
                if number % SLICE == 0:
                    yield None
            if moved:
                changes.append(ServersMoved(before.name, tuple(moved)))
        yield None
        if events:
            changes.append(_audited(command.actor, "host.update", before, after, now))
        return Decided(after, tuple(changes), tuple(events))


class RemoveDecider:
    """Takes a host out of the map that nothing needs any more."""

    def decide(self, command: RemoveService, view: View, now: Instant) -> Deciding:
        """Answer None."""
        entry = _entry(command.host, view)
        yield None
        if entry.servers:
            raise Conflict(
                "Unable to delete compute service that is hosting instances. "
                "Migrate or delete the instances first."
            )
        left = view.evacuated(command.host)
        if left:
            named = _named([one.server for one in left])
            raise Conflict(f"Unable to delete compute service with evacuations from it: {named}")
        audited = _audit(command.actor, "service.delete", command.host, "", now)
        return Decided(None, (HostsRemoved((command.host,)), audited))


class TellDecider:
    """Tells owners of changes of host_status that their requests left owed (D19)."""

    def __init__(self, owed: OwedStatuses, terms: StatusTerms = NOVA_TERMS) -> None:
        """Take the book, which follows the ledger, and how host_status is formed."""
        self._owed = owed
        self._terms = terms

    def decide(self, command: TellOwners, view: View, now: Instant) -> Deciding:
        """Tell the next few owners of the oldest change, and note how far that went."""
        del command
        row = self._owed.oldest()
        if row is None:
            return Decided(0)
        if self._overtaken(row, view):
            return Decided(len(self._owed) - 1, (StatusesTold((row.id,)),))
        entry = view.entry(row.host)
        waiting = (one for one in (entry.servers if entry else ()) if one.id > row.after)
        some = heapq.nsmallest(TOLD_AT_ONCE, waiting, key=attrgetter("id"))
        events = []
        for number, server in enumerate(some, 1):
            events.append(_of_host(row, server, view, now))
            if number % SLICE == 0:
                yield None
        yield None
        if len(some) < TOLD_AT_ONCE:
            return Decided(len(self._owed) - 1, (StatusesTold((row.id,)),), tuple(events))
        further = StatusesOwed((replace(row, after=some[-1].id),))
        return Decided(len(self._owed), (further,), tuple(events))

    def _overtaken(self, row: OwedStatus, view: View) -> bool:
        """Return whether a plan changed the host again since: it told each owner what is so now.

        What came before that is told no more: it would come after, and contradict it.
        """
        host = view.host(row.host)
        later = (one.old for one in self._owed if one.host == row.host and one.id != row.id)
        return host is not None and row.new is not next(later, self._terms.status(host))


def _entry(host: HostName, view: View) -> HostEntry:
    entry = view.entry(host)
    if entry is None:
        raise _missing(host)
    return entry


def _missing(host: HostName) -> NotFound:
    return NotFound(f"Compute host {host} could not be found.")


def _forced(host: Host, view: View, *, forced_down: bool | None) -> Host:
    """Return the host forced down or not; raises Invalid while old copies may run there (D17)."""
    if forced_down is None or forced_down is host.forced_down:
        return host
    left = () if forced_down else view.evacuated(host.name)
    if left:
        raise Invalid(
            "",
            f"Unable to force up host '{host.name}': servers were evacuated from it, and nobody "
            f"confirmed that their old copies there are gone: {_named([o.server for o in left])}. "
            "Ensure the compute service has been restarted, or confirm the host.",
        )
    return replace(host, forced_down=forced_down)


def _named(servers: list[Any]) -> str:
    shown = ", ".join(sorted(servers)[:NAMED])
    return shown if len(servers) <= NAMED else f"{shown} and {len(servers) - NAMED} more"


def _disabled(host: Host, *, disabled: bool | None, reason: str | None = None) -> Host:
    if disabled is None:
        return host
    kept = host.disabled_reason if reason is None else reason or None
    return replace(host, disabled=disabled, disabled_reason=kept if disabled else None)


def _revised(before: Host, after: Host, view: View, *, operator: bool) -> tuple[Host, bool]:
    """Return the host at its new revision, and whether there is anything to tell.

    An operator who forces down what a fault holds down makes the force-down his own: it stays
    when the fault closes (D20). Nobody sees a difference until then. Who disables a host says
    nothing of its force-down: the revision stays, and so does whose it is.
    """
    if after != before and after.forced_down is before.forced_down and not operator:
        return after, True
    if after != before:
        return replace(after, revision=before.revision + 1), True
    held = view.causes_of(ResourceKind.HOST, before.name) if operator else ()
    if held and all(cause.revision == before.revision for cause in held):
        return replace(before, revision=before.revision + 1), False
    return before, False


def _saved(before: Host, after: Host) -> list[Change]:
    return [HostsSaved((after,))] if after is not before else []


def _owed(rows: tuple[OwedStatus, ...]) -> list[Change]:
    return [StatusesOwed(rows)] if rows else []


def _stopped(server: Server, now: Instant) -> Server:
    """Return a server as it is on a host that was reported down (S118-S120)."""
    if server.vm_state in UNTOUCHED_BY_HOST_DOWN:
        return server
    down = (VmState.STOPPED, PowerState.SHUTDOWN)
    if (server.vm_state, server.power_state) == down and server.task_state is None:
        return server
    return server.in_state(*down, now.wall_ns)


def _service(host: Host, now: Instant) -> Event:
    return telling.service_update(host, NO_FAULT, now, raised=False)


def _instance(
    before: Server,
    after: Server,
    statuses: tuple[HostStatus, HostStatus],
    view: View,
    now: Instant,
) -> Event:
    ports = view.ports_of(after.id)
    told = telling.Told(before, after, _shown(after, view), statuses, ports)
    return telling.instance_update(told, NO_FAULT, now, raised=False)


def _shown(server: Server, view: View) -> VmState | None:
    """Return what its owner is told of a server that a fault holds without a change (D6)."""
    held = view.causes_of(ResourceKind.SERVER, server.id)
    unchanged = bool(held) and not any(cause.wanted for cause in held)
    return holding.TOLD if unchanged and server.revision == held[0].revision else None


def _of_host(row: OwedStatus, server: Server, view: View, now: Instant) -> Event:
    event = _instance(server, server, (row.old, row.new), view, now)
    # The same row told again after a crash names the same message.
    return replace(event, message_id=derived(row.id, server.id))


def _audited(actor: Actor, action: str, before: Host, after: Host, now: Instant) -> Change:
    names = ("forced_down", "disabled", "disabled_reason", "maintenance")
    said = ", ".join(f"{name}={getattr(after, name)}" for name in _differing(before, after, names))
    return _audit(actor, action, after.name, said, now)


def _differing(before: Host, after: Host, names: tuple[str, ...]) -> Iterator[str]:
    return (name for name in names if getattr(before, name) != getattr(after, name))


def _audit(actor: Actor, action: str, target: str, detail: str, now: Instant) -> Audited:
    return Audited((AuditRecord(now.wall_ns, actor, action, target, detail),))
