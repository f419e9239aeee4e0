"""What stands around the monitor in its tests."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Self

from faultwire.domain.agents import CloseCode
from faultwire.domain.commands import AgentChanged, ReportFaults
from faultwire.domain.faults import Report
from faultwire.domain.ids import HostName
from faultwire.domain.states import AgentState
from faultwire.liveness.settings import Settings
from faultwire.monitors.agents import AgentMonitor, LoopGuard
from faultwire.testing.clock import ManualClock
from faultwire.testing.intake import RecordingIntake

TURNS = 25
NS = 1_000_000_000


class CountingMeter:
    """Implements `ports.Meter`; remembers the figures."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.gauges: dict[str, float] = {}

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts["/".join((name, *labels.values()))] += amount

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        self.counts[name] += 1

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.gauges[name] = value


class RecordingWire:
    """Implements `ports.AgentWire`."""

    def __init__(self) -> None:
        self.closed: list[tuple[CloseCode, str]] = []
        self.pokes = 0
        self.acknowledged = 0

    def hang_up(self, code: CloseCode, reason: str) -> None:
        self.closed.append((code, reason))

    def poke(self) -> None:
        self.pokes += 1

    def acknowledge(self) -> None:
        self.acknowledged += 1


async def settle() -> None:
    """Let everybody run who can without time moving."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def pass_time(clock: ManualClock, seconds: float) -> None:
    """Move time on, stopping at every sleeper on the way, so that each wakes punctually."""
    target = clock.mono_ns() + round(seconds * NS)
    await settle()
    while clock._sleepers and clock._sleepers[0][0] <= target:
        clock.advance((clock._sleepers[0][0] - clock.mono_ns()) / NS)
        await settle()
    clock.advance((target - clock.mono_ns()) / NS)
    await settle()


class Scene:
    """A monitor with everything around it in the test's hands; use as a context manager."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.clock = ManualClock()
        self.intake = RecordingIntake()
        self.meter = CountingMeter()
        self.lag_ms = 0.0
        self.noted: list[tuple[HostName, int]] = []
        self.note_error: Exception | None = None
        self.monitor = AgentMonitor(
            self.intake,
            self.clock,
            self.meter,
            settings or Settings(),
            LoopGuard(lambda: self.lag_ms, 500),
            self._note,
        )

    async def _note(self, hosts: Sequence[tuple[HostName, int]]) -> None:
        if self.note_error is not None:
            raise self.note_error
        self.noted.extend(hosts)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.monitor.run())
        await settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.monitor.stop(0)

    async def wait(self, seconds: float) -> None:
        await pass_time(self.clock, seconds)

    async def beat_for(self, seconds: float, beat: Callable[[], None], every: float = 1.0) -> None:
        for _ in range(round(seconds / every)):
            await self.wait(every)
            beat()

    @property
    def reports(self) -> list[Report]:
        taken = [one for one in self.intake.commands if isinstance(one, ReportFaults)]
        return [report for one in taken for report in one.reports]

    def changes(self, host: str) -> list[tuple[AgentState, frozenset[str] | None]]:
        taken = [one for one in self.intake.commands if isinstance(one, AgentChanged)]
        return [(one.state, one.running) for one in taken if one.host == host]
