"""Remote calls taken from RabbitMQ by oslo.messaging, and handed to the event loop.

The library brings a call on a thread of its own; the handler runs on the loop. Its own
dispatcher is not used: it would know nothing of the table, log a traceback for each refusal, and
leave a thread behind for each refused call that is monitored.
"""

import asyncio
import logging
import threading
from contextlib import closing
from dataclasses import replace
from typing import Any
from uuid import uuid4

import amqp

from faultwire.domain.errors import Conflict, RefusedVersion, RemoteFailure, RpcError
from faultwire.messaging import transport
from faultwire.messaging.addresses import Broker
from faultwire.messaging.dispatch import Dispatcher, Door, Envelope
from faultwire.messaging.link import (
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    REFUSED_WAIT_SECONDS,
    connect,
    refusal_of,
)
from faultwire.messaging.table import TABLE
from faultwire.messaging.versions import Api, Form, Table, Version, placed
from faultwire.messaging.wire import SPEAKS, Call, encode

log = logging.getLogger(__name__)

EXCHANGE = "faultwire.rpc"
GUESTS_EXCHANGE = "faultwire.guests"
NOVAS_EXCHANGE = "nova"
EVERYONE = "all"
"""The one server name: a name for each process would leave a durable queue behind for each."""
HANDLER_SECONDS = 60.0
STOP_SECONDS = 5.0
CONFIRM_SECONDS = 5.0
AFTER_SECONDS = 0.5
WORKERS = 16

_OPTIONS = {
    "kombu_missing_consumer_retry_timeout": "1",
    "rabbit_transient_queues_ttl": "60",
    "rabbit_interval_max": "5",
    "conn_pool_ttl": "60",
}
"""What we set for calls, as options in the URL. A reply to a caller that is gone is tried for a
second: the default, a minute, holds a worker that long. Queues of those who are gone live a
minute, and a broker that comes back is found within five seconds."""
_KINDS = frozenset({"rabbit_quorum_queue", "amqp_durable_queues", "amqp_auto_delete"})


def durable(broker: Broker) -> Broker:
    """Return the broker with the options for topics whose calls must not be lost."""
    return replace(broker, options=(*_OPTIONS.items(), *broker.options))


def passing(broker: Broker) -> Broker:
    """Return the broker with the options for guests' topics, which vanish with the guest."""
    rabbit = replace(broker.rabbit, rabbit_quorum_queue=False, amqp_durable_queues=False)
    given = (one for one in broker.options if one[0] not in _KINDS)
    options = (*_OPTIONS.items(), *given, ("amqp_auto_delete", "true"))
    return replace(broker, rabbit=rabbit, options=options)


class RabbitServer:
    """Implements `ports.rpc.RpcServer`; its own loop is that of `start`.

    Guests' topics are transient: their queues go with the guest. Others are durable. An API that
    was renamed is also taken at its former topic, where that is a queue which servers of an
    older release made here, and Nova is not here.
    """

    def __init__(self, broker: Broker, table: Table = TABLE, door: Door | None = None) -> None:
        """Take the table of what is spoken here, and who may call; touches no network yet."""
        self._broker = broker
        self._table = placed(table, broker.queues)
        self._door = door
        self._dispatchers: dict[str, tuple[Dispatcher, bool]] = {}
        self._former: set[str] = set()
        self._serving: list[_Serving] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def serve(self, api: str, handler: object, *, to: str | None = None) -> None:
        """Take the calls of an API; before `start`."""
        if self._loop is not None:
            raise Conflict("calls are taken already")
        known = self._table.api(api)
        self._serve(known, handler, known.topic_of(to))
        if known.former is not None:
            self._former.add(known.former)
            self._serve(known, handler, known.former)

    def _serve(self, known: Api, handler: object, topic: str) -> None:
        if topic not in self._dispatchers:
            dispatcher = Dispatcher(self._table, topic, self._door)
            self._dispatchers[topic] = (dispatcher, known.each)
        self._dispatchers[topic][0].add(known, handler)

    async def start(self) -> None:
        """Begin to take calls, as soon as the broker is there; returns at once."""
        self._loop = asyncio.get_running_loop()
        for topic, (dispatcher, each) in self._dispatchers.items():
            broker = passing(self._broker) if each else durable(self._broker)
            exchange = GUESTS_EXCHANGE if each else EXCHANGE
            bridge = _Bridge(self._loop, dispatcher)
            # Served after the topic of now, which stands before it: what is wrong is said once.
            after = self._serving[-1].settled if topic in self._former else None
            self._serving.append(_Serving(broker, exchange, topic, bridge, after))
        for serving in self._serving:
            serving.start()

    async def ready(self) -> None:
        """Return once calls are taken at every topic, or will not be at a former one."""
        loop = asyncio.get_running_loop()
        for serving in self._serving:
            await loop.run_in_executor(None, serving.settled.wait)

    async def stop(self) -> None:
        """Take no more; waits a bounded time for what is running."""
        serving, self._serving = self._serving, []
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(None, each.stop) for each in serving))
        self._loop = None


