"""The database face, version 1.0: instances, and whether their guests answer."""

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from faultwire.faces.calls import Call, add_calls
from faultwire.faces.database.errors import ERROR, install
from faultwire.faces.database.instances import MANAGED_QUERY, QUERY, Instances
from faultwire.faces.database.pinging import BULK, Pinging
from faultwire.faces.database.ports import DatabasePorts
from faultwire.faces.http import base_url, json_response

ROOT = "/v1.0/{tenant_id}"
INSTANCE = "/instances/{instance_id}"
_PINGS = frozenset(
    {
        f"{ROOT}/mgmt{INSTANCE}/rpc_ping",
        f"{ROOT}/mgmt/instances/rpc_ping",
        "/",
        "/v1.0",
        "/v1.0/",
    }
)
ACTION: dict[str, Any] = {
    "type": "object",
    "required": ["restart"],
    "properties": {"restart": {"type": "object"}},
}
UPDATED = "2012-08-01T00:00:00Z"


def create(ports: DatabasePorts, elsewhere: str = "") -> FastAPI:
    """Return the application; it is mounted at ``/database``.

    Where Trove itself is `elsewhere`, as a 404 then says, only pings are served.
    """
    app = FastAPI(title="Faultwire database API", version="1.0", docs_url="/docs", redoc_url=None)
    app.state.authenticator = ports.authenticator
    app.state.elsewhere = elsewhere
    install(app)
    calls = _calls(ports)
    add_calls(app, [one for one in calls if one.path in _PINGS] if elsewhere else calls, ERROR)
    return app


def _calls(ports: DatabasePorts) -> list[Call]:
    read, ping = Instances(ports), Pinging(ports)
    mgmt = f"{ROOT}/mgmt"
    return [
        # First, because routes are tried in this order.
        Call("GET", f"{mgmt}{INSTANCE}/rpc_ping", ping.one, 204),
        Call("GET", "/", _versions, token=False),
        Call("GET", "/v1.0", _version, token=False),
        Call("GET", "/v1.0/", _version, token=False),
        Call("GET", f"{ROOT}/instances", read.list, query=QUERY),
        Call("GET", f"{ROOT}{INSTANCE}", read.show),
        Call("POST", f"{ROOT}{INSTANCE}/action", read.act, 202, body=ACTION),
        Call("POST", f"{mgmt}/instances/rpc_ping", ping.many, body=BULK),
        Call("GET", f"{mgmt}/instances", read.manage_list, query=MANAGED_QUERY),
        Call("GET", f"{mgmt}{INSTANCE}", read.manage_show),
        Call("POST", f"{mgmt}{INSTANCE}/action", read.manage_act, 202, body=ACTION),
    ]


def _described(request: Request) -> dict[str, Any]:
    face = f"{base_url(request)}{request.scope.get('root_path', '')}"
    return {
        "id": "v1.0",
        "status": "CURRENT",
        "updated": UPDATED,
        "links": [{"rel": "self", "href": f"{face}/v1.0/"}],
    }


async def _versions(request: Request) -> Response:
    """List versions. Takes no token."""
    return json_response({"versions": [_described(request)]})


async def _version(request: Request) -> Response:
    """Show this version. Takes no token."""
    return json_response({"version": _described(request)})
