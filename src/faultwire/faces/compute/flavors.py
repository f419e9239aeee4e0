"""Routes of flavors: a fixed few, so that clients can name and show one."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from faultwire.domain import offers
from faultwire.domain.errors import Invalid, NotFound
from faultwire.domain.offers import Flavor
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.routing import Route
from faultwire.faces.compute.server_view import links
from faultwire.faces.http import json_response

RULE = "os_compute_api:flavors"
QUERY = {
    "limit": "How many at most.",
    "marker": "Id of the last flavor of the page before.",
    "is_public": "All flavors are public: False lists none.",
    "minRam": "With at least so many MiB.",
    "minDisk": "With at least so many GiB.",
    "sort_key": "Not looked at: flavors are in order of id.",
    "sort_dir": "Not looked at.",
}


def routes(ports: ComputePorts) -> Iterable[Route]:
    """Return the rows."""
    del ports
    return (
        Route("GET", "/flavors", index, query=QUERY),
        Route("GET", "/flavors/detail", detail, query=QUERY),
        Route("GET", "/flavors/{flavor_id}", show),
        Route("GET", "/flavors/{flavor_id}/os-extra_specs", extra_specs),
    )


async def index(ask: Ask) -> Response:
    """List flavors."""
    return json_response({"flavors": [_brief(ask, flavor) for flavor in _wanted(ask)]})


async def detail(ask: Ask) -> Response:
    """List flavors with their sizes."""
    return json_response({"flavors": [_whole(ask, flavor) for flavor in _wanted(ask)]})


async def show(ask: Ask) -> Response:
    """Show a flavor."""
    return json_response({"flavor": _whole(ask, _named(ask))})


async def extra_specs(ask: Ask) -> Response:
    """List the extra specs of a flavor: there are none."""
    _named(ask)
    return json_response({"extra_specs": {}})


def _named(ask: Ask) -> Flavor:
    ask.enforce(RULE)
    name = ask.path("flavor_id")
    if name == offers.UNKNOWN:
        return offers.UNKNOWN_FLAVOR
    if name not in offers.FLAVORS:
        raise NotFound(f"Flavor {name[:100]} could not be found.")
    return offers.FLAVORS[name]


def _wanted(ask: Ask) -> list[Flavor]:
    ask.enforce(RULE)
    query = ask.query(*QUERY)
    found = list(offers.FLAVORS.values())
    if query.get("is_public", "").lower() in {"false", "0", "no", "off"} and ask.caller.admin:
        found = []
    least_ram, least_disk = _number(query, "minRam", 0), _number(query, "minDisk", 0)
    found = [one for one in found if one.ram >= least_ram and one.disk >= least_disk]
    marker = query.get("marker")
    if marker:
        ids = [flavor.id for flavor in found]
        if marker not in ids:
            raise Invalid("", f"marker [{marker[:100]}] not found")
        found = found[ids.index(marker) + 1 :]
    return found[: _number(query, "limit", len(found))]


def _number(query: Any, name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal():
        raise Invalid("", f"Invalid {name} filter [{text[:100]}]")
    return int(text[:18])


def _brief(ask: Ask, flavor: Flavor) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": flavor.id,
        "name": flavor.name,
        "links": links(ask.base, "flavors", flavor.id),
    }
    if ask.since(55):
        shown["description"] = None
    return shown


def _whole(ask: Ask, flavor: Flavor) -> dict[str, Any]:
    shown = {
        **_brief(ask, flavor),
        "ram": flavor.ram,
        "disk": flavor.disk,
        "swap": 0 if ask.since(75) else "",
        "vcpus": flavor.vcpus,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": True,
        "rxtx_factor": 1.0,
    }
    if ask.since(61):
        shown["extra_specs"] = {}
    return shown
