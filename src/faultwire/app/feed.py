"""The evaluator's feed: owed events of the shares that this process owns, into the lane."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from faultwire.app.away import Away
from faultwire.app.writer import ReaderThreads
from faultwire.domain.commands import EvaluateOwed
from faultwire.domain.errors import Conflict, Unavailable
from faultwire.ports import Clock, Intake
from faultwire.store.shared_ledger import SharedLedger

FIRST_BATCHES, BATCHES = 16, 128
"""Batches evaluated in one commit: few at first, so that the first owners are told soon, then
more, because a large commit costs less."""
PAUSE_SECONDS = 1.0
"""Between two looks at a database that is away."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The shares that this process owns, and how it learns what others made of events."""

    owned: Callable[[], frozenset[int]]
    learn: Callable[[], Awaitable[None]]


class Feed:
    """Reads owed events, oldest first, and has them evaluated; on the event loop."""

    def __init__(
        self,
        ledger: SharedLedger,
        intake: Intake,
        clock: Clock,
        owner: Owner,
        look_seconds: float,
    ) -> None:
        """Take where the events lie and who evaluates them."""
        self._ledger = ledger
        self._intake = intake
        self._clock = clock
        self._owner = owner
        self._look_seconds = look_seconds
        self._threads = ReaderThreads(1)
        self._poked = asyncio.Event()
        self._idle = asyncio.Lock()
        self._away = Away("owed events wait")

    def poke(self) -> None:
        """Look soon."""
        self._poked.set()

    async def run(self) -> None:
        """Evaluate until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._look_seconds):
                    await self._poked.wait()
            except TimeoutError:
                pass
            self._poked.clear()
            try:
                await self.drain()
                self._away.back()
            except Unavailable as error:
                self._away.failed(error)
                await self._clock.sleep(PAUSE_SECONDS)

    async def drain(self) -> None:
        """Evaluate what is owed now, until nothing is left; raises Unavailable."""
        most = FIRST_BATCHES
        while shares := sorted(self._owner.owned()):
            async with self._idle:
                batches: Any = await self._threads(self._ledger.owed, shares, most)
                if not batches:
                    return
                most = min(BATCHES, 2 * most)
                try:
                    await self._intake.submit(EvaluateOwed(batches))
                except Conflict:
                    # Another process evaluated some of these: learn what became of them first.
                    await self._owner.learn()

    async def quiet(self) -> None:
        """Return when nothing that was read is being evaluated."""
        async with self._idle:
            pass

    def close(self) -> None:
        """End the reading thread."""
        self._threads.close()
