"""Remote calls within the process: the same table and checks as over a broker, and no broker."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

from faultwire.domain.errors import NoAnswer, NoConsumer, RefusedVersion, RpcError
from faultwire.messaging.caps import Caps
from faultwire.messaging.dispatch import Dispatcher, Door, Envelope
from faultwire.messaging.table import TABLE
from faultwire.messaging.versions import Api, Form, Table, fit, parse
from faultwire.ports import Clock
from faultwire.ports.rpc import Answer

log = logging.getLogger(__name__)

MS = 1_000_000

CastFailed = Callable[[str, str, RpcError], None]
"""Hears of a cast that was not done: API, method and why."""


class Takes(Protocol):
    """Who takes the calls of a topic."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Return the version of each API that is served there."""

    async def dispatch(self, envelope: Envelope) -> object:
        """Return the answer to a call; raises an RpcError and nothing else."""


class InProcessExchange:
    """Where servers and clients of one process meet, where there is no broker."""

    def __init__(self) -> None:
        """Start with nobody listening."""
        self.topics: dict[str, Takes] = {}


class InProcessServer:
    """Implements `ports.rpc.RpcServer`."""

    def __init__(
        self, exchange: InProcessExchange, table: Table = TABLE, door: Door | None = None
    ) -> None:
        """Take where to meet clients, the table of what is spoken here, and who may call."""
        self._exchange = exchange
        self._door = door
        self._table = table
        self._mine: dict[str, Dispatcher] = {}
        self._started = False

    def serve(self, api: str, handler: object, *, to: str | None = None) -> None:
        """Take the calls of an API, also of those who call it by its former topic."""
        known = self._table.api(api)
        self._serve(known, handler, known.topic_of(to))
        if known.former is not None:
            self._serve(known, handler, known.former)

    def _serve(self, known: Api, handler: object, topic: str) -> None:
        dispatcher = self._mine.get(topic)
        if dispatcher is None:
            dispatcher = self._mine[topic] = Dispatcher(self._table, topic, self._door)
        dispatcher.add(known, handler)
        if self._started:
            self._exchange.topics.setdefault(topic, dispatcher)

    async def start(self) -> None:
        """Begin to take calls."""
        self._started = True
        for topic, dispatcher in self._mine.items():
            self._exchange.topics.setdefault(topic, dispatcher)

    async def stop(self) -> None:
        """Take no more."""
        for topic, dispatcher in self._mine.items():
            if self._exchange.topics.get(topic) is dispatcher:
                del self._exchange.topics[topic]
        self._started = False


class InProcessClient:
    """Implements `ports.rpc.RpcClient`."""

    def __init__(
        self,
        exchange: InProcessExchange,
        caps: Caps,
        clock: Clock,
        context: Mapping[str, str] | None = None,
    ) -> None:
        """Take where to meet servers, what they speak, and what goes on every envelope."""
        self._exchange = exchange
        self._caps = caps
        self._clock = clock
        self._context = dict(context or {})
        self._casts: set[asyncio.Task[None]] = set()
        self.refused_casts = 0
        self.cast_failed: CastFailed | None = None

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def stop(self) -> None:
        """Give up what was cast and is not done."""
        for task in self._casts:
            task.cancel()
        await asyncio.gather(*self._casts, return_exceptions=True)

    async def call(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: str | None = None,
        deadline_s: float,
    ) -> object:
        """Return the peer's answer; raises an RpcError within the deadline."""
        form, topic = self._form(api, method, arguments, to)
        try:
            async with asyncio.timeout(deadline_s):
                return await self._deliver(_Sending(api, method, arguments, to, topic, form))
        except TimeoutError:
            raise NoAnswer(topic, method, f"no answer in {deadline_s:g} s") from None

    async def cast(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: str | None = None,
        deadline_s: float = 5.0,
    ) -> None:
        """Return at once; it is done by a task of its own."""
        del deadline_s
        form, topic = self._form(api, method, arguments, to)
        if topic not in self._exchange.topics:
            raise NoConsumer(topic, method, "nobody listens there")
        task = asyncio.create_task(self._cast(_Sending(api, method, arguments, to, topic, form)))
        self._casts.add(task)
        task.add_done_callback(self._casts.discard)

    async def _cast(self, sending: "_Sending") -> None:
        try:
            await self._deliver(sending)
        except RpcError as error:
            self.refused_casts += isinstance(error, RefusedVersion)
            log.warning("a cast was not done: %s", error)
            if self.cast_failed is not None:
                self.cast_failed(sending.api, sending.method, error)

    async def fan_out(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: Sequence[str],
        deadline_s: float,
    ) -> Mapping[str, Answer]:
        """Call all of these at once under one deadline."""
        began = self._clock.mono_ns()

        async def one(peer: str) -> Answer:
            value: object = None
            failure: RpcError | None = None
            try:
                value = await self.call(api, method, arguments, to=peer, deadline_s=deadline_s)
            except RpcError as error:
                failure = error
            return Answer(value, failure, (self._clock.mono_ns() - began) / MS)

        peers = list(dict.fromkeys(to))
        return dict(zip(peers, await asyncio.gather(*map(one, peers)), strict=True))

    def can_send(
        self, api: str, method: str, arguments: Mapping[str, object], *, to: str | None = None
    ) -> bool:
        """Return whether a call with these arguments would be sent, in whatever form."""
        try:
            self._form(api, method, arguments, to)
        except RpcError:
            return False
        return True

    def _form(
        self, api: str, method: str, arguments: Mapping[str, object], to: str | None
    ) -> tuple[Form, str]:
        known = self._caps.table.api(api)
        return fit(known, method, arguments, self._caps.of(api, to), to), known.topic_of(to)

    async def _deliver(self, sending: "_Sending") -> object:
        """Hand it over; once more in an older form, where the peer is older than we knew."""
        dispatcher = self._exchange.topics.get(sending.topic)
        if dispatcher is None:
            raise NoConsumer(sending.topic, sending.method, "nobody listens there")
        try:
            return await self._hand_over(dispatcher, sending, sending.form)
        except RefusedVersion:
            speaks = parse(dispatcher.versions.get(sending.api, "0.0"))
            if not speaks < sending.form.version:
                raise
            known = self._caps.table.api(sending.api)
            form = fit(known, sending.method, sending.arguments, speaks, sending.to)
        return await self._hand_over(dispatcher, sending, form)

    async def _hand_over(self, dispatcher: Takes, sending: "_Sending", form: Form) -> object:
        sent = orjson.loads(orjson.dumps(form.arguments))
        version = str(form.version)
        envelope = Envelope(sending.api, sending.method, version, sent, dict(self._context))
        return orjson.loads(orjson.dumps(await dispatcher.dispatch(envelope)))


@dataclass(frozen=True, slots=True)
class _Sending:
    api: str
    method: str
    arguments: Mapping[str, object]
    to: str | None
    topic: str
    form: Form
