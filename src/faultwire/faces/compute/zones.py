"""Routes of availability zones: what the hosts of the inventory say of theirs."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from faultwire.domain.resources import Host
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.routing import Route
from faultwire.faces.compute.server_view import DEFAULT_ZONE
from faultwire.faces.http import json_response


def routes(ports: ComputePorts) -> Iterable[Route]:
    """Return the rows."""
    del ports
    path = "/os-availability-zone"
    return (Route("GET", path, index), Route("GET", f"{path}/detail", detail))


async def index(ask: Ask) -> Response:
    """List availability zones; one in which no host is ready is not available."""
    ask.enforce("os_compute_api:os-availability-zone:list")
    return _listed(_zones(ask), hosts=False)


async def detail(ask: Ask) -> Response:
    """List availability zones with their hosts."""
    ask.enforce("os_compute_api:os-availability-zone:detail")
    return _listed(_zones(ask), hosts=True)


def _zones(ask: Ask) -> dict[str, list[Host]]:
    zones: dict[str, list[Host]] = {}
    for host in ask.ports.inventory.hosts():
        zones.setdefault(host.zone or DEFAULT_ZONE, []).append(host)
    return zones


def _listed(zones: dict[str, list[Host]], *, hosts: bool) -> Response:
    shown = [
        {
            "zoneName": name,
            "zoneState": {"available": any(_ready(host) for host in some)},
            "hosts": {host.name: _service(host) for host in some} if hosts else None,
        }
        for name, some in sorted(zones.items())
    ]
    return json_response({"availabilityZoneInfo": shown})


def _ready(host: Host) -> bool:
    return host.up and not host.disabled


def _service(host: Host) -> dict[str, Any]:
    service = {"available": host.up, "active": not host.disabled, "updated_at": None}
    return {"nova-compute": service}
