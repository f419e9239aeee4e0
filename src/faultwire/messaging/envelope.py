"""What a notification is on the wire: oslo.messaging's envelope, 1.0 and 2.0; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from faultwire.domain.errors import Invalid
from faultwire.domain.incoming import LONGEST

VERSION, MESSAGE = "oslo.version", "oslo.message"
MAJOR = "2"


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification; `message_id` is the same however often it is delivered."""

    message_id: str
    publisher_id: str
    event_type: str
    payload: Any
    timestamp: str = ""
    """When it was told, as its publisher wrote it; empty where that is not known."""


def notification_of(body: bytes) -> Notification:
    """Return the notification in the body of a message; raises Invalid for what is none."""
    message = _object(body, "the message")
    if VERSION in message or MESSAGE in message:
        version = str(message.get(VERSION, ""))
        if version.partition(".")[0] != MAJOR:
            raise Invalid(VERSION, f"{version[:20]!r} is not known; {MAJOR}.0 is")
        inner = message.get(MESSAGE)
        if not isinstance(inner, str):
            raise Invalid(MESSAGE, "must be text")
        message = _object(inner.encode(), "oslo.message")
    return Notification(
        _text(message, "message_id"),
        _text(message, "publisher_id", needed=False),
        _text(message, "event_type"),
        message.get("payload"),
        _timestamp(message.get("timestamp")),
    )


def _timestamp(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= LONGEST else ""


def _object(raw: bytes, what: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Invalid(what, f"is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Invalid(what, "must be an object")
    return found


def _text(message: Mapping[str, Any], key: str, *, needed: bool = True) -> str:
    found = message.get(key)
    if found is None and not needed:
        return ""
    if not isinstance(found, str) or (needed and not found) or len(found) > LONGEST:
        raise Invalid(key, f"must be text of 1 to {LONGEST} characters")
    return found
