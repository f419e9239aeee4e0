"""The table of routes of the compute face, each with the versions in which it is there."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faultwire.domain.errors import Invalid, NotFound
from faultwire.faces.compute import versions
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.errors import ERROR, NOT_FOUND
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.schema import Schema
from faultwire.faces.compute.versions import MAX, MIN, Version
from faultwire.faces.http import caller_of
from faultwire.faces.openapi import operation

Handler = Callable[[Ask], Awaitable[Response]]

PREFIX = "/v2.1"
REQUEST_ID = b"x-compute-request-id"
ERROR_TYPE = b"application/json; charset=UTF-8"
_STATE = "compute_version"
_VERSIONS = ["latest", *(f"2.{minor}" for minor in range(MIN, MAX + 1))]


@dataclass(frozen=True, slots=True)
class Route:
    """One row; the handler's docstring describes it.

    It is there from version 2.`since` to 2.`until`, both included. Several rows may share a
    method and path where their versions do not meet. `path` is what follows ``/v2.1``, or
    ``/v2.1/{project_id}``. `query` maps parameters to what they are for.
    """

    method: str
    path: str
    handler: Handler
    status: int = 200
    since: int = MIN
    until: int = MAX
    query: Mapping[str, str] = field(default_factory=dict)
    body: Schema | None = None


def add_routes(app: FastAPI, ports: ComputePorts, routes: Iterable[Route]) -> None:
    """Serve the routes under both forms of URL; the page of the API shows the short one."""
    groups: dict[tuple[str, str], list[Route]] = {}
    for route in routes:
        groups.setdefault((route.path, route.method), []).append(route)
    for (path, method), rows in groups.items():
        # The latest form is the one that the page describes.
        shown = rows[-1]
        about = shown.handler.__doc__ or path
        endpoint = _endpoint(ports, rows)
        for prefix, documented in ((PREFIX, True), (f"{PREFIX}/{{project_id}}", False)):
            app.add_api_route(
                prefix + path,
                endpoint,
                methods=[method],
                status_code=shown.status,
                summary=about.partition(".")[0],
                description=about,
                openapi_extra=_described(prefix + path, rows),
                response_model=None,
                include_in_schema=documented,
                name=f"{method} {prefix}{path}",
            )


def _described(path: str, rows: list[Route]) -> dict[str, Any]:
    query: dict[str, str] = {}
    for row in rows:
        query.update(row.query)
    bodies = [row.body for row in rows if row.body is not None]
    body = {"anyOf": [dict(one) for one in bodies]} if len(bodies) > 1 else None
    said = operation(
        path, query=query, body=body or (bodies[0] if bodies else None), failure=ERROR
    )
    said["parameters"].append(
        {
            "name": "X-OpenStack-Nova-API-Version",
            "in": "header",
            "description": f"Microversion; there are 2.{MIN} to 2.{MAX}.",
            "required": False,
            "schema": {"type": "string", "enum": _VERSIONS},
        }
    )
    return said


def _endpoint(ports: ComputePorts, rows: list[Route]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        caller = caller_of(request)
        version = negotiate(request)
        project = request.path_params.get("project_id")
        if project is not None and project != caller.project:
            raise Invalid(
                "",
                f"Malformed request URL: URL's project_id '{project[:100]}' doesn't match "
                f"Context's project_id '{caller.project}'",
            )
        for row in rows:
            if row.since <= version.minor <= row.until:
                return await row.handler(Ask(request, caller, version, ports))
        raise NotFound(NOT_FOUND)

    return endpoint


def negotiate(request: Request) -> Version:
    """Return a request's version, and have the answer tell it; raises Invalid, Unsupported."""
    version = versions.asked(request.headers)
    request.scope.setdefault("state", {})[_STATE] = version
    versions.check(version)
    return version


class VersionHeaders:
    """Tells in every answer, errors included, the request's id, and its version once settled."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def told(message: Message) -> None:
            version = state.get(_STATE)
            if message["type"] == "http.response.start" and version is not None:
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), value.encode())
                        for name, value in versions.headers_of(version).items()
                    ),
                ]
            name = state.get("request_id")
            if message["type"] == "http.response.start" and name is not None:
                # Nova's clients log it by the name that it had first.
                headers = [*message["headers"], (REQUEST_ID, name.encode())]
                # Nova says so of its errors alone.
                charset = message["status"] >= 400
                message["headers"] = [
                    (key, ERROR_TYPE if charset and key == b"content-type" else value)
                    for key, value in headers
                ]
            await send(message)

        await self._app(scope, receive, told)
