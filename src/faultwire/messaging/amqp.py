"""One connection to the broker for listeners, by the library below oslo.messaging.

oslo.messaging's own listeners acknowledge what they cannot read, forget to acknowledge what came
twice, give everything back at once where a try fails, and make the exchanges of others. Here each
message is acknowledged when it is somewhere else for good, and nothing of others is made.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import kombu
from amqp.exceptions import AMQPError, NotFound
from kombu.exceptions import KombuError

from faultwire.messaging import tls
from faultwire.messaging.addresses import Broker, BrokerHost

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0

Message = Any
Taken = Callable[[Message], None]


class Opened:
    """A connection that is open; used by one thread. Every call may raise `errors`."""

    errors: tuple[type[BaseException], ...] = (AMQPError, KombuError, OSError)

    def __init__(self, broker: Broker) -> None:
        """Connect to the first node that answers; raises `errors` within seconds for each."""
        self._connection = _connected(broker)
        self._channel: Any = self._connection.channel()
        self._producer = kombu.Producer(self._channel, auto_declare=False)
        self._consumers: list[Any] = []

    def declare(self, queue: str, broker: Broker, more: Mapping[str, object]) -> None:
        """Make a durable queue of ours, if it is not there yet."""
        kind = {"x-queue-type": "quorum"} if broker.rabbit.rabbit_quorum_queue else {}
        self._channel.queue_declare(
            queue, durable=True, auto_delete=False, arguments={**kind, **more}
        )

    def bind(self, queue: str, exchange: str, keys: Iterable[str]) -> bool:
        """Bind a queue of ours to somebody's exchange; False while that is not there."""
        channel = self._connection.channel()
        try:
            channel.exchange_declare(exchange, "topic", passive=True)
            for key in keys:
                channel.queue_bind(queue, exchange, routing_key=key)
        except NotFound:
            return False
        finally:
            if channel.is_open:
                channel.close()
        return True

    def has_exchange(self, name: str) -> bool:
        """Whether somebody made an exchange of topics of that name."""
        found = self._passively(
            lambda channel: channel.exchange_declare(name, "topic", passive=True)
        )
        return found is not None

    def size(self, queue: str) -> tuple[int, int] | None:
        """Return how many messages and readers a queue has; None where it is not there."""
        found = self._passively(lambda channel: channel.queue_declare(queue, passive=True))
        return None if found is None else (found.message_count, found.consumer_count)

    def _passively(self, ask: Callable[[Any], Any]) -> Any:
        channel = self._connection.channel()
        try:
            return ask(channel) or ()
        except NotFound:
            return None
        finally:
            if channel.is_open:
                channel.close()

    def borrow(self, bindings: Iterable[tuple[str, Iterable[str]]], taken: Taken) -> None:
        """Hear a copy of what goes through exchanges under keys, for as long as we are here."""
        name = self._channel.queue_declare("", exclusive=True, auto_delete=True).queue
        for exchange, keys in bindings:
            for key in keys:
                self._channel.queue_bind(name, exchange, routing_key=key)
        queue = kombu.Queue(name, channel=self._channel, no_declare=True)
        consumer = kombu.Consumer(
            self._channel, [queue], on_message=taken, auto_declare=False, accept=None, no_ack=True
        )
        consumer.consume()
        self._consumers.append(consumer)

    def consume(self, queues: Iterable[str], taken: Taken, ahead: int) -> None:
        """Get messages from queues, at most so many ahead of what is acknowledged."""
        self._channel.basic_qos(0, ahead, False)
        for name in queues:
            queue = kombu.Queue(name, channel=self._channel, no_declare=True)
            consumer = kombu.Consumer(
                self._channel, [queue], on_message=taken, auto_declare=False, accept=None
            )
            consumer.consume()
            self._consumers.append(consumer)

    def drain(self, seconds: float) -> bool:
        """Hand over what has come; False where nothing came in that time."""
        try:
            self._connection.drain_events(timeout=seconds)
        except TimeoutError:
            return False
        return True

    def beat(self) -> None:
        """Keep the connection alive; now and then."""
        self._connection.heartbeat_check()

    def publish(self, queue: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Put a durable message into a queue; returns once the broker has it for good."""
        self.send("", queue, body, headers)

    def send(self, exchange: str, key: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a durable message through an exchange; returns once the broker has it."""
        self._producer.publish(
            body, exchange=exchange, routing_key=key, headers=dict(headers),
            delivery_mode=2, content_type="application/json", content_encoding="binary",
            retry=False,
        )  # fmt: skip

    def get(self, queue: str) -> Message | None:
        """Return the oldest message of a queue; None from an empty one."""
        return kombu.Queue(queue, channel=self._channel, no_declare=True).get()

    def close(self) -> None:
        """Let go of everything; what is not acknowledged returns to its queue."""
        self._connection.release()


def _connected(broker: Broker) -> Any:
    *others, last = broker.hosts
    for node in others:
        try:
            return _opened(broker, node)
        except Opened.errors as error:
            log.debug("%s: %s", node, error)
    return _opened(broker, last)


def _opened(broker: Broker, node: BrokerHost) -> Any:
    # One connection for each node: kombu goes on to the next with the name of the first, which
    # the next one's certificate does not have.
    connection = kombu.Connection(
        hostname=node.host,
        port=node.port,
        userid=node.user,
        password=node.password,
        virtual_host=broker.vhost,
        transport="amqp",
        ssl=tls.options(broker, node.host),
        heartbeat=broker.rabbit.heartbeat_timeout_threshold,
        connect_timeout=CONNECT_SECONDS,
        transport_options={"confirm_publish": True, "max_retries": 0},
    )
    connection.ensure_connection(max_retries=1, timeout=CONNECT_SECONDS)
    return connection
