"""os-fping, in every version: which servers answer pings (S184-S197, D8)."""

import contextlib
import re
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.responses import Response

from faultwire.domain.computing import EditServer
from faultwire.domain.errors import Broken, Invalid, Unavailable
from faultwire.domain.ids import ServerId
from faultwire.domain.instants import rfc3339
from faultwire.domain.pings import Ping, PingState
from faultwire.domain.resources import Server
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.routing import Route
from faultwire.faces.compute.schema import BOOLEAN, truth
from faultwire.faces.compute.server_finding import named
from faultwire.faces.http import json_response
from faultwire.ports import Pinger

RULE = "os_compute_api:os-fping"
ALL = f"{RULE}:all_tenants"
MONITORED = f"{RULE}:monitored"
LONGEST_FRESH_MS = 86_400_000
MOST_NAMED = 20_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")

FRESH = {
    "fresh": "No answer older than so many milliseconds; 0 pings now. Such sweeps are limited.",
}
LISTED = {
    "all_tenants": "The servers of all projects; administrators. Any value counts.",
    "include": "Only these ids, by commas; what is not there, or another project's, is left out.",
    "exclude": "All but these ids; not looked at where `include` names any.",
    **FRESH,
}
UPDATE: dict[str, Any] = {
    "type": "object",
    "properties": {"monitored": BOOLEAN},
    "required": ["monitored"],
    "additionalProperties": False,
}


def routes(ports: ComputePorts) -> Iterable[Route]:
    """Return the rows."""
    del ports
    return (
        Route("GET", "/os-fping", index, query=LISTED),
        Route("GET", "/os-fping/{server_id}", show, query=FRESH),
        Route("PUT", "/os-fping/vms/{server_id}", update, body=UPDATE),
    )


async def index(ask: Ask) -> Response:
    """Tell which servers of the project answer pings, or of all projects.

    A server answers if any of its addresses does. Those that are not monitored are left out
    unless `include` or `exclude` names any server. Answered from memory, a few seconds old at
    most; see `fresh`.
    """
    query = ask.query(*LISTED)
    fresh_ms = _fresh(query.get("fresh"))
    include, exclude = _ids(ask, "include"), _ids(ask, "exclude")
    servers = _asked(ask, all_projects="all_tenants" in query)
    if include:
        some = [one for one in servers if one.id in include]
    elif exclude:
        some = [one for one in servers if one.id not in exclude]
    else:
        some = [one for one in servers if one.monitored is not False]
    pinger = _pinger(ask)
    await pinger.refresh(some, fresh_ms, ask.caller.project)
    return json_response({"servers": [_shown(one, pinger.seen(one.id)) for one in some]})


async def show(ask: Ask) -> Response:
    """Tell whether a server answers pings."""
    query = ask.query(*FRESH)
    fresh_ms = _fresh(query.get("fresh"))
    server, pinger = named(ask, RULE), _pinger(ask)
    await pinger.refresh((server,), fresh_ms, ask.caller.project)
    return json_response({"server": _shown(server, pinger.seen(server.id))})


async def update(ask: Ask) -> Response:
    """Say whether a server is monitored: pinged regularly, and listed where nobody names any."""
    body = await ask.body(UPDATE)
    server = named(ask, MONITORED)
    command = EditServer(server.id, ask.actor, monitored=truth(body["monitored"]))
    after = await ask.ports.intake.submit(command)
    if not isinstance(after, Server):
        raise Broken("changing a server answered something else")
    shown = _shown(after, _pinger(ask).seen(after.id))
    head = {name: shown.pop(name) for name in ("id", "project_id")}
    return json_response({"vm": {**head, "monitored": after.monitored, **shown}})


def _asked(ask: Ask, *, all_projects: bool) -> Sequence[Server]:
    inventory, project = ask.ports.inventory, ask.caller.project
    if all_projects:
        ask.enforce(ALL)
        return tuple(inventory.servers())
    ask.enforce(RULE, project)
    return inventory.servers_of(project)


def _fresh(text: str | None) -> int | None:
    """Return the age in milliseconds that an answer may have; raises Invalid."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > LONGEST_FRESH_MS:
        raise Invalid(
            "",
            "Invalid input for query parameters fresh. It must be a number of milliseconds from"
            f" 0 to {LONGEST_FRESH_MS}, not {text[:100]!r}.",
        )
    return int(text)


def _ids(ask: Ask, name: str) -> frozenset[ServerId]:
    """Return the ids that a parameter names, in all its repetitions; raises Invalid."""
    texts = (one for text in ask.request.query_params.getlist(name) for one in text.split(","))
    found = set()
    for text in texts:
        if not text.strip():
            continue
        if not _ID.match(text.strip()):
            raise Invalid("", f"Invalid uuid {text.strip()[:100]!r} in query parameter {name}.")
        found.add(ServerId(_plain(text.strip())))
        if len(found) > MOST_NAMED:
            raise Invalid("", f"At most {MOST_NAMED} ids in query parameter {name}.")
    return frozenset(found)


def _plain(text: str) -> str:
    """Return a UUID in the one form that ids have; what is none may be an id of a document."""
    with contextlib.suppress(ValueError):
        return str(uuid.UUID(text))
    return text


def _pinger(ask: Ask) -> Pinger:
    pinger = ask.ports.pinger
    if pinger is None:
        raise Unavailable("Nothing here pings servers.")
    return pinger


def _shown(server: Server, ping: Ping) -> dict[str, object]:
    took = ping.rtt_ns
    return {
        "id": server.id,
        "project_id": server.project,
        "alive": ping.state is PingState.ALIVE,
        "state": ping.state.value,
        "checked_at": None if ping.checked_ns is None else rfc3339(ping.checked_ns),
        "rtt_ms": None if took is None else round(took / 1_000_000, 3),
    }
