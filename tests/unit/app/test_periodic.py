"""The periodic evaluator's loops: what they look at, when, and who waits for whom (D18)."""

import asyncio
from dataclasses import replace

import pytest

from faultwire.app.lane import Lane
from faultwire.app.looks import PROMETHEUS, SAMPLES
from faultwire.domain.commands import Command, MoveAlarms, RetryUnmatched
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import ADMINISTRATORS
from faultwire.domain.rules import Clause, CompositeRule, EventRule, Joint
from faultwire.domain.shares import ALL_SHARES, share_of
from faultwire.testing.chain import InProcess
from tests.unit.app.periodic_world import (
    ALARM,
    CPU,
    LOAD,
    OK,
    UNKNOWN,
    Q,
    World,
    alarm,
    answering,
)

# ---------------------------------------------------------------- samples


async def test_samples_move_an_alarm_through_its_states() -> None:
    """Over the threshold, below it, and when samples cease; each with its actions."""
    world = World()
    urls = {"ok_actions": ("http://ok/",), "insufficient_data_actions": ("http://unknown/",)}
    world.save(alarm(**urls))
    for value, state, url in ((95, ALARM, "http://alarm/"), (5, OK, "http://ok/")):
        world.sample(value)
        await world.look()
        assert (world.state(), world.product.deliveries[-1].url) == (state, url)
        world.product.clock.advance(60.001)
    world.product.clock.advance(180)
    await world.look()
    assert (world.state(), world.product.deliveries[-1].url) == (UNKNOWN, "http://unknown/")
    await world.look()
    assert len(world.product.deliveries) == 3


async def test_a_round_without_news_is_no_command() -> None:
    """What moves nothing costs the lane nothing."""
    world = World()
    world.save(alarm(), alarm("a2", project=Q))
    await world.look()
    assert world.commands == []
    assert world.counted(SAMPLES, "judged") == 2
    assert world.reads == 1


async def test_projects_are_kept_apart() -> None:
    """An alarm sees its own project's samples; one of administrators sees all."""
    world = World()
    world.save(alarm(), alarm("other", project=Q), alarm("all", project=ADMINISTRATORS))
    world.sample(95)
    await world.look()
    assert (world.state(), world.state("other"), world.state("all")) == (ALARM, UNKNOWN, ALARM)


async def test_only_shares_of_this_process_are_looked_at() -> None:
    """Where others evaluate a project, this process leaves it to them."""
    world = World(owned=ALL_SHARES - {share_of(Q)})
    world.save(alarm(), alarm("other", project=Q))
    world.sample(95)
    world.sample(95, project=Q)
    await world.look()
    assert (world.state(), world.state("other")) == (ALARM, UNKNOWN)


async def test_time_constraints_are_kept() -> None:
    """Outside of them an alarm is not looked at: it stays as it is, and is counted."""
    world = World()
    never = {"name": "n", "start": "0 0 29 2 *", "duration": 1}
    always = {"name": "a", "start": "* * * * *", "duration": 1}
    world.save(alarm(time_constraints=(never,)), alarm("always", time_constraints=(never, always)))
    world.sample(95)
    await world.look()
    assert (world.state(), world.state("always")) == (UNKNOWN, ALARM)
    assert world.counted(SAMPLES, "outside") == 1


async def test_a_new_alarm_is_looked_at_before_the_others() -> None:
    """Between two rounds what was created or changed is evaluated, and nothing else."""
    world = World()
    world.save(alarm("old"))
    await world.look()
    world.sample(95)
    world.save(alarm("new"), alarm("event", EventRule(Clause("x"))), alarm("off", enabled=False))
    await world.look(whole=False)
    assert (world.state("new"), world.state("old")) == (ALARM, UNKNOWN)
    world.save(replace(alarm("new"), rule=EventRule(Clause("x"))))
    await world.look(whole=False)
    await world.look()
    assert world.state("old") is ALARM


async def test_many_alarms_are_moved_in_batches() -> None:
    """More alarms than one batch: several commands, none of them larger."""
    world = World()
    world.save(*(alarm(f"a{number}") for number in range(600)))
    world.sample(95)
    await world.look()
    sizes = [len(one.verdicts) for one in world.commands if isinstance(one, MoveAlarms)]
    assert sum(sizes) == 600
    assert max(sizes) <= 256
    assert len(world.product.deliveries) == 600


# ---------------------------------------------------------------- the loops


