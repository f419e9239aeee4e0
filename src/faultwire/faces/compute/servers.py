"""Routes of servers: list, show, create, change, delete."""

import uuid
from collections.abc import Iterable
from typing import Any

import orjson
from starlette.responses import Response

from faultwire.domain import offers
from faultwire.domain.computing import CreateServers, EditServer, Placement, RemoveServer
from faultwire.domain.errors import Broken, Invalid
from faultwire.domain.ids import HostName, ServerId
from faultwire.domain.resources import NO_METADATA, Particulars, Server
from faultwire.faces.compute import server_schema
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.metadata import checked
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.routing import Route
from faultwire.faces.compute.schema import truth
from faultwire.faces.compute.server_finding import named, overrides
from faultwire.faces.compute.server_pages import QUERY, Page, page
from faultwire.faces.compute.server_view import ServerView, links
from faultwire.faces.compute.versions import MAX
from faultwire.faces.http import json_response

FORCED_HOST = "os_compute_api:servers:create:forced_host"
DESTINATION = "compute:servers:create:requested_destination"
MOST_AT_ONCE = 100
"""Servers of one request."""


def routes(ports: ComputePorts) -> Iterable[Route]:
    """Return the rows."""
    del ports
    create, update = server_schema.create(MAX), server_schema.update(MAX)
    return (
        Route("GET", "/servers", index, query=QUERY),
        Route("GET", "/servers/detail", detail, query=QUERY),
        Route("POST", "/servers", create_servers, 202, body=create),
        Route("GET", "/servers/{server_id}", show),
        Route("PUT", "/servers/{server_id}", update_server, body=update),
        Route("DELETE", "/servers/{server_id}", delete, 204),
    )


async def index(ask: Ask) -> Response:
    """List servers: id, name and links."""
    found = await page(ask, "index")
    view = ServerView(ask)
    brief = orjson.dumps([view.brief(server) for server in found.servers])
    return _listed(ask, "servers", found, [brief])


async def detail(ask: Ask) -> Response:
    """List servers with all that the caller may see of them."""
    found = await page(ask, "detail")
    return _listed(ask, "servers/detail", found, ServerView(ask).page(found.servers))


def _listed(ask: Ask, path: str, found: Page, servers: list[bytes]) -> Response:
    """Return a list, whose servers are encoded already, with the link to the next page."""
    parts = [b'{"servers":', *servers]
    if found.following is not None:
        project = ask.request.path_params.get("project_id")
        within = f"{project}/{path}" if project is not None else path
        href = f"{ask.base}/v2.1/{within}?{found.following}"
        parts += (b',"servers_links":', orjson.dumps([{"rel": "next", "href": href}]))
    return Response(b"".join((*parts, b"}")), media_type="application/json")


async def show(ask: Ask) -> Response:
    """Show a server."""
    ask.query()
    server = named(ask, "os_compute_api:servers:show")
    return json_response({"server": ServerView(ask).one(server)})


async def create_servers(ask: Ask) -> Response:
    """Create servers: on a host that is named, or the one that is up with the fewest servers."""
    body = (await ask.body(server_schema.create(ask.version.minor)))["server"]
    project = ask.caller.project
    ask.enforce("os_compute_api:servers:create", project)
    placement = _placement(ask, body)
    drafts = _drafts(ask, body)
    limit = ask.ports.settings.servers_per_project
    command = CreateServers(drafts, placement, ask.actor, limit if limit >= 0 else None)
    made = await ask.ports.intake.submit(command)
    if not isinstance(made, tuple):
        raise Broken("creating servers answered something else")
    first: Server = made[0]
    if truth(body.get("return_reservation_id")):
        return json_response({"reservation_id": f"r-{first.id[-8:]}"}, 202)
    shown = {
        "id": first.id,
        "links": links(ask.base, "servers", first.id),
        "OS-DCF:diskConfig": body.get("OS-DCF:diskConfig", "MANUAL"),
        "security_groups": [{"name": "default"}],
    }
    where = f"{ask.base}/v2.1/servers/{first.id}"
    return json_response({"server": shown}, 202, {"Location": where})


def _placement(ask: Ask, body: dict[str, Any]) -> Placement:
    """Return where the servers are wanted; raises Forbidden, Invalid."""
    zone, host, forced = body.get("availability_zone"), None, False
    if zone is not None and ":" in zone:
        zone, _, host = zone.partition(":")
        host, _, node = host.partition(":")
        host, forced = host or node, True
        if not host or (node and node != host):
            raise Invalid("", "Invalid availability_zone: it must be ZONE:HOST")
        ask.enforce(FORCED_HOST, ask.caller.project)
    named_hosts = {body[key] for key in ("host", "hypervisor_hostname") if key in body}
    if named_hosts:
        if forced:
            raise Invalid("", "A host may be named once: in availability_zone or in host.")
        if len(named_hosts) > 1:
            raise Invalid("", "host and hypervisor_hostname name different hosts.")
        ask.enforce(DESTINATION, ask.caller.project)
        host = named_hosts.pop()
    return Placement(zone or None, HostName(host) if host is not None else None, forced)


def _drafts(ask: Ask, body: dict[str, Any]) -> tuple[Server, ...]:
    """Return the servers as they are wanted, without hosts; raises Invalid."""
    least, most = int(body.get("min_count", 1)), body.get("max_count")
    count = int(most) if most is not None else least
    if not 1 <= least <= count:
        raise Invalid("", "min_count must be <= max_count")
    if count > MOST_AT_ONCE:
        raise Invalid("", f"max_count: at most {MOST_AT_ONCE} servers at once")
    flavor, image = str(body["flavorRef"]).rpartition("/")[2], body.get("imageRef", "")
    if flavor not in offers.FLAVORS:
        raise Invalid("", f"Flavor {flavor[:100]} could not be found.")
    image = image.rpartition("/")[2]
    if image and image not in offers.IMAGES:
        raise Invalid("", "Can not find requested image")
    metadata = checked(body.get("metadata", {})) or NO_METADATA
    about = Particulars(
        0,
        ask.caller.user,
        flavor,
        image,
        body.get("description") or (body["name"] if not ask.since(19) else None),
        body.get("key_name"),
    )
    return tuple(
        Server(
            ServerId(str(uuid.uuid4())),
            body["name"] if count == 1 else f"{body['name']}-{number}",
            ask.caller.project,
            HostName(""),
            metadata=metadata,
            about=about,
        )
        for number in range(1, count + 1)
    )


async def update_server(ask: Ask) -> Response:
    """Change a server's name and, from 2.19 on, its description."""
    body = (await ask.body(server_schema.update(ask.version.minor)))["server"]
    server = named(ask, "os_compute_api:servers:update")
    description = body.get("description", "") or "" if "description" in body else None
    command = EditServer(
        server.id,
        ask.actor,
        name=body.get("name"),
        description=description,
        override=overrides(ask, server),
    )
    after = await ask.ports.intake.submit(command)
    if not isinstance(after, Server):
        raise Broken("changing a server answered something else")
    return json_response({"server": ServerView(ask).edited(after)})


async def delete(ask: Ask) -> Response:
    """Delete a server; its ports and guests stay, without it."""
    server = named(ask, "os_compute_api:servers:delete")
    command = RemoveServer(server.id, ask.actor, overrides(ask, server))
    await ask.ports.intake.submit(command)
    return Response(status_code=204)
