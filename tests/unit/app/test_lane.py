"""The lane: order, urgency, refusals, defects, the end."""

import asyncio
from collections.abc import Callable

import pytest

from faultwire.app.lane import FOLLOW_AGAIN_SECONDS, Lane
from faultwire.domain.accounts import Actor
from faultwire.domain.commands import CloseFault, Command, RetryUnmatched
from faultwire.domain.errors import Behind, Broken, NotFound, Unavailable
from faultwire.domain.ids import FaultId
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.clock import ManualClock

URGENT = CloseFault(FaultId("f"), Actor("u"))


class ScriptedChain:
    """Stands for the chain: answers by a function, in the order of calls."""

    def __init__(self, answer: Callable[[Command], object]) -> None:
        self.seen: list[Command] = []
        self._answer = answer

    async def run(self, command: Command) -> tuple[object, tuple[Command, ...]]:
        """Note the command, then answer or raise."""
        self.seen.append(command)
        await asyncio.sleep(0)
        answer = self._answer(command)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            return None, answer
        return answer, ()


def lane_of(answer: Callable[[Command], object]) -> tuple[Lane, ScriptedChain]:
    chain = ScriptedChain(answer)
    return Lane(chain, ManualClock(), Metrics()), chain  # type: ignore[arg-type]


async def run_out(lane: Lane) -> None:
    lane.close()
    await lane.run()


async def test_faults_go_ahead_of_edits_and_each_keeps_its_order() -> None:
    """Edits that wait do not delay a fault; among equals the first comes first."""
    lane, chain = lane_of(lambda _: "done")
    edits = [RetryUnmatched(), RetryUnmatched()]
    tasks = [asyncio.create_task(lane.submit(command)) for command in (*edits, URGENT)]
    await asyncio.sleep(0)
    await run_out(lane)
    assert await asyncio.gather(*tasks) == ["done"] * 3
    assert chain.seen[0] is URGENT
    assert chain.seen[1] is edits[0]


async def test_the_lane_hurries_while_a_fault_waits_or_is_run() -> None:
    """From its arrival to its answer a fault is on its way; edits are not (promise 3)."""
    found: list[bool] = []
    lane, _ = lane_of(lambda _: found.append(lane.hurries) or "done")
    edit = asyncio.create_task(lane.submit(RetryUnmatched()))
    await asyncio.sleep(0)
    assert not lane.hurries
    fault = asyncio.create_task(lane.submit(URGENT))
    await asyncio.sleep(0)
    assert lane.hurries
    await run_out(lane)
    await asyncio.gather(edit, fault)
    assert found == [True, False]
    assert not lane.hurries


async def test_errors_reach_their_caller_and_the_lane_goes_on() -> None:
    """A refusal, an unavailable ledger and a defect each fail one command only."""
    errors: list[Exception] = [NotFound("x"), Unavailable("y"), RuntimeError("z")]
    lane, _ = lane_of(lambda _: errors.pop(0) if errors else "done")
    tasks = [asyncio.create_task(lane.submit(RetryUnmatched())) for _ in range(4)]
    await asyncio.sleep(0)
    await run_out(lane)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [NotFound, Unavailable, RuntimeError, str]
    assert lane.broken is not None
    assert "RuntimeError" in lane.broken


async def test_commands_that_follow_run_before_others() -> None:
    """What a command brings with it is run, and nobody waits for it."""
    lane, chain = lane_of(lambda c: (URGENT,) if isinstance(c, RetryUnmatched) else "done")
    task = asyncio.create_task(lane.submit(RetryUnmatched()))
    await asyncio.sleep(0)
    await run_out(lane)
    assert await task is None
    assert chain.seen[1] is URGENT


async def test_a_caller_that_leaves_does_not_stop_its_command() -> None:
    """Once a command is taken it is run."""
    lane, chain = lane_of(lambda _: "done")
    task = asyncio.create_task(lane.submit(RetryUnmatched()))
    await asyncio.sleep(0)
    task.cancel()
    await run_out(lane)
    assert len(chain.seen) == 1


async def test_a_closed_lane_refuses() -> None:
    """After close a command is told to come back, never silently kept."""
    lane, _ = lane_of(lambda _: "done")
    await run_out(lane)
    with pytest.raises(Unavailable):
        await lane.submit(RetryUnmatched())


