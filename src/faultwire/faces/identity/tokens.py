"""Tokens: log in, check, revoke; and what a token's owner may ask about itself."""

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Revocation
from faultwire.domain.commands import RevokeToken
from faultwire.domain.errors import Broken, Forbidden, Invalid, NotFound, Unauthenticated
from faultwire.domain.instants import rfc3339
from faultwire.domain.resources import Project
from faultwire.faces.http import (
    actor_of,
    caller_of,
    json_response,
    parse_json,
    read_body,
    source_of,
)
from faultwire.faces.identity.bodies import login_of
from faultwire.faces.identity.listing import page
from faultwire.faces.identity.ports import ports_of, root_of, v3_of
from faultwire.faces.identity.projects import shown_project
from faultwire.identity.signin import DOMAIN_ID, DOMAIN_NAME
from faultwire.identity.tokens import Claims

BODY_LIMIT = 65_536
SUBJECT = "X-Subject-Token"
DOMAIN = {"id": DOMAIN_ID, "name": DOMAIN_NAME}
VARY = {"Vary": "X-Auth-Token"}


async def issue(request: Request) -> Response:
    """Answer a login with a token: 201, the token in X-Subject-Token."""
    login = login_of(parse_json(await read_body(request, BODY_LIMIT)))
    token, claims = await ports_of(request).signin.issue(login, source_of(request))
    return json_response(token_body(request, claims), 201, {SUBJECT: token, **VARY})


async def show(request: Request) -> Response:
    """Answer what the token in X-Subject-Token says, as long as it is valid; else 404."""
    token, claims = _subject(request, "identity:validate_token")
    return json_response(token_body(request, claims), 200, {SUBJECT: token, **VARY})


async def revoke(request: Request) -> Response:
    """Make the token in X-Subject-Token void."""
    _, claims = _subject(request, "identity:revoke_token")
    actor = actor_of(request, caller_of(request))
    revocation = Revocation(claims.id, claims.expires_ns)
    await ports_of(request).intake.submit(RevokeToken(revocation, actor))
    return Response(status_code=204)


def _subject(request: Request, rule: str) -> tuple[str, Claims]:
    """Return the token that is spoken of; somebody else's only as the rule allows."""
    ports, caller = ports_of(request), caller_of(request)
    token = request.headers.get(SUBJECT)
    if not token:
        raise Invalid(SUBJECT, "this header is needed")
    try:
        claims = ports.authenticator.claims(token)
    except Unauthenticated:
        raise NotFound("Could not find token.") from None
    if claims.user != caller.user:
        ports.enforcer.enforce(rule, caller)
    return token, claims


def token_body(request: Request, claims: Claims) -> dict[str, object]:
    """Return a token in Keystone's form, with the catalog unless ``?nocatalog`` is given."""
    ports = ports_of(request)
    user = ports.directory.user(claims.user)
    if user is None:
        raise Broken("a valid token has a user")
    token: dict[str, object] = {
        "methods": claims.methods,
        "user": {
            "id": user.id,
            "name": user.name,
            "domain": DOMAIN,
            "password_expires_at": None,
        },
        "audit_ids": claims.audit_ids,
        "issued_at": rfc3339(claims.issued_ns),
        "expires_at": rfc3339(claims.expires_ns),
    }
    project = ports.directory.project(claims.project) if claims.project else None
    if project is not None:
        roles = sorted(ports.directory.roles(user.id, project.id))
        token["project"] = {"id": project.id, "name": project.name, "domain": DOMAIN}
        token["is_domain"] = False
        token["roles"] = [{"id": role.value, "name": role.value} for role in roles]
        if "nocatalog" not in request.query_params:
            token["catalog"] = ports.catalog.at(root_of(request), project.id)
    return {"token": token}


async def catalog(request: Request) -> Response:
    """Answer the catalog of the caller's token."""
    caller = caller_of(request)
    if not caller.project:
        raise Forbidden("A token without a project has no catalog.")
    links = {"self": f"{v3_of(request)}/auth/catalog"}
    entries = ports_of(request).catalog.at(root_of(request), caller.project)
    return json_response({"catalog": entries, "links": links})


async def own_projects(request: Request) -> Response:
    """Answer the projects that the caller can get a token for."""
    caller = caller_of(request)
    projects = ports_of(request).directory.projects_of(caller.user)

    def shown(project: Project) -> dict[str, object]:
        return shown_project(project, request)

    return page(request, "projects", projects, shown, lambda project: project.id)
