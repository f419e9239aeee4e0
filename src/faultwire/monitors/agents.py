"""The agents' monitor: sessions in, reports of dead hosts out (D20, D24)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from faultwire.domain.agents import AgentStatus, CloseCode
from faultwire.domain.commands import AgentChanged
from faultwire.domain.datagrams import DatagramTerms
from faultwire.domain.errors import Conflict, Unavailable
from faultwire.domain.ids import HostName
from faultwire.domain.states import AgentState
from faultwire.liveness.beats import Pulses
from faultwire.liveness.heartbeat import Heartbeats, Verdict
from faultwire.liveness.settings import Settings
from faultwire.monitors.owed import Owed
from faultwire.monitors.sessions import Session
from faultwire.monitors.verdicts import AgentVerdicts
from faultwire.ports import AgentWire, Clock, Elsewhere, Intake, Meter

log = logging.getLogger(__name__)

TICK_NS = 50_000_000
"""Longest time between two looks; how exactly our own stalls are known."""
CREDITED_NS = 20_000_000
"""Lateness from which a stall is credited; less is the loop's ordinary grain."""
PUT_OFF_NS = 100_000_000
"""How long a verdict is put off while the loop is late."""
DRAINING_TURNS = 8
"""Turns of the loop before judging: what already lies in a socket must be read first."""
NOTED_NS = 5_000_000_000
"""How often the times at which hosts were seen are handed on."""
LISTS_APART_NS = 250_000_000
"""Shortest time between two lists of one host that become commands."""
COMPLAINTS_APART_NS = 10_000_000_000
"""Shortest time between two log lines on second sessions of one host."""

_NS = 1_000_000_000
_MS = 1_000_000

Seen = Callable[[Sequence[tuple[HostName, int]]], Awaitable[None]]
"""Takes the wall times at which hosts were last heard; raises Unavailable."""


@dataclass(frozen=True, slots=True)
class LoopGuard:
    """How late the loop was lately, and from where on verdicts are put off.

    `limit_ms` must not be above the inspector's `stalled_ms`: what we let pass it would veto.
    """

    lag_ms: Callable[[], float]
    limit_ms: float


@dataclass(slots=True)
class _Seconds:
    """Second sessions of one host that were refused."""

    count: int = 0
    logged_ns: int | None = None


