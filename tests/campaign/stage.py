"""The product on a stage: its own lane, store, monitors and guards; signals are scripted.

Probes go through the real prober over a wire in our hands, agents through the real agents'
monitor, reports through the real lane into a real database. Time is a clock that we move.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faultwire.app.acts import Ears, ears_of, hear_agents, hear_probes, watch_acts
from faultwire.app.core import Core, Indexes, Tools
from faultwire.app.database import open_database
from faultwire.domain import deeds
from faultwire.domain.acts import ActKind
from faultwire.domain.changes import Change, HostsSaved
from faultwire.domain.commands import (
    CloseFault,
    ReportFaults,
)
from faultwire.domain.errors import FaultwireError
from faultwire.domain.faults import FAULT_TYPES, Evidence, Report
from faultwire.domain.ids import (
    FaultId,
    HostName,
    derived,
)
from faultwire.inspector import guard_settings
from faultwire.inspector.settings import Settings as InspectorSettings
from faultwire.liveness.settings import Settings as Liveness
from faultwire.liveness.suspicion import State
from faultwire.monitors.agents import AgentMonitor, LoopGuard
from faultwire.monitors.hosts import Before, HostMonitor
from faultwire.ports import AgentSession
from faultwire.store import Ledger, StoredFaults, load
from faultwire.store.settings import Settings as Database
from faultwire.telemetry.metrics import Metrics
from faultwire.telemetry.probe import RecordingProbe
from faultwire.testing.probing import ProbingScene
from faultwire_profiler import Recorder
from tests.campaign.doubles import Counting, Owed, Scripted, Wire
from tests.campaign.furnishing import ACTOR, furnish
from tests.campaign.histories import HOSTS, History, Step

STEP_MS = 20
BEAT_MS = 100
_NS = 1_000_000_000


class Stage:
    """Plays one history; afterwards `wrong` has every act on a host that was not dead."""

    def __init__(self, history: History, folder: Path) -> None:
        """Take a folder for the database."""
        self._history = history
        self._folder = folder
        self._random = random.Random(history.seed)
        self._liveness = Liveness(
            heartbeat_ms=BEAT_MS,
            agent_silence_ms=400,
            agent_start_grace_ms=1000,
            confirm_ms=history.confirm_ms,
            datagrams=False,
        )
        self._scene = ProbingScene(self._liveness)
        self.clock = self._scene.clock
        self._begun = self.clock.mono_ns()
        self._loss = 0.0
        self._scene.wire.lose = lambda _address, _tick: self._random.random() < self._loss
        self._alive = dict.fromkeys(HOSTS, True)
        self._heard = dict.fromkeys(HOSTS, True)
        self._agents = dict.fromkeys(HOSTS, True)
        self._sessions: dict[str, tuple[AgentSession, Wire]] = {}
        self._forced = dict.fromkeys(HOSTS, False)
        self._lag_ms = 0.0
        self._numbers = 0
        self.told: dict[str, list[int]] = {}
        self.acts = 0
        self.wrong: list[str] = []

    @property
    def now_ms(self) -> int:
        return (self.clock.mono_ns() - self._begun) // 1_000_000

    async def play(self) -> None:
        """Play everything."""
        self._scene.add(*HOSTS)
        await self._open(first=True)
        steps = list(self._history.steps)
        while self.now_ms < self._history.end_ms:
            while steps and steps[0].at_ms <= self.now_ms:
                await self._do(steps.pop(0))
            await self._pass(STEP_MS)
        await self._close()

    # ------------------------------------------------------------ the product

    async def _open(self, *, first: bool) -> None:
        clock: Any = self.clock
        recorder = Recorder()
        tools = Tools(clock, Metrics(), recorder, RecordingProbe(recorder))
        self._engine = open_database(Database(), self._folder)
        self._ledger = Ledger(self._engine)
        now_ns = self.clock.wall_ns()
        indexes = Indexes.read(lambda to: load(self._engine, now_ns=now_ns, alarms_to=to))
        core = self._core = Core(tools, indexes, self._ledger)
        ears: Ears = ears_of(core, guard_settings.Settings())
        lane = self._lane = core.connect(Owed(lambda: self.now_ms, self.told), InspectorSettings())
        self.intake = Counting(lane)
        core.memory.follow(self._watch)
        self._probes = Scripted(self._scene)
        probes: Any = self._probes
        self._monitor = AgentMonitor(
            self.intake,
            clock,
            tools.metrics,
            self._liveness,
            LoopGuard(lambda: self._lag_ms, 500),
            self._seen,
        )
        hosts = HostMonitor(probes, self.intake, clock, tools.metrics, "m")
        self._monitor.verdicts.icmp = hosts.icmp
        hear_agents(ears, core, self._monitor, self._liveness, "")
        hear_probes(ears, hosts.icmp)
        self._tasks = [asyncio.create_task(lane.run())]
        life: Any = self
        watch_acts(core, lane, ears, life)
        if first:
            await furnish(self.intake)
        holds = indexes.holds
        is_open = lambda one: holds.open_fault(one) is not None  # noqa: E731
        dead = [f.host for f in holds.live() if f.type.name == "compute.host.down" and f.host]
        hosts.begin(indexes.inventory.hosts(), Before(tuple(dead)), is_open)
        self._monitor.verdicts.damped.is_open = is_open
        hosts.started()
        for host in HOSTS:
            state = self._scene.prober.states().get(host, State.UNKNOWN)
            if not first and state is not State.UNKNOWN:
                self._probes._states[HostName(host)] = state
                if state is State.ALIVE:
                    hosts.votes.cast("m", alive=(HostName(host),))
        works = [work for work, called in hosts.works() if called != "probes"]
        self._tasks += [asyncio.create_task(work()) for work in works]
        self._tasks.append(asyncio.create_task(self._monitor.run()))
        self._hosts = hosts
        if not first:
            connected = [h.name for h in indexes.inventory.hosts() if h.agent.value == "connected"]
            self._monitor.expect(connected)
        self._connect()

    def watch(self, work: Any, name: str) -> None:
        """Implements what is needed of `app.life.Life`."""
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _close(self) -> None:
        await self._settle()
        self._lane.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.faults = StoredFaults(self._engine).faults(
            host=None, state=None, since_ns=None, limit=1000, marker=None
        )
        self._core.writer.close()
        self._core.reader.close()
        self._ledger.close()
        self._engine.dispose()

    async def _seen(self, rows: Sequence[tuple[HostName, int]]) -> None:
        del rows

    def _watch(self, change: Change) -> None:
        """Look at every host that is forced down: it must be dead."""
        if not isinstance(change, HostsSaved):
            return
        for host in change.hosts:
            before, self._forced[host.name] = self._forced[host.name], host.forced_down
            if host.forced_down and not before:
                self.acts += 1
                if self._alive[host.name]:
                    self.wrong.append(f"{host.name} at {self.now_ms} ms")

    # ------------------------------------------------------------ time

    async def _pass(self, ms: float) -> None:
        self._beat()
        self._scene.run(ms)
        self._probes.hand_on()
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)
        while self.intake.under_way or len(self._lane):
            await asyncio.sleep(0.0002)
            for _ in range(6):
                await asyncio.sleep(0)

    def _beat(self) -> None:
        """Have every agent that can be heard give a sign of life, or come back."""
        for host in HOSTS:
            if not (self._alive[host] and self._heard[host] and self._agents[host]):
                continue
            held = self._sessions.get(host)
            if held is None or not held[1].open:
                self._enter(host)
            else:
                held[0].beat()

    def _connect(self) -> None:
        self._sessions = {}
        self._beat()

    def _enter(self, host: str) -> None:
        wire = Wire()
        running = frozenset({f"vm-{host}"})
        with contextlib.suppress(FaultwireError):
            session = self._monitor.open(HostName(host), f"c-{host}", running, wire)
            self._sessions[host] = session, wire

    # ------------------------------------------------------------ steps

    async def _do(self, step: Step) -> None:
        await getattr(self, f"_{step.what}")(step)

    async def _die(self, step: Step) -> None:
        for host in step.hosts:
            self._alive[host] = False
            self._scene.cut(host)

    async def _die_closing(self, step: Step) -> None:
        await self._die(step)
        for host in step.hosts:
            if host in self._sessions:
                self._sessions.pop(host)[0].end(goodbye=False)

    async def _revive(self, step: Step) -> None:
        """The host is back, and an operator closes what is open about it."""
        for host in step.hosts:
            self._alive[host] = True
            self._scene.answer(host)
        await self._pass(600)
        await self._close_faults(step)

    async def _close_faults(self, step: Step) -> None:
        for fault in tuple(self._core.indexes.holds.live()):
            if fault.host in step.hosts:
                with contextlib.suppress(FaultwireError):
                    await self.intake.submit(CloseFault(fault.id, ACTOR))

    async def _lose(self, step: Step) -> None:
        self._loss = step.value

    async def _cut_us(self, step: Step) -> None:
        for host in step.hosts:
            self._heard[host] = False
            self._scene.cut(host)

    async def _mend_us(self, step: Step) -> None:
        for host in step.hosts:
            self._heard[host] = True
            if self._alive[host]:
                self._scene.answer(host)

    async def _jump(self, step: Step) -> None:
        self.clock.set_wall(self.clock.wall_ns() + int(step.value) * _NS)

    async def _stall(self, step: Step) -> None:
        """Nothing of ours runs for so long; what lies in the sockets is read afterwards."""
        self._scene.stall(step.value)
        self._lag_ms = step.value
        await self._pass(STEP_MS)
        self._lag_ms = 0.0

    async def _restart(self, step: Step) -> None:
        del step
        await self._close()
        self._scene.said = []
        await self._open(first=False)

    async def _end_agent(self, step: Step) -> None:
        for host in step.hosts:
            self._agents[host] = False
            session = self._sessions.pop(host, None)
            if session is not None and step.value:
                session[0].end(goodbye=False)

    async def _post(self, step: Step) -> None:
        for host in step.hosts:
            await self._report("compute.host.down", hostname=host)

    async def _post_server(self, step: Step) -> None:
        for host in step.hosts:
            await self._report("compute.instance.down", instance_id=f"vm-{host}")

    async def _post_link(self, step: Step) -> None:
        for host in step.hosts:
            await self._report("network.link.down", hostname=host, interface="eth0")

    async def _report(self, name: str, **resource: str) -> None:
        now = self.clock.instant()
        self._numbers += 1
        said = Evidence("posted", "somebody", "down", now.wall_ns)
        fault = FaultId(derived("campaign", self._history.seed, self._numbers))
        report = Report(fault, FAULT_TYPES[name], True, resource, said, now)
        await self.intake.submit(ReportFaults((report,), ACTOR))


def told_of(stage: Stage, history: History) -> list[str]:
    """Return every true death of which the owner was not told while it lasted."""
    missed = []
    for host, begun, ended in history.dead:
        until = history.end_ms if ended is None else ended
        if not any(begun <= at <= until for at in stage.told.get(host, [])):
            missed.append(f"{host} dead from {begun} to {until} ms")
    return missed


def spared(stage: Stage, history: History) -> list[str]:
    """Return the hosts that are dead at the end and spared because somebody was said to hear them.

    What a limit refuses stays undone; what a sign of life refused must be done once it is over.
    """
    gone = {host for host, _, ended in history.dead if ended is None}
    return [
        fault.id
        for fault in stage.faults
        if fault.live
        and fault.host in gone
        and deeds.undone(fault, ActKind.FORCE_DOWN) == "vantage"
    ]
