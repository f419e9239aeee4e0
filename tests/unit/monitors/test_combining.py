"""What an agent's silence means beside probing, cell by cell (D24)."""

import itertools

import pytest

from faultwire.domain.commands import AgentChanged
from faultwire.domain.faults import AGENT_DOWN, HOST_DOWN, HUNG, UNREACHABLE
from faultwire.domain.ids import HostName
from faultwire.domain.states import AgentState
from faultwire.liveness.heartbeat import Verdict, VerdictKind
from faultwire.monitors.combining import MEANS, Icmp
from tests.unit.monitors.fakes import RecordingWire, Scene

HOST = HostName("compute-1")
CLOSED, SILENT, NOT_BACK, STILL_GONE = VerdictKind

CELLS = [
    (Icmp.UNWATCHED, CLOSED, HOST_DOWN),
    (Icmp.UNWATCHED, SILENT, HOST_DOWN),
    (Icmp.UNWATCHED, NOT_BACK, HOST_DOWN),
    (Icmp.UNWATCHED, STILL_GONE, HOST_DOWN),
    (Icmp.ALIVE, CLOSED, AGENT_DOWN),
    (Icmp.ALIVE, SILENT, HUNG),
    (Icmp.ALIVE, NOT_BACK, AGENT_DOWN),
    (Icmp.ALIVE, STILL_GONE, HUNG),
    (Icmp.UNSURE, CLOSED, None),
    (Icmp.UNSURE, SILENT, None),
    (Icmp.UNSURE, NOT_BACK, None),
    (Icmp.UNSURE, STILL_GONE, None),
    (Icmp.DEAD, CLOSED, HOST_DOWN),
    (Icmp.DEAD, SILENT, HOST_DOWN),
    (Icmp.DEAD, NOT_BACK, HOST_DOWN),
    (Icmp.DEAD, STILL_GONE, HOST_DOWN),
    (Icmp.UNREACHABLE, CLOSED, UNREACHABLE),
    (Icmp.UNREACHABLE, SILENT, UNREACHABLE),
    (Icmp.UNREACHABLE, NOT_BACK, UNREACHABLE),
    (Icmp.UNREACHABLE, STILL_GONE, UNREACHABLE),
    (Icmp.ISOLATED, CLOSED, None),
    (Icmp.ISOLATED, SILENT, None),
    (Icmp.ISOLATED, NOT_BACK, None),
    (Icmp.ISOLATED, STILL_GONE, None),
]


def test_every_combination_is_in_the_table() -> None:
    """No state of probing meets a verdict of the heartbeat engine that nobody thought of."""
    assert set(MEANS) == set(itertools.product(Icmp, VerdictKind))
    assert [(icmp, kind) for icmp, kind, _ in CELLS] == list(itertools.product(Icmp, VerdictKind))


@pytest.mark.parametrize(("icmp", "kind", "fault"), CELLS)
async def test_a_cell(icmp: Icmp, kind: VerdictKind, fault: str | None) -> None:
    """A verdict on an agent is the fault of its cell, told with the agent's loss, or waits."""
    async with Scene() as scene:
        verdicts = scene.monitor.verdicts
        verdicts.icmp = lambda _: icmp
        now = scene.clock.mono_ns()
        verdicts.give(Verdict(HOST, kind, now - 200, 200, 200, now - 300), 0.0)
        await scene.wait(1)
        assert [report.type.name for report in scene.reports] == ([fault] if fault else [])
        lost = [one.state for one in scene.intake.commands if isinstance(one, AgentChanged)]
        assert lost == ([AgentState.LOST] if fault else [])


async def test_a_verdict_that_waits_is_given_once_probing_knows() -> None:
    """Silent while its host is a suspect: dead with it, or hung if it answers."""
    for settled, fault in ((Icmp.DEAD, HOST_DOWN), (Icmp.ALIVE, HUNG)):
        async with Scene() as scene:
            held = [Icmp.UNSURE]
            scene.monitor.verdicts.icmp = lambda _, held=held: held[-1]  # type: ignore[misc]
            scene.monitor.open(HOST, "c1", None, RecordingWire())
            await scene.wait(4)
            assert scene.reports == []
            held.append(settled)
            await scene.wait(0.1)
            assert [report.type.name for report in scene.reports] == [fault]


async def test_an_agent_that_is_back_ends_what_it_disproves() -> None:
    """Hung and agent down are cleared by the agent's return, and a waiting verdict is dropped."""
    async with Scene() as scene:
        scene.monitor.verdicts.icmp = lambda _: Icmp.ALIVE
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        session.end(goodbye=False)
        await scene.wait(1)
        scene.monitor.open(HOST, "c1", None, RecordingWire())
        await scene.wait(0.1)
        told = [(report.type.name, report.raised) for report in scene.reports]
        assert told == [(AGENT_DOWN, True), (AGENT_DOWN, False)]
        scene.monitor.verdicts.icmp = lambda _: Icmp.ISOLATED
        await scene.wait(4)
        scene.monitor.open(HOST, "c1", None, RecordingWire())
        scene.monitor.verdicts.icmp = lambda _: Icmp.DEAD
        await scene.wait(1)
        assert len(scene.reports) == 2


async def test_what_was_raised_before_our_start_is_cleared_too() -> None:
    """An agent that returns to another server, or after a restart, clears what is open."""
    async with Scene() as scene:
        scene.monitor.verdicts.damped.is_open = lambda one: one.startswith(HUNG)
        scene.monitor.open(HOST, "c1", None, RecordingWire())
        await scene.wait(0.1)
        assert [(one.type.name, one.raised) for one in scene.reports] == [(HUNG, False)]


async def test_an_agent_that_comes_and_goes_is_shelved() -> None:
    """After six turns one fault says so, nothing more is told, and a calm ends it."""
    async with Scene() as scene:
        scene.monitor.verdicts.icmp = lambda _: Icmp.ALIVE
        open_faults: set[str] = set()
        scene.monitor.verdicts.damped.is_open = open_faults.__contains__
        for _ in range(10):
            session = scene.monitor.open(HOST, "c1", None, RecordingWire())
            await scene.wait(0.5)
            session.end(goodbye=False)
            await scene.wait(0.5)
            open_faults = {one.identity for one in scene.reports if one.raised}
            scene.monitor.verdicts.damped.is_open = open_faults.__contains__
        told = [one.type.name for one in scene.reports]
        assert told.count("compute.host.flapping") == 1
        assert told.count(AGENT_DOWN) < 6
        assert told[0] == AGENT_DOWN
        await scene.wait(200)
        told = [(one.type.name, one.raised) for one in scene.reports]
        assert told[-2:] == [("compute.host.flapping", False), (AGENT_DOWN, True)]
