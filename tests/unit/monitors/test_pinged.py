"""Pings of servers: who is asked, when, how often, and what is remembered."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from faultwire.domain.changes import (
    PortsRemoved,
    PortsSaved,
    ServersRemoved,
    ServersSaved,
)
from faultwire.domain.errors import TooOften, Unavailable
from faultwire.domain.ids import HostName, PortId, ProjectId, ServerId
from faultwire.domain.pings import UNKNOWN, PingState
from faultwire.domain.resources import Port, Server
from faultwire.monitors.pinged import Allowance, ServerPings
from faultwire.resourcemap.index import ResourceMap
from faultwire.testing.clock import ManualClock
from faultwire.testing.pinging import FakeSweeps
from tests.unit.monitors.fakes import CountingMeter, pass_time, settle

P = ProjectId("p1")


class Stand:
    """Pings over a map and a network that the test holds."""

    def __init__(self, *, every_ms: int = 0, per_minute: int = 30) -> None:
        self.clock = ManualClock()
        self.map = ResourceMap()
        self.sweeps = FakeSweeps()
        self.meter = CountingMeter()
        self.began: list[int] = []
        self.pings = ServerPings(
            self.sweeps,
            self.map,
            self.clock,
            self.meter,
            every_ms=every_ms,
            per_minute=per_minute,
        )
        self.pings.listen(self.began.append)
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.pings.begin()
        self.task = asyncio.create_task(self.pings.run())

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    @property
    def swept(self) -> list[list[str]]:
        return self.sweeps.fake.swept

    def have(self, *servers: Server) -> None:
        self.change(ServersSaved(servers))

    def change(self, change: ServersSaved | ServersRemoved | PortsSaved | PortsRemoved) -> None:
        self.map.apply(change)
        self.pings.follow(change)

    def state(self, name: str) -> PingState:
        return self.pings.seen(ServerId(name)).state

    async def ask(self, *names: str, fresh_ms: int | None = None, who: ProjectId = P) -> None:
        servers = [self.map.server(ServerId(name)) for name in names]
        await self.pings.refresh([one for one in servers if one], fresh_ms, who)


def server(name: str, *addresses: str, monitored: bool | None = None) -> Server:
    host = HostName("h1")
    return Server(ServerId(name), name, P, host, monitored=monitored, addresses=addresses)


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """Give pings that are made when somebody asks."""
    made = Stand()
    made.start()
    yield made
    await made.stop()


@pytest.fixture
async def regular() -> AsyncIterator[Stand]:
    """Give pings that are made each second."""
    made = Stand(every_ms=1000)
    yield made
    await made.stop()


async def test_nobody_is_pinged_until_somebody_asks(stand: Stand) -> None:
    """Then those that were asked for, once; what is remembered is answered for five seconds."""
    stand.have(server("a", "10.0.0.1"), server("b", "10.0.0.2"))
    stand.sweeps.fake.answers = {"10.0.0.1": 120}
    await settle()
    assert (stand.swept, stand.pings.seen(ServerId("a"))) == ([], UNKNOWN)
    await stand.ask("a", "b")
    assert stand.swept == [["10.0.0.1", "10.0.0.2"]]
    assert (stand.state("a"), stand.state("b")) == (PingState.ALIVE, PingState.DEAD)
    assert stand.pings.seen(ServerId("a")).rtt_ns == 120_000
    assert stand.pings.seen(ServerId("a")).checked_ns == stand.clock.wall_ns()
    stand.clock.advance(5)
    await stand.ask("a", "b")
    assert len(stand.swept) == 1
    stand.clock.advance(0.001)
    await stand.ask("a", "b")
    assert len(stand.swept) == 2


async def test_fresh_is_how_old_an_answer_may_be(stand: Stand) -> None:
    """0 always asks; only what is older is asked again."""
    stand.have(server("a", "10.0.0.1"), server("b", "10.0.0.2"))
    await stand.ask("a", fresh_ms=0)
    stand.clock.advance(0.2)
    await stand.ask("a", "b", fresh_ms=300)
    assert stand.swept == [["10.0.0.1"], ["10.0.0.2"]]
    await stand.ask("a", "b", fresh_ms=100)
    assert stand.swept[2:] == [["10.0.0.1"]]
    for _ in range(2):
        await stand.ask("b", fresh_ms=0)
    assert stand.swept[3:] == [["10.0.0.2"]] * 2


async def test_what_is_asked_at_once_is_one_sweep(stand: Stand) -> None:
    """Three who ask together have two sweeps: what was under way, and one for the rest."""
    stand.have(server("a", "10.0.0.1"), server("b", "10.0.0.2"))
    await asyncio.gather(*(stand.ask("a", "b", fresh_ms=0) for _ in range(3)))
    assert len(stand.swept) <= 2


async def test_any_address_of_a_server_or_of_its_ports_is_enough(stand: Stand) -> None:
    """A port that moves, changes or goes takes its addresses with it (S195)."""
    stand.have(server("a", "10.0.0.1"), server("b"))
    port = Port(PortId("p"), P, server=ServerId("a"), addresses=("10.0.1.1", "10.0.1.2"))
    stand.change(PortsSaved((port,)))
    stand.sweeps.fake.answers = {"10.0.1.2": 50}
    await stand.ask("a", "b")
    assert (stand.state("a"), stand.state("b")) == (PingState.ALIVE, PingState.UNKNOWN)
    moved = Port(PortId("p"), P, server=ServerId("b"), addresses=("10.0.1.2",))
    stand.change(PortsSaved((moved,)))
    await stand.ask("a", "b", fresh_ms=0)
    assert stand.swept[-1] == ["10.0.0.1", "10.0.1.2"]
    assert (stand.state("a"), stand.state("b")) == (PingState.DEAD, PingState.ALIVE)
    stand.change(PortsRemoved((PortId("p"),)))
    await stand.ask("a", "b", fresh_ms=0)
    assert stand.swept[-1] == ["10.0.0.1"]
    assert stand.state("b") is PingState.UNKNOWN


async def test_groups_and_what_is_no_address_are_not_asked(stand: Stand) -> None:
    """Nobody can have us ping a network: such a server is unknown."""
    stand.have(server("a", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "a-name"))  # noqa: S104
    await stand.ask("a", fresh_ms=0)
    assert stand.swept == []
    assert stand.pings.seen(ServerId("a")) == UNKNOWN


async def test_what_could_not_be_sent_is_unknown_and_not_dead(stand: Stand) -> None:
    """Not even where another address is silent; an answer is an answer (trap 2)."""
    stand.have(server("a", "10.0.0.1", "10.0.0.2"))
    stand.sweeps.fake.refuses = {"10.0.0.2"}
    await stand.ask("a")
    assert stand.state("a") is PingState.UNKNOWN
    stand.sweeps.fake.answers = {"10.0.0.1": 7}
    await stand.ask("a", fresh_ms=0)
    assert stand.state("a") is PingState.ALIVE


async def test_sweeps_of_a_project_are_limited_and_memory_is_not(stand: Stand) -> None:
    """The 31st within a minute is refused with the time to wait; others are not concerned."""
    stand.have(server("a", "10.0.0.1"))
    for _ in range(30):
        await stand.ask("a", fresh_ms=0)
    with pytest.raises(TooOften) as refused:
        await stand.ask("a", fresh_ms=0)
    assert refused.value.seconds == 60
    await stand.ask("a")
    await stand.ask("a", fresh_ms=0, who=ProjectId("p2"))
    assert len(stand.swept) == 31
    stand.clock.advance(60)
    await stand.ask("a", fresh_ms=0)


async def test_trouble_is_told_to_who_asks_and_may_end(stand: Stand) -> None:
    """Unavailable says what to do; the next question tries again; nobody is dead by it."""
    stand.have(server("a", "10.0.0.1"))
    stand.sweeps.fake.answers = {"10.0.0.1": 7}
    await stand.ask("a")
    stand.sweeps.fake.trouble = "no ICMP socket: do this"
    with pytest.raises(Unavailable, match="do this"):
        await stand.ask("a", fresh_ms=0)
    assert stand.state("a") is PingState.ALIVE
    stand.sweeps.fake.trouble = ""
    await stand.ask("a", fresh_ms=0)


async def test_a_server_that_is_gone_is_forgotten(stand: Stand) -> None:
    """One with the same address later is judged anew."""
    stand.have(server("a", "10.0.0.1"))
    stand.sweeps.fake.answers = {"10.0.0.1": 7}
    await stand.ask("a")
    stand.change(ServersRemoved((ServerId("a"),)))
    stand.clock.advance(0.1)
    stand.have(server("c", "10.0.0.1"), server("d", "10.0.0.9"))
    await stand.ask("d")
    assert (stand.state("a"), stand.state("c")) == (PingState.UNKNOWN, PingState.UNKNOWN)


async def test_regular_sweeps_ask_the_monitored(regular: Stand) -> None:
    """Each second; those that are not monitored only when they are asked for (D8)."""
    regular.map.apply(
        ServersSaved((server("a", "10.0.0.1"), server("b", "10.0.0.2", monitored=False)))
    )
    regular.start()
    await settle()
    assert regular.swept == [["10.0.0.1"]]
    await pass_time(regular.clock, 3)
    assert regular.swept == [["10.0.0.1"]] * 4
    assert len(regular.began) == 4
    await regular.ask("a")
    assert len(regular.swept) == 4
    await regular.ask("b")
    assert regular.swept[4:] == [["10.0.0.2"]]
    regular.have(server("b", "10.0.0.2", monitored=True))
    await pass_time(regular.clock, 1)
    assert sorted(regular.swept[-1]) == ["10.0.0.1", "10.0.0.2"]


async def test_an_old_answer_is_not_passed_for_a_new_one(regular: Stand) -> None:
    """Where regular sweeps fail, an answer is refused once it is too old (503), not repeated."""
    regular.have(server("a", "10.0.0.1"))
    regular.start()
    await settle()
    regular.sweeps.fake.trouble = "gone"
    await pass_time(regular.clock, 5)
    await regular.ask("a")
    await pass_time(regular.clock, 1)
    with pytest.raises(Unavailable, match="gone"):
        await regular.ask("a")


def test_an_allowance_may_be_none_or_without_end() -> None:
    """0 refuses all, below 0 nothing; projects that ask no more take no room."""
    with pytest.raises(TooOften):
        Allowance(0).take(P, 5)
    free = Allowance(-1)
    for _ in range(1000):
        free.take(P, 5)
    counted = Allowance(1)
    for number in range(1000):
        counted.take(ProjectId(f"p{number}"), number * 60_000_000_000)
    assert len(counted._had) == 1
