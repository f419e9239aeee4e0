"""The inventory document: from bytes to values, and from the map to rows (interfaces.md)."""

import pickle
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from operator import attrgetter
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import GuestId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.making import maker
from faultwire.domain.resources import (
    NO_METADATA,
    Bmc,
    Guest,
    Host,
    Interface,
    InventoryDocument,
    Port,
    Project,
    Server,
    Switch,
    SwitchUplink,
)
from faultwire.domain.states import NOVA_STATUS, STATUS_OF_VM_STATE
from faultwire.faces.fault.model import DocumentModel, HostModel, PortModel, ServerModel
from faultwire.faces.http import parse_json, validated
from faultwire.ports import Inventory

PIECE = 256
"""Values that a child process hands over at a time: half a millisecond of the loop."""

TEXT = "text"
TEXT_BYTES = 262_144
"""Bytes of the compressed document that it hands over at a time."""

_KINDS: dict[str, Callable[..., Any]] = {
    "projects": Project,
    "hosts": Host,
    "switches": Switch,
    "servers": Server,
    "ports": Port,
    "guests": Guest,
}
_MAKERS = {name: maker(kind) for name, kind in _KINDS.items()}
_ROWS = {
    name: attrgetter(*(one.name for one in fields(kind)))  # type: ignore[arg-type]
    for name, kind in _KINDS.items()
}

_UNIQUE = (
    ("projects", "id"),
    ("projects", "name"),
    ("hosts", "name"),
    ("switches", "name"),
    ("servers", "id"),
    ("ports", "id"),
    ("guests", "id"),
)


def read_document(raw: bytes) -> InventoryDocument:
    """Return a body as a document; raises Invalid with the path of what is wrong."""
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise Invalid(
            "", "must be an object with projects, hosts, switches, servers, ports, guests"
        )
    model = validated(DocumentModel, value)
    for kind, key in _UNIQUE:
        _refuse_twice([getattr(one, key) for one in getattr(model, kind)], f"{kind}[{{}}].{key}")
    for number, host in enumerate(model.hosts):
        path = f"hosts[{number}].interfaces[{{}}].name"
        _refuse_twice([interface.name for interface in host.interfaces], path)
    return InventoryDocument(
        projects=tuple(Project(ProjectId(p.id), p.name) for p in model.projects),
        hosts=tuple(_host(h) for h in model.hosts),
        switches=tuple(
            Switch(s.name, tuple(SwitchUplink(u.switch, u.port) for u in s.uplinks))
            for s in model.switches
        ),
        servers=tuple(_server(s) for s in model.servers),
        ports=tuple(_port(p) for p in model.ports),
        guests=tuple(
            Guest(GuestId(g.id), g.name, ProjectId(g.project), ServerId(g.server or "") or None)
            for g in model.guests
        ),
        statuses=frozenset(ServerId(s.id) for s in model.servers if s.status is not None),
    )


def _refuse_twice(names: list[str], path: str) -> None:
    if len(set(names)) == len(names):
        return
    twice = next(name for name, count in Counter(names).items() if count > 1)
    second = [number for number, name in enumerate(names) if name == twice][1]
    raise Invalid(path.format(second), f"{twice} stands in the document twice")


def read_pieces(raw: bytes) -> Iterator[bytes]:
    """Give what `read_document` returns, cut up, and the text itself, compressed.

    For a child process, which hands over bytes; `Joining` puts them together.
    """
    document = read_document(raw)
    for name, row in _ROWS.items():
        values = getattr(document, name)
        for start in range(0, len(values), PIECE):
            yield _piece(name, [_plain(row(one)) for one in values[start : start + PIECE]])
    said = list(document.statuses)
    for start in range(0, len(said), PIECE):
        yield _piece("statuses", said[start : start + PIECE])
    text = zlib.compress(raw, 1)
    for start in range(0, len(text), TEXT_BYTES):
        yield _piece(TEXT, text[start : start + TEXT_BYTES])


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leave out what cannot be pickled: the mapping that all servers without metadata share."""
    return tuple([None if value is NO_METADATA else value for value in row])


def _piece(name: str, values: object) -> bytes:
    return pickle.dumps((name, values), pickle.HIGHEST_PROTOCOL)


class Joining:
    """Puts pieces together; texts that many values repeat become one."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._share = dict[Any, Any]().setdefault
        self._taken: dict[str, list[Any]] = {name: [] for name in (*_KINDS, TEXT)}
        self._statuses: set[ServerId] = set()

    def take(self, piece: bytes) -> None:
        """Take the next piece; a slice of work."""
        name, values = pickle.loads(piece)  # noqa: S301  our own child's
        if name == TEXT:
            self._taken[TEXT].append(values)
        elif name == "statuses":
            self._statuses.update(values)
        elif name == "servers":
            self._taken[name].extend(map(self._server, values))
        else:
            make = _MAKERS[name]
            self._taken[name].extend([make(*row) for row in values])

    def _server(self, row: tuple[Any, ...]) -> Server:
        server, name, project, host, vm, power, task, monitored, metadata, *rest = row
        share = self._share
        return _MAKERS["servers"](  # type: ignore[no-any-return]
            server,
            name,
            share(project, project),
            share(host, host),
            vm,
            power,
            task,
            monitored,
            NO_METADATA if metadata is None else metadata,
            *rest,
        )

    def document(self) -> InventoryDocument:
        """Return the whole."""
        values = {name: tuple(self._taken[name]) for name in _KINDS}
        return InventoryDocument(**values, statuses=frozenset(self._statuses))

    def text(self) -> tuple[bytes, ...]:
        """Return the compressed text, in pieces; `read_kept` takes them joined."""
        return tuple(self._taken[TEXT])


