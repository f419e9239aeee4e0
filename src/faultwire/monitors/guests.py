"""The guests' monitor: heartbeats in, reports of dead guests out, by the server's clock alone."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from faultwire.domain.accounts import Actor
from faultwire.domain.commands import ReportFaults
from faultwire.domain.errors import Conflict, NotFound, Unavailable
from faultwire.domain.faults import FAULT_TYPES, GUEST_DOWN, Evidence, Report
from faultwire.domain.guest_commands import GuestChanged
from faultwire.domain.guests import SOURCE, GuestStatus, Heard, session_key
from faultwire.domain.ids import FaultId, GuestId, HostName
from faultwire.domain.instants import rfc3339
from faultwire.domain.resources import Guest
from faultwire.domain.states import AgentState
from faultwire.liveness.guest_settings import Settings
from faultwire.liveness.heartbeat import Heartbeats, State, Verdict
from faultwire.monitors.agents import LoopGuard
from faultwire.monitors.owed import Owed
from faultwire.ports import Clock, Intake, Meter
from faultwire.ports.guests import GuestsElsewhere

log = logging.getLogger(__name__)

TICK_NS = 200_000_000
"""Longest time between two looks; how exactly our own stalls are known."""
CREDITED_NS = 50_000_000
"""Lateness from which a stall is credited; less is the loop's ordinary grain."""
PUT_OFF_NS = 200_000_000
"""How long verdicts are put off while the loop is late."""
NOTED_NS = 5_000_000_000
"""How often the times at which guests were heard are handed on."""
COMPLAINTS_APART_NS = 10_000_000_000
"""Shortest time between two log lines on second agents of one guest."""

ACTOR = Actor("monitor guests")

_NS = 1_000_000_000
_MS = 1_000_000

HeardRows = Callable[[Sequence[tuple[GuestId, int]]], Awaitable[None]]
"""Takes the wall times at which guests were last heard; raises Unavailable."""


@dataclass(slots=True)
class _Known:
    """What a guest's agent said last, here or before this process began."""

    agent: str = ""
    sequence: int = -1
    seconds: int = 0
    logged_ns: int | None = None


