"""Roles, and who holds which where."""

from collections.abc import Iterable, Iterator

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import IMPLIED_ROLES, Assignment, Role
from faultwire.domain.commands import SetAssignment
from faultwire.domain.errors import NotFound
from faultwire.domain.ids import UserId
from faultwire.faces.http import actor_of, json_response
from faultwire.faces.identity.listing import flag, page
from faultwire.faces.identity.ports import allowed, ports_of, v3_of
from faultwire.faces.identity.projects import find_project
from faultwire.faces.identity.users import find_user
from faultwire.identity.signin import DOMAIN_ID, DOMAIN_NAME

ROLES = {role.value: role for role in Role}
"""The roles that there are; a role's id is its name."""

DOMAIN = {"id": DOMAIN_ID, "name": DOMAIN_NAME}


def _shown_role(role: Role, request: Request) -> dict[str, object]:
    return {
        "id": role.value,
        "name": role.value,
        "domain_id": None,
        "description": None,
        "options": {},
        "links": {"self": f"{v3_of(request)}/roles/{role.value}"},
    }


def _find_role(request: Request) -> Role:
    name = request.path_params["role_id"]
    role = ROLES.get(name)
    if role is None:
        raise NotFound(f"Could not find role: {name}.")
    return role


async def list_roles(request: Request) -> Response:
    """Answer the roles, which are fixed; filter: name."""
    allowed(request, "identity:list_roles")
    name = request.query_params.get("name")
    roles = [role for role in Role if name in {None, role.value}]
    # Roles of a domain are another kind; there are none.
    if request.query_params.get("domain_id"):
        roles = []
    return page(
        request, "roles", roles, lambda role: _shown_role(role, request), lambda role: role.value
    )


async def show_role(request: Request) -> Response:
    """Answer one role."""
    allowed(request, "identity:get_role")
    return json_response({"role": _shown_role(_find_role(request), request)})


def _assignment(request: Request) -> Assignment:
    user, project = find_user(request), find_project(request)
    return Assignment(user.id, project.id, _find_role(request))


async def grant(request: Request) -> Response:
    """Grant a role: 204, also where it is held already."""
    caller = allowed(request, "identity:create_grant")
    command = SetAssignment(_assignment(request), granted=True, actor=actor_of(request, caller))
    await ports_of(request).intake.submit(command)
    return Response(status_code=204)


async def revoke(request: Request) -> Response:
    """Take a role away: 204; 404 where it was not held, 409 for the last administrator."""
    caller = allowed(request, "identity:revoke_grant")
    command = SetAssignment(_assignment(request), granted=False, actor=actor_of(request, caller))
    await ports_of(request).intake.submit(command)
    return Response(status_code=204)


async def check(request: Request) -> Response:
    """Answer 204 where the role is granted, 404 where it is not."""
    allowed(request, "identity:check_grant")
    one = _assignment(request)
    if one.role not in ports_of(request).directory.granted(one.user, one.project):
        raise NotFound(f"Could not find role assignment: {one.role} of {one.user}.")
    return Response(status_code=204)


async def list_grants(request: Request) -> Response:
    """Answer the roles granted to a user in a project."""
    allowed(request, "identity:list_grants")
    user, project = find_user(request), find_project(request)
    roles = sorted(ports_of(request).directory.granted(user.id, project.id))
    return page(
        request, "roles", roles, lambda role: _shown_role(role, request), lambda role: role.value
    )


async def list_assignments(request: Request) -> Response:
    """Answer grants; filters: user.id, role.id, scope.project.id; effective, include_names."""
    allowed(request, "identity:list_role_assignments")
    return page(
        request,
        "role_assignments",
        _wanted(request),
        lambda one: _shown_assignment(one, request),
        lambda one: f"{one.user}/{one.project}/{one.role}",
    )


def _wanted(request: Request) -> Iterator[Assignment]:
    query = request.query_params
    if any(query.get(name) for name in ("group.id", "scope.domain.id", "scope.system")):
        return
    user, role = query.get("user.id"), query.get("role.id")
    project = query.get("scope.project.id")
    for one in _candidates(request, user, project):
        if role in {None, one.role.value}:
            yield one


def _candidates(request: Request, user: str | None, project: str | None) -> Iterable[Assignment]:
    """Return grants by the narrowest look-up, with implied roles where `effective` is asked."""
    directory = ports_of(request).directory
    effective = flag(request, "effective")
    if user is not None:
        projects = directory.projects_of(UserId(user))
        found: Iterable[Assignment] = (
            Assignment(UserId(user), each.id, role)
            for each in projects
            for role in sorted(directory.granted(UserId(user), each.id))
        )
    else:
        found = directory.assignments()
    for one in found:
        if project in {None, one.project}:
            yield one
            held = directory.granted(one.user, one.project)
            if effective:
                for role in sorted(IMPLIED_ROLES.get(one.role, frozenset()) - held):
                    yield Assignment(one.user, one.project, role)


def _shown_assignment(one: Assignment, request: Request) -> dict[str, object]:
    user: dict[str, object] = {"id": one.user}
    project: dict[str, object] = {"id": one.project}
    role: dict[str, object] = {"id": one.role.value}
    if flag(request, "include_names"):
        directory = ports_of(request).directory
        held, owner = directory.user(one.user), directory.project(one.project)
        user |= {"name": held.name if held else "", "domain": DOMAIN}
        project |= {"name": owner.name if owner else "", "domain": DOMAIN}
        role |= {"name": one.role.value}
    link = f"{v3_of(request)}/projects/{one.project}/users/{one.user}/roles/{one.role}"
    return {
        "user": user,
        "scope": {"project": project},
        "role": role,
        "links": {"assignment": link},
    }
