"""The routes of networks and subnets: as much as clients need to create and show ports."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller
from faultwire.domain.errors import Forbidden, NotFound
from faultwire.domain.ids import NetworkId, ProjectId, SubnetId
from faultwire.domain.network_commands import (
    RemoveNetwork,
    RemoveSubnet,
    SaveNetwork,
    SaveSubnet,
)
from faultwire.domain.networks import Network, Subnet
from faultwire.faces.http import actor_of, caller_of, json_response
from faultwire.faces.network import network_bodies as bodies
from faultwire.faces.network.port_bodies import invalid
from faultwire.faces.network.ports import NetworkPorts
from faultwire.faces.network.requests import (
    Document,
    body_of,
    chosen,
    cut,
    filters_of,
    links_of,
    object_of,
    page_of,
    revisions_of,
    truth,
)

_TRUE_OR_FALSE = frozenset({"admin_state_up", "shared", "router:external", "enable_dhcp"})


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between networks and subnets."""

    one: str
    many: str
    title: str
    filters: tuple[str, ...]


_NETWORK = _Kind(
    "network",
    "networks",
    "Network",
    (
        "id",
        "name",
        "project_id",
        "tenant_id",
        "description",
        "status",
        "admin_state_up",
        "shared",
        "router:external",
        "provider:physical_network",
        "provider:network_type",
        "revision_number",
    ),
)
_SUBNET = _Kind(
    "subnet",
    "subnets",
    "Subnet",
    (
        "id",
        "name",
        "project_id",
        "tenant_id",
        "description",
        "network_id",
        "cidr",
        "ip_version",
        "gateway_ip",
        "enable_dhcp",
        "revision_number",
    ),
)


FILTERS = {"network": _NETWORK.filters, "subnet": _SUBNET.filters}
"""Fields by which lists are filtered and sorted."""


