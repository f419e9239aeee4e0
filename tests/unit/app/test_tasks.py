"""Tasks: done step by step, told as they go, taken up again where they were."""

import asyncio
from collections.abc import Sequence

import pytest

from faultwire.app.tasks import STALE_NS, TaskKeeper, TaskManager
from faultwire.domain.accounts import Actor
from faultwire.domain.errors import Conflict, NoConsumer, Unavailable
from faultwire.domain.tasks import FAILURES_NAMED, Task, TaskKind, TaskState
from faultwire.ports.rpc import Incoming
from faultwire.testing.clock import ManualClock
from tests.unit.app.test_guestcalls import Way
from tests.unit.monitors.fakes import CountingMeter, settle

INCOMING = Incoming("taskmanager", "m", "1.2")


def task(kind: TaskKind = TaskKind.HOST_EVACUATE, target: str = "old", **more: object) -> Task:
    """Return a task."""
    made = {"id": "t-1", "actor": Actor("admin"), "created_ns": 1, "updated_ns": 1} | more
    return Task(kind=kind, target=target, **made)  # type: ignore[arg-type]


class World:
    """Implements `app.tasks.World` over lists; some servers cannot be moved."""

    def __init__(self, held: Task | None, servers: Sequence[str] = ()) -> None:
        self.held = held
        self.servers = list(servers)
        self.told: list[Task] = []
        self.moves: list[tuple[str, str | None]] = []
        self.stuck: set[str] = set()
        self.away = 0
        self.slow: dict[str, int] = {}
        self.why: dict[str, str] = {}

    async def task(self, task: str) -> Task | None:
        return self.held if self.held is not None and self.held.id == task else None

    async def move(self, task: Task) -> None:
        self.told.append(task)

    async def servers_on(self, host: str) -> tuple[str, ...]:
        return tuple(self.servers)

    async def evacuate(self, server: str, target: str | None, task: Task) -> None:
        del task
        if self.away:
            self.away -= 1
            raise Unavailable("the database does not answer")
        if server in self.stuck:
            raise Conflict("it cannot leave")
        self.servers.remove(server)
        self.moves.append((server, target))

    async def outcome(self, server: str, host: str) -> str | None:
        del host
        left = self.slow.get(server, 0)
        self.slow[server] = left - 1
        return None if left > 0 else self.why.get(server, "")


def manager(world: World, way: Way | None = None) -> tuple[TaskManager, ManualClock]:
    """Return a task manager over a world."""
    clock = ManualClock()
    return TaskManager(world, way or Way("guests"), clock, CountingMeter(), 5.0), clock


async def test_an_evacuation_moves_every_server_and_says_how_far_it_is() -> None:
    """Targets take turns; the last word has the whole figure."""
    world = World(task(targets=("n1", "n2")), ["a", "b", "c"])
    made, _ = manager(world)
    assert await made.evacuate_host(INCOMING, "old", "t-1", None) == {"begun": True}
    await settle()
    assert world.moves == [("a", "n1"), ("b", "n2"), ("c", "n1")]
    last = world.told[-1]
    assert (last.state, last.done, last.total, last.percent) == (TaskState.DONE, 3, 3, 100)
    assert world.told[0].state is TaskState.RUNNING
    assert not made.doing("t-1")


async def test_a_server_that_cannot_leave_stops_no_other() -> None:
    """It is named among the failures, of which there are never too many."""
    names = [f"s{n}" for n in range(FAILURES_NAMED + 5)]
    world = World(task(), [*names, "free"])
    world.stuck = set(names)
    made, _ = manager(world)
    await made.evacuate_host(INCOMING, "old", "t-1", None)
    for _ in range(5):
        await settle()
    last = world.told[-1]
    assert last.state is TaskState.FAILED
    assert (last.failed, len(last.failures)) == (len(names), FAILURES_NAMED)
    assert world.moves == [("free", None)]


async def test_a_task_goes_on_where_it_was() -> None:
    """What had left before a restart counts as done, and is moved no second time."""
    before = task(state=TaskState.RUNNING, total=5, done=2, starts=1)
    world = World(before, ["d", "e"])
    made, _ = manager(world)
    await made.evacuate_host(INCOMING, "old", "t-1", None)
    await settle()
    assert [one for one, _ in world.moves] == ["d", "e"]
    last = world.told[-1]
    assert (last.done, last.total, last.starts, last.state) == (5, 5, 2, TaskState.DONE)


async def test_what_cannot_be_written_is_tried_again() -> None:
    """A database that is away for a moment costs time and no server."""
    world = World(task(), ["a"])
    world.away = 2
    made, clock = manager(world)
    await made.evacuate_host(INCOMING, "old", "t-1", None)
    for _ in range(4):
        await settle()
        clock.advance(0.5)
    await settle()
    assert world.told[-1].state is TaskState.DONE


