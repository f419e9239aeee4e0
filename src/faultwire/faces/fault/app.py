"""The fault face, version 1: events in, faults, timelines, inventory, hosts and agents."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from faultwire.faces.fault import documents, faults, marks, posting
from faultwire.faces.fault.agents import agent_routes
from faultwire.faces.fault.ports import FaultPorts, error_body
from faultwire.faces.http import install_errors, json_response, request_body

Handler = Callable[[Request], Awaitable[Response]]

VERSION = {"id": "v1", "status": "CURRENT", "links": [{"rel": "self", "href": "v1/"}]}


def create(ports: FaultPorts) -> FastAPI:
    """Return the application; it is mounted at ``/fault``."""
    app = FastAPI(title="Faultwire fault API", version="1", docs_url="/v1/docs", redoc_url=None)
    app.state.authenticator = ports.authenticator
    install_errors(app, error_body)
    for method, path, handler, extra in _routes(ports):
        app.add_api_route(
            path,
            handler,
            methods=method.split("|"),
            openapi_extra=extra,
            response_model=None,
            summary=(handler.__doc__ or path).partition(".")[0],
            name=f"{method} {path}",
        )
    app.router.routes.append(Mount("/v1/agents", routes=agent_routes(ports.agents)))
    return app


def _routes(ports: FaultPorts) -> list[tuple[str, str, Handler, dict[str, Any] | None]]:
    post = posting.Posting(ports)
    read = faults.Faults(ports)
    document = documents.Documents(ports)
    schema = request_body(documents.DocumentModel)
    event = {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": posting.SCHEMA}},
        }
    }
    return [
        ("GET", "/", _versions, None),
        ("GET", "/v1", _version, None),
        ("GET", "/v1/", _version, None),
        ("PUT|POST", "/v1/events", post.take, event),
        ("PUT|POST", "/v1/event", post.take, event),
        ("GET", "/v1/faults", read.list, None),
        ("GET", "/v1/faults/{fault_id}", read.show, None),
        ("GET", "/v1/faults/{fault_id}/timeline", read.timeline, None),
        ("POST", "/v1/faults/{fault_id}/close", read.close, None),
        ("POST", "/v1/faults/{fault_id}/marks", marks.Marks(ports).take, None),
        ("GET", "/v1/inventory", document.show, None),
        ("GET", "/v1/inventory/schema", document.schema, None),
        ("PUT", "/v1/inventory", document.replace, schema),
        ("PATCH", "/v1/inventory", document.extend, schema),
        ("GET", "/v1/hosts", document.hosts, None),
        ("GET", "/v1/hosts/{name}", document.host, None),
    ]


async def _versions(request: Request) -> Response:
    """List versions."""
    del request
    return json_response({"versions": [VERSION]})


async def _version(request: Request) -> Response:
    """Show this version."""
    del request
    return json_response({"version": VERSION})
