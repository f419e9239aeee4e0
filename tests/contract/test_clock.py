"""The clock's contract, over the system's and the one that a test moves."""

import asyncio

import pytest

from faultwire.ports import Clock
from faultwire.telemetry.clock import SystemClock
from faultwire.testing.clock import ManualClock


@pytest.fixture(params=[SystemClock, ManualClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    """Give each clock in turn."""
    made: Clock = request.param()
    return made


def test_both_readings_are_whole_nanoseconds(clock: Clock) -> None:
    """An instant is the two readings, taken together."""
    instant = clock.instant()
    assert isinstance(instant.wall_ns, int)
    assert isinstance(instant.mono_ns, int)
    assert instant.wall_ns > 1_600_000_000 * 10**9
    assert clock.mono_ns() >= instant.mono_ns


async def test_no_time_is_no_wait_but_lets_others_run(clock: Clock) -> None:
    """Sleeping for zero seconds gives the loop one turn."""
    turns = []
    other = asyncio.create_task(_note(turns))
    await clock.sleep(0)
    assert turns == [1]
    await other


async def _note(turns: list[int]) -> None:
    turns.append(1)


async def test_a_cancelled_wait_ends_at_once(clock: Clock) -> None:
    """Nobody waits for the end of a sleep that was given up."""
    sleeper = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper


async def test_a_clock_by_hand_wakes_who_is_due_and_nobody_else() -> None:
    """Advancing wakes sleepers in the order in which they are due."""
    clock = ManualClock()
    woken: list[str] = []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleep(*one)) for one in (("b", 2), ("a", 1), ("c", 3))]
    await clock.asleep(3)
    clock.advance(2)
    await asyncio.gather(tasks[0], tasks[1])
    assert woken == ["a", "b"]
    assert clock.sleeping == 1
    clock.set_wall(0)
    assert clock.instant().wall_ns == 0
    clock.advance(1)
    await tasks[2]
    assert woken == ["a", "b", "c"]
