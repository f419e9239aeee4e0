"""Looks at a broker, for an examination; nothing of others is changed. Blocks."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from faultwire.domain.errors import Invalid, Unavailable
from faultwire.messaging import wrong
from faultwire.messaging.addresses import Broker
from faultwire.messaging.amqp import Message, Opened
from faultwire.messaging.envelope import notification_of
from faultwire.messaging.settings import ListenerSettings

IDLE_SECONDS = 0.2

Heard = Callable[[str, object], bool]
"""Takes an event type and a payload; True once enough was heard."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The exchanges that are there, and how many messages and readers our queue has."""

    exchanges: tuple[str, ...]
    waiting: int | None
    readers: int | None


def look(broker: Broker, settings: ListenerSettings) -> Seen:
    """Return what is there for us; raises Unavailable."""
    try:
        opened = Opened(broker)
        try:
            exchanges = tuple(one for one in settings.exchanges if opened.has_exchange(one))
            found = opened.size(f"{settings.queue}.notifications")
        finally:
            opened.close()
    except Opened.errors as error:
        raise Unavailable(wrong.told(error)[0], wrong.told(error)[0]) from None
    waiting, readers = found or (None, None)
    return Seen(exchanges, waiting, readers)


def overhear(
    broker: Broker,
    exchanges: Iterable[str],
    keys: Iterable[str],
    heard: Heard,
    ready: threading.Event,
    stop: threading.Event,
) -> None:
    """Hear what goes through exchanges by a queue that ends with us, until enough was heard.

    `ready` is set once everything is heard. Raises Unavailable.
    """
    keys = tuple(keys)
    came: list[Message] = []
    try:
        opened = Opened(broker)
        try:
            opened.borrow(
                [(one, keys) for one in exchanges if opened.has_exchange(one)], came.append
            )
            ready.set()
            while not stop.is_set():
                opened.drain(IDLE_SECONDS)
                while came:
                    if _taken(came.pop(0), heard):
                        return
        finally:
            opened.close()
    except Opened.errors as error:
        raise Unavailable(wrong.told(error)[0], wrong.told(error)[0]) from None


def _taken(message: Message, heard: Heard) -> bool:
    body = message.body
    try:
        found = notification_of(body.encode() if isinstance(body, str) else bytes(body))
    except Invalid:
        return False
    return heard(found.event_type, found.payload)
