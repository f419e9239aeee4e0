"""The agents' monitor: from sessions to commands."""

import asyncio
from collections.abc import Callable

import pytest

from faultwire.domain.agents import CloseCode
from faultwire.domain.commands import AgentChanged, Command, ReportFaults
from faultwire.domain.errors import Conflict, Unavailable
from faultwire.domain.faults import FAULT_TYPES, HOST_DOWN
from faultwire.domain.ids import HostName
from faultwire.domain.states import AgentState
from faultwire.inspector import guards
from faultwire.liveness.settings import Settings
from tests.unit.monitors.fakes import RecordingWire, Scene, settle

HOST = HostName("compute-1")
OTHER = HostName("compute-2")
RUNNING = frozenset({"vm-1", "vm-2"})


async def test_an_agent_that_connects_is_reported_with_its_servers() -> None:
    """A new session is one AgentChanged with the list that came with it (S175)."""
    async with Scene() as scene:
        scene.monitor.open(HOST, "c1", RUNNING, RecordingWire())
        await settle()
        assert scene.changes(HOST) == [(AgentState.CONNECTED, RUNNING)]
        assert scene.meter.gauges["faultwire_agents_connected"] == 1


async def test_a_closed_connection_is_reported_after_the_window() -> None:
    """Closed and not back: one report with its evidence, then the agent is LOST (D24)."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        await scene.beat_for(1, session.beat)
        session.end(goodbye=False)
        await scene.wait(0.199)
        assert scene.reports == []
        await scene.wait(0.002)
        (report,) = scene.reports
        assert report.raised
        assert report.type is FAULT_TYPES[HOST_DOWN]
        assert report.resource == {"hostname": HOST}
        assert report.detected.mono_ns == scene.clock.mono_ns() - 1_000_000
        assert (report.evidence.source, report.evidence.vote) == ("agent", "down")
        details = report.evidence.details
        assert (details["verdict"], details["age_ms"], details["limit_ms"]) == ("closed", 200, 200)
        assert details["last_beat"] == details["closed"] == "2023-11-14T22:13:21.000000Z"
        assert [state for state, _ in scene.changes(HOST)] == [
            AgentState.CONNECTED,
            AgentState.LOST,
        ]
        assert scene.meter.counts["faultwire_verdicts_total/closed"] == 1
        assert scene.meter.gauges["faultwire_agents_connected"] == 0


async def test_silence_is_reported_and_the_session_hung_up() -> None:
    """A connection that is open and silent is a verdict; it is closed, so that both sides know."""
    async with Scene() as scene:
        wire = RecordingWire()
        session = scene.monitor.open(HOST, "c1", None, wire)
        await scene.beat_for(5, session.beat)
        await scene.wait(2.999)
        assert scene.reports == []
        await scene.wait(0.002)
        assert [report.evidence.details["verdict"] for report in scene.reports] == ["silent"]
        assert [code for code, _ in wire.closed] == [CloseCode.SILENT]
        session.beat()
        session.end(goodbye=False)
        await scene.wait(60)
        assert len(scene.reports) == 1


async def test_the_evidence_names_the_lag_as_the_inspector_reads_it() -> None:
    """The loop's lag stands under the key that the inspector's guard looks at."""
    async with Scene() as scene:
        scene.lag_ms = 41.5
        scene.monitor.open(HOST, "c1", None, RecordingWire())
        await scene.wait(4)
        (report,) = scene.reports
        assert report.evidence.details[guards.LOOP_LAG] == 41.5
        assert report.evidence.source in guards.OWN_MONITORS


async def test_a_restart_within_the_window_is_no_report() -> None:
    """An agent that is back in time raises nothing, whatever happens later."""
    async with Scene() as scene:
        first = scene.monitor.open(HOST, "c1", RUNNING, RecordingWire())
        await scene.wait(1)
        first.end(goodbye=False)
        await scene.wait(0.15)
        second = scene.monitor.open(HOST, "c1", RUNNING, RecordingWire())
        await scene.beat_for(10, second.beat)
        assert scene.reports == []
        assert scene.changes(HOST)[-1] == (AgentState.CONNECTED, RUNNING)


async def test_goodbye_is_reported_as_gone() -> None:
    """A stopped agent is GONE and raises nothing (D24)."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        session.end(goodbye=True)
        await scene.wait(60)
        assert scene.reports == []
        assert scene.changes(HOST)[-1] == (AgentState.GONE, None)


async def test_beats_are_no_commands() -> None:
    """Beats and the same list again cost no command; a changed list is one."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", RUNNING, RecordingWire())
        await scene.beat_for(10, session.beat)
        session.report(RUNNING)
        await settle()
        assert len(scene.intake.commands) == 1
        session.report(frozenset({"vm-1"}))
        await settle()
        assert scene.changes(HOST)[-1] == (AgentState.CONNECTED, frozenset({"vm-1"}))


async def test_lists_in_a_row_are_told_once_with_the_newest() -> None:
    """An agent whose list changes all the time makes few commands, and the last list arrives."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", RUNNING, RecordingWire())
        for number in range(20):
            session.report(frozenset({f"vm-{number}"}))
            await scene.wait(0.01)
        await scene.wait(0.3)
        changes = scene.changes(HOST)
        assert len(changes) <= 3
        assert changes[-1] == (AgentState.CONNECTED, frozenset({"vm-19"}))


