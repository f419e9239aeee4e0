"""Samples in: values of meters that threshold alarms look at."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.errors import TooLarge
from faultwire.domain.ids import ProjectId
from faultwire.domain.samples import Sample
from faultwire.faces.alarming import requests
from faultwire.faces.alarming.fields import NAME_LIMIT, clean, needed, number, only, table, wrong
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.http import caller_of, json_response

KEYS = ("meter_name", "resource_id", "project_id", "value", "timestamp")

BATCH = 500
"""Samples written in one transaction: others' commits go in between."""

SLICE = 100
"""Samples read between two moments in which others are served."""

MOST_VALUE = 1e290
"""What a value may be: sums of many stay numbers in every database."""

AHEAD_NS = 86_400_000_000_000
"""How far ahead of our clock a sample may be: a day."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAME = {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT}
_SAMPLE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["meter_name", "resource_id", "project_id", "value"],
    "properties": {
        "meter_name": _NAME,
        "resource_id": _NAME,
        "project_id": {
            "type": "string",
            "maxLength": NAME_LIMIT,
            "description": "Whose alarms see it; empty: administrators' alone.",
        },
        "value": {"type": "number"},
        "timestamp": {
            "type": "string",
            "format": "date-time",
            "description": "When it was taken, without a zone in UTC; left out: now.",
        },
    },
}
SCHEMA: dict[str, Any] = {"oneOf": [_SAMPLE, {"type": "array", "items": _SAMPLE}]}
"""JSON schema of a body of samples."""


class Samples:
    """``/v2/samples``."""

    def __init__(self, ports: AlarmingPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def create(self, request: Request) -> Response:
        """Keep a sample, or a list of them if none is wrong. Answered once they are durable."""
        ports = self._ports
        caller = caller_of(request)
        ports.enforcer.enforce("telemetry:create_samples", caller)
        requests.only(request)
        body = await requests.body_of(request, ports.settings.samples_bytes)
        listed = isinstance(body, list)
        items: list[object] = body if isinstance(body, list) else [body]
        if len(items) > ports.settings.samples_limit:
            raise TooLarge(f"more than {ports.settings.samples_limit} samples")
        now_ns, samples = ports.clock.wall_ns(), []
        for place, item in enumerate(items):
            # Two of one meter at one moment would be one: those without a time differ by a bit.
            samples.append(sample_of(item, f"[{place}]" if listed else "", now_ns, place))
            if place % SLICE == 0:
                await asyncio.sleep(0)
        for start in range(0, len(samples), BATCH):
            await ports.sample(samples[start : start + BATCH])
        return json_response({"samples": len(samples)}, 201)


def sample_of(value: object, path: str, now_ns: int, place: int = 0) -> Sample:
    """Return a sample; raises Invalid naming the field below `path`.

    One without a time was taken `place` nanoseconds after now.
    """
    item = table(value, path or "sample")
    only(item, KEYS, path or "sample")
    at = f"{path}." if path else ""
    return Sample(
        needed(item.get("meter_name"), f"{at}meter_name"),
        ProjectId(_project(item.get("project_id"), f"{at}project_id")),
        needed(item.get("resource_id"), f"{at}resource_id"),
        _moment(item, f"{at}timestamp", now_ns, place),
        _value(item.get("value"), f"{at}value"),
    )


def _value(value: object, name: str) -> float:
    """Return a value whose sums every database can hold."""
    found = number(value, name)
    if abs(found) > MOST_VALUE:
        raise wrong(name, value, f"It must be between -{MOST_VALUE:g} and {MOST_VALUE:g}.")
    return found


def _project(value: object, name: str) -> str:
    if value == "":
        return ""
    return needed(value, name)


def _moment(item: Mapping[str, Any], name: str, now_ns: int, place: int) -> int:
    text = item.get("timestamp")
    if text is None:
        return now_ns + place
    if not isinstance(text, str) or len(text) > NAME_LIMIT:
        raise wrong(name, text, "It must be a time as 2026-01-31T12:00:00.")
    try:
        moment = datetime.fromisoformat(clean(text, name))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        past = moment - _EPOCH
    except (ValueError, OverflowError):
        raise wrong(name, text, "It must be a time as 2026-01-31T12:00:00.") from None
    at_ns = (past.days * 86_400 + past.seconds) * 1_000_000_000 + past.microseconds * 1000
    if at_ns < 0:
        raise wrong(name, text, "It is before 1970.")
    if at_ns > now_ns + AHEAD_NS:
        raise wrong(name, text, "It is more than a day ahead of our clock.")
    return at_ns
