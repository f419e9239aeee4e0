"""Servers that a document frees of trouble, or puts into it: subscribers are told, alarms not.

An import fires no alarm. But what was raised for a subscriber has to be cleared, also when a
server leaves a dead host, or the map, and no fault will ever speak of it again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from faultwire.controllers.embedded import telling
from faultwire.controllers.embedded.guests import DOWN as DOWN_GUEST
from faultwire.controllers.embedded.guests import guest_update
from faultwire.controllers.embedded.present import server_event
from faultwire.controllers.embedded.telling_ports import NO_FAULT, PortNews, events
from faultwire.domain.causes import ResourceKind
from faultwire.domain.changes import (
    CausesRemoved,
    Change,
    PortsRemoved,
    ServersRemoved,
    ServersSaved,
)
from faultwire.domain.decided import Decided, Deciding, Realised
from faultwire.domain.events import Event
from faultwire.domain.faults import Severity
from faultwire.domain.guest_changes import GuestsRemoved
from faultwire.domain.ids import FaultId, PortId, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.networks import DOWN
from faultwire.domain.plans import Plan
from faultwire.domain.resources import Guest, Server
from faultwire.domain.services import NOVA_TERMS, StatusTerms
from faultwire.domain.states import HostStatus, PowerState, VmState
from faultwire.ports import Decider, View

SLICE = 256
"""Servers looked at between two breathing points."""


class FreeingDecider:
    """Implements `ports.Decider` by another one, and adds what subscribers must know of it."""

    def __init__(self, inner: Decider[Any], terms: StatusTerms = NOVA_TERMS) -> None:
        """Take who decides, and how host_status is formed."""
        self._inner = inner
        self._terms = terms

    def decide(self, command: object, view: View, now: Instant) -> Deciding:
        """Decide as the other does; nothing else is changed, and it answers the same."""
        found = _Found(view, self._terms)
        decided = yield from _watched(self._inner.decide(command, view, now), found)
        yield from found.look(decided.changes)
        if not found:
            return decided
        # What is told is how things stand once all of it is true.
        yield replace(decided, answer=None, then=())
        told: list[Event] = []
        for event in found.events(now):
            told.append(event)
            if len(told) % SLICE == 0:
                yield None
        return Decided(answer=decided.answer, events=tuple(told), then=decided.then)


def _watched(deciding: Deciding, found: "_Found") -> Deciding:
    """Look at each part of a decision before it is true, and return the last one."""
    reply: Realised | None = None
    while True:
        try:
            item: Plan | Decided | None = deciding.send(reply)
        except StopIteration as stop:
            last: Decided = stop.value
            return last
        if isinstance(item, Decided):
            yield from found.look(item.changes)
        reply = yield item


class _Found:
    """Servers whose trouble a document may have ended or begun, each with its fault."""

    def __init__(self, view: View, terms: StatusTerms) -> None:
        self._view = view
        self._terms = terms
        self._moved: dict[ServerId, FaultId] = {}
        self._gone: dict[ServerId, tuple[Server, FaultId]] = {}
        self._ports: list[PortNews] = []
        self._guests: list[Guest] = []

    def __bool__(self) -> bool:
        return bool(self._moved or self._gone or self._ports or self._guests)

    def look(self, changes: Iterable[Change]) -> Iterator[None]:
        """Look at changes before they are true."""
        for change in changes:
            match change:
                case CausesRemoved():
                    for cause in change.causes:
                        if cause.kind is ResourceKind.SERVER:
                            self._moved[ServerId(cause.resource)] = cause.fault_id
                case ServersSaved():
                    yield from self._saved(change.servers)
                case ServersRemoved():
                    yield from self._removed(change.servers)
                case PortsRemoved():
                    self._unplugged(change.ports)
                case GuestsRemoved():
                    held = map(self._view.guest, change.guests)
                    self._guests += [one for one in held if one and one.state == DOWN_GUEST]
                case _:
                    pass

    def events(self, now: Instant) -> Iterator[Event]:
        for name, fault_id in self._moved.items():
            server = self._view.server(name)
            if server is not None and name not in self._gone:
                yield replace(
                    server_event(server, fault_id, self._terms, self._view, now), quiet=True
                )
        for server, fault_id in self._gone.values():
            deleted = server.in_state(VmState.DELETED, PowerState.NOSTATE)
            nowhere = (HostStatus.NONE, HostStatus.NONE)
            told = telling.Told(server, deleted, None, nowhere, (), Severity.CLEARED.value)
            event = telling.instance_update(told, fault_id, now, raised=False)
            yield replace(event, quiet=True)
        unplugged = events(self._ports, self._view, now, terms=self._terms)
        yield from (replace(event, quiet=True) for event in unplugged)
        for guest in self._guests:
            gone = replace(guest, state="gone")
            said = guest_update(guest, gone, NO_FAULT, Severity.CLEARED, self._view, now)
            yield replace(said, quiet=True)

    def _unplugged(self, names: Iterable[PortId]) -> None:
        for name in names:
            port = self._view.port(name)
            if port is not None and port.data_plane_status == DOWN:
                self._ports.append(PortNews(port, None))

    def _saved(self, servers: Iterable[Server]) -> Iterator[None]:
        for number, server in enumerate(servers, 1):
            before = self._view.server(server.id)
            if before is None or before.host != server.host:
                fault_id = self._holds_host(server) or (before and self._holds_host(before))
                if fault_id:
                    self._moved.setdefault(server.id, fault_id)
            if number % SLICE == 0:
                yield

    def _removed(self, names: Iterable[ServerId]) -> Iterator[None]:
        for number, name in enumerate(names, 1):
            server = self._view.server(name)
            if server is not None:
                held = self._view.causes_of(ResourceKind.SERVER, name)
                fault_id = held[0].fault_id if held else self._holds_host(server)
                if fault_id:
                    self._gone[name] = (server, fault_id)
            if number % SLICE == 0:
                yield

    def _holds_host(self, server: Server) -> FaultId | None:
        held = self._view.causes_of(ResourceKind.HOST, server.host)
        return held[0].fault_id if held else None
