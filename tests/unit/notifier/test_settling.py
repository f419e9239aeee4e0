"""Results go to the ledger in batches, and none is lost."""

import asyncio
from collections.abc import Sequence

import pytest

from faultwire.domain.alarms import Attempt, DeliveryState
from faultwire.domain.errors import Broken, Unavailable
from faultwire.domain.ids import DeliveryId
from faultwire.notifier.delivery.settling import GATHER_S, LULL_S, MANY, Settling
from faultwire.testing.clock import ManualClock


def _attempt(name: str, number: int = 1) -> Attempt:
    return Attempt(DeliveryId(name), DeliveryState.DELIVERED, number, 0, 0, "", 200, created_ns=0)


class Ledger:
    """Takes batches; fails as told."""

    def __init__(self) -> None:
        self.batches: list[list[Attempt]] = []
        self.settled: list[Attempt] = []
        self.errors: list[Exception] = []
        self.poison = ""

    async def settle(self, attempts: Sequence[Attempt]) -> None:
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        if any(attempt.delivery_id == self.poison for attempt in attempts):
            message = "no column takes this"
            raise Broken(message)
        self.batches.append(list(attempts))

    def told(self, attempts: Sequence[Attempt]) -> None:
        self.settled.extend(attempts)


async def _run(clock: ManualClock, steps: int = 20) -> None:
    for _ in range(steps):
        clock.advance(1)
        for _ in range(5):
            await asyncio.sleep(0)


async def _step(clock: ManualClock, seconds: float) -> None:
    clock.advance(seconds)
    for _ in range(5):
        await asyncio.sleep(0)


def _settling(ledger: Ledger, clock: ManualClock, *, busy: bool = False) -> Settling:
    made = Settling(ledger.settle, clock, lambda: busy, ledger.told)
    made.start()
    return made


async def test_what_comes_together_is_written_together() -> None:
    """A hundred results are one transaction, and each is told once it is durable."""
    ledger, clock = Ledger(), ManualClock()
    settling = _settling(ledger, clock)
    for number in range(100):
        settling.add(_attempt(f"d{number}"))
    await _run(clock, 2)
    assert [len(batch) for batch in ledger.batches] == [100]
    assert len(ledger.settled) == 100
    await settling.stop(1)


async def test_webhooks_go_first_but_not_for_ever() -> None:
    """While webhooks wait to go out a batch is gathered longer, but it is written."""
    ledger, clock = Ledger(), ManualClock()
    settling = _settling(ledger, clock, busy=True)
    settling.add(_attempt("d"))
    clock.advance(0.004)
    await asyncio.sleep(0)
    assert ledger.batches == []
    await _run(clock, 200)
    assert len(ledger.batches) == 1
    await settling.stop(1)


async def test_a_burst_that_goes_on_is_written_once() -> None:
    """Many results wait for those that may follow them in a moment, few do not."""
    ledger, clock = Ledger(), ManualClock()
    settling = _settling(ledger, clock)
    for piece in range(3):
        for number in range(MANY):
            settling.add(_attempt(f"d{piece}-{number}"))
        for _ in range(5):
            await _step(clock, GATHER_S)
        assert ledger.batches == []
    for _ in range(round(LULL_S / GATHER_S) + 2):
        await _step(clock, GATHER_S)
    assert [len(batch) for batch in ledger.batches] == [3 * MANY]
    settling.add(_attempt("late"))
    for _ in range(2):
        await _step(clock, GATHER_S)
    assert [len(batch) for batch in ledger.batches] == [3 * MANY, 1]
    await settling.stop(1)


async def test_an_unavailable_store_is_asked_again() -> None:
    """Nothing is lost; a later result of the same delivery takes the place of the earlier."""
    ledger, clock = Ledger(), ManualClock()
    ledger.errors = [Unavailable("locked"), Unavailable("locked"), Unavailable("locked")]
    settling = _settling(ledger, clock)
    settling.add(_attempt("d", 1))
    await _run(clock, 1)
    settling.add(_attempt("d", 2))
    settling.add(_attempt("e"))
    await _run(clock)
    assert [one.attempt for one in ledger.settled if one.delivery_id == "d"] == [2]
    assert {one.delivery_id for one in ledger.settled} == {"d", "e"}
    await settling.stop(1)


@pytest.mark.usefixtures("caplog")
async def test_one_that_cannot_be_stored_does_not_hold_up_the_others() -> None:
    """The others are written one by one; the poisonous one is left to the next start."""
    ledger, clock = Ledger(), ManualClock()
    ledger.poison = "d3"
    settling = _settling(ledger, clock)
    for number in range(6):
        settling.add(_attempt(f"d{number}"))
    await _run(clock)
    written = [one.delivery_id for batch in ledger.batches for one in batch]
    assert written == ["d0", "d1", "d2", "d4", "d5"]
    await settling.stop(1)


async def test_a_defect_does_not_end_the_writing(caplog: pytest.LogCaptureFixture) -> None:
    """An unforeseen error is logged and the batch is written later."""
    ledger, clock = Ledger(), ManualClock()
    ledger.errors = [RuntimeError("bug")]
    settling = _settling(ledger, clock)
    settling.add(_attempt("d"))
    await _run(clock)
    assert len(ledger.settled) == 1
    assert "defect" in caplog.text
    await settling.stop(1)


async def test_a_stop_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    """With a store that stays away the stop ends, and says how many are not stored."""
    ledger, clock = Ledger(), ManualClock()
    ledger.errors = [Unavailable("locked")] * 100
    settling = _settling(ledger, clock)
    settling.add(_attempt("d"))
    await _run(clock, 3)
    await settling.stop(0.05)
    assert "1 results of deliveries could not be stored" in caplog.text
