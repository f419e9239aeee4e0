"""Posted events into reports: D4's three envelopes, one parser, all or nothing."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from faultwire.domain.errors import Invalid, TooLarge
from faultwire.domain.faults import (
    CLEARING_TYPES,
    FAULT_TYPES,
    Evidence,
    FaultType,
    Report,
)
from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant

EVENTS_LIMIT = 1000
"""Events that one request may carry."""

TEXT_LIMIT = 255
"""Characters of an identifying detail, a type or a time."""

DETAILS_LIMIT = 50
"""Keys that the details of an event may have."""

STATUS, UP, DOWN = "status", "up", "down"


def parse_reports(payload: object, reporter: str, detected: Instant) -> tuple[Report, ...]:
    """Return a report per event, in order.

    `payload` is a decoded body: a list, ``{"event": {}}`` or ``{"events": []}``. `reporter` is
    who posted it; `detected` is when it was received (T01, D2). Raises Invalid naming index and
    key, TooLarge for a list over the limit.
    """
    events, path = _unwrapped(payload)
    if len(events) > EVENTS_LIMIT:
        raise TooLarge(f"{path or 'the list'}: {len(events)} events, at most {EVENTS_LIMIT}")
    if not events:
        raise Invalid(path, "must hold at least one event")
    if path == "event":
        return (_report(events[0], path, reporter, detected),)
    return tuple(
        _report(event, f"{path}[{number}]", reporter, detected)
        for number, event in enumerate(events)
    )


def _unwrapped(payload: object) -> tuple[list[object], str]:
    if isinstance(payload, list):
        return payload, "events"
    if not isinstance(payload, dict):
        raise Invalid("", 'must be a list of events, {"event": {}} or {"events": []}')
    keys = set(payload)
    if keys == {"event"}:
        return [payload["event"]], "event"
    if keys == {"events"}:
        if not isinstance(payload["events"], list):
            raise Invalid("events", "must be a list")
        return payload["events"], "events"
    if "time" in keys and "type" in keys:
        return [payload], "event"
    raise Invalid("", 'must be a list of events, {"event": {}} or {"events": []}')


def _report(event: object, path: str, reporter: str, detected: Instant) -> Report:
    if not isinstance(event, dict):
        raise Invalid(path, "must be an object")
    for key in event:
        if key not in {"time", "type", "details", "id"}:
            raise Invalid(f"{path}.{key}", "is no key of an event: time, type, details")
    time = _text(event, "time", path)
    _check_time(time, f"{path}.time")
    name = _text(event, "type", path)
    kind = FAULT_TYPES.get(name) or CLEARING_TYPES.get(name)
    if kind is None:
        raise Invalid(f"{path}.type", f"no such type of event: {name[:TEXT_LIMIT]}")
    details = _details(event.get("details", {}), f"{path}.details")
    resource = _resource(kind, details, f"{path}.details")
    raised = name == kind.name and details.get(STATUS) != UP
    source = details.get("monitor") or details.get("source") or "posted"
    return Report(
        FaultId(str(uuid.uuid4())),
        kind,
        raised,
        resource,
        Evidence(
            source=f"posted:{source}"[:TEXT_LIMIT],
            reporter=reporter,
            vote=DOWN if raised else UP,
            received_ns=detected.wall_ns,
            reported_time=time,
            details=details,
        ),
        detected,
    )


def _text(event: Mapping[str, object], key: str, path: str) -> str:
    if key not in event:
        raise Invalid(f"{path}.{key}", "is mandatory")
    value = event[key]
    if not isinstance(value, str) or not value or len(value) > TEXT_LIMIT:
        raise Invalid(f"{path}.{key}", f"must be text of 1 to {TEXT_LIMIT} characters")
    return value


def _check_time(time: str, path: str) -> None:
    try:
        datetime.fromisoformat(time)
    except ValueError:
        raise Invalid(path, "must be an ISO 8601 time") from None


def _details(details: object, path: str) -> Mapping[str, object]:
    if not isinstance(details, dict):
        raise Invalid(path, "must be an object")
    if len(details) > DETAILS_LIMIT:
        raise Invalid(path, f"has {len(details)} keys, at most {DETAILS_LIMIT}")
    status = details.get(STATUS)
    if status is not None and status not in {UP, DOWN}:
        raise Invalid(f"{path}.{STATUS}", 'must be "up" or "down"')
    return details


def _resource(kind: FaultType, details: Mapping[str, object], path: str) -> Mapping[str, str]:
    for keys in kind.identifying:
        if all(key in details for key in keys):
            return {key: _identifying(details[key], f"{path}.{key}") for key in keys}
    best = max(kind.identifying, key=lambda keys: sum(key in details for key in keys))
    missing = next(key for key in best if key not in details)
    raise Invalid(f"{path}.{missing}", f"is mandatory for {kind.name}")


def _identifying(value: object, path: str) -> str:
    if not isinstance(value, str) or not value or len(value) > TEXT_LIMIT:
        raise Invalid(path, f"must be text of 1 to {TEXT_LIMIT} characters")
    if not value.isprintable():
        raise Invalid(path, "must be printable text")
    return value
