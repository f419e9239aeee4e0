"""Remote calls over RabbitMQ, from the event loop."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from faultwire.domain.errors import (
    BusDown,
    NoAnswer,
    NoConsumer,
    RefusedVersion,
    RpcError,
)
from faultwire.messaging.addresses import Broker
from faultwire.messaging.caps import Caps
from faultwire.messaging.inprocess import CastFailed
from faultwire.messaging.link import Kept, Link, News, Outgoing, State
from faultwire.messaging.peers import Peers
from faultwire.messaging.seals import Seal, unsealed
from faultwire.messaging.versions import Form, Version, fit, placed
from faultwire.messaging.wire import Call, Reply
from faultwire.ports import Clock
from faultwire.ports.rpc import Answer

log = logging.getLogger(__name__)

NS = 1_000_000_000
MS = 1_000_000
PATIENCE_SECONDS = 2.0
"""A call waits for a broker that is away no longer than this, then each fails at once."""
BATCH, PAUSED = 50, 500
"""A fan-out sends and reads so many before others have their turn on the loop."""
CASTS_REMEMBERED = 10_000
RESENDS = 3
SURVEY_SECONDS = 1.0


@dataclass(slots=True)
class _Sending:
    """One call that is out. Its `done` holds a Reply, or an error of the bus."""

    api: str
    method: str
    arguments: Mapping[str, object]
    to: str | None
    topic: str
    due_ns: int
    form: Form
    done: "asyncio.Future[Reply | RpcError]"
    cast: bool = False
    token: str = field(default_factory=lambda: uuid4().hex)
    resends: int = 0


class RabbitClient:
    """Implements `ports.rpc.RpcClient`; on one event loop, by one `Link`.

    `cast_failed(api, method, error)` hears of casts that a peer took from the bus and refused,
    or failed at; they are logged too.
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        caps: Caps,
        peers: Peers,
        clock: Clock,
        seal: Seal = unsealed,
    ) -> None:
        """Take who we are on the bus; touches no network before `start`."""
        self._caps = caps
        self._table = placed(caps.table, broker.queues)
        self._peers = peers
        self._clock = clock
        self._seal = seal
        self.cast_failed: CastFailed | None = None
        self._link = Link(broker, f"reply_{name}_{uuid4().hex[:12]}", clock, self._arrived)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._out: dict[str, _Sending] = {}
        self._casts: OrderedDict[str, _Sending] = OrderedDict()
        self._survey: dict[str, list[Reply]] = {}
        self.refused_casts = 0

    @property
    def state(self) -> State:
        """How the link to the broker stands."""
        return self._link.state

    async def start(self) -> None:
        """Begin to connect; returns at once, whether the broker is there or not."""
        self._loop = asyncio.get_running_loop()
        self._link.start()

    async def stop(self) -> None:
        """End; what is out fails as BusDown."""
        loop = self._loop
        self._loop = None
        for sending in self._out.values():
            _settle(sending, BusDown(sending.topic, sending.method, "we stop"))
        if loop is not None:
            await loop.run_in_executor(None, self._link.stop)

    # ---------------------------------------------------------------- what callers ask

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
        sending = self._prepare(api, method, arguments, to, deadline_s)
        self._send([sending])
        return _value(await self._outcome(sending), sending)

    async def cast(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: str | None = None,
        deadline_s: float = 5.0,
    ) -> None:
        """Return once the broker keeps it, or for a guest, once its queue has it."""
        sending = self._prepare(api, method, arguments, to, deadline_s)
        sending.cast = True
        self._casts[sending.token] = sending
        while len(self._casts) > CASTS_REMEMBERED:
            self._casts.popitem(last=False)
        self._send([sending])
        outcome = await self._outcome(sending)
        if isinstance(outcome, RpcError):
            self._casts.pop(sending.token, None)
            raise outcome

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
        answers: dict[str, Answer] = {}
        out: dict[str, _Sending] = {}
        batch: list[_Sending] = []
        for peer in dict.fromkeys(to):
            try:
                sending = self._prepare(api, method, arguments, peer, deadline_s)
            except RpcError as error:
                answers[peer] = Answer(None, error, 0.0)
                continue
            sending.due_ns = began + round(deadline_s * NS)
            sending.done.add_done_callback(_Stamp(self._clock, began, peer, answers))
            out[peer] = sending
            batch.append(sending)
            if len(batch) == BATCH:
                self._send(batch)
                batch = []
                await asyncio.sleep(0)
        self._send(batch)
        left = deadline_s - (self._clock.mono_ns() - began) / NS
        if out:
            await asyncio.wait([each.done for each in out.values()], timeout=max(left, 0.0))
        for number, (peer, sending) in enumerate(out.items()):
            if number % PAUSED == PAUSED - 1:
                await asyncio.sleep(0)
            self._out.pop(sending.token, None)
            if not sending.done.done():
                self._late(sending)
            outcome = sending.done.result()
            waited = answers[peer].waited_ms if peer in answers else _ms(self._clock, began)
            try:
                answers[peer] = Answer(_value(outcome, sending), None, waited)
            except RpcError as error:
                answers[peer] = Answer(None, error, waited)
        return answers

    def can_send(
        self, api: str, method: str, arguments: Mapping[str, object], *, to: str | None = None
    ) -> bool:
        """Return whether a call with these arguments would be sent, in whatever form."""
        try:
            self._form(api, method, arguments, to)
        except RpcError:
            return False
        return True

    async def survey(self, api: str) -> list[Version]:
        """Ask all live peers of an API what they speak, and note the lowest; waits a second."""
        known = self._table.api(api)
        form = fit(self._table.api("baseapi"), "get_versions", {}, None, known.topic)
        token = uuid4().hex
        due = self._clock.mono_ns() + round(SURVEY_SECONDS * NS)
        call = Call(token, "baseapi", "get_versions", form, known.topic, self._link.name, {})
        call = replace(call, context=self._seal(call))
        heard: list[Reply] = []
        self._survey[token] = heard
        try:
            self._link.send([Outgoing(call, due, everyone=True)])
            await self._clock.sleep(SURVEY_SECONDS)
        finally:
            del self._survey[token]
        versions = [self._peers.read(api, reply.value) for reply in heard]
        self._peers.surveyed(api, versions)
        return versions

    # ---------------------------------------------------------------- sending

    def _form(
        self, api: str, method: str, arguments: Mapping[str, object], to: str | None
    ) -> Form:
        return fit(self._table.api(api), method, arguments, self._caps.of(api, to), to)

    def _prepare(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        to: str | None,
        deadline_s: float,
    ) -> _Sending:
        topic = self._table.api(api).topic_of(to)
        form = self._form(api, method, arguments, to)
        self._check_link(topic, method)
        due = self._clock.mono_ns() + round(deadline_s * NS)
        loop = asyncio.get_running_loop()
        return _Sending(api, method, arguments, to, topic, due, form, loop.create_future())

    def _check_link(self, topic: str, method: str) -> None:
        link = self._link
        if link.state is State.UP:
            return
        down_ns = self._clock.mono_ns() - link.down_since_ns
        if link.state is State.REFUSED or down_ns > PATIENCE_SECONDS * NS:
            raise BusDown(topic, method, link.reason)

    def _send(self, batch: Iterable[_Sending]) -> None:
        outgoing = []
        for each in batch:
            self._out[each.token] = each
            call = Call(
                each.token, each.api, each.method, each.form, each.topic, self._link.name, {}
            )
            kept = each.cast and not self._table.api(each.api).each
            sealed = replace(call, context=self._seal(call))
            outgoing.append(Outgoing(sealed, each.due_ns, kept))
        self._link.send(outgoing)

    async def _outcome(self, sending: _Sending) -> Reply | RpcError:
        left = (sending.due_ns - self._clock.mono_ns()) / NS
        try:
            await asyncio.wait([sending.done], timeout=max(left, 0.0))
            if not sending.done.done():
                self._late(sending)
            return sending.done.result()
        finally:
            self._out.pop(sending.token, None)

    def _late(self, sending: _Sending) -> None:
        topic, method = sending.topic, sending.method
        if self._link.state is State.UP:
            _settle(sending, NoAnswer(topic, method, "no answer within the deadline"))
        else:
            _settle(sending, BusDown(topic, method, self._link.reason))

    # ---------------------------------------------------------------- what came back

    def _arrived(self, news: list[News]) -> None:
        """Hand over what the link heard; on its thread."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._take, news)
        except RuntimeError:
            log.debug("an answer came after the end")

    def _take(self, news: list[News]) -> None:
        for each in news:
            if isinstance(each, Reply):
                self._take_reply(each)
                continue
            sending = self._out.get(each.token)
            if sending is None:
                continue
            if not isinstance(each, Kept):
                error = NoConsumer(sending.topic, sending.method, "nobody listens there")
                _settle(sending, error)
            elif sending.cast:
                _settle(sending, Reply(each.token))

    def _take_reply(self, reply: Reply) -> None:
        if reply.token in self._survey:
            self._survey[reply.token].append(reply)
            return
        sending = self._casts.pop(reply.token, None) or self._out.get(reply.token)
        if sending is None:
            return
        if reply.failure is RefusedVersion and self._resend(sending, reply):
            return
        if sending.cast and reply.failure is not None:
            self._cast_failure(sending, reply.error(sending.topic, sending.method))
        _settle(sending, reply)

    def _resend(self, sending: _Sending, reply: Reply) -> bool:
        """Send the older form that the peer speaks; False: there is none, or no time."""
        speaks = self._peers.read(sending.api, {sending.api: reply.speaks})
        if sending.resends >= RESENDS or not speaks < sending.form.version:
            return False
        self._peers.refused(sending.api, sending.to, speaks)
        known = self._table.api(sending.api)
        try:
            form = fit(known, sending.method, sending.arguments, speaks, sending.to)
        except RpcError:
            return False
        self._out.pop(sending.token, None)
        sending.form, sending.token = form, uuid4().hex
        sending.resends += 1
        if sending.cast:
            sending.due_ns = max(sending.due_ns, self._clock.mono_ns() + 5 * NS)
            self._casts[sending.token] = sending
        self._send([sending])
        return True

    def _cast_failure(self, sending: _Sending, error: RpcError) -> None:
        self.refused_casts += isinstance(error, RefusedVersion)
        log.warning("a cast was not done: %s", error)
        if self.cast_failed is not None:
            self.cast_failed(sending.api, sending.method, error)


@dataclass(slots=True)
class _Stamp:
    """Notes when one of a fan-out was answered."""

    clock: Clock
    began: int
    peer: str
    answers: dict[str, Answer]

    def __call__(self, done: "asyncio.Future[Reply | RpcError]") -> None:
        if not done.cancelled():
            self.answers.setdefault(self.peer, Answer(None, None, _ms(self.clock, self.began)))


def _ms(clock: Clock, began: int) -> float:
    return (clock.mono_ns() - began) / MS


def _settle(sending: _Sending, outcome: Reply | RpcError) -> None:
    if not sending.done.done():
        sending.done.set_result(outcome)


def _value(outcome: Reply | RpcError, sending: _Sending) -> object:
    if isinstance(outcome, RpcError):
        raise outcome
    if outcome.failure is not None:
        raise outcome.error(sending.topic, sending.method)
    return outcome.value