class AgentMonitor:
    """Implements `ports.AgentSessions`; everything runs on the event loop.

    `run` must be running for verdicts to be given. Before connections are closed because we stop,
    `stop` must have been called: those ends are ours and speak against nobody.
    """

    def __init__(
        self,
        intake: Intake,
        clock: Clock,
        meter: Meter,
        settings: Settings,
        guard: LoopGuard,
        seen: Seen,
    ) -> None:
        """Know no host."""
        self._clock = clock
        self._meter = meter
        self._grace_ns = settings.agent_start_grace_ms * _MS
        self._guard = guard
        self._note_seen = seen
        self._pulses: Pulses | None = None
        self._grants = settings.grants_datagrams
        self._fresh_ns = (settings.heartbeat_ms + settings.heartbeat_ms // 2) * _MS
        self._engine = Heartbeats(settings)
        self._owed = Owed(intake, clock, self._doubt)
        self.verdicts = AgentVerdicts(self._owed, clock, meter)
        self._sessions: dict[HostName, Session] = {}
        self._later: dict[HostName, Session] = {}
        self._seconds: dict[HostName, _Seconds] = {}
        self._elsewhere: Elsewhere | None = None
        self._noted_ns = clock.mono_ns()
        self._suspended = False
        self._stopping = False

    # ------------------------------------------------------------ what the app calls

    def hear(self, pulses: Pulses) -> None:
        """Let sessions that ask for it beat there too, where the settings allow it."""
        self._pulses = pulses if self._grants else None

    def neighbours(self, elsewhere: Elsewhere) -> None:
        """Have others on the same database take sessions too; before the first one here."""
        self._elsewhere = elsewhere

    def moved(self, host: HostName) -> None:
        """Leave a host to another server, which has its agent now; hang up on one here."""
        self._engine.forget(host)
        session = self._sessions.get(host)
        if session is not None:
            self._detach(session)
            session.wire.hang_up(CloseCode.REPLACED, "the agent has a session at another server")

    def doubt(self, host: HostName) -> None:
        """Find out whether the agent of a host is still connected here."""
        session = self._sessions.get(host)
        if session is not None:
            session.wire.poke()

    def expect(self, hosts: Iterable[HostName]) -> None:
        """Wait for hosts whose agents were connected when the server last stopped."""
        now = self._clock.mono_ns()
        for host in hosts:
            self._engine.expected(host, now, self._grace_ns)

    def forget(self, hosts: Iterable[HostName]) -> None:
        """Watch hosts no longer that were taken out of the map; hang up on their agents."""
        for host in hosts:
            session = self._sessions.pop(host, None)
            self._engine.forget(host)
            self.verdicts.forget(host)
            self._later.pop(host, None)
            self._seconds.pop(host, None)
            if session is not None:
                self._void(session)
                session.wire.hang_up(CloseCode.REMOVED, f"host {host} is not in the inventory")
        self._count_sessions()

    def revoked(self, hosts: Iterable[HostName]) -> None:
        """Hang up on agents whose enrolment was ended, as if they had said goodbye."""
        now = self._clock.mono_ns()
        for host in hosts:
            session = self._sessions.get(host)
            if session is not None:
                self.ended(session, now, goodbye=True)
                session.wire.hang_up(CloseCode.REPLACED, "the credential was revoked")
            elif not (self._elsewhere is not None and self._elsewhere.held(host)):
                self._engine.forget(host)

    async def run(self) -> None:
        """Judge until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="agents' monitor")
            group.create_task(self._keep_noting(), name="agents seen")
            group.create_task(self.verdicts.damped.run(), name="agents' damping")

    async def stop(self, seconds: float = 2.0) -> None:
        """Judge nobody and admit nobody any more; see what is owed through, up to `seconds`.

        What the lane did not take is found again after the next start: the host is still stored
        as connected and will be expected.
        """
        self._stopping = True
        await self._owed.stop(seconds)

    # ------------------------------------------------------------ ports.AgentSessions

    def open(
        self, host: HostName, credential: str, running: frozenset[str] | None, wire: AgentWire
    ) -> Session:
        """Admit an agent; raises Conflict where another one lives, Unavailable while we stop."""
        if self._stopping:
            raise Unavailable("the server is stopping")
        now = self._clock.mono_ns()
        held = self._sessions.get(host)
        if held is not None and held.credential != credential:
            self.ended(held, now, goodbye=False)
            held.wire.hang_up(CloseCode.REPLACED, "the credential of this session was replaced")
        if self._elsewhere is not None and self._elsewhere.held(host):
            self._refuse_second(host, now)
            raise Conflict(f"another session of the agent of host {host} lives at another server")
        session = Session(self, self._clock.mono_ns, host, credential, running, wire)
        if not self._engine.connected(host, session.id, now):
            self._refuse_second(host, now)
            raise Conflict(f"another session of the agent of host {host} lives")
        self._sessions[host] = session
        self._count_sessions()
        if self._elsewhere is not None:
            self._elsewhere.entered(host, session.id)
        self.verdicts.back(host)
        self._owed.change(AgentChanged(host, AgentState.CONNECTED, running))
        return session

    def status(self, host: HostName) -> AgentStatus | None:
        """Return what is known of a host's agent."""
        if host not in self._engine and host not in self._seconds:
            return None
        seen = self._engine.seen(host)
        seconds = self._seconds.get(host)
        return AgentStatus(
            host,
            self._engine.state(host).value,
            None if seen is None else self._wall(seen),
            seconds.count if seconds else 0,
        )

    def statuses(self) -> Iterable[AgentStatus]:
        """Return what is known of every agent, in order of host."""
        for host in sorted(self._engine):
            status = self.status(host)
            if status is not None:
                yield status

    # ------------------------------------------------------------ sessions.Register

    def beaten(self, session: Session, now: int) -> bool:
        """Note a sign of life; False for a session that is over.

        One that is heard elsewhere too is told so: it need not speak on its connection.
        """
        if session.terms is not None and self._pulses is not None:
            last = self._pulses.last(session.terms)
            if last and now - last < self._fresh_ns:
                session.wire.acknowledge()
        return self._engine.beat(session.host, session.id, now)

    def granted(self, session: Session, now: int) -> DatagramTerms | None:
        """Return the terms under which a session may beat by datagrams; None: it may not."""
        pulses = self._pulses
        if pulses is None or self._sessions.get(session.host) is not session:
            return None
        terms = pulses.open()
        if terms is not None:
            self._engine.listen(session.host, session.id, now, lambda: pulses.last(terms))
        return terms

    def reported(self, session: Session, now: int) -> None:
        """Owe the session's new list, at once if the one before is long enough ago."""
        if now - session.told_ns < LISTS_APART_NS:
            self._later[session.host] = session
            return
        session.told_ns = now
        self._owed.change(AgentChanged(session.host, AgentState.CONNECTED, session.running))

    def carriers(self, session: Session, states: Mapping[str, bool]) -> None:
        """Tell of interfaces without a carrier, and of those that have it again."""
        self.verdicts.carriers(session.host, states)

    def ended(self, session: Session, now: int, *, goodbye: bool) -> None:
        """Note the end of a session; harmless when it is over."""
        if self._sessions.get(session.host) is not session or self._stopping:
            return
        self._detach(session)
        self._engine.closed(session.host, session.id, now, goodbye=goodbye)
        if goodbye:
            self._owed.change(AgentChanged(session.host, AgentState.GONE))

    # ------------------------------------------------------------ judging

    async def _watch(self) -> None:
        now = self._clock.mono_ns()
        while True:
            due = None if self._stopping else self._engine.next_deadline()
            planned = now + TICK_NS if due is None else max(now + _MS, min(now + TICK_NS, due))
            await self._clock.sleep((planned - now) / _NS)
            try:
                await self._look(planned)
            except Exception:
                log.exception("the agents' monitor could not judge; it goes on")
                await self._clock.sleep(PUT_OFF_NS / _NS)
            now = self._clock.mono_ns()

    async def _look(self, planned: int) -> None:
        now = self._clock.mono_ns()
        if self._suspended and self._guard.lag_ms() <= self._guard.limit_ms:
            self._suspend(on=False)
            log.info("the loop keeps time again: verdicts are given")
        if now - planned >= CREDITED_NS:
            self._engine.stalled(now - planned, now)
        for host in [
            one for one in self._later if now - self._later[one].told_ns >= LISTS_APART_NS
        ]:
            self.reported(self._later.pop(host), now)
        if not self._stopping:
            self.verdicts.again()
        due = self._engine.next_deadline()
        if due is None or due > now or self._stopping:
            return
        for _ in range(DRAINING_TURNS):
            await asyncio.sleep(0)
        self._judge(self._clock.mono_ns())
        for host in self._engine.quiet():
            session = self._sessions.get(host)
            if session is not None:
                # No datagram came lately: perhaps none gets through any more.
                session.wire.poke()

    def _judge(self, now: int) -> None:
        lag = self._guard.lag_ms()
        if lag > self._guard.limit_ms:
            late = self._engine.put_off(now, PUT_OFF_NS)
            if late and not self._suspended:
                self._suspend(on=True)
                log.warning("the loop was %.0f ms late: %d verdicts are put off", lag, late)
            if late:
                self._meter.count("faultwire_verdicts_suspended_total", late)
            return
        for verdict in self._engine.due(now):
            self._tell(verdict, lag)

    def _suspend(self, *, on: bool) -> None:
        self._suspended = on
        self._meter.gauge("faultwire_stalled", on)

    def _doubt(self, host: HostName) -> None:
        """Judge a host again whose verdict a guard vetoed, unless its agent is back."""
        self.verdicts.doubted(host)
        if self._engine.doubt(host, self._clock.mono_ns()):
            self._meter.count("faultwire_verdicts_suspended_total")
            log.warning("the verdict on host %s was vetoed: it is judged again", host)

    def _tell(self, verdict: Verdict, lag: float) -> None:
        self.verdicts.give(verdict, lag)
        session = self._sessions.get(verdict.host)
        if session is not None:
            self._detach(session)
            text = f"no sign of life for {verdict.age_ns // _MS} ms"
            session.wire.hang_up(CloseCode.SILENT, text)

    # ------------------------------------------------------------ the rest

    def _refuse_second(self, host: HostName, now: int) -> None:
        seconds = self._seconds.setdefault(host, _Seconds())
        seconds.count += 1
        self._meter.count("faultwire_agent_second_sessions_total")
        if seconds.logged_ns is None or now - seconds.logged_ns >= COMPLAINTS_APART_NS:
            seconds.logged_ns = now
            log.warning(
                "agent_second_session host=%s refused=%d: one credential, two agents",
                host,
                seconds.count,
            )
        held = self._sessions.get(host)
        if held is not None:
            # If that one is dead at its other end, writing to it makes its machine say so.
            held.wire.poke()

    def _detach(self, session: Session) -> None:
        del self._sessions[session.host]
        if self._elsewhere is not None:
            self._elsewhere.left(session.host, session.id)
        self._later.pop(session.host, None)
        self._void(session)
        self._count_sessions()

    def _void(self, session: Session) -> None:
        if session.terms is not None and self._pulses is not None:
            self._pulses.close(session.terms)

    def _count_sessions(self) -> None:
        self._meter.gauge("faultwire_agents_connected", len(self._sessions))

    async def _keep_noting(self) -> None:
        while True:
            await self._clock.sleep(NOTED_NS / _NS)
            try:
                await self._note()
            except Unavailable as error:
                log.warning("when hosts were seen was not stored: %s", error.detail)
            except Exception:
                log.exception("when hosts were seen could not be stored")

    async def _note(self) -> None:
        mark = self._clock.mono_ns()
        rows = [(host, self._wall(seen)) for host, seen in self._engine.seen_after(self._noted_ns)]
        if rows:
            await self._note_seen(rows)
        self._noted_ns = mark

    def _wall(self, mono_ns: int) -> int:
        now = self._clock.instant()
        return now.wall_ns - ((now.mono_ns or mono_ns) - mono_ns)