async def test_a_second_session_is_refused_counted_and_the_first_lives_on() -> None:
    """One credential, one session: the second is refused, seen in the metric and the status."""
    async with Scene() as scene:
        wire = RecordingWire()
        first = scene.monitor.open(HOST, "c1", None, wire)
        for _ in range(3):
            with pytest.raises(Conflict, match="another session"):
                scene.monitor.open(HOST, "c1", None, RecordingWire())
        await scene.beat_for(5, first.beat)
        assert scene.reports == []
        assert (wire.closed, wire.pokes) == ([], 3)
        assert scene.meter.counts["faultwire_agent_second_sessions_total"] == 3
        status = scene.monitor.status(HOST)
        assert status is not None
        assert (status.state, status.second_sessions) == ("connected", 3)


async def test_a_replaced_credential_ends_its_session() -> None:
    """The session of a credential that was replaced gives way, without a fault."""
    async with Scene() as scene:
        wire = RecordingWire()
        old = scene.monitor.open(HOST, "c1", None, wire)
        new = scene.monitor.open(HOST, "c2", None, RecordingWire())
        assert [code for code, _ in wire.closed] == [CloseCode.REPLACED]
        old.beat()
        old.end(goodbye=False)
        await scene.beat_for(5, new.beat)
        assert scene.reports == []


async def test_a_verdict_that_cannot_be_taken_is_kept() -> None:
    """While nothing can be stored the verdict waits with its own T01, and delays no other host."""
    async with Scene() as scene:
        for host in (HOST, OTHER):
            scene.monitor.open(host, "c1", None, RecordingWire())
        await settle()

        def stuck(command: Command) -> Exception | None:
            host = isinstance(command, ReportFaults) and command.reports[0].resource["hostname"]
            return Unavailable("database is locked") if host == HOST else None

        scene.intake.refuse = stuck
        await scene.wait(3.1)
        assert [report.resource["hostname"] for report in scene.reports] == [OTHER]
        assert scene.changes(HOST)[-1][0] is AgentState.CONNECTED
        await scene.wait(30)
        scene.intake.refuse = lambda _: None
        await scene.wait(5)
        late = scene.reports[-1]
        assert late.resource == {"hostname": HOST}
        assert late.detected == scene.reports[0].detected
        assert scene.changes(HOST)[-1][0] is AgentState.LOST


async def test_a_late_loop_suspends_verdicts() -> None:
    """While our loop is late nobody is condemned; who speaks in time is spared, others are not."""
    async with Scene() as scene:
        spared = scene.monitor.open(HOST, "c1", None, RecordingWire())
        scene.monitor.open(OTHER, "c1", None, RecordingWire())
        scene.lag_ms = 800.0
        await scene.wait(3.5)
        assert scene.reports == []
        assert scene.meter.counts["faultwire_verdicts_suspended_total"] >= 2
        spared.beat()
        scene.lag_ms = 3.0
        await scene.wait(0.2)
        assert [report.resource["hostname"] for report in scene.reports] == [OTHER]


async def test_a_stall_of_our_own_is_held_against_nobody() -> None:
    """After a stop of this process every running wait is longer by that time."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        await scene.wait(1)
        scene.clock.advance(60)
        await settle()
        await scene.wait(1.5)
        assert scene.reports == []
        session.beat()
        await scene.wait(2.9)
        assert scene.reports == []
        await scene.wait(0.2)
        assert len(scene.reports) == 1


async def test_beats_that_lie_in_the_socket_are_read_before_judging() -> None:
    """What arrived while we were busy is heard first: the loop turns before a verdict."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        await scene.wait(2.999)
        scene.clock.advance(0.002)
        # The monitor's timer has fired; the reader's task runs after it in the same turn.
        await settle_with(session.beat)
        await scene.wait(2)
        assert scene.reports == []


async def settle_with(beat: Callable[[], None]) -> None:
    """Run one turn, then the beat, then the rest."""
    await asyncio.sleep(0)
    beat()
    await settle()


async def test_hosts_that_were_connected_are_expected_after_a_start() -> None:
    """Not back within the grace after our start is a verdict; back in time is none."""
    async with Scene(Settings(agent_start_grace_ms=5000)) as scene:
        scene.monitor.expect([HOST, OTHER])
        await scene.wait(2)
        session = scene.monitor.open(OTHER, "c1", None, RecordingWire())
        await scene.beat_for(4, session.beat)
        assert [report.resource["hostname"] for report in scene.reports] == [HOST]
        assert scene.reports[0].evidence.details["verdict"] == "not back after start"


