"""Hypervisors: every host is one (D24); in the shape of each version."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from faultwire.domain.errors import Invalid, NotFound
from faultwire.domain.resources import Host, Server
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.errors import not_supported
from faultwire.faces.compute.named import Names, checked_uuid
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.routing import PREFIX, Route
from faultwire.faces.compute.schema import BOOLEAN, Schema, check_query, truth
from faultwire.faces.compute.services import SERVICE_IDS, UUIDS
from faultwire.faces.http import json_response

PAGES, FIGURES_END, ALWAYS_SERVERS, CPU_OBJECT = 33, 88, 75, 28
LARGEST_PAGE = 1000

HYPERVISOR_IDS = Names("hypervisor")

_PAGED = {
    "limit": f"Hypervisors of a page, at most {LARGEST_PAGE}; from version 2.33 on.",
    "marker": "The id of the last hypervisor of the page before; from version 2.33 on.",
}
LISTED = {
    **_PAGED,
    "hypervisor_hostname_pattern": "Only those with this text in their name; from 2.53 on.",
    "with_servers": "true: with the servers of each; from version 2.53 on.",
}
SHOWN = {"with_servers": LISTED["with_servers"]}
_QUERY: Schema = {
    "type": "object",
    "properties": {
        "limit": {"type": "string", "pattern": "^[0-9]*$", "maxLength": 9},
        "with_servers": BOOLEAN,
        "hypervisor_hostname_pattern": {"type": "string", "minLength": 1, "maxLength": 255},
    },
}
FIGURES = (
    "vcpus",
    "memory_mb",
    "local_gb",
    "vcpus_used",
    "memory_mb_used",
    "local_gb_used",
    "free_ram_mb",
    "free_disk_gb",
    "current_workload",
    "disk_available_least",
)
"""What Nova shows of machines and is not known here: all of it 0."""


def routes(ports: ComputePorts) -> Iterable[Route]:
    """Return the rows of os-hypervisors and of os-aggregates."""
    held = Hypervisors(ports)
    path = "/os-hypervisors"
    one = f"{path}/{{hypervisor}}"
    return (
        Route("GET", path, held.list, query=LISTED),
        Route("GET", f"{path}/detail", held.detail, query=LISTED),
        Route("GET", f"{path}/statistics", held.statistics, until=FIGURES_END - 1),
        Route("GET", f"{one}/search", held.search, until=UUIDS - 1),
        Route("GET", f"{one}/servers", held.servers, until=UUIDS - 1),
        Route("GET", f"{one}/uptime", held.uptime, until=FIGURES_END - 1),
        Route("GET", one, held.show, query=SHOWN),
        Route("GET", "/os-aggregates", held.aggregates),
    )


class Hypervisors:
    """The routes below ``/os-hypervisors``, and the list of aggregates."""

    def __init__(self, ports: ComputePorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def list(self, ask: Ask) -> Response:
        """List hypervisors."""
        return await self._listed(ask, detail=False)

    async def detail(self, ask: Ask) -> Response:
        """List hypervisors with details."""
        return await self._listed(ask, detail=True)

    async def show(self, ask: Ask) -> Response:
        """Show a hypervisor."""
        query = _query(ask, *(SHOWN if ask.since(UUIDS) else ()))
        ask.enforce("os_compute_api:os-hypervisors:show")
        host = self._by_id(ask, ask.path("hypervisor"))
        with_servers = ask.since(UUIDS) and truth(query.get("with_servers", "false"))
        shown = self._shown(ask, host, detail=True, with_servers=with_servers)
        return json_response({"hypervisor": shown})

    async def uptime(self, ask: Ask) -> Response:
        """Refuse to show since when a machine runs: 501, it is not known; through 2.87."""
        ask.enforce("os_compute_api:os-hypervisors:uptime")
        self._by_id(ask, ask.path("hypervisor"))
        return not_supported()

    async def search(self, ask: Ask) -> Response:
        """Find hypervisors by part of their name; through version 2.52."""
        ask.enforce("os_compute_api:os-hypervisors:search")
        hosts = self._matching(ask.path("hypervisor"))
        said = [self._shown(ask, host, detail=False) for host in hosts]
        return json_response({"hypervisors": said})

    async def servers(self, ask: Ask) -> Response:
        """Find hypervisors by part of their name, with their servers; through version 2.52."""
        ask.enforce("os_compute_api:os-hypervisors:servers")
        hosts = self._matching(ask.path("hypervisor"))
        said = [self._shown(ask, host, detail=False, with_servers=True) for host in hosts]
        return json_response({"hypervisors": said})

    async def statistics(self, ask: Ask) -> Response:
        """Show sums over all hypervisors; through version 2.87."""
        ask.enforce("os_compute_api:os-hypervisors:statistics")
        counts = self._ports.inventory.counts()
        sums: dict[str, object] = {"count": counts["hosts"], **dict.fromkeys(FIGURES, 0)}
        sums["running_vms"] = counts["servers"]
        return json_response({"hypervisor_statistics": sums})

    async def aggregates(self, ask: Ask) -> Response:
        """List the aggregates that the inventory puts hosts into."""
        ask.enforce("os_compute_api:os-aggregates:index")
        members: dict[str, list[Host]] = {}
        for host in self._ports.inventory.hosts():
            for name in host.aggregates:
                members.setdefault(name, []).append(host)
        said = [_aggregate(ask, name, members[name]) for name in sorted(members)]
        return json_response({"aggregates": said})

    async def _listed(self, ask: Ask, *, detail: bool) -> Response:
        known = LISTED if ask.since(UUIDS) else _PAGED if ask.since(PAGES) else {}
        query = _query(ask, *known)
        ask.enforce(
            "os_compute_api:os-hypervisors:list-detail"
            if detail
            else "os_compute_api:os-hypervisors:list"
        )
        pattern, with_servers = query.get("hypervisor_hostname_pattern"), False
        hosts: Sequence[Host] = tuple(self._ports.inventory.hosts())
        if "with_servers" in query:
            with_servers = truth(query["with_servers"])
        if pattern is not None:
            hosts = self._matching(pattern)
        said: dict[str, object] = {}
        if ask.since(PAGES):
            hosts, more = self._page(ask, hosts, query)
            if more:
                said["hypervisors_links"] = [_next(ask, hosts, detail=detail)]
        said["hypervisors"] = [
            self._shown(ask, host, detail=detail, with_servers=with_servers) for host in hosts
        ]
        return json_response(said)

    def _page(
        self, ask: Ask, hosts: Sequence[Host], query: dict[str, str]
    ) -> tuple[Sequence[Host], bool]:
        """Return a page, and whether it is full: then there may be a next one."""
        if {"limit", "marker"} & query.keys() and "hypervisor_hostname_pattern" in query:
            raise Invalid("", "Paging over hypervisors is not supported with a pattern of names.")
        limit = min(int(query.get("limit") or LARGEST_PAGE), LARGEST_PAGE)
        marker = query.get("marker")
        start = 0
        if marker is not None:
            ids = {_id(ask, host): number for number, host in enumerate(hosts)}
            if marker not in ids:
                raise Invalid("", f"marker [{marker[:100]}] not found")
            start = ids[marker] + 1
        page = hosts[start : start + limit]
        return page, len(page) == limit > 0 and len(hosts) > start + limit

    def _by_id(self, ask: Ask, name: str) -> Host:
        missing = NotFound(f"Hypervisor with ID '{name[:100]}' could not be found.")
        if ask.since(UUIDS):
            name = checked_uuid(name)
        elif not name.isdecimal():
            raise missing
        inventory = self._ports.inventory
        host = HYPERVISOR_IDS.host(name, inventory.hosts())
        found = inventory.host(host) if host is not None else None
        if found is None:
            raise missing
        return found

    def _matching(self, pattern: str) -> Sequence[Host]:
        hosts = tuple(host for host in self._ports.inventory.hosts() if pattern in host.name)
        if not hosts:
            raise NotFound(f"No hypervisor matching '{pattern[:255]}' could be found.")
        return hosts

    def _shown(
        self, ask: Ask, host: Host, *, detail: bool, with_servers: bool = False
    ) -> dict[str, object]:
        unique = ask.since(UUIDS)
        said: dict[str, object] = {
            "id": HYPERVISOR_IDS.of(host.name, unique=unique),
            "hypervisor_hostname": host.name,
            "state": "up" if host.up else "down",
            "status": "disabled" if host.disabled else "enabled",
        }
        entry = self._ports.inventory.entry(host.name) if with_servers or detail else None
        servers = entry.servers if entry else ()
        if detail:
            said |= {
                "hypervisor_type": "unknown",
                "hypervisor_version": 0,
                "host_ip": _address(host),
                "service": {
                    "id": SERVICE_IDS.of(host.name, unique=unique),
                    "host": host.name,
                    "disabled_reason": host.disabled_reason,
                },
            }
            said |= _figures(ask, servers)
        if with_servers and (servers or ask.since(ALWAYS_SERVERS)):
            said["servers"] = [{"uuid": one.id, "name": one.name} for one in servers]
        return said


def _query(ask: Ask, *known: str) -> dict[str, str]:
    asked = ask.query(*known)
    query = {name: asked[name] for name in known if name in asked}
    check_query(query, _QUERY)
    return query


def _figures(ask: Ask, servers: Sequence[Server]) -> dict[str, object]:
    if ask.since(FIGURES_END):
        return {"uptime": None}
    figures: dict[str, object] = dict.fromkeys(FIGURES, 0)
    figures["running_vms"] = len(servers)
    figures["cpu_info"] = {} if ask.since(CPU_OBJECT) else ""
    return figures


def _id(ask: Ask, host: Host) -> str:
    return str(HYPERVISOR_IDS.of(host.name, unique=ask.since(UUIDS)))


def _next(ask: Ask, page: Sequence[Host], *, detail: bool) -> dict[str, str]:
    kept = [(k, v) for k, v in ask.request.query_params.multi_items() if k != "marker"]
    query = urlencode([*sorted(kept), ("marker", _id(ask, page[-1]))])
    path = f"{PREFIX}/os-hypervisors{'/detail' if detail else ''}"
    return {"rel": "next", "href": f"{ask.base}{path}?{query}"}


def _address(host: Host) -> str | None:
    for text in host.addresses:
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            continue
    return None


def _aggregate(ask: Ask, name: str, hosts: Iterable[Host]) -> dict[str, Any]:
    names = Names("aggregate")
    said: dict[str, Any] = {
        "id": names.number(name),
        "name": name,
        "availability_zone": None,
        "hosts": [host.name for host in hosts],
        "metadata": {},
        "created_at": None,
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }
    if ask.since(41):
        said["uuid"] = names.uuid(name)
    return said
