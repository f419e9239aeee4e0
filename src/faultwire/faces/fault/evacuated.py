"""Servers that left a dead host: the list of what must not start there, and its end (D17)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller, CredentialKind
from faultwire.domain.computing import ConfirmHost
from faultwire.domain.errors import Broken, Forbidden, NotFound
from faultwire.domain.ids import HostName, ServerId
from faultwire.domain.instants import rfc3339
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.http import (
    actor_of,
    caller_of,
    json_response,
    parse_json,
    read_body,
    schema_of,
    validated,
)

BODY_BYTES = 1_048_576

Name = Annotated[str, Field(min_length=1, max_length=255)]


class Confirmed(BaseModel):
    """Which old copies are gone; all of them where none is named."""

    model_config = ConfigDict(extra="forbid", strict=True)

    servers: list[Name] | None = Field(default=None, max_length=100_000)


SCHEMA: dict[str, Any] = schema_of(Confirmed)


class Evacuated:
    """``/v1/hosts/{name}/evacuated`` and ``/v1/hosts/{name}/confirm``.

    Administrators may name any host, the agent's credential its own alone.
    """

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def list(self, request: Request) -> Response:
        """List the servers that were evacuated from a host and must not be started there."""
        host = self._host(caller_of(request), request.path_params["name"], "hosts:list")
        if self._ports.inventory.host(host) is None:
            raise NotFound(f"no host {host}")
        found = sorted(self._ports.inventory.evacuated(host), key=lambda one: one.server)
        shown = [
            {"id": one.server, "evacuated_to": one.target, "evacuated_at": rfc3339(one.at_ns)}
            for one in found
        ]
        return json_response({"servers": shown})

    async def confirm(self, request: Request) -> Response:
        """Confirm that old copies are gone from a host, so that its force-down may be cleared."""
        caller = caller_of(request)
        host = self._host(caller, request.path_params["name"], "hosts:confirm")
        raw = await read_body(request, BODY_BYTES)
        given = validated(Confirmed, parse_json(raw)) if raw else Confirmed()
        servers = None if given.servers is None else frozenset(map(ServerId, given.servers))
        command = ConfirmHost(host, actor_of(request, caller), servers)
        confirmed = await self._ports.intake.submit(command)
        if not isinstance(confirmed, tuple):
            raise Broken("confirming a host answered something else")
        left = sorted(one.server for one in self._ports.inventory.evacuated(host))
        return json_response({"confirmed": list(confirmed), "left": left})

    def _host(self, caller: Caller, name: str, rule: str) -> HostName:
        """Return the host that a caller may name; raises Forbidden."""
        if caller.kind is None:
            self._ports.enforcer.enforce(rule, caller)
        elif (caller.kind, caller.name) != (CredentialKind.AGENT, name):
            raise Forbidden("a credential may speak for its own host alone")
        return HostName(name)
