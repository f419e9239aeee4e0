"""Posted events into reports: D4's three envelopes, one parser, all or nothing."""

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime

import orjson

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
"""Characters of an identifying detail, a type, a time or a key."""

DETAILS_LIMIT = 50
"""Keys that the details of an event may have."""

VALUE_LIMIT = 4096
"""Characters of a detail that is text, bytes of the JSON of any other."""

STATUS, UP, DOWN = "status", "up", "down"
_OWN_KEYS = frozenset({"time", "type", "details"})
_ENVELOPES = 'must be a list of events, {"event": {}} or {"events": []}'

# ISO 8601 beyond what the library reads: ordinal and shortened dates, leap seconds, 24:00.
_OTHER_TIME = re.compile(
    r"""\d{4}(?:-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])
              |-?(?:00[1-9]|0[1-9]\d|[12]\d\d|3[0-5]\d|36[0-6])
              |-(?:0[1-9]|1[0-2]))
        (?:[Tt\ ](?:[01]\d|2[0-4])(?::?[0-5]\d(?::?(?:[0-5]\d|60)(?:[.,]\d{1,30})?)?)?
           (?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?""",
    re.ASCII | re.VERBOSE,
)


def parse_reports(payload: object, reporter: str, detected: Instant) -> tuple[Report, ...]:
    """Return a report per event, in order.

    `payload` is a decoded body: a list, ``{"event": {}}``, ``{"events": []}``, or one bare
    event as Doctor's monitor sent it to Vitrage. `reporter` is who posted it; `detected` is when
    it was received (T01, D2). Raises Invalid naming index and key, TooLarge for a list over the
    limit, and nothing else.
    """
    return tuple(reports_of(payload, reporter, detected))


def reports_of(payload: object, reporter: str, detected: Instant) -> Iterator[Report]:
    """Yield what `parse_reports` returns, for callers that serve others between two of them."""
    events, path = _unwrapped(payload)
    if len(events) > EVENTS_LIMIT:
        raise TooLarge(f"{path}: {len(events)} events, at most {EVENTS_LIMIT}")
    if not events:
        raise Invalid(path, "must hold at least one event")
    for number, event in enumerate(events):
        place = path if path == "event" else f"{path}[{number}]"
        yield _report(event, place, reporter, detected)


def _unwrapped(payload: object) -> tuple[list[object], str]:
    """Return the events and what their paths begin with."""
    if isinstance(payload, list):
        return payload, "events"
    if not isinstance(payload, dict):
        raise Invalid("", _ENVELOPES)
    if payload.keys() == {"event"}:
        return [payload["event"]], "event"
    if payload.keys() == {"events"}:
        if not isinstance(payload["events"], list):
            raise Invalid("events", "must be a list")
        return payload["events"], "events"
    if "time" in payload or "type" in payload:
        return [payload], "event"
    raise Invalid("", _ENVELOPES)


def _report(event: object, path: str, reporter: str, detected: Instant) -> Report:
    if not isinstance(event, dict):
        raise Invalid(path, "must be an object")
    time = _text(event, "time", path)
    if not _is_time(time):
        raise Invalid(f"{path}.time", "must be an ISO 8601 time")
    name = _text(event, "type", path)
    kind = FAULT_TYPES.get(name) or CLEARING_TYPES.get(name)
    if kind is None:
        raise Invalid(f"{path}.type", f"no such type of event: {name}")
    details = _details(event, path)
    resource = _resource(kind, details, f"{path}.details")
    status = _status(details, f"{path}.details")
    raised = name == kind.name and status != UP
    if status == DOWN and not raised:
        raise Invalid(f"{path}.details.{STATUS}", f"contradicts the type {name}")
    return Report(
        FaultId(str(uuid.uuid4())),
        kind,
        raised,
        resource,
        Evidence(
            source=_source(details),
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
    return _short(event[key], f"{path}.{key}")


def _short(value: object, path: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_LIMIT:
        raise Invalid(path, f"must be text of 1 to {TEXT_LIMIT} characters")
    if not value.isprintable():
        raise Invalid(path, "must be printable text")
    return value


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return _OTHER_TIME.fullmatch(text) is not None
    return True


def _details(event: dict[str, object], path: str) -> Mapping[str, object]:
    """Return the details; what a monitor put beside them is kept with them as evidence.

    A monitor that says more than it need must not lose its fault for that.
    """
    details = event.get("details", {})
    if not isinstance(details, dict):
        raise Invalid(f"{path}.details", "must be an object")
    beside = {key: value for key, value in event.items() if key not in _OWN_KEYS}
    _check_evidence(beside, path)
    _check_evidence(details, f"{path}.details")
    return {**beside, **details} if beside else details


def _check_evidence(values: Mapping[str, object], path: str) -> None:
    """Raise Invalid for what would be too much to keep, or could not be kept as JSON."""
    if len(values) > DETAILS_LIMIT:
        raise Invalid(path, f"has {len(values)} keys, at most {DETAILS_LIMIT}")
    for key, value in values.items():
        if len(key) > TEXT_LIMIT or "\x00" in key:
            raise Invalid(
                f"{path}.{key[:40]}", f"a key is text of at most {TEXT_LIMIT} characters"
            )
        if isinstance(value, str):
            fits = len(value) <= VALUE_LIMIT and "\x00" not in value
        else:
            fits = _fits(value)
        if not fits:
            raise Invalid(f"{path}.{key}", f"must be JSON of at most {VALUE_LIMIT} bytes, no NUL")


def _fits(value: object) -> bool:
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:
        # Nested deeper than can be written again.
        return False
    return len(written) <= VALUE_LIMIT and b"\\u0000" not in written


def _status(details: Mapping[str, object], path: str) -> str | None:
    """Return up, down or None; nothing else may pass for one: a guess could kill a host."""
    status = details.get(STATUS)
    if status is None:
        return None
    text = status.lower() if isinstance(status, str) else ""
    if text not in {UP, DOWN}:
        raise Invalid(f"{path}.{STATUS}", 'must be "up" or "down"')
    return text


def _source(details: Mapping[str, object]) -> str:
    for key in ("monitor", "source"):
        value = details.get(key)
        if isinstance(value, str) and value.isprintable() and value:
            return f"posted:{value}"[:TEXT_LIMIT]
    return "posted"


def _resource(kind: FaultType, details: Mapping[str, object], path: str) -> Mapping[str, str]:
    for keys in kind.identifying:
        if all(key in details for key in keys):
            return {key: _short(details[key], f"{path}.{key}") for key in keys}
    best = max(kind.identifying, key=lambda keys: sum(key in details for key in keys))
    missing = next(key for key in best if key not in details)
    raise Invalid(f"{path}.{missing}", f"is mandatory for {kind.name}")
