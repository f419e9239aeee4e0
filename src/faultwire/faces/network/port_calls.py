"""The routes of ports: what Neutron has, and one for many reports at once."""

import uuid
from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller
from faultwire.domain.errors import Forbidden, Invalid, NotFound, TooLarge
from faultwire.domain.ids import HostName, NetworkId, PortId, ProjectId, ServerId
from faultwire.domain.network_commands import (
    CreatePorts,
    DataPlaneReport,
    PortReported,
    RemovePort,
    ReportDataPlane,
    UpdatePort,
)
from faultwire.domain.networks import PortDetails
from faultwire.domain.port_document import port_document
from faultwire.domain.resources import Port
from faultwire.faces.http import (
    actor_of,
    breathe_of,
    caller_of,
    json_response,
    parse_json,
    read_body,
)
from faultwire.faces.network import listing, port_bodies
from faultwire.faces.network.ports import NetworkPorts
from faultwire.faces.network.requests import (
    body_of,
    chosen,
    cut,
    filters_of,
    links_of,
    object_of,
    page_of,
    revisions_of,
)

_DETAILS = frozenset(one.name for one in fields(PortDetails))
_HIDDEN = {
    "get_port:binding:host_id": (
        "binding:host_id",
        "binding:profile",
        "binding:vif_type",
        "binding:vif_details",
    ),
    "get_port:data_plane_status_reason": ("data_plane_status_reason",),
    "get_port:data_plane_status_source": ("data_plane_status_source",),
    "get_port:data_plane_status_since": ("data_plane_status_since",),
}
"""Attributes that only those see whom a rule lets."""


