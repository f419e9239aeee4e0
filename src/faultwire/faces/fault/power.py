"""Hosts are fenced by an operator's wish, and what is known of their power."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.errors import Broken, NotFound
from faultwire.domain.fencing import FenceHost, Fencing, Power, PowerProof
from faultwire.domain.ids import HostName
from faultwire.domain.instants import rfc3339
from faultwire.faces.fault import params
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

BODY_BYTES = 4096


class Unfence(BaseModel):
    """Whether the host gets power again, or what is known is only forgotten."""

    model_config = ConfigDict(extra="forbid", strict=True)

    record_only: bool = False


SCHEMA: dict[str, Any] = schema_of(Unfence)


class Fencings:
    """``/v1/fencings`` and ``/v1/hosts/{name}/fence``, ``…/unfence``; administrators."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def list(self, request: Request) -> Response:
        """List what is known of hosts' power, and what is being done about it."""
        self._ports.enforcer.enforce("fencings:list", caller_of(request))
        params.only(request)
        return json_response({"fencings": [shown(one) for one in self._ports.fencings()]})

    async def fence(self, request: Request) -> Response:
        """Have a host switched off by its BMC. Answered once it is owed; see the list for more."""
        return await self._wish(request, Power.OFF, record_only=False)

    async def unfence(self, request: Request) -> Response:
        """Have a host switched on again, or only forget what is known of its power."""
        raw = await read_body(request, BODY_BYTES)
        given = validated(Unfence, parse_json(raw)) if raw else Unfence()
        return await self._wish(request, Power.ON, record_only=given.record_only)

    async def _wish(self, request: Request, wanted: Power, *, record_only: bool) -> Response:
        caller = caller_of(request)
        self._ports.enforcer.enforce("hosts:fence", caller)
        params.only(request)
        name = request.path_params["name"]
        found = self._ports.inventory.match_host(name)
        if len(found) != 1:
            raise NotFound(f"no host {name}")
        command = FenceHost(HostName(found[0]), wanted, actor_of(request, caller), record_only)
        answer = await self._ports.intake.submit(command)
        if answer is None:
            return json_response({"fencing": None})
        if not isinstance(answer, Fencing):
            raise Broken("fencing a host answered something else")
        return json_response({"fencing": shown(answer)}, 202)


def shown(one: Fencing) -> dict[str, Any]:
    """Return a record as this face has it."""
    return {
        "host": one.host,
        "wanted": one.wanted.value,
        "state": one.state.value,
        "proven": one.proven,
        "why": one.why,
        "asked_at": rfc3339(one.asked_ns),
        "asked_by": one.asked_by or None,
        "fault": one.fault,
        "attempt": one.attempt,
        "error": one.error or None,
        "settled_at": None if one.settled_ns is None else rfc3339(one.settled_ns),
        "proof": None if one.proof is None else _proof(one.proof),
    }


def _proof(proof: PowerProof) -> dict[str, Any]:
    return {
        "power": proof.power.value,
        "bmc": proof.source,
        "system": proof.system,
        "heard_by": proof.heard_by,
        "at": rfc3339(proof.at_ns),
    }
