"""Routes of a server's metadata."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from faultwire.domain.computing import SetMetadata
from faultwire.domain.errors import Broken, Invalid, NotFound
from faultwire.domain.resources import Server
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.routing import Route
from faultwire.faces.compute.schema import Schema
from faultwire.faces.compute.server_finding import named, overrides
from faultwire.faces.http import json_response

MOST_ITEMS = 128
_KEY = re.compile(r"[a-zA-Z0-9-_:. ]{1,255}\Z")
_VALUE = 255


def _body(key: str) -> Schema:
    return {
        "type": "object",
        "properties": {key: {"type": "object"}},
        "required": [key],
        "additionalProperties": False,
    }


ALL, ONE = _body("metadata"), _body("meta")


def routes(ports: ComputePorts) -> Iterable[Route]:
    """Return the rows."""
    del ports
    path = "/servers/{server_id}/metadata"
    return (
        Route("GET", path, index),
        Route("POST", path, create, body=ALL),
        Route("PUT", path, update_all, body=ALL),
        Route("GET", f"{path}/{{key}}", show),
        Route("PUT", f"{path}/{{key}}", update, body=ONE),
        Route("DELETE", f"{path}/{{key}}", delete, 204),
    )


def checked(items: Mapping[str, Any]) -> Mapping[str, str]:
    """Return metadata as it is; raises Invalid naming what is wrong with it."""
    for key, value in items.items():
        if not _KEY.match(key):
            wrong = key[:100]
            raise Invalid(
                "",
                f"Invalid input for field/attribute metadata. {wrong!r} does not match any of "
                "the regexes: '^[a-zA-Z0-9-_:. ]{1,255}$'",
            )
        if not isinstance(value, str) or len(value) > _VALUE:
            why = "is too long" if isinstance(value, str) else "is not of type 'string'"
            raise Invalid(
                "", f"Invalid input for field/attribute {key}. {str(value)[:100]!r} {why}"
            )
    if len(items) > MOST_ITEMS:
        raise Invalid("", f"Maximum number of metadata items exceeds {MOST_ITEMS}")
    return items


async def index(ask: Ask) -> Response:
    """List a server's metadata."""
    server = named(ask, "os_compute_api:server-metadata:index")
    return json_response({"metadata": dict(server.metadata)})


async def show(ask: Ask) -> Response:
    """Show an item of a server's metadata."""
    server, key = named(ask, "os_compute_api:server-metadata:show"), ask.path("key")
    if key not in server.metadata:
        raise NotFound("Metadata item was not found")
    return json_response({"meta": {key: server.metadata[key]}})


async def create(ask: Ask) -> Response:
    """Add items to a server's metadata."""
    items = checked((await ask.body(ALL))["metadata"])
    server = named(ask, "os_compute_api:server-metadata:create")
    return _whole(await _set(ask, server, items))


async def update_all(ask: Ask) -> Response:
    """Replace a server's metadata."""
    items = checked((await ask.body(ALL))["metadata"])
    server = named(ask, "os_compute_api:server-metadata:update_all")
    return _whole(await _set(ask, server, items, whole=True))


async def update(ask: Ask) -> Response:
    """Set an item of a server's metadata."""
    items, key = checked((await ask.body(ONE))["meta"]), ask.path("key")
    if key not in items:
        raise Invalid("", "Request body and URI mismatch")
    if len(items) > 1:
        raise Invalid("", "Request body contains too many items")
    server = named(ask, "os_compute_api:server-metadata:update")
    await _set(ask, server, items)
    return json_response({"meta": items})


async def delete(ask: Ask) -> Response:
    """Remove an item of a server's metadata."""
    server = named(ask, "os_compute_api:server-metadata:delete")
    await _set(ask, server, {}, removed=ask.path("key"))
    return Response(status_code=204)


async def _set(
    ask: Ask,
    server: Server,
    items: Mapping[str, str],
    *,
    whole: bool = False,
    removed: str | None = None,
) -> Server:
    command = SetMetadata(
        server.id, items, ask.actor, whole, removed, MOST_ITEMS, overrides(ask, server)
    )
    after = await ask.ports.intake.submit(command)
    if not isinstance(after, Server):
        raise Broken("changing metadata answered something else")
    return after


def _whole(server: Server) -> Response:
    return json_response({"metadata": dict(server.metadata)})
