"""Monitors on other machines: their sessions in, votes out."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from faultwire.domain.agents import CloseCode
from faultwire.domain.errors import Conflict, Unavailable
from faultwire.domain.ids import HostName
from faultwire.domain.vantage import Ballot, MonitorStatus
from faultwire.liveness.quorum_settings import Settings
from faultwire.liveness.seats import Down, Presence
from faultwire.monitors.hosts import HostMonitor, Targets
from faultwire.monitors.reports import instant_of
from faultwire.ports import Clock, Meter
from faultwire.ports.monitors import MonitorWire

log = logging.getLogger(__name__)

TICK_SECONDS = 0.05
DRAINING_TURNS = 8
"""Turns of the loop before judging: what already lies in a socket must be read first."""
COMPLAINTS_APART_NS = 10_000_000_000
COST_NS = 20_000_000
"""A monitor may send fifty messages a second ..."""
SAVED_NS = 40_000_000_000
"""... and at once what it may send in this time."""
STANDS = frozenset({"voting", "doubtful", "isolated", "blind"})
"""What a monitor may say of itself."""

_MS = 1_000_000


@dataclass(slots=True)
class _Seconds:
    """Second sessions of one monitor that were refused."""

    count: int = 0
    logged_ns: int | None = None


class VantageSession:
    """Implements `ports.MonitorSession`."""

    def __init__(
        self, register: "VantagePoints", name: str, credential: str, wire: MonitorWire, now: int
    ) -> None:
        """Be admitted; the register holds it from now on."""
        self.id = uuid.uuid4().hex
        self.name = name
        self.credential = credential
        self.wire = wire
        self.seen = now
        self.surveyed = False
        self._register = register
        self._spent_until = 0

    def begin(self) -> None:
        """Have the targets sent: the welcome is on its way."""
        self.wire.tell(self._register.targets, whole=True)

    def beat(self) -> None:
        """Note a sign of life."""
        self._register.heard(self)

    def survey(self, ballot: Ballot, presence: str) -> None:
        """Take its opinion on every host, and how it stands."""
        if self._register.heard(self):
            self._register.surveyed(self, ballot, Presence(presence))

    def vote(self, ballot: Ballot) -> None:
        """Take votes that are others than before."""
        if self._register.heard(self):
            self._register.voted(self, ballot)

    def stand(self, presence: str, reasons: tuple[str, ...]) -> None:
        """Take how it stands."""
        if self._register.heard(self) and self.surveyed:
            self._register.stood(self, Presence(presence), reasons)

    def end(self, *, goodbye: bool) -> None:
        """Note that the connection is over; only the first call counts."""
        self._register.ended(self, goodbye=goodbye)

    def spend(self, now: int) -> bool:
        """Pay for a message; False for one too many."""
        self._spent_until = max(self._spent_until, now) + COST_NS
        return self._spent_until - now <= SAVED_NS


class VantagePoints:
    """Implements `ports.MonitorSessions`; everything on the event loop, `run` must be running.

    `elsewhere` says whether another server has a monitor's session, as far as we know.
    """

    def __init__(self, hosts: HostMonitor, clock: Clock, meter: Meter, settings: Settings) -> None:
        """Know no monitor; votes go to where `hosts` has its own."""
        self._hosts = hosts
        self._votes = hosts.votes
        self._clock = clock
        self._meter = meter
        self.silence_ns = settings.silence_ms * _MS
        self._grace = settings.start_grace_ms * _MS
        self._sessions: dict[str, VantageSession] = {}
        self._seconds: dict[str, _Seconds] = {}
        self._lost: dict[str, int] = {}
        self._stopping = False
        self.elsewhere: Callable[[str], bool] = lambda _: False
        hosts.follow_targets(self._targets)
        hosts.votes.follow(self)

    @property
    def targets(self) -> Targets:
        """The hosts to be probed."""
        return self._hosts.targets

    def expect(self, names: Iterable[str]) -> None:
        """Keep seats for enrolled monitors, which may be about to come."""
        self._votes.expect(names, self._grace)

    def revoked(self, names: Iterable[str]) -> None:
        """Hang up on monitors whose enrolment was ended; their votes and seats are gone."""
        for name in names:
            session = self._sessions.pop(name, None)
            self._lost.pop(name, None)
            self._seconds.pop(name, None)
            if session is not None:
                log.info("monitor %s is hung up on: its credential was revoked", name)
                session.wire.hang_up(CloseCode.REPLACED, "the credential was revoked")
            if name != self._votes.own:
                self._votes.dismiss(name)

    def here(self, name: str) -> bool:
        """Return whether a seat is this server's own, or that of a session here."""
        return name == self._votes.own or name in self._sessions or name in self._lost

    async def run(self) -> None:
        """Look for monitors that are silent, until cancelled."""
        while True:
            await self._clock.sleep(TICK_SECONDS)
            if any(self._silent(one) for one in self._sessions.values()):
                for _ in range(DRAINING_TURNS):
                    await asyncio.sleep(0)
                for session in [one for one in self._sessions.values() if self._silent(one)]:
                    age = (self._clock.mono_ns() - session.seen) // _MS
                    log.warning("monitor %s is silent for %d ms", session.name, age)
                    self._drop(session)
                    session.wire.hang_up(CloseCode.SILENT, f"no sign of life for {age} ms")

    def stop(self) -> None:
        """Admit nobody any more: the ends that follow are ours."""
        self._stopping = True

    # ------------------------------------------------------------ ports.MonitorSessions

    def open(self, name: str, credential: str, wire: MonitorWire) -> VantageSession:
        """Admit a monitor; raises Conflict where another one lives, Unavailable at our end."""
        if self._stopping:
            raise Unavailable("the server is stopping")
        now = self._clock.mono_ns()
        held = self._sessions.get(name)
        if held is not None and held.credential != credential:
            self._drop(held)
            held.wire.hang_up(CloseCode.REPLACED, "the credential of this session was replaced")
            held = None
        if held is not None or self.elsewhere(name) or name == self._votes.own:
            self._refuse_second(name, held, now)
            raise Conflict(f"another session of monitor {name} lives")
        session = self._sessions[name] = VantageSession(self, name, credential, wire, now)
        self._lost.pop(name, None)
        log.info("monitor %s has a session", name)
        return session

    def statuses(self) -> Iterable[MonitorStatus]:
        """Return what is known of every monitor, in order of name."""
        seats = self._votes.ballots.seats
        names = {*seats, *self._sessions, *self._lost, *self._seconds} - {self._votes.own}
        for name in sorted(names):
            seat, session = seats.get(name), self._sessions.get(name)
            seen = session.seen if session else self._lost.get(name)
            seconds = self._seconds.get(name)
            yield MonitorStatus(
                name,
                seat.presence.value if seat else "none",
                tuple(seat.reasons) if seat else (),
                len(seat.down) if seat else 0,
                len(seat.unknown) if seat else 0,
                self._votes.own if session else "",
                None if seen is None else instant_of(self._clock, seen).wall_ns,
                seconds.count if seconds else 0,
                lost=session is None and name in self._lost,
            )

    # ------------------------------------------------------------ what sessions tell

    def heard(self, session: VantageSession) -> bool:
        """Note a sign of life; False for a session that is over, or says too much."""
        if self._sessions.get(session.name) is not session:
            return False
        now = self._clock.mono_ns()
        session.seen = now
        if session.spend(now):
            return True
        self._drop(session)
        session.wire.hang_up(CloseCode.TOO_FAST, "too many messages")
        return False

    def surveyed(self, session: VantageSession, ballot: Ballot, presence: Presence) -> None:
        """Seat a monitor with its opinion on every host."""
        session.surveyed = True
        unknown = {host for host in ballot.unknown if host in self.targets}
        down = self._down(ballot)
        self._votes.survey(session.name, presence, down, unknown)
        if presence is Presence.VOTING:
            self._hosts.heard(host for host in self.targets if host not in unknown)

    def voted(self, session: VantageSession, ballot: Ballot) -> None:
        """Take votes; those on hosts that are not probed any more are passed over."""
        if not session.surveyed:
            return
        alive = [host for host in ballot.alive if host in self.targets]
        unknown = [host for host in ballot.unknown if host in self.targets]
        self._votes.cast(session.name, down=self._down(ballot), alive=alive, unknown=unknown)
        self._hosts.heard(alive)

    def stood(self, session: VantageSession, presence: Presence, reasons: tuple[str, ...]) -> None:
        """Take how a monitor stands."""
        self._votes.stand(session.name, presence, reasons)

    def ended(self, session: VantageSession, *, goodbye: bool) -> None:
        """Note the end of a session; harmless when it is over."""
        if self._sessions.get(session.name) is not session or self._stopping:
            return
        if not goodbye:
            log.warning("monitor %s is lost: its connection ended without goodbye", session.name)
            self._drop(session)
            return
        log.info("monitor %s said goodbye", session.name)
        del self._sessions[session.name]
        self._votes.dismiss(session.name)

    # ------------------------------------------------------------ votes.Follower

    def settled(self, host: HostName, *, agreed: bool) -> None:
        """Monitors are not told what came of their votes."""

    def doubted(self, host: HostName) -> None:
        """Have every monitor judge a host anew."""
        for session in self._sessions.values():
            session.wire.doubt(host)

    # ------------------------------------------------------------ the rest

    def _targets(self, hosts: Targets, gone: Iterable[HostName]) -> None:
        for session in self._sessions.values():
            session.wire.tell(hosts, gone)

    def _down(self, ballot: Ballot) -> dict[str, Down]:
        now = self._clock.mono_ns()
        return {
            host: Down(now, grounds)
            for host, grounds in ballot.down.items()
            if host in self.targets
        }

    def _silent(self, session: VantageSession) -> bool:
        return self._clock.mono_ns() - session.seen >= self.silence_ns

    def _drop(self, session: VantageSession) -> None:
        """Void the votes of a monitor that is lost; its seat is kept for a while."""
        del self._sessions[session.name]
        self._lost[session.name] = session.seen
        self._votes.leave(session.name, self.silence_ns)

    def _refuse_second(self, name: str, held: VantageSession | None, now: int) -> None:
        seconds = self._seconds.setdefault(name, _Seconds())
        seconds.count += 1
        self._meter.count("faultwire_monitor_second_sessions_total")
        if seconds.logged_ns is None or now - seconds.logged_ns >= COMPLAINTS_APART_NS:
            seconds.logged_ns = now
            log.warning(
                "monitor_second_session monitor=%s refused=%d: one credential, two monitors",
                name,
                seconds.count,
            )
        if held is not None:
            # If that one is dead at its other end, writing to it makes its machine say so.
            held.wire.poke()
