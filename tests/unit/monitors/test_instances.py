"""The servers' monitor: silence that is told, silence that is not, and its end."""

from collections.abc import AsyncIterator

import pytest

from faultwire.domain.changes import ServersSaved
from faultwire.domain.commands import InstanceAnswered, ReportFaults
from faultwire.domain.faults import Report
from faultwire.domain.ids import HostName, ServerId
from faultwire.domain.resources import Server
from faultwire.domain.states import PowerState, VmState
from faultwire.liveness.isolation import Limits
from faultwire.monitors.instances import InstanceMonitor, Terms
from faultwire.testing.intake import RecordingIntake
from tests.unit.monitors.fakes import pass_time, settle
from tests.unit.monitors.test_pinged import Stand, server


class Watched:
    """Ten servers that answer, swept each second, on a host that is alive."""

    def __init__(self) -> None:
        self.stand = Stand(every_ms=1000)
        self.intake = RecordingIntake()
        self.established: dict[str, int | None] = {"h1": 0}
        self.servers = {f"vm{n}": f"10.0.0.{n}" for n in range(1, 11)}
        self.stand.map.apply(
            ServersSaved(tuple(server(name, at) for name, at in self.servers.items()))
        )
        self.stand.sweeps.fake.answers = dict.fromkeys(self.servers.values(), 100)
        self.monitor = InstanceMonitor(
            self.stand.pings,
            self.stand.map,
            self.intake,
            self.stand.clock,
            self.stand.meter,
            Terms("m1", 3, 2, Limits(20, 2, 0), self.established.get),
        )

    async def start(self) -> None:
        self.stand.start()
        await settle()

    async def sweep(self, times: int = 1) -> None:
        await pass_time(self.stand.clock, times)
        await settle()

    def cut(self, *names: str) -> None:
        for name in names:
            del self.stand.sweeps.fake.answers[self.servers[name]]

    def answer(self, *names: str) -> None:
        self.stand.sweeps.fake.answers |= {self.servers[name]: 100 for name in names}

    @property
    def reports(self) -> list[Report]:
        taken = [one for one in self.intake.commands if isinstance(one, ReportFaults)]
        return [report for one in taken for report in one.reports]

    @property
    def down(self) -> list[str]:
        return [report.resource["instance_id"] for report in self.reports]

    @property
    def back(self) -> list[InstanceAnswered]:
        return [one for one in self.intake.commands if isinstance(one, InstanceAnswered)]


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    """Give the stand, swept once: all servers answered."""
    made = Watched()
    await made.start()
    yield made
    await made.stand.stop()


async def test_silence_of_three_sweeps_is_told_once_with_its_evidence(watched: Watched) -> None:
    """compute.instance.down, with what it stands on; more silence is no more news."""
    watched.cut("vm4")
    await watched.sweep(2)
    assert watched.down == []
    await watched.sweep(4)
    (report,) = watched.reports
    assert (report.type.name, report.resource) == (
        "compute.instance.down",
        {"instance_id": "vm4"},
    )
    said = report.evidence
    assert (said.source, said.reporter, said.vote) == ("fake", "m1", "down")
    assert said.details["sweeps"] == 3
    assert said.details["host"] == "h1"


async def test_an_answer_in_between_begins_anew(watched: Watched) -> None:
    """Two silent sweeps, an answer, and two more are nothing."""
    for _ in range(3):
        watched.cut("vm4")
        await watched.sweep(2)
        watched.answer("vm4")
        await watched.sweep()
    assert watched.down == []


async def test_silence_from_the_start_is_never_told() -> None:
    """It may drop pings: who never answered is not missed."""
    watched = Watched()
    watched.cut("vm4")
    await watched.start()
    await watched.sweep(10)
    assert watched.down == []
    watched.answer("vm4")
    await watched.sweep()
    watched.cut("vm4")
    await watched.sweep(3)
    assert watched.down == ["vm4"]
    await watched.stand.stop()


async def test_while_its_host_is_not_known_to_be_alive_nothing_is_told(watched: Watched) -> None:
    """A dead host has a fault of its own; it is judged again when the host is back."""
    watched.established["h1"] = None
    watched.cut("vm4")
    await watched.sweep(6)
    assert watched.down == []
    watched.established["h1"] = 0
    await watched.sweep()
    assert watched.down == ["vm4"]


async def test_an_agent_vouches_only_after_its_own_silence_would_show(watched: Watched) -> None:
    """A host that is known by its agent needs a longer silence of its servers."""
    watched.established["h1"] = 5_000_000_000
    watched.cut("vm4")
    await watched.sweep(5)
    assert watched.down == []
    await watched.sweep()
    assert watched.down == ["vm4"]


async def test_many_at_once_speak_against_ourselves(watched: Watched) -> None:
    """Above the limits nobody is told of (trap 7); what is silent when that ends is."""
    watched.cut("vm1", "vm2", "vm3", "vm4")
    await watched.sweep(6)
    assert watched.down == []
    watched.answer("vm1", "vm2")
    await watched.sweep()
    assert watched.down == ["vm3", "vm4"]


@pytest.mark.parametrize(
    ("vm_state", "power_state"),
    [
        (VmState.STOPPED, PowerState.SHUTDOWN),
        (VmState.PAUSED, PowerState.PAUSED),
        (VmState.ERROR, PowerState.RUNNING),
    ],
)
async def test_a_server_that_does_not_run_is_silent_for_a_reason(
    watched: Watched, vm_state: VmState, power_state: PowerState
) -> None:
    """Only active and running ones are told of."""
    watched.stand.have(server("vm4", "10.0.0.4").in_state(vm_state, power_state))
    watched.cut("vm4")
    await watched.sweep(6)
    assert watched.down == []


async def test_one_that_is_not_monitored_is_left_alone(watched: Watched) -> None:
    """`monitored: false` (D8)."""
    watched.stand.have(server("vm4", "10.0.0.4", monitored=False))
    watched.cut("vm4")
    await watched.sweep(6)
    assert watched.down == []


async def test_it_answers_again_after_some_answers_in_a_row(watched: Watched) -> None:
    """One command, by which D20's setting closes the fault or does not."""
    watched.cut("vm4")
    await watched.sweep(3)
    watched.answer("vm4")
    await watched.sweep()
    assert watched.back == []
    await watched.sweep()
    (said,) = watched.back
    assert (said.server, said.evidence.source, said.evidence.vote) == ("vm4", "fake", "up")
    watched.cut("vm4")
    await watched.sweep(3)
    assert watched.down == ["vm4", "vm4"]


async def test_what_was_down_before_a_restart_answers_again() -> None:
    """The open fault of ours is known: it is not raised again, and its end is told."""
    watched = Watched()
    watched.cut("vm4")
    watched.monitor.begin([ServerId("vm4")])
    await watched.start()
    await watched.sweep(5)
    assert watched.down == []
    watched.answer("vm4")
    await watched.sweep(2)
    assert [one.server for one in watched.back] == ["vm4"]
    await watched.stand.stop()


def test_the_stand_is_what_it_says() -> None:
    """A server of the stand is active, running, and on a host."""
    made: Server = server("x", "10.0.0.1")
    assert (made.vm_state, made.power_state) == (VmState.ACTIVE, PowerState.RUNNING)
    assert made.host == HostName("h1")