@pytest.mark.parametrize(
    ("way", "state", "word"),
    [
        (Way("w", "g"), TaskState.DONE, "restarted"),
        (Way("w"), TaskState.FAILED, "no consumer"),
        (Way("w", mute=["g"]), TaskState.FAILED, "timeout"),
    ],
)
async def test_a_restart_says_what_the_guest_said(way: Way, state: TaskState, word: str) -> None:
    """Done, or the verdict of the call."""
    world = World(task(TaskKind.GUEST_RESTART, "g"))
    made, _ = manager(world, way)
    await made.restart_guest(INCOMING, "g", "t-1")
    await settle()
    last = world.told[-1]
    assert last.state is state
    assert word in f"{last.detail} {last.failures}"


async def test_a_task_is_begun_once_and_for_what_it_says() -> None:
    """A second call while it runs begins nothing; one for another target neither."""
    world = World(task(TaskKind.GUEST_RESTART, "g"))
    made, _ = manager(world, Way("w", "g"))
    assert await made.restart_guest(INCOMING, "other", "t-1") == {"begun": False}
    assert await made.restart_guest(INCOMING, "g", "unknown") == {"begun": False}
    await made.restart_guest(INCOMING, "g", "t-1")
    await made.restart_guest(INCOMING, "g", "t-1")
    await settle()
    assert sum(one.state is TaskState.DONE for one in world.told) == 1
    await made.stop()


async def test_an_older_caller_keeps_no_record() -> None:
    """Version 1.0 names no task: the work is done, and nothing is stored (S211)."""
    world = World(None, ["a"])
    made, _ = manager(world)
    await made.evacuate_host(INCOMING, "old", None, None)
    await settle()
    assert (world.moves, world.told) == ([("a", None)], [])


class Casts(Way):
    """A way whose task manager may be away."""

    up = True

    async def cast(self, api: str, method: str, arguments: object, **_: object) -> None:  # type: ignore[override]
        if not self.up:
            raise NoConsumer(api, method, "nobody")
        self.casts.append(method)


async def test_the_keeper_hands_over_what_nobody_does() -> None:
    """Queued once; again when its doer fell silent; never while another process looks after it."""
    live = [task()]
    way, clock, ours = Casts("tasks"), ManualClock(), True
    keeper = TaskKeeper(lambda: live, lambda: (way, None), clock, lambda: ours)
    await keeper.look()
    await keeper.look()
    assert way.casts == ["evacuate_host"]
    clock.advance(STALE_NS / 1e9)
    await keeper.look()
    assert len(way.casts) == 2
    live[:] = [task(state=TaskState.RUNNING, done=1, total=2)]
    await keeper.look()
    clock.advance(STALE_NS / 2e9)
    live[:] = [task(state=TaskState.RUNNING, done=2, total=3)]
    await keeper.look()
    assert len(way.casts) == 2
    ours = False
    clock.advance(STALE_NS / 1e9)
    await keeper.look()
    assert len(way.casts) == 2


async def test_a_keeper_without_task_managers_waits() -> None:
    """Nothing is lost while nobody takes tasks; the first that comes gets them."""
    way = Casts("tasks")
    way.up = False
    keeper = TaskKeeper(lambda: [task()], lambda: (way, None), ManualClock(), lambda: True)
    await keeper.look()
    assert way.casts == []
    way.up = True
    running = asyncio.create_task(keeper.run())
    await settle()
    keeper.wake()
    await settle()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert way.casts == ["evacuate_host"]


async def test_an_interrupted_task_of_this_process_is_taken_up_at_once() -> None:
    """After a restart nobody has it under way: no silence has to pass."""
    doing: set[str] = set()
    way = Casts("tasks")
    live = [task(state=TaskState.RUNNING, done=1, total=9)]
    keeper = TaskKeeper(
        lambda: live, lambda: (way, doing.__contains__), ManualClock(), lambda: True
    )
    await keeper.look()
    assert way.casts == ["evacuate_host"]
    doing.add("t-1")
    await keeper.look()
    assert len(way.casts) == 1


async def test_servers_that_take_their_time_are_waited_for_together() -> None:
    """A cloud that is not ours brings them up later: each is a step once that is over."""
    world = World(task(), ["a", "b", "c"])
    world.slow = {"a": 2, "b": 1}
    world.why = {"b": "no room"}
    made, clock = manager(world)
    await made.evacuate_host(INCOMING, "old", "t-1", None)
    for _ in range(4):
        await settle()
        clock.advance(0.25)
    await settle()
    last = world.told[-1]
    assert (last.state, last.done, last.failed) == (TaskState.FAILED, 3, 1)
    assert last.failures == ("b: no room",)


async def test_a_task_that_waits_says_that_it_is_there() -> None:
    """Nobody takes a task away from who waits for a cloud."""
    world = World(task(), ["a"])
    world.slow = {"a": 10**6}
    made, clock = manager(world)
    await made.evacuate_host(INCOMING, "old", "t-1", None)
    await settle()
    before = len(world.told)
    for _ in range(STALE_NS // 250_000_000):
        clock.advance(0.25)
        await settle()
    assert len(world.told) - before >= 4
    assert made.doing("t-1")
    await made.stop()
