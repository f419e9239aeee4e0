"""Users."""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Actor, User
from faultwire.domain.commands import RemoveUser, SaveUser
from faultwire.domain.errors import Invalid, NotFound, Unauthenticated
from faultwire.domain.ids import ProjectId, UserId
from faultwire.faces.http import (
    actor_of,
    caller_of,
    json_response,
    parse_json,
    read_body,
    source_of,
    validated,
)
from faultwire.faces.identity.bodies import (
    ChangedUser,
    ChangedUserBody,
    NewUserBody,
    OwnPasswordBody,
)
from faultwire.faces.identity.listing import flag, our_domain, page
from faultwire.faces.identity.ports import IdentityPorts, allowed, ports_of, v3_of
from faultwire.faces.identity.projects import shown_project
from faultwire.identity.signin import DOMAIN_ID
from faultwire.identity.tokens import NOT_AUTHENTICATED

BODY_LIMIT = 65_536


def shown_user(user: User, request: Request) -> dict[str, object]:
    """Return a user in Keystone's form; nothing of the password is shown."""
    shown: dict[str, object] = {
        "id": user.id,
        "name": user.name,
        "domain_id": DOMAIN_ID,
        "enabled": user.enabled,
        "password_expires_at": None,
        "options": {},
        "links": {"self": f"{v3_of(request)}/users/{user.id}"},
    }
    if user.default_project:
        shown["default_project_id"] = user.default_project
    return shown


def find_user(request: Request) -> User:
    """Return the user of the path; raises NotFound."""
    wanted = UserId(request.path_params["user_id"])
    user = ports_of(request).directory.user(wanted)
    if user is None:
        raise NotFound(f"Could not find user: {wanted}.")
    return user


def _allowed_or_self(request: Request, rule: str) -> None:
    """Let everybody ask about itself, others as the rule says."""
    caller = caller_of(request)
    if caller.kind is not None or caller.user != request.path_params["user_id"]:
        ports_of(request).enforcer.enforce(rule, caller)


async def list_users(request: Request) -> Response:
    """Answer users, in order of name; filters: name, domain_id, enabled."""
    allowed(request, "identity:list_users")
    return page(
        request,
        "users",
        _wanted(request),
        lambda user: shown_user(user, request),
        lambda user: user.id,
    )


def _wanted(request: Request) -> Iterable[User]:
    directory, query = ports_of(request).directory, request.query_params
    if not our_domain(request):
        return ()
    found: Iterable[User] = directory.users()
    if "name" in query:
        named = directory.user_named(query["name"])
        found = (named,) if named else ()
    enabled = flag(request, "enabled")
    if enabled is None:
        return found
    return (user for user in found if user.enabled is enabled)


async def show_user(request: Request) -> Response:
    """Answer one user; everybody may ask about itself."""
    _allowed_or_self(request, "identity:get_user")
    return json_response({"user": shown_user(find_user(request), request)})


async def list_user_projects(request: Request) -> Response:
    """Answer the projects in which a user has a role."""
    _allowed_or_self(request, "identity:list_user_projects")
    user = find_user(request)
    return page(
        request,
        "projects",
        ports_of(request).directory.projects_of(user.id),
        lambda project: shown_project(project, request),
        lambda project: project.id,
    )


async def create_user(request: Request) -> Response:
    """Create a user: 201. One without a password cannot log in until it gets one."""
    caller = allowed(request, "identity:create_user")
    ports = ports_of(request)
    body = parse_json(await read_body(request, BODY_LIMIT))
    wanted = validated(NewUserBody, body).user
    wanted.check("user")
    user = User(
        UserId(uuid.uuid4().hex),
        wanted.name,
        await _hashed(ports, wanted.password),
        0,
        wanted.enabled,
        _project(ports, wanted.default_project_id),
    )
    user = await _saved(ports, SaveUser(user, new=True, actor=actor_of(request, caller)))
    return json_response({"user": shown_user(user, request)}, 201)


async def _hashed(ports: IdentityPorts, password: str | None) -> str:
    return "" if password is None else await ports.passwords.hash(password, "user.password")


def _project(ports: IdentityPorts, id: str | None) -> ProjectId | None:
    if id is None:
        return None
    project = ports.directory.project(ProjectId(id))
    if project is None:
        raise Invalid("user.default_project_id", f"there is no project {id}")
    return project.id


async def change_user(request: Request) -> Response:
    """Change a user; a new password and disabling make all its tokens void."""
    caller = allowed(request, "identity:update_user")
    user = find_user(request)
    body = parse_json(await read_body(request, BODY_LIMIT))
    wanted = validated(ChangedUserBody, body).user
    wanted.check("user")
    ports = ports_of(request)
    changed, fields = await _changed(ports, user, wanted)
    if fields:
        actor = actor_of(request, caller)
        user = await _saved(ports, SaveUser(changed, new=False, actor=actor, fields=fields))
    return json_response({"user": shown_user(user, request)})


async def _changed(
    ports: IdentityPorts, user: User, wanted: ChangedUser
) -> tuple[User, frozenset[str]]:
    """Return the user as wanted, and the names of the fields that the client gave."""
    news: dict[str, Any] = {}
    if wanted.name is not None:
        news["name"] = wanted.name
    if wanted.enabled is not None:
        news["enabled"] = wanted.enabled
    if wanted.password is not None:
        news["password_hash"] = await _hashed(ports, wanted.password)
    if "default_project_id" in wanted.model_fields_set:
        news["default_project"] = _project(ports, wanted.default_project_id)
    return replace(user, **news), frozenset(news)


async def _saved(ports: IdentityPorts, command: SaveUser) -> User:
    saved: Any = await ports.intake.submit(command)
    user: User = saved
    return user


async def change_own_password(request: Request) -> Response:
    """Change a user's password by the one before, without a token: 204, 401 for a wrong one."""
    ports, name = ports_of(request), UserId(request.path_params["user_id"])
    body = parse_json(await read_body(request, BODY_LIMIT))
    wanted = validated(OwnPasswordBody, body).user
    source = source_of(request)
    user = ports.directory.user(name)
    field = "user.original_password"
    right = await ports.passwords.verify(user, wanted.original_password, name, source, field)
    if not right or user is None:
        raise Unauthenticated(NOT_AUTHENTICATED)
    hashed = await ports.passwords.hash(wanted.password, "user.password")
    fresh = replace(user, password_hash=hashed)
    fields = frozenset({"password_hash"})
    await _saved(ports, SaveUser(fresh, new=False, actor=Actor(name, "", source), fields=fields))
    return Response(status_code=204)


async def delete_user(request: Request) -> Response:
    """Delete a user with its grants: 204; 409 for the last administrator."""
    caller = allowed(request, "identity:delete_user")
    command = RemoveUser(find_user(request).id, actor_of(request, caller))
    await ports_of(request).intake.submit(command)
    return Response(status_code=204)
