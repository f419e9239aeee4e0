"""The hosts' monitor: from what the prober saw to commands."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import pytest

from faultwire.domain.commands import Command, HostAnswered, ReportFaults
from faultwire.domain.errors import Unavailable
from faultwire.domain.faults import Report, identity_of
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.inspector import guards
from faultwire.liveness.isolation import Standing
from faultwire.liveness.probes import Listener, Seen
from faultwire.liveness.seats import Down, Presence
from faultwire.liveness.suspicion import Signal, State
from faultwire.monitors.hosts import Before, HostMonitor
from faultwire.testing.clock import ManualClock
from faultwire.testing.intake import RecordingIntake
from tests.unit.monitors.fakes import CountingMeter, pass_time, settle

HOST = HostName("compute-1")
KNOWN = (Host(HOST, ("10.0.0.1", "10.9.9.9")),)


class FakeProbes:
    """What the monitor needs of `liveness.probes.Probes`."""

    def __init__(self) -> None:
        self.targets: dict[HostName, Sequence[str]] = {}
        self.held: dict[HostName, State] = {}
        self.doubted: list[HostName] = []
        self.settled: list[tuple[HostName, bool]] = []

    def listen(self, listener: Listener) -> None:
        self.listener = listener

    def probe(
        self, hosts: Mapping[HostName, Sequence[str]], held: Mapping[HostName, State]
    ) -> None:
        self.targets |= hosts
        self.held |= held

    def leave(self, hosts: Iterable[HostName]) -> None:
        for host in hosts:
            self.targets.pop(host, None)

    def doubt(self, host: HostName) -> None:
        self.doubted.append(host)

    def settle(self, host: HostName, *, agreed: bool) -> None:
        self.settled.append((host, agreed))

    async def run(self) -> None:
        raise AssertionError("the test runs nothing")

    def state(self, host: HostName) -> State:
        return self.held.get(host, State.UNKNOWN)


class Stand:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.intake = RecordingIntake()
        self.meter = CountingMeter()
        self.probes = FakeProbes()
        self.monitor = HostMonitor(
            self.probes,  # type: ignore[arg-type]
            self.intake,
            self.clock,
            self.meter,
            "m1",
        )
        self.monitor.begin(KNOWN, Before())

    def see(self, state: State, was: State = State.SUSPECT, host: HostName = HOST) -> None:
        at = self.clock.mono_ns() - 2_000_000
        evidence = {"silent_ms": 60.0, "unanswered": 6}
        seen = Seen(host, "10.0.0.1", was, state, Signal.AGREED, evidence, at, 1_500_000)
        self.monitor.moved(seen)

    @property
    def reports(self) -> list[Report]:
        taken = [one for one in self.intake.commands if isinstance(one, ReportFaults)]
        return [report for one in taken for report in one.reports]


async def test_a_dead_host_is_reported_with_its_evidence() -> None:
    """DEAD is one report of compute.host.down, detected when the prober saw it."""
    stand = Stand()
    stand.see(State.DEAD_FROM_HERE)
    assert stand.probes.settled == [(HOST, True)]
    stand.see(State.DEAD, State.DEAD_FROM_HERE)
    await settle()
    (report,) = stand.reports
    assert report.raised
    assert (report.type.name, report.resource) == ("compute.host.down", {"hostname": HOST})
    assert report.detected.mono_ns == stand.clock.mono_ns() - 2_000_000
    assert report.detected.wall_ns == stand.clock.wall_ns() - 2_000_000
    said = report.evidence
    assert (said.source, said.reporter, said.vote) == ("icmp", "m1", "down")
    assert said.details["verdict"] == "dead"
    assert said.details["address"] == "10.0.0.1"
    assert said.details["unanswered"] == 6
    assert said.details["loop_lag_ms"] == 1.5
    assert said.source in guards.OWN_MONITORS
    assert stand.meter.counts["faultwire_verdicts_total/icmp"] == 1


@pytest.mark.parametrize("state", [State.SUSPECT, State.UNKNOWN])
async def test_what_is_no_verdict_is_not_reported(state: State) -> None:
    """Suspicion and ignorance report nothing."""
    stand = Stand()
    stand.see(state)
    await settle()
    assert stand.intake.commands == []


async def test_a_host_that_answers_again_is_told_and_closes_nothing_itself() -> None:
    """Alive again is a HostAnswered, no clear: what follows is the inspector's (D20)."""
    stand = Stand()
    stand.see(State.DEAD)
    stand.see(State.ALIVE, State.DEAD)
    stand.see(State.ALIVE, State.SUSPECT)
    await settle()
    first, second = stand.intake.commands
    assert isinstance(first, ReportFaults)
    assert isinstance(second, HostAnswered)
    assert (second.host, second.evidence.vote) == (HOST, "up")