class Ports:
    """Ports as Neutron's clients know them; every change is a command of the lane."""

    def __init__(self, ports: NetworkPorts) -> None:
        """Take the face's ports."""
        self._ports = ports
        self._plugs = ports.inventory.plugs

    async def list(self, request: Request) -> Response:
        """List ports. Filters of one name are alternatives; data_plane_status and dp_down too."""
        caller = caller_of(request)
        wanted = listing.wanted_of(filters_of(request, listing.FILTERS))
        page = page_of(request, listing.VALUES)
        hidden = self._hidden(caller)
        concealed = sorted(hidden & {*wanted, *(key for key, _ in page.keys)})
        if concealed:
            raise Invalid("", f"{concealed} is invalid attribute for filtering")
        everything = self._allowed("get_port", caller)
        whose = None if everything else caller.project
        found = listing.candidates(wanted, self._plugs, whose)
        sees = partial(self._sees, caller) if not everything else lambda _: True
        breathe = breathe_of(request)
        found = await listing.fitting(found, wanted, sees, self._plugs, breathe)
        rows = cut(found, page, lambda port, key: listing.VALUES[key](port, self._plugs), "Port")
        links = links_of(request, "ports", page, [row.id for row in rows])

        def document(port: Port) -> Mapping[str, Any]:
            return chosen(self._document(port, hidden), page.fields)

        return listing.answer("ports", rows, document, links, breathe)

    async def show(self, request: Request) -> Response:
        """Show a port."""
        caller = caller_of(request)
        port = self._port(request, caller)
        names = frozenset(request.query_params.getlist("fields"))
        return json_response({"port": chosen(self._document(port, self._hidden(caller)), names)})

    async def create(self, request: Request) -> Response:
        """Create a port, or all of a list of ports. Its data-plane status cannot be given."""
        caller = caller_of(request)
        kind, value = await body_of(request, self._ports.settings.body_bytes, "port", "ports")
        bodies = [value] if kind == "port" else value
        if not isinstance(bodies, list) or not bodies:
            raise Invalid("", "Resources required")
        most = self._ports.settings.create_limit
        if len(bodies) > most:
            raise TooLarge(f"at most {most} ports are created at once")
        made = tuple(self._new(object_of(one, "port"), caller) for one in bodies)
        command = CreatePorts(made, actor_of(request, caller))
        stored = cast("tuple[Port, ...]", await self._ports.intake.submit(command))
        hidden = self._hidden(caller)
        rows = [self._document(one, hidden) for one in stored]
        return json_response({kind: rows[0] if kind == "port" else rows}, 201)

    async def update(self, request: Request) -> Response:
        """Change a port; who may report data planes sets data_plane_status or dp_down."""
        caller = caller_of(request)
        _, value = await body_of(request, self._ports.settings.body_bytes, "port")
        said = object_of(value, "port")
        port = self._port(request, caller)
        reported = port_bodies.REPORT & said.keys()
        if reported:
            self._enforce("update_port:data_plane_status", caller, port)
        if not reported or said.keys() - reported:
            self._enforce("update_port", caller, port)
        if "binding:host_id" in said:
            self._enforce("update_port:binding:host_id", caller, port)
        report = port_bodies.report_of(said)
        values = port_bodies.changed(said)
        self._check_host(values)
        if values.get("server") != port.server:
            self._check_server(values, port.project, caller)
        self._check_addresses(said, port.network or "", frozenset(port.addresses))
        command = UpdatePort(
            port.id,
            values,
            _report(report, caller) if report is not None else None,
            actor_of(request, caller),
            revisions_of(request),
        )
        stored = cast("Port", await self._ports.intake.submit(command))
        return json_response({"port": self._document(stored, self._hidden(caller))})

    async def delete(self, request: Request) -> Response:
        """Delete a port."""
        caller = caller_of(request)
        port = self._port(request, caller)
        self._enforce("delete_port", caller, port)
        command = RemovePort(port.id, actor_of(request, caller), revisions_of(request))
        await self._ports.intake.submit(command)
        return Response(status_code=204)

    async def report(self, request: Request) -> Response:
        """Report the data plane of many ports at once: those named, or all of a host.

        One transaction; `status` is each port's data-plane status now, `error` why it has none.
        """
        caller = caller_of(request)
        raw = await read_body(request, self._ports.settings.body_bytes)
        try:
            said = parse_json(raw)
        except Invalid:
            raise Invalid("", "Body contains invalid data") from None
        if not isinstance(said, dict):
            raise Invalid("", "Body contains invalid data")
        if not self._allowed("update_port:data_plane_status", caller):
            raise _refused("update_port:data_plane_status")
        names, host, report = self._meant(said)
        command = ReportDataPlane(names, host, _report(report, caller), actor_of(request, caller))
        answers = cast("tuple[PortReported, ...]", await self._ports.intake.submit(command))
        return json_response({"results": [_result(one) for one in answers]})

    def _meant(
        self, said: dict[str, Any]
    ) -> tuple[tuple[PortId, ...], HostName | None, tuple[str | None, str]]:
        known = {"ports", "host", "data_plane_status", "dp_down", "reason"}
        unknown = sorted(said.keys() - known)
        if unknown:
            raise Invalid("", f"Unrecognized attribute(s) '{', '.join(unknown)[:200]}'")
        if ("ports" in said) == ("host" in said):
            raise port_bodies.invalid("ports", "name either ports or a host")
        reason = port_bodies.reason_of(said.get("reason"), "reason")
        report = port_bodies.status_of(said), reason
        if "host" in said:
            return (), HostName(port_bodies.words(said["host"], "host")), report
        names, most = said["ports"], self._ports.settings.bulk_limit
        if not isinstance(names, list) or not names:
            raise port_bodies.invalid("ports", "it is no list of ids")
        if len(names) > most:
            raise TooLarge(f"at most {most} ports are reported at once")
        ids = (port_bodies.words(name, f"ports[{n}]") for n, name in enumerate(names))
        return tuple(PortId(name) for name in ids), None, report

    # ------------------------------------------------------------ who may what

    def _port(self, request: Request, caller: Caller) -> Port:
        """Return the port of the path to a caller who may know of it (404 otherwise)."""
        name = request.path_params["port_id"]
        port = self._ports.inventory.port(PortId(name))
        if port is None or not self._sees(caller, port):
            raise NotFound(f"Port {name[:100]} could not be found.")
        return port

    def _sees(self, caller: Caller, port: Port) -> bool:
        return self._ports.enforcer.allowed("get_port", caller, port.project)

    def _allowed(self, rule: str, caller: Caller) -> bool:
        """Whether a caller may do something to everybody's ports."""
        return self._ports.enforcer.allowed(rule, caller)

    def _enforce(self, rule: str, caller: Caller, port: Port) -> None:
        if not self._ports.enforcer.allowed(rule, caller, port.project):
            raise _refused(rule)

    def _hidden(self, caller: Caller) -> frozenset[str]:
        allowed = self._ports.enforcer.allowed
        return frozenset(
            name for rule, names in _HIDDEN.items() if not allowed(rule, caller) for name in names
        )

    # ------------------------------------------------------------ from and to documents

    def _document(self, port: Port, hidden: frozenset[str]) -> dict[str, Any]:
        plugs = self._plugs
        subnets = plugs.subnets_in(port.network) if port.addresses and port.network else ()
        document = port_document(port, plugs.place(port), subnets)
        for name in hidden:
            del document[name]
        return document

    def _new(self, said: dict[str, Any], caller: Caller) -> Port:
        values = port_bodies.created(said)
        project = ProjectId(values.pop("project", caller.project))
        if not self._ports.enforcer.allowed("create_port", caller, project):
            raise _refused("create_port")
        if values.get("host"):
            if not self._ports.enforcer.allowed("create_port:binding:host_id", caller, project):
                raise _refused("create_port:binding:host_id")
            self._check_host(values)
        if self._ports.directory.project(project) is None:
            raise port_bodies.invalid("project_id", f"there is no project {project}")
        self._check_network(values["network"], caller)
        self._check_server(values, project, caller)
        self._check_addresses(said, values["network"], frozenset())
        about = {name: values.pop(name) for name in tuple(values) if name in _DETAILS}
        status = "DOWN" if not values.get("host") and not values.get("server") else "ACTIVE"
        return Port(
            PortId(str(uuid.uuid4())),
            project,
            status=status,
            revision=1,
            details=PortDetails(**about),
            **values,
        )

    def _check_host(self, values: Mapping[str, Any]) -> None:
        host = values.get("host")
        if host and self._ports.inventory.host(HostName(host)) is None:
            raise port_bodies.invalid("binding:host_id", f"there is no host {host}")

    def _check_server(self, values: Mapping[str, Any], project: ProjectId, caller: Caller) -> None:
        """Refuse a server that is not the port's owner's; who may bind ports names any device.

        Otherwise somebody's port would stand for the data plane of another one's server.
        """
        name = values.get("server")
        if not name or self._ports.enforcer.allowed(
            "create_port:binding:host_id", caller, project
        ):
            return
        server = self._ports.inventory.server(ServerId(name))
        if server is None or server.project != project:
            raise port_bodies.invalid("device_id", f"there is no server {name}")

    def _check_addresses(self, said: dict[str, Any], network: str, own: frozenset[str]) -> None:
        """Refuse subnets and addresses that the network has not; a port keeps its `own`."""
        blocks = {
            str(one.id): ip_network(one.cidr) for one in self._plugs.subnets_in(NetworkId(network))
        }
        for subnet, text in port_bodies.subnets_of(said):
            if subnet is not None and subnet not in blocks:
                raise port_bodies.invalid("fixed_ips", f"the network has no subnet {subnet}")
            if text is None or str(ip_address(text)) in own:
                continue
            some = [blocks[subnet]] if subnet is not None else blocks.values()
            if not any(ip_address(text) in block for block in some):
                reason = f"{text} is in no subnet that it could be of"
                raise port_bodies.invalid("fixed_ips", reason)

    def _check_network(self, name: str, caller: Caller) -> None:
        network = self._plugs.network(NetworkId(name))
        sees = self._ports.enforcer.allowed
        if network is None or not (network.shared or sees("get_network", caller, network.project)):
            raise NotFound(f"Network {name[:100]} could not be found.")


def _refused(rule: str) -> Forbidden:
    return Forbidden(f"(rule:{rule}) is disallowed by policy")


def _report(report: tuple[str | None, str], caller: Caller) -> DataPlaneReport:
    status, reason = report
    return DataPlaneReport(status, reason, caller.user_name or caller.user)


def _result(one: PortReported) -> dict[str, Any]:
    row: dict[str, Any] = {"id": one.port, "status": one.status}
    return {**row, "error": one.error} if one.error else row
