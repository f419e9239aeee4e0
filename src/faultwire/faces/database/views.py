"""Guests as Trove shows instances."""

from collections.abc import Mapping
from typing import Any

from faultwire.domain.instants import rfc3339
from faultwire.domain.resources import Guest, Server
from faultwire.faces.database.asking import Ask

DATASTORE = {"type": "database", "version": "-", "version_number": "-"}
"""What a guest runs is not in the inventory."""

STATUS = {"up": "ACTIVE", "down": "ERROR"}
"""Trove's status of an instance whose guest is up, and of one whose guest is down."""

NO_STATUS = "NONE"
_NS = 1_000_000_000


def instance(guest: Guest, ask: Ask) -> dict[str, Any]:
    """Return a guest as its owner sees it; clients read all of these."""
    server = _server(guest, ask)
    about = server.about if server is not None else None
    return {
        "id": guest.id,
        "name": guest.name,
        "tenant_id": guest.project,
        "status": STATUS.get(guest.state, "ERROR"),
        "operating_status": guest.service_status or NO_STATUS,
        "datastore": DATASTORE,
        "flavor": {"id": (about.flavor if about is not None else "") or "-", "links": []},
        "addresses": [
            {"address": one, "type": "private"} for one in (server.addresses if server else ())
        ],
        "access": {"is_public": False, "allowed_cidrs": []},
        "region": "RegionOne",
        "links": [
            {"rel": "self", "href": f"{ask.root}/instances/{guest.id}"},
            {"rel": "bookmark", "href": f"{ask.root}/instances/{guest.id}"},
        ],
    }


def managed(guest: Guest, heard_ns: int | None, ask: Ask) -> dict[str, Any]:
    """Return a guest as administrators see it, with what is known of its agent (D15)."""
    server = _server(guest, ask)
    shown = instance(guest, ask)
    on = {
        "id": guest.server,
        "name": server.name if server is not None else None,
        "host": server.host if server is not None else None,
        "status": server.vm_state.value.upper() if server is not None else None,
        "tenant_id": server.project if server is not None else None,
    }
    shown |= {
        "server_id": guest.server or "",
        "server": on if guest.server else None,
        "deleted": False,
        "guest_status": {"state_description": guest.service_status.lower() or "unknown"},
        "guest_agent": {
            "state": guest.agent.value,
            "rpc_version": guest.version or None,
            **heard(heard_ns, ask),
        },
    }
    return shown


def heard(heard_ns: int | None, ask: Ask) -> Mapping[str, object]:
    """Return when a guest was last heard and how long ago that is, by our clock."""
    if heard_ns is None:
        return {"heard_at": None, "heard_age_seconds": None}
    age = max(0, ask.ports.clock.wall_ns() - heard_ns) / _NS
    return {"heard_at": rfc3339(heard_ns), "heard_age_seconds": round(age, 3)}


def _server(guest: Guest, ask: Ask) -> Server | None:
    return ask.ports.inventory.server(guest.server) if guest.server is not None else None
