"""One connection to the broker for calls and their answers, on a thread of its own.

oslo.messaging's client gives each outstanding call a thread; here one thread sends all and hears
all, so that a fan-out to thousands of guests costs no threads (ADR 15). What goes over the wire
is oslo.messaging's own format.
"""

import logging
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import amqp

from faultwire.messaging import tls
from faultwire.messaging.addresses import Broker, BrokerHost
from faultwire.messaging.wire import Call, Reply, decode, encode
from faultwire.messaging.wrong import told
from faultwire.ports import Clock

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
TICK_SECONDS = 1.0
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0
REFUSED_WAIT_SECONDS = 30.0
"""After refused credentials: somebody must change something first, and logs must not fill."""
REPLIES_KEPT_MS = 60_000
"""How long the broker keeps our queue of answers when we are gone."""

NS = 1_000_000_000


class State(StrEnum):
    """How the link stands."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A call on its way. `kept`: to a durable queue, which is made if it is missing.

    `due_ns` is the monotonic time after which nobody waits: it is not sent then, and the broker
    drops it. `everyone`: to all servers of the topic instead of one.
    """

    call: Call
    due_ns: int
    kept: bool = False
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """The broker has a call that is to be kept."""

    token: str


@dataclass(frozen=True, slots=True)
class Unrouted:
    """Nobody listens where a call was sent, or the broker would not have it."""

    token: str


News = Reply | Kept | Unrouted