async def test_times_seen_are_handed_on_in_batches() -> None:
    """Every few seconds the hosts heard since are noted, and again after an error."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        scene.note_error = Unavailable("locked")
        await scene.beat_for(5, session.beat)
        assert scene.noted == []
        scene.note_error = None
        await scene.wait(2)
        session.beat()
        last = scene.clock.wall_ns()
        await scene.wait(2.5)
        session.beat()
        assert scene.noted == []
        await scene.wait(0.5)
        assert scene.noted == [(HOST, last + 2_500_000_000)]
        await scene.wait(5)
        assert len(scene.noted) == 1


async def test_a_flood_of_messages_ends_the_session() -> None:
    """An agent that sends without measure is hung up on, and counts as closed."""
    async with Scene() as scene:
        wire = RecordingWire()
        session = scene.monitor.open(HOST, "c1", None, wire)
        for _ in range(2001):
            session.beat()
        assert [code for code, _ in wire.closed] == [CloseCode.TOO_FAST]
        await scene.wait(0.3)
        assert [report.evidence.details["verdict"] for report in scene.reports] == ["closed"]


async def test_lists_without_measure_end_the_session() -> None:
    """Lists cost more than beats, and are limited too."""
    async with Scene() as scene:
        wire = RecordingWire()
        session = scene.monitor.open(HOST, "c1", None, wire)
        for number in range(101):
            session.report(frozenset({str(number)}))
        assert [code for code, _ in wire.closed] == [CloseCode.TOO_FAST]


async def test_a_pile_of_beats_after_a_stall_is_no_flood() -> None:
    """Beats that piled up while we slept are taken at once."""
    async with Scene() as scene:
        wire = RecordingWire()
        session = scene.monitor.open(HOST, "c1", None, wire)
        for _ in range(1500):
            session.beat()
        assert wire.closed == []


async def test_a_removed_host_is_watched_no_longer() -> None:
    """A host that left the inventory is hung up on and raises nothing."""
    async with Scene() as scene:
        wire = RecordingWire()
        scene.monitor.open(HOST, "c1", None, wire)
        scene.monitor.forget([HOST, OTHER])
        await scene.wait(60)
        assert scene.reports == []
        assert [code for code, _ in wire.closed] == [CloseCode.REMOVED]
        assert scene.monitor.status(HOST) is None


async def test_an_agent_whose_enrolment_ended_raises_nothing() -> None:
    """It is hung up on as if it had said goodbye; one that is on its way back is forgotten."""
    async with Scene() as scene:
        wire = RecordingWire()
        scene.monitor.open(HOST, "c1", None, wire)
        away = scene.monitor.open(OTHER, "c2", None, RecordingWire())
        away.end(goodbye=False)
        scene.monitor.revoked([HOST, OTHER])
        await scene.wait(60)
        assert scene.reports == []
        assert wire.closed == [(CloseCode.REPLACED, "the credential was revoked")]


async def test_a_stop_speaks_against_nobody() -> None:
    """Connections that end because we stop raise nothing, and nobody is admitted any more."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        await settle()
        await scene.monitor.stop(0)
        session.end(goodbye=False)
        await scene.wait(60)
        assert scene.reports == []
        with pytest.raises(Unavailable):
            scene.monitor.open(OTHER, "c1", None, RecordingWire())


async def test_a_defect_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    """An error that nobody foresaw is logged, and verdicts are given once it is over."""
    async with Scene() as scene:
        scene.monitor.open(HOST, "c1", None, RecordingWire())
        scene.lag_ms = "no number"  # type: ignore[assignment]
        await scene.wait(4)
        assert "could not judge" in caplog.text
        scene.lag_ms = 0.0
        await scene.wait(0.2)
        assert len(scene.reports) == 1


async def test_statuses_are_told_in_order() -> None:
    """The status of every host that is known, in order of name, with its last sign of life."""
    async with Scene() as scene:
        scene.monitor.expect([OTHER])
        scene.monitor.open(HOST, "c1", None, RecordingWire())
        shown = [(one.host, one.state, one.seen_ns) for one in scene.monitor.statuses()]
        assert shown == [
            (HOST, "connected", scene.clock.wall_ns()),
            (OTHER, "expected", None),
        ]


async def test_a_change_after_a_verdict_comes_after_its_report() -> None:
    """An agent that returns while its verdict still waits is told after that verdict."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        await settle()
        scene.intake.refuse = lambda _: Unavailable("locked")
        session.end(goodbye=False)
        await scene.wait(0.3)
        scene.monitor.open(HOST, "c1", RUNNING, RecordingWire())
        await settle()
        scene.intake.refuse = lambda _: None
        await scene.wait(2)
        kinds = [type(one) for one in scene.intake.commands]
        assert kinds == [AgentChanged, ReportFaults, AgentChanged]
        assert scene.changes(HOST)[-1] == (AgentState.CONNECTED, RUNNING)