async def test_the_loops_go_on_after_a_failure() -> None:
    """A ledger that is away, and a defect, end no loop: the next round does the work."""
    world = World(answering(9.0))
    world.save(alarm(), alarm("load", LOAD))
    world.sample(95)
    world.product.ledger.fail(Unavailable("the disk is full"), times=2)
    clock = world.product.clock
    running = asyncio.create_task(world.periodic.run())
    await clock.asleep(2)
    assert (world.state(), world.state("load")) == (UNKNOWN, UNKNOWN)
    clock.advance(60)
    world.sample(95)
    await clock.asleep(2)
    assert (world.state(), world.state("load")) == (ALARM, ALARM)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_the_database_kept_from_being_looked_at_is_looked_at_soon() -> None:
    """A batch that cannot be read, and all behind it, wait for a beat and not for a round."""
    world = World(unreadable=frozenset({2}))
    world.save(*(alarm(f"a{number}") for number in range(600)))
    world.sample(95)
    with pytest.raises(Unavailable):
        await world.look()
    assert [world.state(name) for name in ("a0", "a255", "a256", "a599")] == [
        ALARM,
        ALARM,
        UNKNOWN,
        UNKNOWN,
    ]
    assert world.counted(SAMPLES, "missed") == 600 - 256
    # The batch that failed comes last: should it be to blame, the others are done.
    world.unreadable = frozenset({world.reads + 2})
    with pytest.raises(Unavailable):
        await world.look(whole=False)
    assert (world.state("a599"), world.state("a511")) == (ALARM, UNKNOWN)
    await world.look(whole=False)
    assert world.state("a511") is ALARM
    await world.look(whole=False)
    assert world.counted(SAMPLES, "judged") == 600


async def test_verdicts_that_could_not_be_moved_are_found_again_soon() -> None:
    """A ledger that is away for a moment costs a beat, whatever the alarm asks."""
    world = World(answering(9.0))
    world.save(alarm(), alarm("load", LOAD))
    world.sample(95)
    for kind, name in ((SAMPLES, "a1"), (PROMETHEUS, "load")):
        world.product.ledger.fail(Unavailable("the disk is full"))
        with pytest.raises(Unavailable):
            await world.look(kind)
        assert world.state(name) is UNKNOWN
        await world.look(kind, whole=False)
        assert world.state(name) is ALARM


async def test_a_database_that_is_away_is_no_fault_of_prometheus() -> None:
    """A composite whose samples cannot be read is missed; those that ask only go on."""
    world = World(answering(9.0), unreadable=frozenset({1}))
    both = CompositeRule(Joint.AND, (CPU, LOAD))
    world.save(alarm("both", both), alarm("load", LOAD))
    world.sample(95)
    with pytest.raises(Unavailable):
        await world.look(PROMETHEUS)
    assert (world.state("both"), world.state("load")) == (UNKNOWN, ALARM)
    assert world.counted(PROMETHEUS, "unanswered") == 0
    assert world.counted(PROMETHEUS, "missed") == 1
    await world.look(PROMETHEUS, whole=False)
    assert world.state("both") is ALARM


# ---------------------------------------------------------------- the lane


class Slow:
    """Stands for the chain: runs a command once it is let go; notes their order."""

    def __init__(self, product: InProcess) -> None:
        self.ran: list[Command] = []
        self.busy = asyncio.Event()
        self.free = asyncio.Event()
        self._product = product

    async def run(self, command: Command) -> tuple[object, tuple[Command, ...]]:
        """Run a command, as slowly as the test likes."""
        self.ran.append(command)
        self.busy.set()
        await self.free.wait()
        return (self._product.run(command), ()) if isinstance(command, MoveAlarms) else (None, ())


async def test_a_storm_of_events_does_not_delay_the_evaluation() -> None:
    """While the lane is busy alarms are looked at; what moves waits for one command (S25, S26)."""
    world = World()
    chain = Slow(world.product)
    lane = Lane(chain, world.product.clock, world.metrics)  # type: ignore[arg-type]
    running = asyncio.create_task(lane.run())
    storm = [asyncio.create_task(lane.submit(RetryUnmatched())) for _ in range(100)]
    await chain.busy.wait()
    judged = asyncio.Event()

    async def submit(command: Command) -> object:
        judged.set()
        return await lane.submit(command)

    world.submit = submit  # type: ignore[method-assign]
    world.save(alarm(), alarm("calm", rule=replace(CPU, threshold=99.0), state=OK))
    world.sample(95)
    looking = asyncio.create_task(world.look())
    await judged.wait()
    assert world.counted(SAMPLES, "judged") == 2
    assert len(chain.ran) == 1
    chain.free.set()
    await looking
    assert world.state() is ALARM
    assert isinstance(chain.ran[1], MoveAlarms)
    lane.close()
    await running
    await asyncio.gather(*storm)
