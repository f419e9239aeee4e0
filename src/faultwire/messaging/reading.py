"""What is made of each message that a listener gets, and of what the server says of it; no I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.domain.notices import Notice, encoded
from faultwire.messaging.envelope import notification_of
from faultwire.ports.buses import PUBLISHER

Translate = Callable[[str, object], tuple[Notice, ...] | None]
"""What an event type and its payload say of resources; None for nothing; raises Invalid."""


class Fate(StrEnum):
    """What becomes of a message; the value labels the metric."""

    TAKEN = "taken"
    OURS = "ours"
    PASSED_OVER = "passed_over"
    DEAD = "dead"


class Word(StrEnum):
    """What the server says of messages.

    REFUSED never gets better; FAILED may; AWAY says nothing of the messages.
    """

    TAKEN = "taken"
    REFUSED = "refused"
    FAILED = "failed"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The server's word on messages, and why."""

    word: Word
    reason: str = ""


Submit = Callable[[Sequence[Mapping[str, Any]]], Verdict]
"""Gives messages to a server, all or none; within a deadline."""


@dataclass(frozen=True, slots=True)
class Read:
    """A message as read: what to submit of it, or its fate already, and why."""

    fate: Fate
    told: Mapping[str, Any] | None = None
    reason: str = ""


def read(body: bytes, *, event: bool, limit: int, translate: Translate) -> Read:
    """Return what a message says; `event`: it came under a topic of events for alarms."""
    if len(body) > limit:
        return Read(Fate.DEAD, reason=f"oversized: {len(body)} bytes, at most {limit}")
    try:
        found = notification_of(body)
        if found.publisher_id.startswith(PUBLISHER):
            return Read(Fate.OURS)
        if event:
            return Read(Fate.TAKEN, {"message_id": found.message_id, "events": found.payload})
        notices = translate(found.event_type, found.payload)
    except Invalid as error:
        return Read(Fate.DEAD, reason=f"malformed: {error}")
    if not notices:
        return Read(Fate.PASSED_OVER)
    told = {
        "message_id": found.message_id,
        "notices": [encoded(one) for one in notices],
        **({"timestamp": found.timestamp} if found.timestamp else {}),
    }
    return Read(Fate.TAKEN, told)
