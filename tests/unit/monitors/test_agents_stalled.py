"""The agents' monitor while its own loop is late: what it says, and what it judges again."""

import pytest

from faultwire.domain.faults import Outcome
from faultwire.domain.ids import HostName
from faultwire.inspector import guards
from faultwire.inspector.settings import Settings
from tests.unit.monitors.fakes import RecordingWire, Scene, settle

HOST = HostName("compute-1")
OTHER = HostName("compute-2")


async def test_a_late_loop_is_said_once_and_shown(caplog: pytest.LogCaptureFixture) -> None:
    """While verdicts are put off the gauge is 1 and the log has one line, and one for the end."""
    caplog.set_level("INFO", "faultwire.monitors")
    async with Scene() as scene:
        for host in (HOST, OTHER):
            scene.monitor.open(host, "c1", None, RecordingWire())
        scene.lag_ms = 800.0
        await scene.wait(5)
        assert scene.meter.gauges["faultwire_stalled"] == 1
        assert caplog.text.count("verdicts are put off") == 1
        scene.lag_ms = 0.0
        await scene.wait(0.2)
        assert scene.meter.gauges["faultwire_stalled"] == 0
        assert caplog.text.count("verdicts are given") == 1
        assert len(scene.reports) == 2


async def test_the_end_of_a_stall_is_shown_though_nobody_is_judged() -> None:
    """The gauge falls once the loop keeps time, also when those who were late spoke meanwhile."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        scene.lag_ms = 800.0
        await scene.wait(3.5)
        session.beat()
        scene.lag_ms = 0.0
        await scene.wait(0.1)
        assert scene.meter.gauges["faultwire_stalled"] == 0
        assert scene.reports == []


async def test_a_verdict_that_was_put_off_says_so() -> None:
    """The evidence has how long it was put off, and the guard's decision names it."""
    async with Scene() as scene:
        scene.monitor.open(HOST, "c1", None, RecordingWire())
        scene.lag_ms = 800.0
        await scene.wait(5)
        scene.lag_ms = 1.0
        await scene.wait(0.2)
        (report,) = scene.reports
        assert 1900 <= float(str(report.evidence.details[guards.PUT_OFF])) <= 2200
        (decision,), vetoed = guards.ask(report, Settings())
        assert (decision.outcome, vetoed) == (Outcome.PASSED, False)
        assert decision.why.startswith("I was stalled: judged 2")


async def test_a_verdict_in_time_was_not_put_off() -> None:
    """Who fell silent long after a stall has no trace of it in the evidence."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        scene.lag_ms = 800.0
        await scene.wait(3.5)
        session.beat()
        scene.lag_ms = 0.0
        await scene.wait(3.2)
        (report,) = scene.reports
        assert guards.PUT_OFF not in report.evidence.details


async def test_a_vetoed_verdict_is_judged_again() -> None:
    """A host whose verdict a guard vetoed is reported once more if its agent stays away."""
    async with Scene() as scene:
        scene.intake.vetoed = True
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        session.end(goodbye=False)
        await scene.wait(0.3)
        scene.intake.vetoed = False
        assert len(scene.reports) == 1
        await scene.wait(2.8)
        assert len(scene.reports) == 1
        await scene.wait(0.2)
        kinds = [report.evidence.details["verdict"] for report in scene.reports]
        assert kinds == ["closed", "not back after a stall of ours"]
        await scene.wait(30)
        assert len(scene.reports) == 2


async def test_an_agent_that_is_back_after_a_veto_is_not_reported() -> None:
    """What was vetoed and disproved meanwhile is not raised again."""
    async with Scene() as scene:
        scene.intake.vetoed = True
        scene.monitor.open(HOST, "c1", None, RecordingWire()).end(goodbye=False)
        await scene.wait(0.3)
        scene.intake.vetoed = False
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        await scene.beat_for(10, session.beat)
        assert len(scene.reports) == 1


async def test_a_veto_that_comes_after_the_agent_changes_nothing() -> None:
    """The agent came back before the lane answered: its session is judged as any other."""
    async with Scene() as scene:
        scene.intake.vetoed = True
        scene.monitor.open(HOST, "c1", None, RecordingWire()).end(goodbye=False)
        await scene.wait(0.3)
        scene.monitor.open(HOST, "c1", None, RecordingWire())
        scene.monitor._doubt(HOST)
        await settle()
        status = scene.monitor.status(HOST)
        assert status is not None
        assert status.state == "connected"
