"""The sender's tail: what any process queues in the shares that this one owns."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from faultwire.app.away import Away
from faultwire.app.writer import ReaderThreads
from faultwire.domain.alarms import Delivery
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import ProjectId
from faultwire.ports import Clock
from faultwire.store.outbox import Queued, StoredOutbox

PAGE = 250
PAUSE_SECONDS = 1.0
"""Between two looks at a database that is away."""
PATIENCE_NS = 250_000_000
"""How long a release waits for what is under way: almost every try is shorter."""
GLANCE_SECONDS = 0.01


class Takes(Protocol):
    """The sender as the tail sees it."""

    @property
    def longest_ms(self) -> int:
        """Return after how long a try is over and what came of it stored, as a rule."""

    def wake(self, deliveries: Iterable[Delivery]) -> None:
        """Take deliveries that have just become owed."""

    async def adopt(self, shares: frozenset[int]) -> None:
        """Take everything that is owed in these shares; raises Unavailable."""

    def release(self, shares: frozenset[int]) -> None:
        """Forget what was not begun in these shares."""

    def busy(self, shares: frozenset[int]) -> frozenset[int]:
        """Return those of the shares in which something is under way."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Whether a project's signing secret is in memory, and how to learn what others stored."""

    known: Callable[[ProjectId], bool]
    learn: Callable[[], Awaitable[None]]


class Tail:
    """Reads queued deliveries, oldest commit first, and wakes the sender; on the event loop."""

    def __init__(
        self,
        stored: StoredOutbox,
        sender: Takes,
        clock: Clock,
        look_seconds: float,
        secrets: Secrets,
    ) -> None:
        """Take where deliveries lie, who sends them, and what is known of secrets."""
        self._secrets = secrets
        self._stored = stored
        self._sender = sender
        self._clock = clock
        self._shares: frozenset[int] = frozenset()
        # While what is owed in a share is loaded, nothing is read past it.
        self._reading = asyncio.Lock()
        self._look_seconds = look_seconds
        self._threads = ReaderThreads(1)
        self._poked = asyncio.Event()
        self._place = Queued()
        self._away = Away("queued deliveries cannot be read now")

    def begin_at(self, seq: int) -> None:
        """Leave what was queued up to that commit to the loading of what is owed."""
        self._place = Queued(seq, 1 << 62)

    async def adopt(self, shares: frozenset[int]) -> None:
        """Begin with shares: first with what is owed there already; raises Unavailable."""
        async with self._reading:
            await self._secrets.learn()
            await self._sender.adopt(shares)
            self._shares |= shares

    async def release(self, shares: frozenset[int]) -> frozenset[int]:
        """End with shares: what was not begun is left to their next owner.

        Returns those in which something is under way still; a short one is waited for.
        """
        async with self._reading:
            self._shares -= shares
            self._sender.release(shares)
        until_ns = self._clock.mono_ns() + PATIENCE_NS
        while busy := self._sender.busy(shares):
            if self._clock.mono_ns() >= until_ns:
                break
            await self._clock.sleep(GLANCE_SECONDS)
        return busy

    def poke(self) -> None:
        """Look soon."""
        self._poked.set()

    async def run(self) -> None:
        """Read until cancelled."""
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
        """Hand over what was queued since; raises Unavailable."""
        while self._shares:
            async with self._reading:
                found: Any = await self._threads(
                    self._stored.after, self._place, self._shares, PAGE
                )
                place, deliveries = found
                if not all(self._secrets.known(one.project) for one in deliveries):
                    # The first secret of a project comes with its first alarm.
                    await self._secrets.learn()
                self._place = place
                self._sender.wake(deliveries)
            if len(deliveries) < PAGE:
                return

    def close(self) -> None:
        """End the reading thread."""
        self._threads.close()