class Networks:
    """Networks and subnets; every change is a command of the lane."""

    def __init__(self, ports: NetworkPorts) -> None:
        """Take the face's ports."""
        self._ports = ports
        self._plugs = ports.inventory.plugs

    # ------------------------------------------------------------ networks

    async def networks(self, request: Request) -> Response:
        """List networks: one's own and the shared ones; administrators all."""
        caller = caller_of(request)
        found = [one for one in self._plugs.networks() if self._sees_network(caller, one)]
        return _listed(request, _NETWORK, found, lambda one: self._network_row(one, caller))

    async def network(self, request: Request) -> Response:
        """Show a network."""
        caller = caller_of(request)
        row = self._network_row(self._network(request, caller), caller)
        return json_response({"network": chosen(row, _fields(request))})

    async def create_network(self, request: Request) -> Response:
        """Create a network."""
        caller = caller_of(request)
        _, value = await body_of(request, self._ports.settings.body_bytes, "network")
        values = bodies.network_values(object_of(value, "network"), new=True)
        project = ProjectId(values.pop("project", caller.project))
        self._enforce("create_network", caller, project)
        self._special(values, caller, project)
        self._known(project)
        made = Network(NetworkId(str(uuid.uuid4())), project, **values)
        return await self._saved_network(request, caller, made, frozenset(), new=True)

    async def update_network(self, request: Request) -> Response:
        """Change a network."""
        caller = caller_of(request)
        _, value = await body_of(request, self._ports.settings.body_bytes, "network")
        there = self._network(request, caller)
        self._enforce("update_network", caller, there.project)
        values = bodies.network_values(object_of(value, "network"), new=False)
        self._special(values, caller, there.project)
        made = Network(there.id, there.project, **values)
        return await self._saved_network(request, caller, made, frozenset(values), new=False)

    async def delete_network(self, request: Request) -> Response:
        """Delete a network without ports, and its subnets."""
        caller = caller_of(request)
        there = self._network(request, caller)
        self._enforce("delete_network", caller, there.project)
        command = RemoveNetwork(there.id, actor_of(request, caller), revisions_of(request))
        await self._ports.intake.submit(command)
        return Response(status_code=204)

    # ------------------------------------------------------------ subnets

    async def subnets(self, request: Request) -> Response:
        """List subnets: one's own and those of shared networks; administrators all."""
        caller = caller_of(request)
        found = [one for one in self._plugs.subnets() if self._sees_subnet(caller, one)]
        return _listed(request, _SUBNET, found, bodies.subnet_row)

    async def subnet(self, request: Request) -> Response:
        """Show a subnet."""
        caller = caller_of(request)
        row = bodies.subnet_row(self._subnet(request, caller))
        return json_response({"subnet": chosen(row, _fields(request))})

    async def create_subnet(self, request: Request) -> Response:
        """Create a subnet of a network."""
        caller = caller_of(request)
        _, value = await body_of(request, self._ports.settings.body_bytes, "subnet")
        values = bodies.new_subnet(object_of(value, "subnet"))
        project = ProjectId(values.pop("project", caller.project))
        self._enforce("create_subnet", caller, project)
        self._known(project)
        network = self._plugs.network(values["network"])
        if network is None or not self._sees_network(caller, network):
            raise NotFound(f"Network {values['network'][:100]} could not be found.")
        made = Subnet(SubnetId(str(uuid.uuid4())), project=project, **values)
        return await self._saved_subnet(request, caller, made, frozenset(), new=True)

    async def update_subnet(self, request: Request) -> Response:
        """Change a subnet."""
        caller = caller_of(request)
        _, value = await body_of(request, self._ports.settings.body_bytes, "subnet")
        there = self._subnet(request, caller)
        self._enforce("update_subnet", caller, there.project)
        values = bodies.changed_subnet(object_of(value, "subnet"), there)
        made = Subnet(there.id, there.network, there.project, there.cidr, **values)
        return await self._saved_subnet(request, caller, made, frozenset(values), new=False)

    async def delete_subnet(self, request: Request) -> Response:
        """Delete a subnet of which no port has an address."""
        caller = caller_of(request)
        there = self._subnet(request, caller)
        self._enforce("delete_subnet", caller, there.project)
        command = RemoveSubnet(there.id, actor_of(request, caller), revisions_of(request))
        await self._ports.intake.submit(command)
        return Response(status_code=204)

    # ------------------------------------------------------------ what is alike

    async def _saved_network(
        self, request: Request, caller: Caller, made: Network, names: frozenset[str], *, new: bool
    ) -> Response:
        revisions = None if new else revisions_of(request)
        command = SaveNetwork(made, new, actor_of(request, caller), names, revisions)
        stored = cast("Network", await self._ports.intake.submit(command))
        return json_response({"network": self._network_row(stored, caller)}, 201 if new else 200)

    async def _saved_subnet(
        self, request: Request, caller: Caller, made: Subnet, names: frozenset[str], *, new: bool
    ) -> Response:
        revisions = None if new else revisions_of(request)
        command = SaveSubnet(made, new, actor_of(request, caller), names, revisions)
        stored = cast("Subnet", await self._ports.intake.submit(command))
        return json_response({"subnet": bodies.subnet_row(stored)}, 201 if new else 200)

    def _network_row(self, network: Network, caller: Caller) -> Document:
        names = [one.id for one in self._plugs.subnets_in(network.id)]
        row = bodies.network_row(network, names)
        if self._ports.enforcer.allowed("create_network:provider", caller, network.project):
            return row
        return {key: value for key, value in row.items() if not key.startswith("provider:")}

    def _network(self, request: Request, caller: Caller) -> Network:
        name = request.path_params["network_id"]
        found = self._plugs.network(NetworkId(name))
        if found is None or not self._sees_network(caller, found):
            raise NotFound(f"Network {name[:100]} could not be found.")
        return found

    def _subnet(self, request: Request, caller: Caller) -> Subnet:
        name = request.path_params["subnet_id"]
        found = self._plugs.subnet(SubnetId(name))
        if found is None or not self._sees_subnet(caller, found):
            raise NotFound(f"Subnet {name[:100]} could not be found.")
        return found

    def _sees_network(self, caller: Caller, network: Network) -> bool:
        if network.shared and caller.project:
            return True
        return self._ports.enforcer.allowed("get_network", caller, network.project)

    def _sees_subnet(self, caller: Caller, subnet: Subnet) -> bool:
        network = self._plugs.network(subnet.network)
        if network is not None and network.shared and caller.project:
            return True
        return self._ports.enforcer.allowed("get_subnet", caller, subnet.project)

    def _enforce(self, rule: str, caller: Caller, project: ProjectId) -> None:
        if not self._ports.enforcer.allowed(rule, caller, project):
            raise Forbidden(f"(rule:{rule}) is disallowed by policy")

    def _special(self, values: Mapping[str, Any], caller: Caller, project: ProjectId) -> None:
        """Refuse what only administrators may say of a network."""
        if values.get("shared") or values.get("external"):
            self._enforce("create_network:shared", caller, project)
        if values.keys() & {"physical_network", "network_type", "segmentation_id"}:
            self._enforce("create_network:provider", caller, project)

    def _known(self, project: ProjectId) -> None:
        if self._ports.directory.project(project) is None:
            raise invalid("project_id", f"there is no project {project}")


def _fields(request: Request) -> frozenset[str]:
    return frozenset(request.query_params.getlist("fields"))


def _listed(
    request: Request, kind: _Kind, found: Iterable[Any], row: Callable[[Any], Document]
) -> Response:
    """Answer a list: filtered, sorted, cut."""
    asked = filters_of(request, kind.filters)
    page = page_of(request, kind.filters)
    wanted = {name: frozenset(_typed(name, text) for text in some) for name, some in asked.items()}
    rows = [row(one) for one in found]
    rows = [one for one in rows if all(_text(one.get(name)) in wanted[name] for name in wanted)]
    rows = cut(rows, page, lambda one, key: one.get(key), kind.title)
    links = links_of(request, kind.many, page, [one["id"] for one in rows])
    return json_response({kind.many: [chosen(one, page.fields) for one in rows], **links})


def _typed(name: str, text: str) -> str:
    return _text(truth(text, name)) if name in _TRUE_OR_FALSE else text


def _text(value: object) -> str:
    return "" if value is None else str(value)
