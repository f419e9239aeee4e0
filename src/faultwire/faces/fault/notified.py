"""What a listener of its own brings from a message bus: ``POST /v1/notifications``."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Actor
from faultwire.domain.errors import TooLarge
from faultwire.domain.notices import KINDS, MOST
from faultwire.faces.fault import params
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.http import actor_of, caller_of, json_response, parse_json, read_body

BRACKETS_LIMIT = 200_000
"""Objects and lists in one body: more would hold the loop long before they are refused."""

Take = Callable[[object, Actor], Awaitable[int]]

_MESSAGE: dict[str, Any] = {
    "type": "object",
    "required": ["message_id"],
    "additionalProperties": False,
    "properties": {
        "message_id": {"type": "string", "maxLength": 255},
        "timestamp": {
            "type": "string",
            "description": "When it was told, as oslo.messaging writes it, in UTC.",
        },
        "notices": {
            "type": "array",
            "maxItems": MOST,
            "items": {
                "type": "object",
                "required": ["kind"],
                "properties": {"kind": {"enum": list(KINDS)}},
            },
        },
        "events": {"description": "One event in Aodh's shape, or a list of them."},
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "cloud": {
            "type": "string",
            "description": "Whose notifications these are; mandatory where there are several"
            " clouds.",
        },
        "messages": {"type": "array", "maxItems": MOST, "items": _MESSAGE},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
}


class Notifications:
    """``/v1/notifications``."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def take(self, request: Request) -> Response:
        """Take what a listener heard, all or none; what came before is known by its message_id."""
        ports, caller = self._ports, caller_of(request)
        ports.enforcer.enforce("notifications:post", caller)
        params.only(request)
        raw = await read_body(request, ports.settings.notifications_bytes)
        if raw.count(b"{") + raw.count(b"[") > BRACKETS_LIMIT:
            raise TooLarge(f"the body holds more than {BRACKETS_LIMIT} objects and lists")
        new = await ports.notified(parse_json(raw), actor_of(request, caller))
        return json_response({"notifications": new}, 202)
