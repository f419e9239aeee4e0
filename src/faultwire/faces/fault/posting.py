"""Events in: the face's own path, Vitrage's, and Doctor's on a listener of its own (D4)."""

import asyncio
import ipaddress
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Actor, Caller, CredentialKind
from faultwire.domain.commands import FaultAnswer, ReportFaults
from faultwire.domain.errors import Broken, Forbidden, Invalid, TooLarge
from faultwire.domain.faults import FAULT_TYPES, Report
from faultwire.domain.instants import Instant
from faultwire.faces.calls import Call, add_calls
from faultwire.faces.fault import params
from faultwire.faces.fault.events import reports_of
from faultwire.faces.fault.ports import ERROR, FaultPorts, error_body
from faultwire.faces.http import (
    actor_of,
    caller_of,
    install_errors,
    json_response,
    parse_json,
    read_body,
    source_of,
)

_TYPES = [name for kind in FAULT_TYPES.values() for name in (kind.name, kind.clear)]
_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["time", "type"],
    "properties": {
        "time": {"type": "string", "format": "date-time"},
        "type": {"type": "string", "enum": _TYPES},
        "details": {"type": "object"},
    },
}
SCHEMA: dict[str, Any] = {
    "oneOf": [
        {"type": "array", "items": _EVENT},
        {"type": "object", "required": ["event"], "properties": {"event": _EVENT}},
        {
            "type": "object",
            "required": ["events"],
            "properties": {"events": {"type": "array", "items": _EVENT}},
        },
    ]
}
"""JSON schema of a body of events."""

BOUND_DETAIL = {
    CredentialKind.AGENT: "hostname",
    CredentialKind.GUEST: "guest_id",
    CredentialKind.MONITOR: "monitor",
}
"""The detail that must be the credential's own name."""

SLICE = 100
"""Events read between two moments in which others are served."""

BRACKETS_LIMIT = 20_000
"""Objects and lists in one body: more would hold the loop long before they are refused."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Posting:
    """The routes that take events."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports; raises Invalid for a listed network that is none."""
        self._ports = ports
        self._networks = _networks(ports.settings.doctor_networks)

    async def take(self, request: Request) -> Response:
        """Report faults and their clears. Answered once they are durable."""
        detected = self._ports.clock.instant()
        caller = caller_of(request)
        if caller.kind is None:
            self._ports.enforcer.enforce("events:post", caller)
        params.only(request)
        reports = await self._read(request, _reporter(caller), detected)
        if caller.kind is not None:
            _own_only(caller, reports)
        return await self._submit(reports, actor_of(request, caller))

    async def take_doctor(self, request: Request) -> Response:
        """Report faults as Doctor's monitors do, without a token, from listed networks."""
        detected = self._ports.clock.instant()
        source = source_of(request)
        if not self._listed(source):
            raise Forbidden(f"{source or 'this peer'} may not report here")
        if "origin" in request.headers:
            # A page in a browser on this machine is no monitor.
            raise Forbidden("web pages may not report here")
        reports = await self._read(request, f"doctor {source}", detected)
        return await self._submit(reports, Actor("doctor listener", "", source))

    async def _read(
        self, request: Request, reporter: str, detected: Instant
    ) -> tuple[Report, ...]:
        raw = await read_body(request, self._ports.settings.event_bytes)
        if raw.count(b"{") + raw.count(b"[") > BRACKETS_LIMIT:
            raise TooLarge(f"the body holds more than {BRACKETS_LIMIT} objects and lists")
        reports = []
        for report in reports_of(parse_json(raw), reporter, detected):
            reports.append(report)
            if len(reports) % SLICE == 0:
                await asyncio.sleep(0)
        return tuple(reports)

    async def _submit(self, reports: tuple[Report, ...], actor: Actor) -> Response:
        answers = await self._ports.intake.submit(ReportFaults(reports, actor))
        if not isinstance(answers, tuple):
            raise Broken("reporting faults answered something else")
        return json_response({"faults": [_shown(answer) for answer in answers]}, 202)

    def _listed(self, source: str) -> bool:
        try:
            address = ipaddress.ip_address(source)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or any(address in network for network in self._networks)


def _shown(answer: FaultAnswer) -> dict[str, str]:
    return {"id": answer.id, "state": answer.state.value}


def _reporter(caller: Caller) -> str:
    return caller.user_name if caller.kind is None else f"{caller.kind.value} {caller.name}"


def _own_only(caller: Caller, reports: Iterable[Report]) -> None:
    """Raise Forbidden unless every report is about the one name that the credential is for."""
    detail = BOUND_DETAIL.get(caller.kind, "") if caller.kind else ""
    for report in reports:
        if report.resource.get(detail) != caller.name:
            raise Forbidden(f"this credential reports for {caller.name} only")


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    try:
        return tuple(map(ipaddress.ip_network, texts))
    except ValueError as error:
        raise Invalid("[fault] doctor_networks", str(error)) from None


def doctor_app(ports: FaultPorts) -> FastAPI:
    """Return the application of Doctor's own listener: PUT and POST ``/events``.

    Raises Invalid for a network of the settings that is none.
    """
    app = FastAPI(title="Doctor southbound events", docs_url=None, redoc_url=None)
    install_errors(app, error_body)
    take = Posting(ports).take_doctor
    calls = [
        Call(method, "/events", take, 202, body=SCHEMA, token=False) for method in ("PUT", "POST")
    ]
    add_calls(app, calls, ERROR)
    return app