class _Serving:
    """One topic: a thread that waits for the broker, then the library's server."""

    def __init__(
        self,
        broker: Broker,
        exchange: str,
        topic: str,
        bridge: "_Bridge",
        after: threading.Event | None = None,
    ) -> None:
        """Take where calls go; `after` for a former topic: that of now is served first."""
        self._broker = broker
        self._exchange = exchange
        self._topic = topic
        self._bridge = bridge
        self._after = after
        self._ending = threading.Event()
        self._server: Any = None
        self._transport: Any = None
        self.settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rpc-{topic}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(STOP_SECONDS)
        if self._server is not None:
            ending = threading.Thread(target=self._end, daemon=True)
            ending.start()
            self._wake()
            ending.join(STOP_SECONDS)

    def _wake(self) -> None:
        """Send our own topic a ping: the library looks for its end only between messages."""
        try:
            connection = connect(self._broker, self._broker.hosts[0], self._topic)
            connection.channel().basic_publish(self._ping(), f"{self._topic}_fanout", self._topic)
            connection.close()
        except (OSError, amqp.AMQPError) as error:
            log.debug("no ping to %s: %s", self._topic, error)

    def _end(self) -> None:
        try:
            self._server.stop()
            self._hand_back()
            self._server.wait()
            self._transport.cleanup()
        except Exception:
            log.exception("the server of %s did not end in order", self._topic)

    def _hand_back(self) -> None:
        """Have the broker send us no more, and do what it has sent meanwhile.

        The library leaves its consumers to the end of the connection. What arrives until then it
        acknowledges and forgets: each stop under load would lose calls.
        """
        listener = self._server.listener._poll_style_listener  # noqa: SLF001
        for consumer, tag in listener.conn._consumers.items():  # noqa: SLF001
            consumer.cancel(tag=tag)
        while listener.incoming:
            self._server._on_incoming([listener.incoming.pop(0)])  # noqa: SLF001

    def _run(self) -> None:
        wait, said = FIRST_WAIT_SECONDS, ""
        turn = 0
        while self._after is not None and not self._after.wait(AFTER_SECONDS):
            if self._ending.is_set():
                return
        while not self._ending.is_set():
            host = self._broker.hosts[turn % len(self._broker.hosts)]
            turn += 1
            try:
                with closing(connect(self._broker, host, self._topic)) as connection:
                    wanted = self._after is None or self._made_by_ours(connection)
                if wanted:
                    self._take()
                self.settled.set()
                break
            except amqp.AccessRefused as error:
                reason, wait = f"{host} refuses our credentials: {error}", REFUSED_WAIT_SECONDS
            except (OSError, amqp.AMQPError) as error:
                said_of, refused = refusal_of(error)
                reason = f"{host}: {said_of}"
                wait = REFUSED_WAIT_SECONDS if refused else min(2 * wait, LONGEST_WAIT_SECONDS)
            except Exception:
                log.exception("calls to %s cannot be taken", self._topic)
                reason, wait = said, LONGEST_WAIT_SECONDS
            if reason != said:
                log.warning("calls to %s are not taken yet: %s", self._topic, reason)
                said = reason
            self._ending.wait(wait)

    def _made_by_ours(self, connection: amqp.Connection) -> bool:
        """Whether the queue is here, bound as servers of an older release bind it, without Nova.

        A ping is sent by our exchange: what comes back tells that no queue of ours is there.
        """
        try:
            connection.channel().exchange_declare(NOVAS_EXCHANGE, "topic", passive=True)
        except amqp.NotFound:
            pass
        else:
            return False
        channel = connection.channel()
        try:
            channel.exchange_declare(self._exchange, "topic", passive=True)
        except amqp.NotFound:
            return False
        returned: list[object] = []
        channel.events["basic_return"].add(lambda *told: returned.append(told))
        channel.basic_publish_confirm(
            self._ping(),
            self._exchange,
            self._topic,
            mandatory=True,
            confirm_timeout=CONFIRM_SECONDS,
        )
        return not returned

    def _ping(self) -> amqp.Message:
        form = Form(Version(1, 0), {})
        body = encode(Call(uuid4().hex, "baseapi", "rpc_ping", form, self._topic, "", {}))
        return amqp.Message(body, content_type="application/json", content_encoding="utf-8")

    def _take(self) -> None:
        transport_ = transport.rpc_transport(self._broker, self._exchange)
        target = transport.library.Target(topic=self._topic, server=EVERYONE)
        server = transport.library.get_rpc_server(transport_, target, [])
        server.dispatcher = self._bridge
        server.start(override_pool_size=WORKERS)
        self._transport, self._server = transport_, server
        log.info("calls to %s are taken", self._topic)


