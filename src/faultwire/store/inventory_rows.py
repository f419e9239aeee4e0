"""The inventory as rows and back: one pair of functions for each table.

A row to write is a plain tuple in the order of the table's columns (`schema`), with enums as
their text (by `_value_`: reading `value` runs Python code) and documents as JSON text. A row that
was read has its JSON decoded by the engine. A `Share` keeps one object for texts that thousands
of rows repeat.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from faultwire.domain.resources import (
    Bmc,
    Evacuation,
    Guest,
    Host,
    Interface,
    Particulars,
    Port,
    Project,
    Server,
    Switch,
    SwitchUplink,
)
from faultwire.domain.services import OwedStatus
from faultwire.domain.states import AgentState, HostStatus
from faultwire.store import network_rows
from faultwire.store.codec import text, text_or_none
from faultwire.store.statements import Row

Share = Callable[[str, str], str]
"""``{}.setdefault``: gives the first of equal texts."""


def project_row(project: Project) -> Row:
    """Return a row of projects."""
    return project.id, project.name


def project_of(row: Row) -> Project:
    """Return the project of a row."""
    return Project(*row)


def host_row(host: Host) -> Row:
    """Return a row of hosts, without last_seen_ns."""
    return (
        host.name,
        text_or_none(host.addresses),
        host.zone,
        host.rack,
        text_or_none(host.aggregates),
        None if host.bmc is None else text(asdict(host.bmc)),
        text_or_none([asdict(item) for item in host.interfaces]),
        host.forced_down,
        host.disabled,
        host.disabled_reason,
        host.monitored,
        host.agent._value_,
        host.revision,
        host.maintenance,
    )


def host_of(row: Row) -> Host:
    """Return the host of a row without last_seen_ns."""
    (name, addresses, zone, rack, aggregates, bmc, interfaces, *rest) = row
    forced_down, disabled, disabled_reason, monitored, agent, revision, maintenance = rest
    return Host(
        name=name,
        addresses=_tuple(addresses),
        zone=zone,
        rack=rack,
        aggregates=_tuple(aggregates),
        bmc=None if bmc is None else Bmc(**bmc),
        interfaces=tuple(Interface(**item) for item in interfaces or ()),
        forced_down=forced_down,
        disabled=disabled,
        disabled_reason=disabled_reason,
        monitored=monitored,
        agent=AgentState(agent),
        revision=revision,
        maintenance=maintenance,
    )


def _tuple(items: list[str] | None) -> tuple[str, ...]:
    return tuple(items) if items else ()


def switch_row(switch: Switch) -> Row:
    """Return a row of switches."""
    return switch.name, text_or_none([[item.switch, item.port] for item in switch.uplinks])


def switch_of(row: Row) -> Switch:
    """Return the switch of a row."""
    name, uplinks = row
    return Switch(name, tuple(SwitchUplink(*item) for item in uplinks or ()))


def server_row(server: Server) -> Row:
    """Return a row of servers."""
    return (
        server.id,
        server.name,
        server.project,
        server.host,
        server.vm_state._value_,
        server.power_state._value_,
        server.task_state,
        server.monitored,
        text_or_none(dict(server.metadata)),
        text_or_none(server.addresses),
        server.revision,
        server.updated_ns,
        None if server.about is None else text(about_document(server.about)),
    )


def about_document(about: Particulars) -> dict[str, Any]:
    """Return a server's particulars as they are stored: what says nothing is left out."""
    return {name: value for name, value in asdict(about).items() if value}


def about_of(document: Mapping[str, Any]) -> Particulars:
    """Return the particulars of a stored document."""
    return Particulars(**document)


def evacuation_row(evacuation: Evacuation) -> Row:
    """Return a row of evacuations."""
    return evacuation.host, evacuation.server, evacuation.target, evacuation.at_ns


def evacuation_key(evacuation: Evacuation) -> Row:
    """Return what names a row of evacuations."""
    return evacuation.host, evacuation.server


def evacuation_of(row: Row) -> Evacuation:
    """Return the evacuation of a row."""
    return Evacuation(*row)


def owed_status_row(owed: OwedStatus) -> Row:
    """Return a row of owed_statuses."""
    return owed.id, owed.host, owed.old._value_, owed.new._value_, owed.at_ns, owed.after


def owed_status_of(row: Row) -> OwedStatus:
    """Return what is owed by a row."""
    name, host, old, new, at_ns, after = row
    return OwedStatus(name, host, HostStatus(old), HostStatus(new), at_ns, after)


def moved_server_row(server: Server) -> Row:
    """Return (vm_state, power_state, task_state, revision, updated_ns, by id)."""
    return (
        server.vm_state._value_,
        server.power_state._value_,
        server.task_state,
        server.revision,
        server.updated_ns,
        server.id,
    )


def port_row(port: Port) -> Row:
    """Return a row of ports."""
    return (
        port.id,
        port.project,
        port.name,
        port.server,
        port.host,
        port.network,
        port.physical_network,
        port.status,
        text_or_none(port.addresses),
        port.data_plane_status,
        port.revision,
        network_rows.data_plane_document(port.data_plane),
        network_rows.details_document(port.details),
    )


def port_of(row: Row) -> Port:
    """Return the port of a row."""
    port, project, name, server, host, network, physical_network, status, *rest = row
    addresses, data_plane_status, revision, data_plane, details = rest
    return Port(
        id=port,
        project=project,
        name=name,
        server=server,
        host=host,
        network=network,
        physical_network=physical_network,
        status=status,
        addresses=_tuple(addresses),
        data_plane_status=data_plane_status,
        revision=revision,
        data_plane=network_rows.data_plane_of(data_plane),
        details=network_rows.details_of(details),
    )


def guest_row(guest: Guest) -> Row:
    """Return a row of guests."""
    return (
        guest.id,
        guest.name,
        guest.project,
        guest.server,
        guest.state,
        guest.agent.value,
        guest.version,
        guest.service_status,
    )


def guest_of(row: Row) -> Guest:
    """Return the guest of a row."""
    name, title, project, server, state, agent, version, status = row
    return Guest(name, title, project, server, state, AgentState(agent), version, status)
