"""The guests' monitor: one agent a guest, silence by our clock alone, and what follows from it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import pytest

from faultwire.domain.commands import ReportFaults
from faultwire.domain.errors import Conflict, NotFound, Unavailable
from faultwire.domain.guest_commands import GuestChanged
from faultwire.domain.guests import Heard, session_key
from faultwire.domain.ids import GuestId, ProjectId
from faultwire.domain.resources import Guest
from faultwire.domain.states import AgentState
from faultwire.liveness.guest_settings import Settings
from faultwire.monitors.agents import LoopGuard
from faultwire.monitors.guests import GuestMonitor
from faultwire.testing.clock import ManualClock
from faultwire.testing.intake import RecordingIntake
from tests.unit.monitors.fakes import CountingMeter, settle

G = GuestId("g-1")
SETTINGS = Settings(heartbeat_ms=1000, silence_ms=3000, return_ms=500, start_grace_ms=5000)


class Scene:
    """A monitor that runs, with a clock in the test's hands and one guest in the map."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.intake = RecordingIntake()
        self.meter = CountingMeter()
        self.noted: list[tuple[GuestId, int]] = []
        self.lag = 0.0
        guard = LoopGuard(lambda: self.lag, 500)
        self.guests = {G: Guest(G, "orders", ProjectId("p"))}
        self.monitor = GuestMonitor(
            self.intake, self.clock, self.meter, SETTINGS, guard, self._note
        )
        self.monitor.begin(self.guests.get, (), {})
        self._task: asyncio.Task[None] | None = None

    async def _note(self, rows: Sequence[tuple[GuestId, int]]) -> None:
        self.noted.extend(rows)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.monitor.run())
        await settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.monitor.stop()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def beat(self, sequence: int | None = 1, agent: str = "b-1", status: str = "HEALTHY") -> bool:
        return self.monitor.beat(Heard(G, agent, sequence, "1.2", status))

    async def wait(self, seconds: float) -> None:
        """Let time pass in steps that no one takes for a stall."""
        for _ in range(round(seconds * 20)):
            self.clock.advance(0.05)
            await settle()

    @property
    def changes(self) -> list[AgentState]:
        return [one.agent for one in self.intake.commands if isinstance(one, GuestChanged)]

    @property
    def reports(self) -> list[ReportFaults]:
        return [one for one in self.intake.commands if isinstance(one, ReportFaults)]


async def test_a_silent_guest_is_reported_once_and_its_return_too() -> None:
    """Silence by the server's clock: one report with its figures, then LOST, then CONNECTED."""
    async with Scene() as scene:
        assert scene.beat()
        await scene.wait(2.9)
        assert scene.reports == []
        await scene.wait(0.5)
        (command,) = scene.reports
        (report,) = command.reports
        assert report.resource == {"guest_id": G}
        assert report.evidence.source == "guests"
        details = report.evidence.details
        assert details["verdict"] == "silent"
        assert "last_heard" in details
        await scene.wait(10)
        assert len(scene.reports) == 1
        assert scene.beat(2)
        await settle()
        assert scene.changes == [AgentState.CONNECTED, AgentState.LOST, AgentState.CONNECTED]


async def test_beats_keep_a_guest_alive_whatever_its_numbers_gaps() -> None:
    """A lost message is no silence; one that came late, or twice, counts for nothing."""
    async with Scene() as scene:
        scene.beat(5)
        for number in (9, 20, 21):
            await scene.wait(2)
            assert not scene.beat(number)
        await scene.wait(2)
        scene.beat(21)
        scene.beat(7)
        await scene.wait(1.5)
        assert len(scene.reports) == 1


async def test_a_late_message_of_a_dead_agent_revives_nobody() -> None:
    """The same process with a number that is not above its last one is not back."""
    async with Scene() as scene:
        scene.beat(5)
        await scene.wait(3.5)
        assert not scene.beat(4)
        status = scene.monitor.status(G)
        assert status is not None
        assert status.state == "dead"
        assert scene.beat(6)


async def test_a_second_agent_is_refused_until_the_first_is_gone() -> None:
    """Conflict, counted; after a goodbye or a verdict the other one is taken."""
    async with Scene() as scene:
        scene.beat()
        with pytest.raises(Conflict):
            scene.beat(1, "b-2")
        status = scene.monitor.status(G)
        assert status is not None
        assert status.second_sessions == 1
        assert scene.meter.counts["faultwire_guest_second_agents_total"] == 1
        scene.monitor.left(G, "b-1", goodbye=True)
        assert scene.beat(1, "b-2")
        await settle()
        assert scene.changes[-1] is AgentState.CONNECTED


async def test_a_connection_that_breaks_has_a_moment_to_return() -> None:
    """Without goodbye: down after `return_ms`; back before that, nothing happened."""
    async with Scene() as scene:
        scene.beat()
        scene.monitor.left(G, "b-1", goodbye=False)
        await scene.wait(0.4)
        assert scene.beat(2)
        await scene.wait(2)
        assert scene.reports == []
        scene.monitor.left(G, "b-1", goodbye=False)
        await scene.wait(1)
        (command,) = scene.reports
        assert command.reports[0].evidence.details["verdict"] == "closed"


async def test_what_a_guest_says_anew_is_recorded_and_the_rest_is_not() -> None:
    """A heartbeat that changes nothing is no command; times are noted in batches (D15)."""
    async with Scene() as scene:
        await scene.wait(0.1)
        scene.beat()
        await settle()
        scene.guests[G] = Guest(
            G, "orders", ProjectId("p"), None, "up", AgentState.CONNECTED, "1.2", "HEALTHY"
        )
        scene.beat(2)
        await settle()
        assert len(scene.changes) == 1
        scene.beat(3, status="CRASHED")
        await settle()
        assert len(scene.changes) == 2
        await scene.wait(6)
        assert scene.noted[0][0] == G


async def test_who_was_heard_before_a_start_is_waited_for() -> None:
    """Back within the grace: no report; not back: one that says so."""
    async with Scene() as scene:
        scene.monitor.expect([session_key(G)])
        await scene.wait(4.9)
        assert scene.reports == []
        await scene.wait(0.5)
        assert scene.reports[0].reports[0].evidence.details["verdict"] == "not back after start"


async def test_a_late_loop_judges_nobody() -> None:
    """While we are late ourselves verdicts are put off, then given (promise 3)."""
    async with Scene() as scene:
        scene.beat()
        scene.lag = 900.0
        await scene.wait(4)
        assert scene.reports == []
        assert scene.meter.counts["faultwire_verdicts_suspended_total"]
        scene.lag = 0.0
        await scene.wait(0.5)
        assert len(scene.reports) == 1


async def test_unknown_guests_and_a_stopping_server_are_told() -> None:
    """NotFound for who is not in the inventory; Unavailable while we stop."""
    async with Scene() as scene:
        with pytest.raises(NotFound):
            scene.monitor.beat(Heard(GuestId("g-9"), "b", 1, "1.2"))
        scene.monitor.forget([G])
        assert scene.monitor.status(G) is None
        await scene.monitor.stop()
        with pytest.raises(Unavailable):
            scene.beat()
