"""Events that others publish: Aodh's event dicts, for the alarms that wait for them."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.commands import TakeEvents
from faultwire.domain.events import Event
from faultwire.domain.incoming import LONGEST, MOST_EVENTS, event_of, places_of
from faultwire.faces.alarming import requests
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.http import actor_of, caller_of, json_response

SLICE = 20
"""Events read before others are served."""

_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["message_id", "event_type"],
    "properties": {
        "message_id": {"type": "string", "minLength": 1, "maxLength": LONGEST},
        "event_type": {"type": "string", "minLength": 1, "maxLength": LONGEST},
        "generated": {},
        "raw": {},
        "traits": {
            "type": ["array", "null"],
            "items": {"type": "array", "minItems": 3, "maxItems": 3},
            "description": "[name, type, value]; types: 1 text, 2 integer, 3 float, 4 datetime.",
        },
    },
}

SCHEMA: dict[str, Any] = {
    "oneOf": [_EVENT, {"type": "array", "maxItems": MOST_EVENTS, "items": _EVENT}]
}
"""One event, or a list of them."""


class Incoming:
    """``/v2/events``."""

    def __init__(self, ports: AlarmingPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def take(self, request: Request) -> Response:
        """Publish events, all or none. Alarms that exist by now see them."""
        ports, caller = self._ports, caller_of(request)
        ports.enforcer.enforce("telemetry:post_events", caller)
        requests.only(request)
        body = await requests.body_of(request, ports.settings.events_bytes)
        events: list[Event] = []
        for at, item in places_of(body):
            events.append(event_of(item, ports.clock.wall_ns(), at))
            if len(events) % SLICE == 0:
                await asyncio.sleep(0)
        command = TakeEvents(tuple(events), actor_of(request, caller))
        return json_response({"events": await ports.intake.submit(command)}, 202)