class _Bridge:
    """Stands where the library's dispatcher would; called on the library's threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, dispatcher: Dispatcher) -> None:
        self._loop = loop
        self._dispatcher = dispatcher

    def dispatch(self, incoming: Any) -> object:
        message = incoming.message
        context = {str(key): str(value) for key, value in incoming.ctxt.items()}
        envelope = Envelope(
            message.get("namespace") or self._dispatcher.own,
            message.get("method"),
            message.get("version", "1.0"),
            message.get("args", {}),
            context,
        )
        try:
            running = asyncio.run_coroutine_threadsafe(self._bounded(envelope), self._loop)
            return running.result(HANDLER_SECONDS + STOP_SECONDS)
        except RpcError as error:
            failure = self._told(error, envelope)
        except (TimeoutError, asyncio.CancelledError, RuntimeError) as error:
            log.warning("a call of %s was not answered: %s", self._dispatcher.topic, error)
            failure = RemoteFailure(self._dispatcher.topic, "?", "the server stops")
        told = transport.library.ExpectedException()
        told.exc_info = (type(failure), failure, None)
        raise told

    async def _bounded(self, envelope: Envelope) -> object:
        try:
            async with asyncio.timeout(HANDLER_SECONDS):
                return await self._dispatcher.dispatch(envelope)
        except TimeoutError:
            reason = f"it took longer than {HANDLER_SECONDS:g} s"
            name = str(envelope.method)[:64]
            raise RemoteFailure(self._dispatcher.topic, name, reason) from None

    def _told(self, error: RpcError, envelope: Envelope) -> Exception:
        """Return a failure as any oslo.messaging client understands it."""
        if not isinstance(error, RefusedVersion):
            return error
        failure: Any = transport.library.UnsupportedVersion(
            str(envelope.version)[:64], str(envelope.method)[:64]
        )
        failure.args = (f"{failure}: {error.reason}",)
        api = envelope.api if isinstance(envelope.api, str) else ""
        speaks = self._dispatcher.versions.get(api)
        failure.kwargs = {SPEAKS: speaks} if speaks else {}
        return failure  # type: ignore[no-any-return]