async def test_isolation_is_one_fault_and_its_end_clears_it() -> None:
    """Isolated raises monitor.isolated with the reasons; connected clears it."""
    stand = Stand()
    stand.monitor.stood(Standing.DOUBTFUL, ("why",), 1)
    await settle()
    assert stand.reports == []
    stand.monitor.stood(Standing.ISOLATED, ("why",), 1)
    await settle()
    (raised,) = stand.reports
    assert (raised.type.name, raised.raised, raised.resource) == (
        "monitor.isolated",
        True,
        {"monitor": "m1"},
    )
    assert raised.evidence.details["reasons"] == ["why"]
    assert stand.meter.gauges["faultwire_isolated"] == 1
    stand.monitor.stood(Standing.CONNECTED, (), 1)
    await settle()
    assert [one.raised for one in stand.reports] == [True, False]
    assert stand.meter.gauges["faultwire_isolated"] == 0


async def test_a_doubt_that_passes_tells_nobody() -> None:
    """Doubtful and connected again reports nothing."""
    stand = Stand()
    stand.monitor.stood(Standing.DOUBTFUL, ("why",), 1)
    stand.monitor.stood(Standing.CONNECTED, (), 1)
    await settle()
    assert stand.intake.commands == []


async def test_an_isolation_left_by_the_process_before_is_cleared() -> None:
    """A fault about us that is still open after a start ends with the first answer."""
    stand = Stand()
    stand.monitor.begin(KNOWN, Before(isolated=True))
    stand.see(State.ALIVE, State.UNKNOWN)
    await settle()
    (cleared,) = stand.reports
    assert (cleared.type.name, cleared.raised) == ("monitor.isolated", False)


async def test_hosts_of_the_map_are_probed_at_their_first_address() -> None:
    """Hosts with an address are probed, those without are not; what was held is handed on."""
    stand = Stand()
    two = Host(HostName("compute-2"))
    stand.monitor.begin((*KNOWN, two), Before(dead=(HOST,)))
    assert stand.probes.targets == {HOST: ("10.0.0.1",)}
    assert stand.probes.held == {HOST: State.DEAD}
    stand.monitor.saved((Host(HOST, ()), Host(two.name, ("10.0.0.2",))))
    assert stand.probes.targets == {two.name: ("10.0.0.2",)}
    stand.monitor.removed((two.name,))
    assert stand.probes.targets == {}


async def test_a_vetoed_verdict_is_judged_anew() -> None:
    """A report that a guard closed at once sends the host back to suspicion."""
    stand = Stand()
    stand.intake.vetoed = True
    stand.see(State.DEAD)
    await settle()
    assert stand.probes.doubted == [HOST]


async def test_what_the_lane_cannot_take_is_kept_and_comes_to_its_last_state() -> None:
    """While the database is away the first turn is kept, and of the others what they come to."""
    stand = Stand()
    away = True

    def refuse(command: Command) -> Exception | None:
        return Unavailable("away") if away else None

    stand.intake.refuse = refuse
    for _ in range(5):
        stand.see(State.DEAD)
        stand.see(State.ALIVE, State.DEAD)
    stand.see(State.DEAD)
    await settle()
    assert stand.intake.commands == []
    away = False
    await pass_time(stand.clock, 10)
    kinds = [type(one) for one in stand.intake.commands]
    assert kinds[0] is ReportFaults
    assert kinds[-1] is ReportFaults
    assert len(kinds) <= 3


async def test_nothing_is_reported_while_we_stop() -> None:
    """After stop the end of probing speaks against nobody."""
    stand = Stand()
    await stand.monitor.stop(0)
    stand.see(State.DEAD)
    stand.monitor.stood(Standing.ISOLATED, (), 1)
    await settle()
    assert stand.intake.commands == []


async def test_hosts_that_never_answered_are_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ten seconds after the start the log names the hosts of which nothing is known."""
    stand = Stand()
    known = (*KNOWN, Host(HostName("compute-2")))
    task = asyncio.create_task(stand.monitor.run(lambda: known))
    await pass_time(stand.clock, 11)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "1 hosts have not answered since the start" in caplog.text
    assert "compute-1" in caplog.text


async def test_the_dead_take_the_place_of_the_unreachable_in_one_commit() -> None:
    """Unreachable, then dead by a second vote: one command clears the one and raises the other."""
    stand = Stand()
    unreachable = identity_of("compute.host.unreachable", {"hostname": HOST})
    votes = stand.monitor.votes
    votes.expect(("b",), 15_000_000_000)
    stand.monitor.begin(KNOWN, Before(unreachable=(HOST,)), lambda one: one == unreachable)
    votes.survey("b", Presence.VOTING, {HOST: Down(stand.clock.mono_ns(), {})}, ())
    await settle()
    (command,) = stand.intake.commands
    assert isinstance(command, ReportFaults)
    told = [(report.type.name, report.raised) for report in command.reports]
    assert told == [("compute.host.unreachable", False), ("compute.host.down", True)]
