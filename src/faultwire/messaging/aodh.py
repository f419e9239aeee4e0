"""Events as an Aodh reads them: Ceilometer's shape, on its own topic; pure.

What an owner's alarm carries on to its webhook is shown to the owner: no name of a host goes in.
"""

from collections.abc import Mapping
from typing import Any

from faultwire.domain.events import EVENT_KINDS

TRAITS = "_traits"
"""Key of a message by which traits come beside a payload that is not made of them."""

PRIORITY = "SAMPLE"
_PROJECT = "project_id"
_KINDS: Mapping[type, int] = {str: 1, int: 2, float: 3}
"""Types of traits, by Ceilometer's numbers."""


def aodh_message(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the notification that an Aodh takes; None for what no owner's alarm can be about."""
    kind = EVENT_KINDS.get(str(message.get("event_type")))
    said = message.get(TRAITS) or message.get("payload")
    if kind is None or not isinstance(said, Mapping):
        return None
    seen = {name: value for name, value in said.items() if name in kind.traits}
    if not seen.get(_PROJECT):
        return None
    event = {
        "message_id": message["message_id"],
        "event_type": kind.event_type,
        "generated": str(message["timestamp"]).replace(" ", "T"),
        "traits": [
            [name, _KINDS[type(value)], value]
            for name, value in sorted(seen.items())
            if type(value) in _KINDS
        ],
    }
    return {**message, "priority": PRIORITY, "payload": [event]}
