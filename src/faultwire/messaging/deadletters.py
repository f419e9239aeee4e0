"""Messages that nobody could take: kept in a queue of their own, each with its reason."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from faultwire.messaging.addresses import Broker
from faultwire.messaging.amqp import Opened
from faultwire.messaging.settings import ListenerSettings

REASON, EXCHANGE, KEY, AT = (
    "x-faultwire-reason",
    "x-faultwire-exchange",
    "x-faultwire-routing-key",
    "x-faultwire-at",
)
LONGEST_REASON = 400


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message as it came, and why nobody took it."""

    body: bytes
    reason: str
    exchange: str
    routing_key: str
    at: str


def queue_of(settings: ListenerSettings) -> str:
    """Return the name of the queue of dead letters."""
    return f"{settings.queue}.dead"


def declare(opened: Opened, settings: ListenerSettings, broker: Broker) -> None:
    """Make the queue of dead letters, if it is not there yet."""
    arguments = {"x-max-length": settings.dead_letters, "x-overflow": "drop-head"}
    opened.declare(queue_of(settings), broker, arguments)


def bury(opened: Opened, settings: ListenerSettings, message: Any, reason: str, at: str) -> None:
    """Keep a message; returns once the broker has confirmed it."""
    found: Mapping[str, Any] = message.delivery_info
    headers = {
        REASON: reason[:LONGEST_REASON],
        EXCHANGE: str(found.get("exchange", "")),
        KEY: str(found.get("routing_key", "")),
        AT: at,
    }
    opened.publish(queue_of(settings), _raw(message), headers)


def letters(opened: Opened, settings: ListenerSettings, most: int) -> Iterator[tuple[Any, Any]]:
    """Give dead letters, oldest first, each with the message that is to be acknowledged.

    One that is not acknowledged returns to the queue when the connection closes.
    """
    for _ in range(most):
        message = opened.get(queue_of(settings))
        if message is None:
            return
        headers = message.headers or {}
        texts = (str(headers.get(name, "")) for name in (REASON, EXCHANGE, KEY, AT))
        yield DeadLetter(_raw(message), *texts), message


def revive(opened: Opened, settings: ListenerSettings, letter: DeadLetter) -> None:
    """Have a dead letter listened to once more; returns once the broker has it."""
    events = letter.routing_key.endswith(".sample")
    queue = f"{settings.queue}.{'events' if events else 'notifications'}"
    opened.publish(queue, letter.body, {KEY: letter.routing_key})


def _raw(message: Any) -> bytes:
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body)
