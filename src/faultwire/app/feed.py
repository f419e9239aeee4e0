"""The evaluator's feed: owed events of the shares that this process owns, into the lane."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from faultwire.app.away import Away
from faultwire.app.writer import ReaderThreads
from faultwire.domain.commands import EvaluateOwed
from faultwire.domain.errors import Conflict, Unavailable
from faultwire.domain.events import Event
from faultwire.domain.shares import OwedEvents
from faultwire.ports import Clock, Evaluator, Intake, Meter
from faultwire.store.shared_ledger import SharedLedger

log = logging.getLogger(__name__)

FIRST_BATCHES, BATCHES = 16, 128
"""Batches evaluated in one commit: few at first, so that the first owners are told soon, then
more, because a large commit costs less."""
PAUSE_SECONDS = 1.0
"""Between two looks at a database that is away."""

ASIDE_SECONDS = 60.0
"""How long a batch waits that cannot be evaluated, and nobody knows which of its events is why."""

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Owner:
    """The shares that this process owns, and how it learns what others made of events.

    `evaluator` is asked, without anything coming of it, which event it cannot evaluate.
    """

    owned: Callable[[], frozenset[int]]
    learn: Callable[[], Awaitable[None]]
    evaluator: Evaluator
    meter: Meter


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
        # Until when batches are left alone, by the monotonic clock.
        self._aside: dict[tuple[int, int], int] = {}

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
                limit = most + len(self._aside)
                found: Any = await self._threads(self._ledger.owed, shares, limit)
                batches = self._ready(found)
                if not batches:
                    return
                most = min(BATCHES, 2 * most)
                await self._evaluate(batches)

    def _ready(self, batches: tuple[OwedEvents, ...]) -> tuple[OwedEvents, ...]:
        now = self._clock.mono_ns()
        self._aside = {key: until for key, until in self._aside.items() if until > now}
        return tuple(one for one in batches if (one.seq, one.share) not in self._aside)

    async def _evaluate(self, batches: tuple[OwedEvents, ...]) -> None:
        """Have batches evaluated; one with a defect is found by halves, and keeps none waiting."""
        try:
            await self._intake.submit(EvaluateOwed(batches))
        except Unavailable:
            raise
        except Conflict:
            # Another process evaluated some of these: learn what became of them first.
            await self._owner.learn()
        except Exception:
            log.exception("%d batches of events cannot be evaluated together", len(batches))
            if len(batches) == 1:
                await self._isolate(batches[0])
                return
            half = len(batches) // 2
            await self._evaluate(batches[:half])
            await self._evaluate(batches[half:])

    async def _isolate(self, batch: OwedEvents) -> None:
        """Have a batch evaluated without the events that cannot be; where none is, it waits."""
        sound = tuple(event for event in batch.events if self._is_sound(event))
        try:
            if len(sound) < len(batch.events):
                await self._intake.submit(EvaluateOwed((replace(batch, events=sound),)))
                return
        except Unavailable:
            raise
        except Conflict:
            await self._owner.learn()
            return
        except Exception:
            log.exception("a batch of events cannot be evaluated without those that cannot be")
        log.error("batch %d of share %d is left alone for a while", batch.seq, batch.share)
        until = self._clock.mono_ns() + int(ASIDE_SECONDS * _NS)
        self._aside[batch.seq, batch.share] = until

    def _is_sound(self, event: Event) -> bool:
        """Return whether an event can be evaluated; nothing comes of it."""
        try:
            for _ in self._owner.evaluator.evaluate((event,), self._clock.instant()):
                pass
        except Exception:
            log.exception(
                "event %s of project %s cannot be evaluated and is left out; this is a defect",
                event.message_id,
                event.project or "(none)",
            )
            self._owner.meter.count("faultwire_events_left_out_total")
            return False
        return True

    async def quiet(self) -> None:
        """Return when nothing that was read is being evaluated."""
        async with self._idle:
            pass

    def close(self) -> None:
        """End the reading thread."""
        self._threads.close()
