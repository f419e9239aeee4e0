"""Checkpoints reported by consumers (T09, T10) and by administrators (any)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.alarms import Delivery
from faultwire.domain.errors import Forbidden, Invalid, NotFound
from faultwire.domain.ids import DeliveryId, FaultId
from faultwire.domain.instants import Instant
from faultwire.faces.fault import params
from faultwire.faces.fault.faults import Faults, id_of
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.http import caller_of, json_response, parse_json, read_body

BODY_BYTES = 4096
SLACK_NS = 5_000_000
"""How far two clocks of one machine may seem to disagree."""

TEXT_LIMIT = 64
POINTS = tuple(f"T{number:02}" for number in range(11))
_CONSUMER = (("received_at", "T09"), ("handled_at", "T10"))
_TIME = {"type": "string", "format": "date-time"}
SCHEMA: dict[str, Any] = {
    "oneOf": [
        {
            "type": "object",
            "required": ["delivery_id"],
            "properties": {
                "delivery_id": {"type": "string", "description": "The webhook-id received."},
                "received_at": _TIME,
                "handled_at": _TIME,
            },
        },
        {
            "type": "object",
            "required": ["point"],
            "properties": {
                "point": {"type": "string", "enum": list(POINTS)},
                "at": _TIME,
                "at_ns": {"type": "integer", "description": "Nanoseconds since the epoch."},
                "mono_ns": {"type": "integer", "description": "This machine's monotonic clock."},
            },
        },
    ]
}
"""JSON schema of a body: what a consumer reports, or an administrator."""


class Marks:
    """``POST /v1/faults/{id}/marks``."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports
        self._faults = Faults(ports)

    async def take(self, request: Request) -> Response:
        """Report when an alarm was received and handled, or, as administrator, any checkpoint."""
        signed = "webhook-signature" in request.headers
        if not signed:
            caller_of(request)
        params.only(request)
        raw = await read_body(request, BODY_BYTES)
        body = parse_json(raw)
        if not isinstance(body, dict):
            raise Invalid("", "must be an object")
        fault_id = id_of(request)
        if "delivery_id" in body or signed:
            await self._from_consumer(request, raw, body, fault_id)
        else:
            await self._from_administrator(request, body, fault_id)
        return json_response({"fault": {"id": fault_id}}, 202)

    async def _from_consumer(
        self, request: Request, raw: bytes, body: dict[str, Any], fault_id: FaultId
    ) -> None:
        name = body.get("delivery_id")
        if not isinstance(name, str) or not 0 < len(name) <= TEXT_LIMIT or "\x00" in name:
            raise Invalid("delivery_id", "must be the webhook-id of a delivery")
        found: Any = await self._ports.read(self._ports.alarms.delivery, DeliveryId(name))
        delivery: Delivery = found[0]
        if delivery.fault_id != fault_id:
            raise NotFound(f"no delivery {name} of fault {fault_id}")
        if "webhook-signature" not in request.headers:
            self._ports.enforcer.enforce("marks:post", caller_of(request), delivery.project)
        elif self._ports.signed(delivery.project, request.headers, raw) != name:
            raise Forbidden("the signature is of another delivery")
        for point, at in self._stated(body, delivery):
            # The answer to the webhook has counted the receipt already.
            count = 0 if point == "T09" else 1
            await self._ports.mark(fault_id, point, at, source="consumer", count=count)

    def _stated(self, body: dict[str, Any], delivery: Delivery) -> list[tuple[str, Instant]]:
        """Return what a consumer says, all of it within what can be true; raises Invalid."""
        earliest, now = delivery.created_ns, self._ports.clock.wall_ns()
        stated = []
        for key, point in _CONSUMER:
            if body.get(key) is None:
                continue
            at = _time(body, key)
            if not earliest - SLACK_NS <= at <= now + SLACK_NS:
                raise Invalid(key, "lies before the delivery or in the future of this clock")
            earliest = min(max(at, earliest), now)
            stated.append((point, Instant(earliest)))
        if not stated:
            raise Invalid("received_at", "give received_at, handled_at or both")
        return stated

    async def _from_administrator(
        self, request: Request, body: dict[str, Any], fault_id: FaultId
    ) -> None:
        self._ports.enforcer.enforce("faults:close", caller_of(request))
        await self._faults.get(request)
        point = body.get("point")
        if point not in POINTS:
            raise Invalid("point", "must be one of T00 to T10")
        wall = _time(body, "at") if "at" in body else _whole(body, "at_ns", "at")
        mono = _whole(body, "mono_ns") if "mono_ns" in body else None
        await self._ports.mark(fault_id, point, Instant(wall, mono), source="reported", count=1)


def _whole(body: dict[str, Any], key: str, missing: str = "") -> int:
    if missing and key not in body:
        raise Invalid(missing, "is mandatory")
    value = body.get(key)
    if type(value) is not int or not 0 <= value < 2**63:
        raise Invalid(key, "must be nanoseconds as a whole number")
    return value


def _time(body: dict[str, Any], key: str) -> int:
    value = body[key]
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise Invalid(key, "must be an RFC 3339 time")
    return params.wall_ns(value, key, zoned=True)
