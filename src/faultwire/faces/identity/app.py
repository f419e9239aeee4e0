"""The identity application: versions, routes, errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from faultwire.domain.errors import FaultwireError
from faultwire.faces.http import install_errors, json_response, schema_of
from faultwire.faces.identity import bodies, grants, projects, tokens, users
from faultwire.faces.identity.ports import Handler, IdentityPorts, v3_of
from faultwire.faces.openapi import operation

MEDIA_TYPES = [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]
ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "integer"},
                "title": {"type": "string"},
                "message": {"type": "string"},
            },
        }
    },
}
"""The schema of Keystone's error body."""

VERSION = "v3.14"
UPDATED = "2020-04-07T00:00:00Z"
"""The version of Keystone's API of which this is a part, as Keystone dates it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One row of the table of routes; the handler's docstring describes it."""

    method: str
    path: str
    handler: Handler
    status: int = 200
    body: type[BaseModel] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    token: bool = True


_PAGE = {
    "limit": "Most things on this page.",
    "marker": "Id of the last thing of the page before.",
}
_NAMED = {"name": "The exact name.", "domain_id": "Id of the domain."}
_LISTED = {**_PAGE, **_NAMED, "enabled": "Whether it is enabled."}
_GRANTED = {
    **_PAGE,
    "user.id": "Grants of this user.",
    "role.id": "Grants of this role.",
    "scope.project.id": "Grants in this project.",
    "effective": "With the roles that a role implies.",
    "include_names": "With names beside the ids.",
}
_NO_CATALOG = {"nocatalog": "Leave the catalog out."}
_PROJECT, _USER = "/v3/projects/{project_id}", "/v3/users/{user_id}"
_GRANTS = f"{_PROJECT}/users/{{user_id}}/roles"
_GRANT = f"{_GRANTS}/{{role_id}}"


async def _versions(request: Request) -> Response:
    """Answer the versions of this API: 300, as Keystone does."""
    return json_response({"versions": {"values": [_version(request)]}}, 300)


async def _v3(request: Request) -> Response:
    """Answer the version document."""
    return json_response({"version": _version(request)})


def _version(request: Request) -> dict[str, object]:
    return {
        "id": VERSION,
        "status": "stable",
        "updated": UPDATED,
        "links": [{"rel": "self", "href": f"{v3_of(request)}/"}],
        "media-types": MEDIA_TYPES,
    }


CALLS = (
    Call("GET", "/", _versions, 300, token=False),
    Call("GET", "/v3", _v3, token=False),
    Call("POST", "/v3/auth/tokens", tokens.issue, 201, bodies.AuthBody, _NO_CATALOG, token=False),
    Call("GET", "/v3/auth/tokens", tokens.show, query=_NO_CATALOG),
    Call("DELETE", "/v3/auth/tokens", tokens.revoke, 204),
    Call("GET", "/v3/auth/catalog", tokens.catalog),
    Call("GET", "/v3/auth/projects", tokens.own_projects, query=_PAGE),
    Call("GET", "/v3/users", users.list_users, query=_LISTED),
    Call("POST", "/v3/users", users.create_user, 201, bodies.NewUserBody),
    Call("GET", _USER, users.show_user),
    Call("PATCH", _USER, users.change_user, 200, bodies.ChangedUserBody),
    Call("DELETE", _USER, users.delete_user, 204),
    Call(
        "POST",
        f"{_USER}/password",
        users.change_own_password,
        204,
        bodies.OwnPasswordBody,
        token=False,
    ),
    Call("GET", f"{_USER}/projects", users.list_user_projects, query=_PAGE),
    Call("GET", "/v3/projects", projects.list_projects, query=_LISTED),
    Call("POST", "/v3/projects", projects.create_project, 201, bodies.NewProjectBody),
    Call("GET", _PROJECT, projects.show_project),
    Call("PATCH", _PROJECT, projects.change_project, 200, bodies.ChangedProjectBody),
    Call("DELETE", _PROJECT, projects.delete_project, 204),
    Call("GET", "/v3/domains", projects.list_domains, query=_PAGE),
    Call("GET", "/v3/domains/{domain_id}", projects.show_domain),
    Call("GET", "/v3/roles", grants.list_roles, query={**_PAGE, **_NAMED}),
    Call("GET", "/v3/roles/{role_id}", grants.show_role),
    Call("GET", _GRANTS, grants.list_grants, query=_PAGE),
    Call("PUT", _GRANT, grants.grant, 204),
    Call("GET", _GRANT, grants.check, 204),
    Call("DELETE", _GRANT, grants.revoke, 204),
    Call("GET", "/v3/role_assignments", grants.list_assignments, query=_GRANTED),
)
"""Every call; a path may end in a slash, and HEAD goes where GET goes."""


def error_body(status: int, error: FaultwireError) -> object:
    """Return Keystone's error body."""
    title = HTTPStatus(status).phrase
    return {"error": {"code": status, "title": title, "message": str(error)}}


def create(ports: IdentityPorts) -> FastAPI:
    """Return the identity application."""
    app = FastAPI(title="Faultwire identity", version=VERSION, docs_url=None, redoc_url=None)
    app.state.ports = ports
    app.state.authenticator = ports.authenticator
    for call in CALLS:
        body = schema_of(call.body) if call.body else None
        app.add_api_route(
            call.path,
            call.handler,
            methods=[call.method],
            status_code=call.status,
            response_class=Response,
            openapi_extra=operation(
                call.path, query=call.query, body=body, failure=ERROR, token=call.token
            ),
        )
        if call.method == "GET":
            app.add_api_route(call.path, call.handler, methods=["HEAD"], include_in_schema=False)
    app.add_middleware(_SlashAtTheEnd)
    install_errors(app, error_body)
    return app


class _SlashAtTheEnd:
    """Takes the slash from the end of a path: Keystone's clients write it or leave it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.endswith("/") and path != f"{scope.get('root_path', '')}/":
            scope = {**scope, "path": path[:-1]}
        await self._app(scope, receive, send)
