"""Events in: the face's own path, Vitrage's, and Doctor's on a listener of its own (D4)."""

import ipaddress

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Actor, Caller, CredentialKind
from faultwire.domain.commands import FaultAnswer, ReportFaults
from faultwire.domain.errors import Forbidden, Invalid
from faultwire.domain.faults import FAULT_TYPES, Report
from faultwire.faces.fault.events import parse_reports
from faultwire.faces.fault.ports import FaultPorts, error_body
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
_EVENT = {
    "type": "object",
    "required": ["time", "type"],
    "properties": {
        "time": {"type": "string", "format": "date-time"},
        "type": {"type": "string", "enum": _TYPES},
        "details": {"type": "object"},
    },
}
SCHEMA = {
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

BOUND_DETAIL = {CredentialKind.AGENT: "hostname", CredentialKind.GUEST: "guest_id"}
"""The detail that must be the credential's own name."""


class Posting:
    """The routes that take events."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def take(self, request: Request) -> Response:
        """Report faults and their clears. Answered once they are durable."""
        detected = self._ports.clock.instant()
        caller = caller_of(request)
        if caller.kind is None:
            self._ports.enforcer.enforce("events:post", caller)
        raw = await read_body(request, self._ports.settings.event_bytes)
        reports = parse_reports(parse_json(raw), _reporter(caller), detected)
        if caller.kind is not None:
            _own_only(caller, reports)
        return await self._submit(reports, actor_of(request, caller))

    async def take_doctor(self, request: Request) -> Response:
        """Report faults as Doctor's monitors do, without a token, from listed networks."""
        detected = self._ports.clock.instant()
        source = source_of(request)
        if not _listed(source, self._ports.settings.doctor_networks):
            raise Forbidden(f"{source or 'this peer'} may not report here")
        raw = await read_body(request, self._ports.settings.event_bytes)
        reports = parse_reports(parse_json(raw), f"doctor {source}", detected)
        return await self._submit(reports, Actor("doctor listener", "", source))

    async def _submit(self, reports: tuple[Report, ...], actor: Actor) -> Response:
        answers = await self._ports.intake.submit(ReportFaults(reports, actor))
        shown = [{"id": answer.id, "state": answer.state.value} for answer in _answers(answers)]
        return json_response({"faults": shown}, 202)


def _answers(answers: object) -> tuple[FaultAnswer, ...]:
    return answers if isinstance(answers, tuple) else ()


def _reporter(caller: Caller) -> str:
    return caller.user_name if caller.kind is None else f"{caller.kind.value} {caller.name}"


def _own_only(caller: Caller, reports: tuple[Report, ...]) -> None:
    """Raise Forbidden unless every report is about the one name that the credential is for."""
    detail = BOUND_DETAIL.get(caller.kind) if caller.kind else None
    for report in reports:
        if detail is None or report.resource.get(detail) != caller.name:
            raise Forbidden(f"this credential reports for {caller.name} only")


def _listed(source: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or any(address in network for network in parse_networks(networks))


def parse_networks(
    networks: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Return networks; raises Invalid naming the option."""
    try:
        return tuple(map(ipaddress.ip_network, networks))
    except ValueError as error:
        raise Invalid("[fault] doctor_networks", str(error)) from None


def doctor_app(ports: FaultPorts) -> FastAPI:
    """Return the application of Doctor's own listener: PUT and POST ``/events``."""
    parse_networks(ports.settings.doctor_networks)
    app = FastAPI(title="Doctor southbound events", docs_url=None, redoc_url=None)
    install_errors(app, error_body)
    take = Posting(ports).take_doctor
    app.add_api_route("/events", take, methods=["PUT", "POST"], response_model=None)
    return app