class Link:
    """The thread and its connection. `heard` is called on that thread, with what arrived."""

    def __init__(
        self, broker: Broker, name: str, clock: Clock, heard: Callable[[list[News]], None]
    ) -> None:
        """Take the broker and the name of our queue of answers; touches no network yet."""
        self._broker = broker
        self.name = name
        self._clock = clock
        self._heard = heard
        self._waiting: deque[Outgoing] = deque()
        self._news: list[News] = []
        self._unconfirmed: dict[int, str] = {}
        self._returned: set[str] = set()
        self._made: set[str] = set()
        self._published = 0
        self._stopping = False
        self._pipe = socket.socketpair()
        for end in self._pipe:
            end.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="faultwire-rpc", daemon=True)
        self.state = State.CONNECTING
        self.reason = "not connected yet"
        self.down_since_ns = clock.mono_ns()

    def start(self) -> None:
        """Connect, and again whenever it breaks, until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End; waits for the thread for a bounded time."""
        self._stopping = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join(2 * TICK_SECONDS)
        if not self._thread.is_alive():
            for end in self._pipe:
                end.close()

    def send(self, calls: Iterable[Outgoing]) -> None:
        """Send these as soon as may be; any thread, never waits."""
        self._waiting.extend(calls)
        self._wake()

    def _wake(self) -> None:
        try:
            self._pipe[1].send(b"\0")
        except BlockingIOError:
            pass  # it is awake, and has not read yet
        except OSError:
            log.debug("woken after the end")

    # ---------------------------------------------------------------- the thread

    def _run(self) -> None:
        wait = FIRST_WAIT_SECONDS
        turn = 0
        while not self._stopping:
            host = self._broker.hosts[turn % len(self._broker.hosts)]
            turn += 1
            try:
                self._converse(host)
                wait = FIRST_WAIT_SECONDS
            except amqp.AccessRefused as error:
                self._down(State.REFUSED, f"{host} refuses our credentials: {_said(error)}")
                wait = REFUSED_WAIT_SECONDS
            except (OSError, amqp.AMQPError) as error:
                wait = self._broken(host, error, wait)
            except Exception:
                log.exception("the link to the broker failed and is made anew")
                self._down(State.DOWN, "internal error")
                wait = LONGEST_WAIT_SECONDS
            self._rest(wait)

    def _broken(self, host: BrokerHost, error: Exception, wait: float) -> float:
        """Note that the connection broke or did not come about; return how long to wait."""
        reason, refused = refusal_of(error)
        if refused:
            self._down(State.REFUSED, f"{host}: {reason}")
            return REFUSED_WAIT_SECONDS
        was_up = self.state is State.UP
        self._down(State.DOWN, f"{host}: {reason}")
        return FIRST_WAIT_SECONDS if was_up else min(2 * wait, LONGEST_WAIT_SECONDS)

    def _rest(self, seconds: float) -> None:
        until = self._clock.mono_ns() + round(seconds * NS)
        while not self._stopping and (left := until - self._clock.mono_ns()) > 0:
            select.select([self._pipe[0]], [], [], left / NS)
            self._drain_pipe()

    def _down(self, state: State, reason: str) -> None:
        if self._stopping:
            return
        if self.state in {State.UP, State.CONNECTING} or state is not self.state:
            log.warning("the broker is away: %s", reason)
            if self.state is not State.DOWN:
                self.down_since_ns = self._clock.mono_ns()
        self.state, self.reason = state, reason

    def _converse(self, host: BrokerHost) -> None:
        connection = connect(self._broker, host, self.name)
        try:
            channel = self._open(connection)
            if self.state is not State.UP:
                log.info("connected to the broker at %s", host)
            self.state, self.reason = State.UP, ""
            while not self._stopping:
                self._round(connection, channel)
        finally:
            self._close(connection)

    def _open(self, connection: amqp.Connection) -> amqp.Channel:
        channel = connection.channel()
        self._unconfirmed.clear()
        self._returned.clear()
        self._made.clear()
        self._published = 0
        channel.confirm_select()
        channel.events["basic_ack"].add(self._confirmed)
        channel.events["basic_nack"].add(self._refused)
        channel.events["basic_return"].add(self._came_back)
        channel.queue_declare(
            self.name, auto_delete=False, arguments={"x-expires": REPLIES_KEPT_MS}
        )
        channel.basic_consume(self.name, self.name, no_ack=True, callback=self._answered)
        return channel

    def _round(self, connection: amqp.Connection, channel: amqp.Channel) -> None:
        """Wait until there is something to do, and do it."""
        pending = getattr(connection.transport.sock, "pending", None)
        wait = 0.0 if self._waiting or (pending and pending()) else TICK_SECONDS
        ready, _, _ = select.select([connection.transport.sock, self._pipe[0]], [], [], wait)
        if self._pipe[0] in ready:
            self._drain_pipe()
        while self._waiting:
            self._publish(channel, self._waiting.popleft())
        self._hear(connection)
        connection.heartbeat_tick()
        if self._news:
            news, self._news = self._news, []
            self._heard(news)

    def _drain_pipe(self) -> None:
        try:
            while self._pipe[0].recv(4096):
                pass
        except BlockingIOError:
            pass

    def _hear(self, connection: amqp.Connection) -> None:
        try:
            while True:
                connection.drain_events(timeout=0)
        except TimeoutError:
            return

    def _publish(self, channel: amqp.Channel, out: Outgoing) -> None:
        left_ms = (out.due_ns - self._clock.mono_ns()) // 1_000_000
        if left_ms <= 0:
            return
        call = out.call
        exchange, key = self._place(channel, out)
        properties = {"delivery_mode": 2 if out.kept else 1, "message_id": call.token}
        if not out.kept:
            properties["expiration"] = str(left_ms)
        message = amqp.Message(
            encode(call),
            content_type="application/json",
            content_encoding="utf-8",
            **properties,
        )
        channel.basic_publish(message, exchange, key, mandatory=not out.everyone)
        self._published += 1
        if out.kept:
            self._unconfirmed[self._published] = call.token

    def _place(self, channel: amqp.Channel, out: Outgoing) -> tuple[str, str]:
        """Return exchange and key; what is made here is made as an oslo.messaging server does."""
        topic = out.call.topic
        if out.everyone:
            exchange = f"{topic}_fanout"
            channel.exchange_declare(
                exchange, "fanout", durable=False, auto_delete=True, nowait=True
            )
            return exchange, topic
        if out.kept and topic not in self._made:
            self._made.add(topic)
            rabbit = self._broker.rabbit
            quorum = rabbit.rabbit_quorum_queue
            channel.queue_declare(
                topic,
                durable=quorum or rabbit.amqp_durable_queues,
                auto_delete=False,
                arguments={"x-queue-type": "quorum"} if quorum else {},
                nowait=True,
            )
        return "", topic

    def _answered(self, message: amqp.Message) -> None:
        reply = decode(message.body)
        if reply is not None:
            self._news.append(reply)

    def _came_back(
        self, error: Exception, exchange: str, routing_key: str, message: amqp.Message
    ) -> None:
        del error, exchange, routing_key
        token = str(message.properties.get("message_id", ""))
        self._returned.add(token)
        self._news.append(Unrouted(token))

    def _confirmed(self, delivery_tag: int, multiple: object) -> None:
        for token in self._settled(delivery_tag, multiple):
            if token not in self._returned:
                self._news.append(Kept(token))

    def _refused(self, delivery_tag: int, multiple: object) -> None:
        self._news += [Unrouted(token) for token in self._settled(delivery_tag, multiple)]

    def _settled(self, delivery_tag: int, multiple: object) -> list[str]:
        if not self._unconfirmed:
            self._returned.clear()
            return []
        tags = [delivery_tag]
        if multiple:
            tags = [tag for tag in self._unconfirmed if tag <= delivery_tag]
        return [self._unconfirmed.pop(tag) for tag in tags if tag in self._unconfirmed]

    def _close(self, connection: amqp.Connection) -> None:
        try:
            if self._stopping:
                channel = connection.channel(1)
                channel.basic_cancel(self.name, nowait=True)
                channel.queue_delete(self.name, nowait=True)
                connection.close()
            else:
                connection.collect()
        except (OSError, amqp.AMQPError) as error:
            log.debug("closing the link: %s", error)
            connection.collect()


def connect(broker: Broker, host: BrokerHost, name: str) -> amqp.Connection:
    """Return a connection to one node; raises OSError or amqp.AMQPError within a bounded time."""
    connection = amqp.Connection(
        host=str(host),
        userid=host.user,
        password=host.password,
        login_method="PLAIN",
        virtual_host=broker.vhost,
        connect_timeout=CONNECT_SECONDS,
        write_timeout=CONNECT_SECONDS,
        heartbeat=broker.rabbit.heartbeat_timeout_threshold,
        ssl=tls.options(broker, host.host),
        client_properties={
            "connection_name": f"faultwire:{name}",
            "capabilities": {"authentication_failure_close": True},
        },
    )
    connection.connect()
    return connection


def refusal_of(error: Exception) -> tuple[str, bool]:
    """Return what is wrong with a connection, and whether TLS can never come about like this."""
    if isinstance(error, ssl.SSLError):
        return told(error)
    return _said(error), False


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
