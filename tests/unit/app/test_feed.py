"""Owed events that cannot be evaluated keep nobody else's waiting."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from faultwire.app.feed import ASIDE_SECONDS, Feed, Owner
from faultwire.domain.commands import Command, EvaluateOwed
from faultwire.domain.decided import Fired, Work
from faultwire.domain.errors import Conflict
from faultwire.domain.events import Event
from faultwire.domain.ids import ProjectId
from faultwire.domain.instants import Instant
from faultwire.domain.shares import ALL_SHARES, OwedEvents
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.clock import ManualClock

BAD = "bad"


def _batch(seq: int, *names: str) -> OwedEvents:
    return OwedEvents(seq, 1, tuple(Event(name, "x", ProjectId("p"), 0, {}) for name in names))


@dataclass
class World:
    """Stands for ledger, lane and evaluator, to which a bad event is a defect."""

    owes: list[OwedEvents]
    dry: bool = True
    evaluated: list[str] = field(default_factory=list)
    faster: set[int] = field(default_factory=set)
    learnt: int = 0

    def owed(self, shares: Sequence[int], limit: int) -> tuple[OwedEvents, ...]:
        """Return the oldest batches."""
        assert shares
        return tuple(self.owes[:limit])

    def _taken(self, batches: Sequence[OwedEvents]) -> None:
        gone = {one.seq for one in batches}
        self.owes = [one for one in self.owes if one.seq not in gone]

    async def submit(self, command: Command) -> object:
        """Evaluate batches, all or none."""
        assert isinstance(command, EvaluateOwed)
        if self.faster & {one.seq for one in command.batches}:
            self.owes = [one for one in self.owes if one.seq not in self.faster]
            self.faster.clear()
            raise Conflict("another process has evaluated these events")
        names = [event.message_id for one in command.batches for event in one.events]
        if BAD in names:
            raise ZeroDivisionError
        self.evaluated += names
        self._taken(command.batches)
        return len(names)

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        """Look at events; a bad one is a defect here too, unless it is told otherwise."""
        del now
        yield
        if self.dry and any(event.message_id == BAD for event in events):
            raise ZeroDivisionError
        return Fired()

    async def learn(self) -> None:
        """Note that others were asked."""
        self.learnt += 1


@pytest.fixture
def feeding() -> Iterator[Callable[[World], tuple[Feed, ManualClock, Metrics]]]:
    """Give a function that makes a feed."""
    made: list[Feed] = []

    def make(world: World) -> tuple[Feed, ManualClock, Metrics]:
        clock, metrics = ManualClock(), Metrics()
        owner = Owner(lambda: ALL_SHARES, world.learn, world, metrics)
        ledger: Any = world
        made.append(Feed(ledger, world, clock, owner, 60.0))
        return made[-1], clock, metrics

    yield make
    for feed in made:
        feed.close()


async def test_one_event_with_a_defect_is_left_out(feeding: Any, caplog: Any) -> None:
    """All others are evaluated, those of its own batch too, in their order; it is told once."""
    rows = [_batch(seq, f"{seq}a", f"{seq}b") for seq in range(9)]
    rows[5] = _batch(5, "5a", BAD, "5b")
    world = World(rows)
    feed, _, metrics = feeding(world)
    await feed.drain()
    assert not world.owes
    assert world.evaluated == [f"{seq}{part}" for seq in range(9) for part in "ab"]
    assert metrics.registry.get_sample_value("faultwire_events_left_out_total") == 1
    told = [line for line in caplog.messages if "is left out" in line]
    assert told == ["event bad of project p cannot be evaluated and is left out; this is a defect"]


async def test_a_batch_that_nobody_understands_waits_beside_the_others(feeding: Any) -> None:
    """No event is dropped unless it is known to be at fault; it waits, and others go on."""
    world = World([_batch(1, BAD), _batch(2, "a")], dry=False)
    feed, clock, _ = feeding(world)
    await feed.drain()
    assert (world.evaluated, [one.seq for one in world.owes]) == (["a"], [1])
    world.owes.append(_batch(3, "b"))
    await feed.drain()
    assert world.evaluated == ["a", "b"]
    world.dry = True
    clock.advance(ASIDE_SECONDS)
    await feed.drain()
    assert not world.owes


async def test_what_others_evaluated_meanwhile_is_learnt(feeding: Any) -> None:
    """Between two halves another process may be faster: that is no defect."""
    world = World([_batch(1, "a"), _batch(2, BAD), _batch(3, "b")])
    feed, _, _ = feeding(world)
    world.faster = {1}
    await feed.drain()
    assert world.learnt == 1
    assert (world.evaluated, world.owes) == (["b"], [])
