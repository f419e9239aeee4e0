"""Owners told after the request, silent hosts noticed: by one process of several, and again."""

import asyncio
from contextlib import suppress

from faultwire.app.hoststatus import HostStatuses
from faultwire.domain.changes import HostsRemoved, HostsSaved, StatusesOwed, StatusesTold
from faultwire.domain.commands import AgentChanged, Command
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.domain.services import OwedStatus, TellOwners
from faultwire.domain.states import AgentState, HostStatus
from faultwire.resourcemap.owing import OwedStatuses
from faultwire.testing.clock import ManualClock

HOST = HostName("compute-1")
ROW = OwedStatus("o-1", HOST, HostStatus.UP, HostStatus.DOWN, 1)
DOWN_SECONDS = 60


class Lane:
    """Implements `ports.Intake`: tells everything at once; `away` refuses so often."""

    def __init__(self, owed: OwedStatuses) -> None:
        self.commands: list[Command] = []
        self.away = 0
        self._owed = owed

    async def submit(self, command: Command) -> object:
        if self.away:
            self.away -= 1
            raise Unavailable("the database is away")
        self.commands.append(command)
        if isinstance(command, TellOwners):
            self._owed.apply(StatusesTold(tuple(row.id for row in self._owed)))
        return 0


class World:
    """What the tests have."""

    def __init__(self, *, ours: bool = True) -> None:
        self.clock = ManualClock()
        self.owed = OwedStatuses()
        self.lane = Lane(self.owed)
        self.ours = ours
        self.statuses = HostStatuses(
            self.lane, self.clock, self.owed, DOWN_SECONDS, lambda: self.ours
        )

    def commit(self, *changes: HostsSaved | HostsRemoved | StatusesOwed) -> None:
        """Make changes visible as the memory does."""
        for change in changes:
            self.owed.apply(change)
            self.statuses.follow(change)

    def gone(self, state: AgentState = AgentState.GONE) -> None:
        """Commit that the agent of the host is in a state."""
        self.commit(HostsSaved((Host(HOST, agent=state),)))


async def test_what_is_owed_is_told() -> None:
    """Owners are told until nothing is owed any more."""
    world = World()
    world.commit(StatusesOwed((ROW,)))
    await world.statuses.tell()
    assert world.lane.commands == [TellOwners()]
    await world.statuses.tell()
    assert len(world.lane.commands) == 1


async def test_another_process_tells() -> None:
    """Of several processes the others leave it to the first, until they are the first."""
    world = World(ours=False)
    world.commit(StatusesOwed((ROW,)))
    world.gone()
    world.clock.advance(DOWN_SECONDS)
    await world.statuses.tell()
    await world.statuses.look()
    assert world.lane.commands == []
    world.ours = True
    await world.statuses.tell()
    await world.statuses.look()
    assert world.lane.commands == [TellOwners(), AgentChanged(HOST, AgentState.SILENT)]


async def test_a_host_is_silent_after_its_time() -> None:
    """service_down_time counts from the agent's goodbye, and once (S146-S148)."""
    world = World()
    world.gone()
    world.clock.advance(DOWN_SECONDS - 1)
    await world.statuses.look()
    assert world.lane.commands == []
    # The same news again do not begin it anew.
    world.gone()
    world.clock.advance(1)
    await world.statuses.look()
    await world.statuses.look()
    assert world.lane.commands == [AgentChanged(HOST, AgentState.SILENT)]


async def test_who_returns_or_leaves_the_map_is_not_silent() -> None:
    """An agent that is back, or whose host is gone, is watched no longer."""
    world = World()
    world.gone()
    world.gone(AgentState.CONNECTED)
    world.clock.advance(DOWN_SECONDS)
    await world.statuses.look()
    world.gone()
    world.commit(HostsRemoved((HOST,)))
    world.clock.advance(DOWN_SECONDS)
    await world.statuses.look()
    assert world.lane.commands == []


async def test_hosts_that_were_gone_at_the_start_are_watched() -> None:
    """Time counts from the start where the agent said goodbye before it."""
    world = World()
    world.statuses.begin([Host(HOST, agent=AgentState.GONE)])
    world.clock.advance(DOWN_SECONDS)
    await world.statuses.look()
    assert world.lane.commands == [AgentChanged(HOST, AgentState.SILENT)]


async def test_a_database_that_is_away_is_tried_again() -> None:
    """What cannot be told now stays owed and is told later; so are silent hosts."""
    world = World()
    world.lane.away = 2
    world.commit(StatusesOwed((ROW,)))
    world.gone()
    task = asyncio.create_task(world.statuses.run())
    for _ in range(200):
        await asyncio.sleep(0)
        world.clock.advance(DOWN_SECONDS)
        if len(world.lane.commands) == 2:
            break
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert set(map(type, world.lane.commands)) == {TellOwners, AgentChanged}