def read_kept(text: bytes) -> Iterator[bytes]:
    """Give what `read_pieces` gives, of a compressed text; for a child process."""
    return read_pieces(zlib.decompress(text))


def _host(model: HostModel) -> Host:
    bmc = model.bmc
    return Host(
        HostName(model.name),
        tuple(model.addresses),
        model.zone,
        model.rack,
        tuple(model.aggregates),
        Bmc(bmc.url, bmc.username, bmc.password, bmc.system) if bmc else None,
        tuple(
            Interface(i.name, i.bond, i.physical_network, i.switch, i.switch_port)
            for i in model.interfaces
        ),
    )


def _server(model: ServerModel) -> Server:
    vm_state, power_state = NOVA_STATUS[model.status or "ACTIVE"]
    return Server(
        ServerId(model.id),
        model.name,
        ProjectId(model.project),
        HostName(model.host or ""),
        vm_state,
        power_state,
        monitored=model.monitored,
        metadata=dict(model.metadata) if model.metadata else NO_METADATA,
        addresses=tuple(model.addresses),
    )


def _port(model: PortModel) -> Port:
    return Port(
        PortId(model.id),
        ProjectId(model.project),
        model.name,
        ServerId(model.server) if model.server else None,
        HostName(model.host) if model.host else None,
        model.network,
        model.physical_network,
        model.status,
        tuple(model.addresses),
    )


Part = tuple[Callable[[Any], dict[str, Any]], list[Any]]


def parts(inventory: Inventory, projects: list[Project]) -> dict[str, Part]:
    """Return the parts of the document in order, each with its values and how one is written."""
    return {
        "projects": (lambda p: {"id": p.id, "name": p.name}, projects),
        "hosts": (_host_row, list(inventory.hosts())),
        "switches": (_switch_row, list(inventory.switches())),
        "servers": (_server_row, list(inventory.servers())),
        "ports": (_port_row, list(inventory.ports())),
        "guests": (_guest_row, list(inventory.guests())),
    }


def _switch_row(switch: Switch) -> dict[str, Any]:
    uplinks = [{"switch": u.switch, "port": u.port} for u in switch.uplinks]
    return {"name": switch.name, "uplinks": uplinks}


def _guest_row(guest: Guest) -> dict[str, Any]:
    return {
        "id": guest.id,
        "name": guest.name,
        "project": guest.project,
        "server": guest.server,
    }


def _host_row(host: Host) -> dict[str, Any]:
    bmc = host.bmc
    return {
        "name": host.name,
        "addresses": list(host.addresses),
        "zone": host.zone,
        "rack": host.rack,
        "aggregates": list(host.aggregates),
        "bmc": bmc and {"url": bmc.url, "username": bmc.username, "system": bmc.system},
        "interfaces": [
            {
                "name": i.name,
                "bond": i.bond,
                "physical_network": i.physical_network,
                "switch": i.switch,
                "switch_port": i.switch_port,
            }
            for i in host.interfaces
        ],
    }


def _server_row(server: Server) -> dict[str, Any]:
    return {
        "id": server.id,
        "name": server.name,
        "project": server.project,
        "host": server.host or None,
        "status": STATUS_OF_VM_STATE[server.vm_state],
        "monitored": server.monitored,
        "metadata": dict(server.metadata),
        "addresses": list(server.addresses),
    }


def _port_row(port: Port) -> dict[str, Any]:
    return {
        "id": port.id,
        "name": port.name,
        "project": port.project,
        "server": port.server,
        "host": port.host,
        "network": port.network,
        "physical_network": port.physical_network,
        "status": port.status,
        "addresses": list(port.addresses),
    }