async def test_who_waited_through_a_refusal_shares_it() -> None:
    """Deadlines at a locked database do not add up: one try is made, those behind are told."""
    clock = ManualClock()

    def locked(_: Command) -> object:
        clock.advance(2)
        return Unavailable("locked")

    chain = ScriptedChain(locked)
    lane = Lane(chain, clock, Metrics())  # type: ignore[arg-type]
    tasks = [asyncio.create_task(lane.submit(RetryUnmatched())) for _ in range(40)]
    await asyncio.sleep(0)
    await run_out(lane)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert {str(one) for one in found} == {"locked"}
    assert len(chain.seen) == 1


async def test_who_came_late_is_tried() -> None:
    """A command that has not waited long is tried although the one before it was refused."""
    answers: list[object] = [Unavailable("locked"), "done"]
    lane, _ = lane_of(lambda _: answers.pop(0))
    tasks = [asyncio.create_task(lane.submit(RetryUnmatched())) for _ in range(2)]
    await asyncio.sleep(0)
    await run_out(lane)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable, str]


async def test_a_follow_up_that_the_ledger_refused_is_run_again() -> None:
    """What follows from a durable command is not forgotten because the ledger was locked."""
    answers: list[object] = [(URGENT,), Unavailable("locked"), "done"]
    done = asyncio.Event()

    def answer(_: Command) -> object:
        if len(answers) == 1:
            done.set()
        return answers.pop(0)

    chain = ScriptedChain(answer)
    clock = ManualClock()
    lane = Lane(chain, clock, Metrics())  # type: ignore[arg-type]
    running = asyncio.create_task(lane.run())
    await lane.submit(RetryUnmatched())
    await clock.asleep()
    clock.advance(FOLLOW_AGAIN_SECONDS)
    await done.wait()
    lane.close()
    await running
    assert chain.seen[1:] == [URGENT, URGENT]


class Others:
    """Stands for other processes: each call of `catch_up` brings what they committed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.learnt = 0
        self.error = error

    async def catch_up(self) -> None:
        """Learn, or fail."""
        self.learnt += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error


def shared_lane(answer: Callable[[Command], object], others: Others) -> tuple[Lane, ScriptedChain]:
    chain = ScriptedChain(answer)
    lane = Lane(chain, ManualClock(), Metrics(), others.catch_up)  # type: ignore[arg-type]
    return lane, chain


async def test_who_is_behind_catches_up_and_decides_again() -> None:
    """A command meets another process's commit: its caller notices nothing."""
    others = Others()
    lane, chain = shared_lane(
        lambda _: "done" if others.learnt == 3 else Behind("another was faster"), others
    )
    task = asyncio.create_task(lane.submit(URGENT))
    await asyncio.sleep(0)
    await run_out(lane)
    assert await task == "done"
    assert chain.seen == [URGENT] * 4


async def test_who_is_always_behind_gives_up() -> None:
    """Nobody waits for ever; nothing was changed."""
    lane, _ = shared_lane(lambda _: Behind("another was faster"), Others())
    task = asyncio.create_task(lane.submit(URGENT))
    await asyncio.sleep(0)
    await run_out(lane)
    with pytest.raises(Unavailable, match="another process was faster"):
        await task


async def test_alone_nobody_is_behind() -> None:
    """Without others there is nothing to catch up with: it is an error as any."""
    lane, chain = lane_of(lambda _: Behind("cannot be"))
    task = asyncio.create_task(lane.submit(URGENT))
    await asyncio.sleep(0)
    await run_out(lane)
    with pytest.raises(Unavailable):
        await task
    assert len(chain.seen) == 1


async def test_news_are_learnt_between_commands() -> None:
    """Memory changes under no command's feet, and whoever waits for it is told."""
    others = Others()
    lane, _ = shared_lane(lambda _: "done", others)
    waiting = asyncio.create_task(lane.caught_up())
    await asyncio.sleep(0)
    running = asyncio.create_task(lane.run())
    await waiting
    assert others.learnt == 1
    lane.close()
    await running


async def test_news_that_cannot_be_read_now_are_no_defect() -> None:
    """A database that is away for a while is not the end; whoever waits goes on."""
    lane, _ = shared_lane(lambda _: "done", Others(Unavailable("away")))
    running = asyncio.create_task(lane.run())
    await lane.caught_up()
    assert lane.broken is None
    lane.close()
    await running


async def test_a_process_that_cannot_follow_says_so() -> None:
    """A journal that was cut off is a defect that health checks see."""
    lane, _ = shared_lane(lambda _: "done", Others(Broken("the journal begins at 7")))
    running = asyncio.create_task(lane.run())
    await lane.caught_up()
    assert lane.broken == "this process cannot follow the others: the journal begins at 7"
    lane.close()
    await running
