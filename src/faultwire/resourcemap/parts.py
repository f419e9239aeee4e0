"""Parts a large document into small ones that may be taken one after the other.

A host changes with everything on it, all at once: whoever reports a fault between two parts finds
each host either as it was or as the document has it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from faultwire.domain import changes
from faultwire.domain.decided import Steps
from faultwire.domain.ids import HostName, ServerId
from faultwire.domain.resources import Guest, Host, InventoryDocument, Port, Server

PART = 400
"""Resources of a part, unless one host has more: about ten milliseconds of the ledger."""

SLICE = 256

_NOWHERE = HostName("")


class _Group:
    """What stands on one host, or nowhere."""

    __slots__ = ("guests", "host", "ports", "servers")

    def __init__(self, host: Host | None = None) -> None:
        self.host = host
        self.servers: list[Server] = []
        self.ports: list[Port] = []
        self.guests: list[Guest] = []


@dataclass(slots=True)
class _Part:
    """A document in the making."""

    hosts: list[Host]
    servers: list[Server]
    ports: list[Port]
    guests: list[Guest]

    def take(self, group: _Group) -> None:
        if group.host is not None:
            self.hosts.append(group.host)
        self.servers += group.servers
        self.ports += group.ports
        self.guests += group.guests

    def __len__(self) -> int:
        return len(self.hosts) + len(self.servers) + len(self.ports) + len(self.guests)

    def document(self, statuses: frozenset[ServerId]) -> InventoryDocument:
        return InventoryDocument(
            hosts=tuple(self.hosts),
            servers=tuple(self.servers),
            ports=tuple(self.ports),
            guests=tuple(self.guests),
            statuses=frozenset(one.id for one in self.servers if one.id in statuses),
        )


def parted(document: InventoryDocument) -> Steps[list[InventoryDocument]]:
    """Return documents that one after the other make the same as the whole.

    Projects come first, then switches, then hosts with what is on them, then what is nowhere or
    on hosts that the document does not have.
    """
    groups = yield from _grouped(document)
    nowhere = groups.pop(_NOWHERE)
    found = [InventoryDocument(projects=tuple(some)) for some in _cut(document.projects)]
    found += [InventoryDocument(switches=tuple(some)) for some in _cut(document.switches)]
    part = _Part([], [], [], [])
    for group in groups.values():
        part.take(group)
        if len(part) >= PART:
            found.append(part.document(document.statuses))
            part = _Part([], [], [], [])
            yield None
    if len(part):
        found.append(part.document(document.statuses))
    loose = ((nowhere.servers, "servers"), (nowhere.ports, "ports"), (nowhere.guests, "guests"))
    for values, name in loose:
        for some in _cut(values):
            piece = replace(_Part([], [], [], []), **{name: list(some)})
            found.append(piece.document(document.statuses))
            yield None
    return found


def _grouped(document: InventoryDocument) -> Steps[dict[HostName, _Group]]:
    groups = {host.name: _Group(host) for host in document.hosts}
    groups[_NOWHERE] = _Group()
    home: dict[ServerId | None, HostName] = {}

    def group(host: HostName) -> _Group:
        return groups.get(host) or groups.setdefault(host, _Group())

    for number, server in enumerate(document.servers, 1):
        home[server.id] = server.host
        group(server.host).servers.append(server)
        if number % SLICE == 0:
            yield None
    for number, port in enumerate(document.ports, 1):
        group(home.get(port.server, port.host or _NOWHERE)).ports.append(port)
        if number % SLICE == 0:
            yield None
    for number, guest in enumerate(document.guests, 1):
        group(home.get(guest.server, _NOWHERE)).guests.append(guest)
        if number % SLICE == 0:
            yield None
    return groups


def in_parts(removed: Iterable[changes.Change]) -> Iterator[changes.Change]:
    """Give removals in the same order, each of few names."""
    for change in removed:
        (field,) = fields(change)
        for some in _cut(getattr(change, field.name)):
            made: Any = type(change)
            yield made(tuple(some))


def _cut(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), PART):
        yield values[start : start + PART]
