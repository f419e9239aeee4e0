"""``POST /servers/{id}/action``: one action each, by the one key of the body."""

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from faultwire.domain.computing import ActOnServer, EditServer, EvacuateServer, ServerAction
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Server
from faultwire.faces.compute import server_schema
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.routing import Route
from faultwire.faces.compute.schema import Schema, check_body, truth
from faultwire.faces.compute.server_finding import named, overrides
from faultwire.faces.compute.versions import MAX
from faultwire.faces.http import json_response

Run = Callable[[Ask, Server, Any], Awaitable[Response]]

LAST_WITH_STORAGE = 13
"""The last version in which an evacuation says whether storage is shared, and gets a password."""
STAYS_STOPPED = 95
NO_FENCE = "Faultwire-No-Fence"
"""Header by which an evacuation is done without proof that its host has no power (D23)."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action: its policy, what may follow its name, and what it does."""

    rule: str
    schema: Callable[[int], Schema]
    run: Run


def routes(ports: ComputePorts) -> Iterable[Route]:
    """Return the row."""
    del ports
    return (Route("POST", "/servers/{server_id}/action", act, 202, body=_BODY),)


async def act(ask: Ask) -> Response:
    """Start, stop, reboot, lock or unlock a server, set its state, or evacuate it."""
    body = await ask.json()
    if not isinstance(body, dict) or len(body) != 1:
        raise Invalid("", "Malformed request body")
    name = next(iter(body))
    action = ACTIONS.get(name)
    if action is None:
        raise Invalid("", f"There is no such action: {name[:100]}")
    schema = action.schema(ask.version.minor)
    check_body(body, {"type": "object", "properties": {name: schema}, "required": [name]})
    server = named(ask, action.rule)
    return await action.run(ask, server, body[name])


def _simply(action: ServerAction) -> Run:
    async def run(ask: Ask, server: Server, given: Any) -> Response:
        del given
        return await _moved(ask, server, action)

    return run


async def _moved(ask: Ask, server: Server, action: ServerAction) -> Response:
    command = ActOnServer(server.id, action, ask.actor, overrides(ask, server))
    await ask.ports.intake.submit(command)
    return Response(status_code=202)


async def _reboot(ask: Ask, server: Server, given: Any) -> Response:
    hard = given["type"].upper() == "HARD"
    return await _moved(ask, server, ServerAction.HARD_REBOOT if hard else ServerAction.REBOOT)


async def _reset(ask: Ask, server: Server, given: Any) -> Response:
    active = given["state"] == "active"
    return await _moved(
        ask, server, ServerAction.RESET_ACTIVE if active else ServerAction.RESET_ERROR
    )


async def _lock(ask: Ask, server: Server, given: Any) -> Response:
    reason = given.get("locked_reason") if isinstance(given, dict) and ask.since(73) else None
    command = EditServer(server.id, ask.actor, locked=True, locked_reason=reason)
    await ask.ports.intake.submit(command)
    return Response(status_code=202)


async def _unlock(ask: Ask, server: Server, given: Any) -> Response:
    del given
    await ask.ports.intake.submit(EditServer(server.id, ask.actor, locked=False))
    return Response(status_code=202)


async def _evacuate(ask: Ask, server: Server, given: Any) -> Response:
    target, forced = given.get("host"), truth(given.get("force"))
    if forced and target is None:
        raise Invalid("", "Can't force to a non-provided destination")
    if truth(given.get("onSharedStorage")) and "adminPass" in given:
        raise Invalid("", "admin password can't be changed on existing disk")
    command = EvacuateServer(
        server.id,
        ask.actor,
        HostName(target) if target is not None else None,
        # Before 2.29 nobody asked a scheduler whether the host is fit.
        forced or not ask.since(29),
        stopped=ask.since(STAYS_STOPPED),
        no_fence=truth(ask.request.headers.get(NO_FENCE)),
    )
    await ask.ports.intake.submit(command)
    if ask.since(LAST_WITH_STORAGE + 1):
        return Response(status_code=200)
    shown = {} if truth(given["onSharedStorage"]) else {"adminPass": _password(given)}
    return json_response(shown)


def _password(given: Mapping[str, Any]) -> str:
    return str(given.get("adminPass") or uuid.uuid4().hex[:12])


def _always(schema: Schema) -> Callable[[int], Schema]:
    return lambda _: schema


ACTIONS: Mapping[str, Action] = {
    "os-start": Action(
        "os_compute_api:servers:start", _always(server_schema.EMPTY), _simply(ServerAction.START)
    ),
    "os-stop": Action(
        "os_compute_api:servers:stop", _always(server_schema.EMPTY), _simply(ServerAction.STOP)
    ),
    "reboot": Action("os_compute_api:servers:reboot", _always(server_schema.REBOOT), _reboot),
    "os-resetState": Action(
        "os_compute_api:os-admin-actions:reset_state", _always(server_schema.RESET), _reset
    ),
    "evacuate": Action("os_compute_api:os-evacuate", server_schema.evacuate, _evacuate),
    "lock": Action("os_compute_api:os-lock-server:lock", server_schema.lock, _lock),
    "unlock": Action(
        "os_compute_api:os-lock-server:unlock", _always(server_schema.EMPTY), _unlock
    ),
}
"""Every action by the key that asks for it."""

_BODY: Schema = {
    "type": "object",
    "properties": {name: action.schema(MAX) for name, action in ACTIONS.items()},
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}
