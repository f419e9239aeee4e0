"""What a cloud says of all its hosts, servers and ports: read in pages, off every path (S1-S3).

Of hosts also where they belong to: zone and aggregates, by which guards count.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from faultwire.controllers.openstack.api import OpenStackApi
from faultwire.domain.errors import FaultwireError, Forbidden, NotFound, Unavailable
from faultwire.domain.notices import Notice, PortNotice, ServerNotice, ServiceNotice
from faultwire.domain.states import VmState

log = logging.getLogger(__name__)

SERVERS_VERSION = "2.16"
"""The first that shows hosts to administrators with host_status; newer ones cost twice as much."""

RACK = "rack"
"""The metadata of an aggregate that names the rack of its hosts."""

PAGE = 1000
ASKED = 500
"""Things that one look asks for one by one, because the lists lack them."""
NOT_FOUND = "could not be found"
"""Words of Nova and of Neutron."""
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
    services, aggregates, servers, ports = await asyncio.gather(
        api.learn_services(), _aggregates(api), _all(_servers(api, page)), _all(_ports(api, page))
    )
    return Snapshot(
        tuple(_service(one, aggregates) for one in services.values()),
        tuple(_server(one) for one in servers),
        tuple(_port(one) for one in ports),
    )


async def _aggregates(api: OpenStackApi) -> list[Mapping[str, Any]] | None:
    """Return all aggregates; None where the account may not see them."""
    try:
        return _listed(await api.compute("GET", "/os-aggregates"), "aggregates")
    except Forbidden as error:
        log.warning("a cloud's aggregates cannot be read: %s", error)
        return None


async def gone(
    api: OpenStackApi, servers: Collection[str], ports: Collection[str], at_once: int
) -> tuple[Notice, ...]:
    """Return those that the cloud itself says it does not have, asking for each, ports first.

    A list may lack what is there: Nova leaves out the servers of a cell that does not answer.
    What cannot be told now is not returned; at most `ASKED` are asked for.
    """
    turn = asyncio.Semaphore(at_once)

    async def ask(notice: Notice, path: str, of: Callable[..., Awaitable[Any]]) -> Notice | None:
        async with turn:
            try:
                await of("GET", path)
            except NotFound as error:
                # A proxy before the service has other words for what it does not find.
                return notice if NOT_FOUND in str(error) else None
            except FaultwireError as error:
                log.debug("%s is not there, or is: %s", path, error)
            return None

    plugs = sorted(ports)[:ASKED]
    found = await asyncio.gather(
        *(
            ask(PortNotice(one, gone=True), f"/ports/{quote(one, safe='')}?fields=id", api.network)
            for one in plugs
        ),
        *(
            ask(ServerNotice(one, gone=True), f"/servers/{quote(one, safe='')}", api.compute)
            for one in sorted(servers)[: ASKED - len(plugs)]
        ),
    )
    return tuple(one for one in found if one is not None)


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


def _service(
    row: Mapping[str, Any], aggregates: Iterable[Mapping[str, Any]] | None
) -> ServiceNotice:
    host = str(row["host"])
    told = ServiceNotice(
        host,
        bool(row.get("forced_down")),
        row.get("status") == "disabled",
        row.get("disabled_reason"),
        str(row.get("zone") or ""),
    )
    if aggregates is None:
        return told
    mine = [one for one in aggregates if host in (one.get("hosts") or ())]
    racks = [str(rack) for one in mine if (rack := (one.get("metadata") or {}).get(RACK))]
    return replace(
        told,
        # An inventory document may know the rack where no aggregate does.
        rack=racks[0] if racks else None,
        aggregates=tuple(sorted({str(one["name"]) for one in mine})),
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