class GuestMonitor:
    """One guest agent for each guest, and whether it lives; everything runs on the event loop.

    Beats come by sessions and by the conductor, and are one record: whoever brings them, a guest
    is heard. `run` must be running for verdicts to be given.
    """

    def __init__(
        self,
        intake: Intake,
        clock: Clock,
        meter: Meter,
        settings: Settings,
        guard: LoopGuard,
        note: HeardRows,
    ) -> None:
        """Know no guest; `note` stores when guests were heard."""
        self.settings = settings
        self._clock = clock
        self._meter = meter
        self._guard = guard
        self._note_heard = note
        self._engine = Heartbeats(settings)
        self._owed = Owed(intake, clock, self._doubt, "guest")
        self._known: dict[GuestId, _Known] = {}
        self._before: Mapping[GuestId, int] = {}
        self._find: Callable[[GuestId], Guest | None] = lambda _: None
        self._lost: Callable[[GuestId], None] = lambda _: None
        self._elsewhere: GuestsElsewhere | None = None
        self._noted_ns = clock.mono_ns()
        self._stopping = False

    # ------------------------------------------------------------ what the app calls

    def begin(
        self,
        find: Callable[[GuestId], Guest | None],
        guests: Iterable[Guest],
        before: Mapping[GuestId, int],
    ) -> None:
        """Take the map, what was heard before, and wait for guests that were there then."""
        self._find = find
        self._before = before
        self.expect(
            session_key(guest.id) for guest in guests if guest.agent is AgentState.CONNECTED
        )

    def on_lost(self, call: Callable[[GuestId], None]) -> None:
        """Have a function called for each guest that is held to be dead, or is moved."""
        self._lost = call

    def neighbours(self, elsewhere: GuestsElsewhere) -> None:
        """Have others on the same database hear guests too; before the first one here."""
        self._elsewhere = elsewhere

    def expect(self, keys: Iterable[HostName]) -> None:
        """Wait for guests (by their `session_key`) that were heard by who is gone."""
        now, grace = self._clock.mono_ns(), self.settings.start_grace_ms * _MS
        for key in keys:
            self._engine.expected(key, now, grace)

    def moved(self, key: HostName) -> None:
        """Leave a guest to another server, which hears it now."""
        self._engine.forget(key)
        self._lost(_guest(key))

    def forget(self, guests: Iterable[GuestId]) -> None:
        """Watch guests no longer that were taken out of the map."""
        for guest in guests:
            self._engine.forget(session_key(guest))
            self._known.pop(guest, None)
            self._lost(guest)

    async def run(self) -> None:
        """Judge until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="guests' monitor")
            group.create_task(self._keep_noting(), name="guests heard")

    async def stop(self, seconds: float = 2.0) -> None:
        """Judge nobody and hear nobody any more; see what is owed through, up to `seconds`."""
        self._stopping = True
        await self._owed.stop(seconds)

    # ------------------------------------------------------------ what guests bring

    def beat(self, heard: Heard) -> bool:
        """Take a heartbeat; return whether the guest's agent is new here.

        A number that is not above the last one of the same agent is a message that came late:
        passed over. Raises NotFound for a guest that the map lacks, Conflict for a second agent
        of a guest whose first one lives, Unavailable while we stop.
        """
        if self._stopping:
            raise Unavailable("the server is stopping")
        record = self._find(heard.guest)
        if record is None:
            raise NotFound(f"no guest {heard.guest} is in the inventory")
        now, key = self._clock.mono_ns(), session_key(heard.guest)
        known = self._known.setdefault(heard.guest, _Known())
        fresh = self._engine.state(key) is not State.CONNECTED
        if (
            fresh
            and self._elsewhere is not None
            and self._elsewhere.held(heard.guest, heard.agent)
        ):
            self._refuse_second(heard.guest, known, now)
        if not fresh and known.agent != heard.agent:
            self._refuse_second(heard.guest, known, now)
        number = known.sequence + 1 if heard.sequence is None else heard.sequence
        if known.agent == heard.agent and number <= known.sequence:
            return False
        if fresh:
            self._engine.connected(key, heard.agent, now)
            if self._elsewhere is not None:
                self._elsewhere.entered(heard.guest, heard.agent)
        else:
            self._engine.beat(key, heard.agent, now)
        known.agent, known.sequence = heard.agent, number
        said = (record.agent, record.version, record.service_status)
        if fresh or said != (AgentState.CONNECTED, heard.version, heard.service_status):
            self._owed.change(
                GuestChanged(
                    heard.guest, AgentState.CONNECTED, heard.version, heard.service_status
                )
            )
        return fresh

    def left(self, guest: GuestId, agent: str, *, goodbye: bool) -> None:
        """Note that a guest's agent said goodbye, or that its connection broke."""
        key = session_key(guest)
        if self._stopping:
            return
        if self._engine.closed(key, agent, self._clock.mono_ns(), goodbye=goodbye):
            if self._elsewhere is not None:
                self._elsewhere.left(guest, agent)
            if goodbye:
                self._owed.change(GuestChanged(guest, AgentState.GONE))

    def status(self, guest: GuestId) -> GuestStatus | None:
        """Return what is known of a guest's agent; None if nothing ever was."""
        key, known = session_key(guest), self._known.get(guest)
        heard = self._engine.seen(key)
        if key not in self._engine and known is None and guest not in self._before:
            return None
        return GuestStatus(
            guest,
            self._engine.state(key).value,
            self._before.get(guest) if heard is None else self._wall(heard),
            max(known.sequence, 0) if known else 0,
            known.seconds if known else 0,
        )

    # ------------------------------------------------------------ judging

    async def _watch(self) -> None:
        now = self._clock.mono_ns()
        while True:
            due = None if self._stopping else self._engine.next_deadline()
            planned = now + TICK_NS if due is None else max(now + _MS, min(now + TICK_NS, due))
            await self._clock.sleep((planned - now) / _NS)
            try:
                self._look(planned)
            except Exception:
                log.exception("the guests' monitor could not judge; it goes on")
                await self._clock.sleep(PUT_OFF_NS / _NS)
            now = self._clock.mono_ns()

    def _look(self, planned: int) -> None:
        now = self._clock.mono_ns()
        if now - planned >= CREDITED_NS:
            self._engine.stalled(now - planned, now)
        due = self._engine.next_deadline()
        if due is None or due > now or self._stopping:
            return
        lag = self._guard.lag_ms()
        if lag > self._guard.limit_ms:
            late = self._engine.put_off(now, PUT_OFF_NS)
            if late:
                self._meter.count("faultwire_verdicts_suspended_total", late)
            return
        for verdict in self._engine.due(now):
            self._tell(verdict, lag)

    def _doubt(self, name: HostName) -> None:
        """Judge a guest again whose verdict a guard vetoed, unless it is back."""
        if self._engine.doubt(session_key(name), self._clock.mono_ns()):
            self._meter.count("faultwire_verdicts_suspended_total")
            log.warning("the verdict on guest %s was vetoed: it is judged again", name)

    def _tell(self, verdict: Verdict, lag: float) -> None:
        guest, age_ms = _guest(verdict.host), verdict.age_ns / _MS
        log.warning("guest %s is down: %s for %.0f ms", guest, verdict.kind, age_ms)
        self._meter.count("faultwire_guest_verdicts_total", kind=verdict.kind.value)
        now = self._clock.instant()
        figures: dict[str, object] = {
            "verdict": verdict.kind.value,
            "age_ms": age_ms,
            "limit_ms": verdict.limit_ns / _MS,
            "loop_lag_ms": round(lag, 3),
        }
        heard = self.status(guest)
        if heard is not None and heard.heard_ns is not None:
            figures["last_heard"] = rfc3339(heard.heard_ns)
        report = Report(
            FaultId(str(uuid.uuid4())),
            FAULT_TYPES[GUEST_DOWN],
            raised=True,
            resource={"guest_id": guest},
            evidence=Evidence(SOURCE, guest, "down", now.wall_ns, details=figures),
            detected=now,
        )
        self._owed.report(HostName(guest), ReportFaults((report,), ACTOR))
        self._owed.change(GuestChanged(guest, AgentState.LOST))
        if self._elsewhere is not None:
            self._elsewhere.left(guest, self._known.get(guest, _Known()).agent)
        self._lost(guest)

    # ------------------------------------------------------------ the rest

    def _refuse_second(self, guest: GuestId, known: _Known, now: int) -> None:
        known.seconds += 1
        self._meter.count("faultwire_guest_second_agents_total")
        if known.logged_ns is None or now - known.logged_ns >= COMPLAINTS_APART_NS:
            known.logged_ns = now
            log.warning(
                "guest_second_agent guest=%s refused=%d: one id, two guests", guest, known.seconds
            )
        raise Conflict(f"another agent of guest {guest} lives")

    async def _keep_noting(self) -> None:
        while True:
            await self._clock.sleep(NOTED_NS / _NS)
            try:
                await self.note()
            except Unavailable as error:
                log.warning("when guests were heard was not stored: %s", error.detail)
            except Exception:
                log.exception("when guests were heard could not be stored")

    async def note(self) -> None:
        """Store when guests were heard since the last time; raises Unavailable."""
        mark = self._clock.mono_ns()
        found = self._engine.seen_after(self._noted_ns)
        rows = [(_guest(key), self._wall(heard)) for key, heard in found]
        self._meter.gauge("faultwire_guests_connected", self._connected())
        if rows:
            await self._note_heard(rows)
        self._noted_ns = mark

    def _connected(self) -> int:
        return sum(self._engine.state(key) is State.CONNECTED for key in self._engine)

    def _wall(self, mono_ns: int) -> int:
        now = self._clock.instant()
        return now.wall_ns - ((now.mono_ns or mono_ns) - mono_ns)


def _guest(key: HostName) -> GuestId:
    return GuestId(key.partition("/")[2])
