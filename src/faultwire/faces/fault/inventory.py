"""The inventory document: its model, its schema, and the way there and back (interfaces.md)."""

from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

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
from faultwire.faces.http import parse_json, validated
from faultwire.ports import Inventory

Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
HostText = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?$")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, Field(max_length=255)]
Address = Annotated[str, Field(min_length=2, max_length=45, pattern=r"^[0-9A-Fa-f:.]+$")]
Status = Literal[
    "ACTIVE",
    "BUILD",
    "PAUSED",
    "SUSPENDED",
    "SHUTOFF",
    "RESCUE",
    "VERIFY_RESIZE",
    "SOFT_DELETED",
    "DELETED",
    "ERROR",
    "SHELVED",
    "SHELVED_OFFLOADED",
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ProjectModel(_Strict):
    """A project of the identity face."""

    id: Id
    name: Name


class InterfaceModel(_Strict):
    """A network interface of a host."""

    name: Name
    bond: Text | None = None
    physical_network: Text | None = None
    switch: Text | None = None
    switch_port: Text | None = None


class BmcModel(_Strict):
    """A management controller; a password that is left out stays as it is."""

    url: Annotated[str, Field(min_length=1, max_length=1024)]
    username: Text
    password: Text = ""
    system: Text | None = None


class HostModel(_Strict):
    """A compute host."""

    name: HostText
    addresses: list[Address] = []
    zone: Text | None = None
    rack: Text | None = None
    aggregates: list[Name] = []
    bmc: BmcModel | None = None
    interfaces: list[InterfaceModel] = []


class UplinkModel(_Strict):
    """An uplink of a switch."""

    switch: Name
    port: Name


class SwitchModel(_Strict):
    """A switch of the data plane."""

    name: Name
    uplinks: list[UplinkModel] = []


class ServerModel(_Strict):
    """A virtual server; without a status it keeps the one it has, a new one is ACTIVE."""

    id: Id
    name: Name
    project: Name
    host: Text | None
    status: Status | None = None
    monitored: bool | None = None
    metadata: dict[Name, Text] = {}
    addresses: list[Address] = []


class PortModel(_Strict):
    """A network port."""

    id: Id
    name: Text = ""
    project: Name
    server: Id | None = None
    host: Text | None = None
    network: Text | None = None
    physical_network: Text | None = None
    status: Literal["ACTIVE", "DOWN", "BUILD", "ERROR", "N/A"] = "ACTIVE"
    addresses: list[Address] = []


class GuestModel(_Strict):
    """A database guest."""

    id: Id
    name: Name
    project: Name
    server: Id | None = None


class DocumentModel(_Strict):
    """The whole document; every part may be left out."""

    projects: list[ProjectModel] = []
    hosts: list[HostModel] = []
    switches: list[SwitchModel] = []
    servers: list[ServerModel] = []
    ports: list[PortModel] = []
    guests: list[GuestModel] = []


def read_document(raw: bytes) -> InventoryDocument:
    """Return a body as a document; raises Invalid with the path of what is wrong."""
    model = validated(DocumentModel, parse_json(raw))
    for kind, key in (
        ("projects", "id"),
        ("projects", "name"),
        ("hosts", "name"),
        ("switches", "name"),
        ("servers", "id"),
        ("ports", "id"),
        ("guests", "id"),
    ):
        _refuse_twice([getattr(one, key) for one in getattr(model, kind)], kind, key)
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


def _refuse_twice(names: list[str], kind: str, key: str) -> None:
    if len(set(names)) == len(names):
        return
    twice = next(name for name, count in Counter(names).items() if count > 1)
    where = [number for number, name in enumerate(names) if name == twice][1]
    raise Invalid(f"{kind}[{where}].{key}", f"{twice} stands in the document twice")


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
