"""The writer's thread: order, and who shares a refusal."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from faultwire.app.writer import Writer
from faultwire.domain.changes import Change
from faultwire.domain.errors import Unavailable
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.clock import ManualClock
from faultwire.testing.store import MemoryLedger


class LockedLedger(MemoryLedger):
    """A ledger whose database another process holds; a try takes `seconds`."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__()
        self.clock = clock
        self.seconds = seconds
        self.tries = 0
        self.queued = threading.Event()

    def commit(self, changes: Sequence[Change]) -> None:
        self.tries += 1
        assert self.queued.wait(10)
        self.clock.advance(self.seconds)
        raise Unavailable("locked")


@pytest.mark.parametrize(("seconds", "tries"), [(2.0, 1), (0.01, 3)])
async def test_who_waited_for_a_lock_shares_its_refusal(seconds: float, tries: int) -> None:
    """Behind a try that waited its deadline all fail at once; behind a quick one each is tried."""
    clock = ManualClock()
    ledger = LockedLedger(clock, seconds)
    writer = Writer(ledger, clock, Metrics())
    waiting = [asyncio.ensure_future(writer.commit(())) for _ in range(3)]
    await asyncio.sleep(0)
    ledger.queued.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable] * 3
    assert ledger.tries == tries
    writer.close()
