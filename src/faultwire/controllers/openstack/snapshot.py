"""What a cloud says of all its hosts, servers and ports: read in pages, off every path (S1-S3)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from faultwire.controllers.openstack.api import OpenStackApi
from faultwire.domain.errors import Unavailable
from faultwire.domain.notices import PortNotice, ServerNotice, ServiceNotice
from faultwire.domain.states import VmState

SERVERS_VERSION = "2.16"
"""The first that shows hosts to administrators with host_status; newer ones cost twice as much."""

PAGE = 1000
_STATES = frozenset(VmState)
_FIELDS = (
    "id", "name", "project_id", "device_id", "device_owner", "binding:host_id", "network_id",
    "status", "fixed_ips",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at a cloud; the names of hosts are the cloud's own."""

    services: tuple[ServiceNotice, ...]
    servers: tuple[ServerNotice, ...]
    ports: tuple[PortNotice, ...]


async def look(api: OpenStackApi, page: int = PAGE) -> Snapshot:
    """Read all of a cloud; raises Unavailable, Forbidden, NotFound."""
    services, servers, ports = await asyncio.gather(
        api.learn_services(), _all(_servers(api, page)), _all(_ports(api, page))
    )
    return Snapshot(
        tuple(_service(one) for one in services.values()),
        tuple(_server(one) for one in servers),
        tuple(_port(one) for one in ports),
    )


async def _all(rows: AsyncIterator[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row async for row in rows]


async def _servers(api: OpenStackApi, page: int) -> AsyncIterator[Mapping[str, Any]]:
    marker = ""
    while True:
        query = urlencode(
            {"all_tenants": 1, "limit": page} | ({"marker": marker} if marker else {})
        )
        found = await api.compute("GET", f"/servers/detail?{query}", None, SERVERS_VERSION)
        rows = _listed(found, "servers")
        for row in rows:
            yield row
        # Nova's own limit may be lower than what was asked for: it says whether there is more.
        if not rows or not found.get("servers_links"):
            return
        marker = str(rows[-1]["id"])


async def _ports(api: OpenStackApi, page: int) -> AsyncIterator[Mapping[str, Any]]:
    marker = ""
    while True:
        pairs = [("fields", name) for name in _FIELDS]
        pairs += [("limit", str(page)), ("sort_key", "id"), ("sort_dir", "asc")]
        pairs += [("marker", marker)] if marker else []
        found = await api.network("GET", f"/ports?{urlencode(pairs)}")
        rows = _listed(found, "ports")
        for row in rows:
            yield row
        if not rows or not found.get("ports_links"):
            return
        marker = str(rows[-1]["id"])


def _listed(found: Any, name: str) -> list[Mapping[str, Any]]:
    rows = found.get(name) if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise Unavailable(f"a cloud's answer has no {name}")
    return rows


def _service(row: Mapping[str, Any]) -> ServiceNotice:
    return ServiceNotice(
        str(row["host"]),
        bool(row.get("forced_down")),
        row.get("status") == "disabled",
        row.get("disabled_reason"),
    )


def _server(row: Mapping[str, Any]) -> ServerNotice:
    state = row.get("OS-EXT-STS:vm_state")
    return ServerNotice(
        str(row["id"]),
        str(row["tenant_id"]),
        str(row.get("name") or ""),
        str(row.get("OS-EXT-SRV-ATTR:host") or ""),
        VmState(state) if state in _STATES else None,
        row.get("metadata") or {},
    )


def _port(row: Mapping[str, Any]) -> PortNotice:
    of_server = str(row.get("device_owner") or "").startswith("compute:")
    return PortNotice(
        str(row["id"]),
        str(row.get("project_id") or row.get("tenant_id") or ""),
        str(row.get("name") or ""),
        str(row.get("device_id") or "") if of_server else "",
        str(row.get("binding:host_id") or ""),
        row.get("network_id"),
        row.get("status"),
        tuple(str(one["ip_address"]) for one in row.get("fixed_ips") or ()),
    )
