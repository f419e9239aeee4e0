"""The inventory document: from bytes to values, and from the map to rows (interfaces.md)."""

import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import GuestId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.resources import (
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
"""Values that a child process hands over at a time: about two milliseconds of the loop."""

Piece = tuple[str, bytes]
"""A field of InventoryDocument and some of its values, pickled."""

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


def read_pieces(raw: bytes) -> list[Piece]:
    """Return what `read_document` does, cut up: for a child process, which hands over bytes."""
    document = read_document(raw)
    return [
        (name, pickle.dumps(values[start : start + PIECE], pickle.HIGHEST_PROTOCOL))
        for name, values in _fields(document)
        for start in range(0, len(values), PIECE)
    ]


def _fields(document: InventoryDocument) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name in ("projects", "hosts", "switches", "servers", "ports", "guests", "statuses"):
        yield name, tuple(getattr(document, name))


def joined(pieces: Iterable[Piece]) -> Iterator[InventoryDocument | None]:
    """Yield None after each piece that was taken over, and the whole document at last."""
    taken: dict[str, list[Any]] = {}
    for name, piece in pieces:
        taken.setdefault(name, []).extend(pickle.loads(piece))  # noqa: S301  our own child's
        yield None
    statuses = frozenset(taken.pop("statuses", ()))
    fields = {name: tuple(values) for name, values in taken.items()}
    yield InventoryDocument(**fields, statuses=statuses)


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
        metadata=dict(model.metadata),
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
