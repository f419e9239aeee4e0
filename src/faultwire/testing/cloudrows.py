"""A cloud that is not ours, with its rows: a `FakeCloud` that has Nova's and Neutron's lists."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from faultwire.domain.errors import NotFound, Unavailable
from faultwire.testing.clouds import FakeCloud


@dataclass
class RowsCloud(FakeCloud):
    """Answers what the map reads of a cloud, besides what a `FakeCloud` does.

    `where` gives the host of each of `servers` (none: it is on none), `plugs` the server of each
    of `ports`, which is on that one's host. Servers in `left_out` are there and in no list, as
    those of a cell that does not answer; of those in `broken` nothing can be told. `page` is how
    many a list has at most.
    """

    where: dict[str, str] = field(default_factory=dict)
    plugs: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    project: str = "p1"
    page: int = 1000

    async def learn_services(self, host: str = "") -> dict[str, dict[str, Any]]:
        """Return the services by host."""
        await self._take("services", host)
        return {
            name: {"id": f"service-{name}", "host": name, "forced_down": down, "status": "enabled"}
            for name, down in self.hosts.items()
            if host in ("", name)
        }

    async def compute(self, method: str, path: str, body: object = None, version: str = "") -> Any:
        """Answer as Nova."""
        del body
        await self._take("compute", method, path, version)
        parts = urlsplit(path)
        if parts.path == "/os-aggregates":
            return {"aggregates": []}
        if parts.path == "/servers/detail":
            shown = [one for one in sorted(self.servers) if one not in self.left_out]
            return self._listed("servers", [self._server(one) for one in shown], parts.query)
        name = unquote(parts.path.removeprefix("/servers/"))
        if name in self.broken:
            raise Unavailable(f"GET {path}: 500 Cell is not responding")
        if name not in self.servers:
            raise NotFound(f"GET {path}: 404 Instance {name} could not be found.")
        return {"server": self._server(name)}

    async def network(self, method: str, path: str, body: object = None) -> Any:
        """Answer as Neutron."""
        del body
        await self._take("network", method, path)
        parts = urlsplit(path)
        if parts.path == "/ports":
            rows = [self._port(one) for one in sorted(self.ports or {})]
            return self._listed("ports", rows, parts.query)
        name = unquote(parts.path.removeprefix("/ports/"))
        if name not in (self.ports or {}):
            raise NotFound(f"GET {path}: 404 Port {name} could not be found.")
        return {"port": self._port(name)}

    def _listed(self, kind: str, rows: list[dict[str, Any]], query: str) -> Mapping[str, Any]:
        marker = parse_qs(query).get("marker", [""])[0]
        rest = [row for row in rows if str(row["id"]) > marker]
        links = {f"{kind}_links": [{"rel": "next"}]} if len(rest) > self.page else {}
        return {kind: rest[: self.page], **links}

    def _server(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "name": name,
            "tenant_id": self.project,
            "OS-EXT-SRV-ATTR:host": self.where.get(name),
            "OS-EXT-STS:vm_state": self.servers[name],
            "metadata": {},
        }

    def _port(self, name: str) -> dict[str, Any]:
        server = self.plugs.get(name, "")
        return {
            "id": name,
            "project_id": self.project,
            "name": "",
            "device_id": server,
            "device_owner": "compute:nova" if server else "",
            "binding:host_id": self.where.get(server, ""),
            "network_id": "net",
            "status": "ACTIVE",
            "fixed_ips": [],
        }
