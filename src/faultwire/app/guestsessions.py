"""Guest agents' sessions at this server: each takes calls at its own topic, and brings its own."""

import uuid
from collections.abc import Iterable, Mapping

from faultwire.app.conductor import Conductor, from_session
from faultwire.domain.agents import CloseCode
from faultwire.domain.errors import (
    NoConsumer,
    RefusedArguments,
    RefusedVersion,
    RemoteFailure,
    RpcError,
    TooOften,
    Unavailable,
)
from faultwire.domain.guests import TOPIC, GuestStatus, Heard, topic_of
from faultwire.domain.ids import GuestId
from faultwire.messaging.dispatch import Dispatcher, Envelope
from faultwire.messaging.inprocess import InProcessExchange
from faultwire.messaging.table import CONDUCTOR, TABLE
from faultwire.monitors.guests import GuestMonitor
from faultwire.ports import Clock, Intake
from faultwire.ports.guests import GuestWire, Message

CALL_COSTS_NS = 50_000_000
"""A guest may call twenty times a second ..."""
SAVED_NS = 10_000_000_000
"""... and at once as often as in this time."""

_ERRORS: Mapping[str, type[RpcError]] = {
    kind.verdict: kind for kind in (RefusedVersion, RefusedArguments, RemoteFailure, NoConsumer)
}


def error_message(error: RpcError) -> Message:
    """Return an error as it travels in a session."""
    return {"error": {"verdict": error.verdict, "reason": error.reason}}


def read_answer(answer: Message, topic: str, method: str) -> object:
    """Return the value of an answer; raises the RpcError that it tells of."""
    failure = answer.get("error")
    if failure is None:
        return answer.get("value")
    told = failure if isinstance(failure, Mapping) else {}
    kind = _ERRORS.get(str(told.get("verdict")), RemoteFailure)
    raise kind(topic, method, str(told.get("reason", "failed"))[:500])


class WireTopic:
    """Implements `messaging.inprocess.Takes`: hands calls to the guest at the other end."""

    def __init__(self, heard: Heard, wire: GuestWire) -> None:
        """Take the connection, and what the guest said that it speaks."""
        self.versions = {TOPIC: heard.version}
        self._topic = topic_of(heard.guest)
        self._wire = wire

    async def dispatch(self, envelope: Envelope) -> object:
        """Return what the guest answers; raises an RpcError."""
        method = str(envelope.method)
        call = {
            "api": envelope.api,
            "method": method,
            "version": envelope.version,
            "arguments": envelope.arguments,
        }
        try:
            answer = await self._wire.call(call)
        except Unavailable as error:
            raise NoConsumer(self._topic, method, str(error)) from None
        return read_answer(answer, self._topic, method)


class _Session:
    """Implements `ports.guests.GuestSession`."""

    def __init__(
        self, door: "GuestSessions", heard: Heard, credential: str, wire: GuestWire
    ) -> None:
        self.id = uuid.uuid4().hex
        self.guest = heard.guest
        self.agent = heard.agent
        self.credential = credential
        self.wire = wire
        self.topic = WireTopic(heard, wire)
        self._door = door
        self._spent_until = 0
        self._conductor = Dispatcher(TABLE, CONDUCTOR.topic)
        self._conductor.add(CONDUCTOR, door.conductor(heard.guest))

    async def take(self, call: Message) -> Message:
        """Return the answer to a call of the guest."""
        now = self._door.clock.mono_ns()
        self._spent_until = max(self._spent_until, now) + CALL_COSTS_NS
        if self._spent_until - now > SAVED_NS:
            raise TooOften("too many calls", 1)
        envelope = Envelope(
            call.get("api"), call.get("method"), call.get("version"), call.get("arguments"), {}
        )
        try:
            return {"value": await self._conductor.dispatch(envelope)}
        except RpcError as error:
            return error_message(error)

    def end(self, *, goodbye: bool) -> None:
        """Note that the connection is over."""
        self._door.ended(self, goodbye=goodbye)


class GuestSessions:
    """Implements `ports.guests.GuestSessions`; on the event loop."""

    def __init__(
        self,
        monitor: GuestMonitor,
        intake: Intake,
        clock: Clock,
        exchange: InProcessExchange,
    ) -> None:
        """Take who hears guests, and where their topics are met."""
        self.clock = clock
        self._monitor = monitor
        self._intake = intake
        self._exchange = exchange
        self._held: dict[GuestId, _Session] = {}
        monitor.on_lost(self._lost)

    def conductor(self, guest: GuestId) -> Conductor:
        """Return the conductor that a guest's session talks to."""
        return Conductor(self._monitor, self._intake, self.clock, from_session(guest))

    def here(self, guest: str) -> bool:
        """Return whether a guest has its session here."""
        return guest in self._held

    def open(self, heard: Heard, credential: str, wire: GuestWire) -> _Session:
        """Admit a guest agent; see the port."""
        held = self._held.get(heard.guest)
        if held is not None and held.credential != credential:
            self.ended(held, goodbye=False)
            held.wire.hang_up(CloseCode.REPLACED, "the credential of this session was replaced")
        self._monitor.beat(heard)
        held = self._held.get(heard.guest)
        if held is not None:
            # The same process comes anew: its former connection is dead at its end.
            held.wire.hang_up(CloseCode.REPLACED, "the agent has a new session")
        session = _Session(self, heard, credential, wire)
        self._held[heard.guest] = session
        self._exchange.topics[topic_of(heard.guest)] = session.topic
        return session

    def status(self, guest: GuestId) -> GuestStatus | None:
        """Return what is known of a guest's agent."""
        return self._monitor.status(guest)

    def ended(self, session: _Session, *, goodbye: bool) -> None:
        """Note the end of a session; harmless when it is over."""
        if self._detach(session):
            self._monitor.left(session.guest, session.agent, goodbye=goodbye)

    def revoked(self, guests: Iterable[GuestId]) -> None:
        """Hang up on guests whose enrolment was ended, as if they had said goodbye."""
        for guest in guests:
            held = self._held.get(guest)
            if held is not None:
                self.ended(held, goodbye=True)
                held.wire.hang_up(CloseCode.REPLACED, "the credential was revoked")
            else:
                self._monitor.forget((guest,))

    def stop(self) -> None:
        """Take calls at no topic any more."""
        for session in tuple(self._held.values()):
            self._detach(session)

    def _detach(self, session: _Session) -> bool:
        if self._held.get(session.guest) is not session:
            return False
        del self._held[session.guest]
        topic = topic_of(session.guest)
        if self._exchange.topics.get(topic) is session.topic:
            del self._exchange.topics[topic]
        return True

    def _lost(self, guest: GuestId) -> None:
        """Hang up on a guest that is held to be dead, or is not ours any more."""
        session = self._held.get(guest)
        if session is not None:
            self._detach(session)
            session.wire.hang_up(CloseCode.SILENT, "no heartbeat in time")
