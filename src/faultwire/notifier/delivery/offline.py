"""Deliveries that need no network: written to the log, or only counted."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from faultwire.domain.alarms import Delivery
from faultwire.notifier.delivery.schedule import Kind, Outcome

log = logging.getLogger(__name__)

_LONGEST = 1024
"""Characters of a reason that are written to the log."""


def settled(delivery: Delivery) -> Outcome:
    """Return what came of a delivery that is no webhook; one of no kind that we know is refused.

    It is all done when this returns. Nothing of the action's URL is written anywhere.
    """
    found = _KINDS.get(delivery.kind)
    if found is None:
        return Outcome(
            Kind.REFUSED, f"refused: deliveries of the kind {delivery.kind} are unknown"
        )
    return found(delivery)


def _logged(delivery: Delivery) -> Outcome:
    """Write one line: which alarm, its state, why."""
    try:
        said = orjson.loads(delivery.body)
    except orjson.JSONDecodeError:
        said = None
    told: Mapping[str, Any] = said if isinstance(said, dict) else {}
    log.info(
        "alarm %s is %s: %s",
        _line(told.get("alarm_id", delivery.ordering)),
        _line(told.get("current", "")),
        _line(told.get("reason", "")),
    )
    return Outcome(Kind.DELIVERED, "written to the log")


def _counted(delivery: Delivery) -> Outcome:
    del delivery
    return Outcome(Kind.DELIVERED, "counted")


def _line(value: object) -> str:
    """Return text of an owner as a part of one line."""
    text = str(value)[:_LONGEST]
    return "".join(char if char.isprintable() else "?" for char in text)


_KINDS: Mapping[str, Callable[[Delivery], Outcome]] = {"log": _logged, "test": _counted}
"""What is done with each kind besides webhooks."""
