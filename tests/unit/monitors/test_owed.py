"""What a monitor owes the lane, host by host."""

import asyncio

import pytest

from faultwire.domain.commands import AgentChanged, ReportFaults
from faultwire.domain.errors import Invalid, Unavailable
from faultwire.domain.ids import HostName
from faultwire.domain.states import AgentState
from faultwire.monitors.owed import Owed
from faultwire.monitors.verdicts import ACTOR
from faultwire.testing.clock import ManualClock
from faultwire.testing.intake import RecordingIntake
from tests.unit.monitors.fakes import pass_time, settle

HOST = HostName("compute-1")
REPORT = ReportFaults((), ACTOR)


def change(state: AgentState) -> AgentChanged:
    """A change of the one host."""
    return AgentChanged(HOST, state)


@pytest.fixture
def intake() -> RecordingIntake:
    """An intake that can be told to refuse."""
    return RecordingIntake()


async def test_what_waits_for_a_host_is_bounded(intake: RecordingIntake) -> None:
    """However long nothing is taken: one report waits, and of changes only the newest."""
    clock = ManualClock()
    owed = Owed(intake, clock, lambda _: None)
    intake.refuse = lambda _: Unavailable("locked")
    owed.change(change(AgentState.CONNECTED))
    await settle()
    for _ in range(100):
        owed.report(HOST, REPORT)
        owed.change(change(AgentState.LOST))
        owed.change(change(AgentState.CONNECTED))
    intake.refuse = lambda _: None
    await pass_time(clock, 1)
    assert intake.commands == [
        change(AgentState.CONNECTED),
        REPORT,
        change(AgentState.CONNECTED),
    ]
    assert len(owed) == 0


async def test_tries_come_further_apart(intake: RecordingIntake) -> None:
    """A lane that is down is asked soon at first and seldom later, without end."""
    clock = ManualClock()
    owed = Owed(intake, clock, lambda _: None)
    intake.refuse = lambda _: Unavailable("locked")
    owed.report(HOST, REPORT)
    await pass_time(clock, 1)
    soon = len(intake.tried)
    await pass_time(clock, 59)
    assert soon >= 4
    assert len(intake.tried) - soon <= 16
    await owed.stop(0)


async def test_a_refusal_is_not_repeated(intake: RecordingIntake) -> None:
    """What the lane refuses for good is dropped, and what follows is submitted."""
    owed = Owed(intake, ManualClock(), lambda _: None)
    intake.refuse = lambda one: Invalid("x", "no") if isinstance(one, ReportFaults) else None
    owed.report(HOST, REPORT)
    owed.change(change(AgentState.LOST))
    await settle()
    assert intake.commands == [change(AgentState.LOST)]


async def test_a_defect_of_the_lane_loses_nothing(intake: RecordingIntake) -> None:
    """An error that nobody foresaw is logged and the command kept."""
    clock = ManualClock()
    owed = Owed(intake, clock, lambda _: None)
    intake.refuse = lambda _: ZeroDivisionError()
    owed.report(HOST, REPORT)
    await settle()
    intake.refuse = lambda _: None
    await pass_time(clock, 1)
    assert intake.commands == [REPORT]


async def test_stop_lets_what_is_owed_through(intake: RecordingIntake) -> None:
    """At a stop what is owed may still be taken, within its time."""
    owed = Owed(intake, ManualClock(), lambda _: None)
    owed.report(HOST, REPORT)
    async with asyncio.timeout(60):
        await owed.stop(5)
    assert intake.commands == [REPORT]
