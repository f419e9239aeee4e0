"""Events from outside, in Aodh's shape, as our own: for whoever takes them, API or bus; pure."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.domain.events import Event
from faultwire.domain.ids import ProjectId

MOST_EVENTS = 1000
"""Events of one request."""
LONGEST = 255
"""Characters of a message id and of an event type."""

PROJECTS = frozenset({"project_id", "tenant_id"})
"""Traits that say whose event it is; the last one counts."""

_LEAST, _MOST = -(2**63), 2**64 - 1
"""What travels as a number between processes and in webhooks."""
_DEEPEST = 100


def events_of(value: object, now_ns: int) -> tuple[Event, ...]:
    """Return an event dict, or each of a list of them, as `Event`; all or none.

    Each has `event_type` and `message_id`, and traits as ``[name, type, value]``, of which the
    type is 1 (text), 2 (integer), 3 (float) or 4 (datetime). A value that cannot be cast to its
    type is kept as text. Raises Invalid naming the place of what is no such event.
    """
    return tuple(event_of(item, now_ns, at) for at, item in places_of(value))


def places_of(value: object) -> list[tuple[str, object]]:
    """Return what came one by one, each with its place in it; Invalid for too many."""
    if not isinstance(value, list):
        return [("event", value)]
    if len(value) > MOST_EVENTS:
        raise Invalid("events", f"{len(value)} events; at most {MOST_EVENTS} in one request")
    return [(f"events[{number}]", item) for number, item in enumerate(value)]


def event_of(value: object, now_ns: int, at: str) -> Event:
    """Return one event; `at` is its place in what came, `now_ns` when it came."""
    if not isinstance(value, dict):
        raise Invalid(at, "must be an object")
    message_id = _name(value, "message_id", at)
    event_type = _name(value, "event_type", at)
    if _depth(value) > _DEEPEST:
        raise Invalid(at, f"is nested deeper than {_DEEPEST} levels")
    traits, project = _traits(value.get("traits"), f"{at}.traits")
    return Event(message_id, event_type, ProjectId(project), now_ns, traits, original=value)


def _name(value: Mapping[str, Any], key: str, at: str) -> str:
    found = value.get(key)
    if found is None or found == "":
        raise Invalid(f"{at}.{key}", "is mandatory")
    if not isinstance(found, str) or len(found) > LONGEST or "\x00" in found:
        raise Invalid(f"{at}.{key}", f"must be text of at most {LONGEST} characters, without NUL")
    return found


def _traits(value: object, at: str) -> tuple[dict[str, str | int | float], str]:
    """Return the traits by name, and the project that they say."""
    if value is None:
        return {}, ""
    if not isinstance(value, list):
        raise Invalid(at, "must be a list of [name, type, value]")
    traits: dict[str, str | int | float] = {}
    project = ""
    for number, item in enumerate(value):
        if not isinstance(item, list) or len(item) != 3 or not isinstance(item[0], str):
            raise Invalid(f"{at}[{number}]", "must be [name, type, value]")
        name, kind, came = item
        traits[name] = _cast(kind, came)
        if name in PROJECTS:
            project = _text(came)
    return traits, project


def _cast(kind: object, value: object) -> str | int | float:
    """Return a trait's value by its type, or as text where it is none of that."""
    cast = _CASTS.get(kind) if type(kind) is int else None
    if cast is None:
        return _text(value)
    try:
        return cast(value)
    except (TypeError, ValueError, OverflowError):
        return _text(value)


def _integer(value: Any) -> int:
    number = int(value)
    if not _LEAST <= number <= _MOST:
        raise OverflowError
    return number


def _float(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise OverflowError
    return number


_CASTS: Mapping[object, Callable[[Any], int | float]] = {2: _integer, 3: _float}
"""Types of traits that are no text; datetimes are compared as what their text says."""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _depth(value: object) -> int:
    """Return how deep lists and objects are nested, without trusting the stack."""
    deepest, level = 0, [value]
    while level:
        deepest += 1
        if deepest > _DEEPEST:
            return deepest
        level = [
            child
            for item in level
            if isinstance(item, list | dict)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return deepest
