"""What may wait gives way to a fault, and is never starved by many (promise 3)."""

import asyncio

from faultwire.app.rush import LONGEST_NS, LOOK_SECONDS, Rush
from faultwire.testing.clock import NS, ManualClock
from faultwire.testing.outbox import QuietMeter


class Waits(QuietMeter):
    """A meter that keeps how long somebody gave way."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        assert (name, labels) == ("faultwire_gave_way_seconds", {})
        self.seconds.append(seconds)


class World:
    """A rush that hurries as it is told, on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.meter = Waits()
        self.rush = Rush(self.clock, self.meter)
        self.hurries = False
        self.rush.when(lambda: False)
        self.rush.when(lambda: self.hurries)

    async def passes(self, seconds: float) -> None:
        """Move the clock on in small steps, so that whoever looks may."""
        for _ in range(round(seconds / LOOK_SECONDS)):
            await _settle()
            self.clock.advance(LOOK_SECONDS)
        await _settle()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_nobody_waits_without_a_fault() -> None:
    """Giving way serves others once and returns."""
    world = World()
    await world.rush.give_way()
    assert world.clock.sleeping == 0


async def test_all_wait_until_the_fault_is_through() -> None:
    """Whoever gives way goes on when the last fault is through, and not before."""
    world = World()
    world.hurries = True
    waiting = [asyncio.create_task(world.rush.give_way()) for _ in range(3)]
    await world.passes(0.2)
    assert not any(task.done() for task in waiting)
    # One looks for all of them.
    assert world.clock.sleeping == 1
    world.hurries = False
    await world.passes(LOOK_SECONDS)
    assert all(task.done() for task in waiting)


async def test_who_waits_is_not_starved() -> None:
    """Faults without end keep bulk work for a second, and then for half of the time."""
    world = World()
    world.hurries = True
    began = world.clock.mono_ns()
    first = asyncio.create_task(world.rush.give_way())
    while not first.done():
        await world.passes(LOOK_SECONDS)
    assert world.clock.mono_ns() - began <= LONGEST_NS + NS * LOOK_SECONDS
    done, began = 0, world.clock.mono_ns()

    async def work() -> None:
        nonlocal done
        while True:
            await world.rush.give_way()
            await world.clock.sleep(LOOK_SECONDS)
            done += 1

    task = asyncio.create_task(work())
    await world.passes(4)
    task.cancel()
    took = (world.clock.mono_ns() - began) / NS
    assert done * LOOK_SECONDS >= 0.45 * took


async def test_credit_comes_back() -> None:
    """After a quiet second the next fault is given way to as the first was."""
    world = World()
    world.hurries = True
    first = asyncio.create_task(world.rush.give_way())
    await world.passes(1.1)
    assert first.done()
    world.hurries = False
    await world.passes(1.1)
    world.hurries = True
    second = asyncio.create_task(world.rush.give_way())
    await world.passes(0.9)
    assert not second.done()
    await world.passes(0.2)
    assert second.done()


async def test_another_looks_where_the_first_left() -> None:
    """If the caller that looks for all is cancelled, the others still go on in time."""
    world = World()
    world.hurries = True
    first = asyncio.create_task(world.rush.give_way())
    second = asyncio.create_task(world.rush.give_way())
    await world.passes(0.1)
    first.cancel()
    await world.passes(0.1)
    assert not second.done()
    world.hurries = False
    await world.passes(2 * LOOK_SECONDS)
    assert second.done()


async def test_waiting_is_measured() -> None:
    """How long somebody gave way is a metric."""
    world = World()
    await world.rush.give_way()
    world.hurries = True
    task = asyncio.create_task(world.rush.give_way())
    await world.passes(0.1)
    world.hurries = False
    await world.passes(2 * LOOK_SECONDS)
    await task
    (seconds,) = world.meter.seconds
    assert 0.1 <= seconds <= 0.2
