"""Seats of several servers: what one tells, another counts."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from faultwire.app.seats import Seats
from faultwire.domain.commands import Command, ReportFaults
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.domain.shares import Member
from faultwire.domain.vantage_changes import SeatsTold, TellSeats
from faultwire.liveness.seats import Down, Presence
from faultwire.monitors.hosts import Before, HostMonitor
from faultwire.testing.clock import ManualClock
from tests.unit.monitors.fakes import CountingMeter, pass_time

KEEP_NS = 3_000_000_000
HOSTS = [Host(HostName(f"h{number}"), (f"10.0.0.{number}",)) for number in range(1, 21)]


class Journal:
    """Carries what each server tells to the others; `away` refuses."""

    def __init__(self) -> None:
        self.servers: list[OneServer] = []
        self.away = False
        self.told = 0

    def live(self) -> tuple[Member, ...]:
        return tuple(
            Member(one.id, "serve", one.id, "a:1", 0) for one in self.servers if one.lives
        )


@dataclass
class OneServer:
    """A server with its own clock's votes; implements `Cluster`'s part and `ports.Intake`."""

    id: str
    journal: Journal
    clock: ManualClock
    lives: bool = True
    reports: list[ReportFaults] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.monitor = HostMonitor(None, self, self.clock, CountingMeter(), self.id)
        self.monitor.begin(HOSTS, Before())
        votes = self.monitor.votes
        self.here = {self.id}
        votes.here = self.here.__contains__
        self.seats = Seats(self, votes, self, self.clock, KEEP_NS)  # type: ignore[arg-type]
        self.journal.servers.append(self)

    def live(self) -> tuple[Member, ...]:
        return self.journal.live()

    async def submit(self, command: Command) -> object:
        if self.journal.away:
            raise Unavailable("away")
        if isinstance(command, TellSeats):
            self.journal.told += 1
            for one in self.journal.servers:
                if one.lives:
                    one.seats.follow(SeatsTold(command.seats))
        elif isinstance(command, ReportFaults):
            self.reports.append(command)
        return ()

    def seat(self, name: str) -> None:
        self.here.add(name)
        self.monitor.votes.survey(name, Presence.VOTING, {}, ())

    def down(self, name: str, *hosts: str) -> None:
        now = self.clock.mono_ns()
        self.monitor.votes.cast(name, down={host: Down(now, {"silent_ms": 60}) for host in hosts})

    def dead(self) -> set[str]:
        return {
            report.resource["hostname"]
            for one in self.reports
            for report in one.reports
            if report.type.name == "compute.host.down"
        }

    def presence(self, name: str) -> str:
        found = self.monitor.votes.ballots.seats.get(name)
        return found.presence.value if found else "none"


class Scene:
    """Servers ``s1`` and ``s2``, the monitor ``a`` at the first and ``b`` at the second."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.journal = Journal()
        self.one = OneServer("s1", self.journal, self.clock)
        self.two = OneServer("s2", self.journal, self.clock)
        self.tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for server in self.journal.servers:
            self.run(server)
        await pass_time(self.clock, 0.1)
        self.one.seat("a")
        self.two.seat("b")
        await pass_time(self.clock, 0.1)
        return self

    def run(self, server: OneServer) -> None:
        works = [server.seats.run(), *(work() for work, _ in server.monitor.works())]
        self.tasks += [asyncio.create_task(work) for work in works]

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def _servers(scene: Scene) -> Iterator[OneServer]:
    return iter((scene.one, scene.two))


async def test_votes_at_two_servers_make_one_verdict() -> None:
    """A monitor here and one there agree: dead, told by the servers that have their votes."""
    async with Scene() as scene:
        scene.one.down("a", "h3")
        await pass_time(scene.clock, 0.1)
        assert scene.one.dead() == scene.two.dead() == set()
        scene.two.down("b", "h3")
        await pass_time(scene.clock, 0.1)
        assert scene.one.dead() == scene.two.dead() == {"h3"}


async def test_a_monitor_has_one_session_in_the_whole_installation() -> None:
    """What lives at another server is known to be there, until it is lost."""
    async with Scene() as scene:
        assert scene.two.seats.elsewhere("a")
        assert not scene.one.seats.elsewhere("a")
        scene.one.monitor.votes.leave("a", KEEP_NS)
        await pass_time(scene.clock, 0.1)
        assert not scene.two.seats.elsewhere("a")
        assert scene.two.presence("a") == "absent"


async def test_votes_that_came_by_a_server_that_is_gone_expire() -> None:
    """Killed: its monitors' votes are void, their seats kept for a while."""
    async with Scene() as scene:
        scene.one.down("a", "h3")
        await pass_time(scene.clock, 0.1)
        assert "h3" in scene.two.monitor.votes.ballots.cases()
        scene.one.lives = False
        await pass_time(scene.clock, 1.1)
        assert scene.two.presence("a") == "absent"
        await pass_time(scene.clock, 3.1)
        assert scene.two.presence("a") == "none"
        assert scene.two.monitor.votes.ballots.cases() == {}


async def test_a_server_that_is_new_is_told_everything() -> None:
    """Who joins later counts the votes of those that were there."""
    async with Scene() as scene:
        scene.one.down("a", "h3")
        three = OneServer("s3", scene.journal, scene.clock)
        scene.run(three)
        await pass_time(scene.clock, 1.2)
        assert three.presence("a") == three.presence("b") == "voting"
        assert "h3" in three.monitor.votes.ballots.cases()


async def test_what_cannot_be_told_is_told_later() -> None:
    """While the database is away nothing is lost, and votes here count all the same."""
    async with Scene() as scene:
        scene.journal.away = True
        scene.one.down("a", "h3")
        await pass_time(scene.clock, 0.5)
        assert "h3" in scene.one.monitor.votes.ballots.cases()
        assert "h3" not in scene.two.monitor.votes.ballots.cases()
        scene.journal.away = False
        await pass_time(scene.clock, 2)
        assert "h3" in scene.two.monitor.votes.ballots.cases()


async def test_alone_nobody_is_told() -> None:
    """A server without others writes nothing."""
    clock, journal = ManualClock(), Journal()
    server = OneServer("s1", journal, clock)
    task = asyncio.create_task(server.seats.run())
    server.seat("a")
    server.down("a", "h3")
    await pass_time(clock, 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert journal.told == 0
    assert server.dead() == {"h3"}
