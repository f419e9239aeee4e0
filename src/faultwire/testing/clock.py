"""A clock that stands still until a test moves it."""

import asyncio
import heapq
from itertools import count

from faultwire.domain.instants import Instant

NS = 1_000_000_000


class ManualClock:
    """Implements `ports.Clock`; both readings move together unless the wall is set by hand."""

    def __init__(self, wall_ns: int = 1_700_000_000 * NS, mono_ns: int = NS) -> None:
        """Start at a time in November 2023, one second after boot."""
        self._wall = wall_ns
        self._mono = mono_ns
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._news = asyncio.Event()

    def wall_ns(self) -> int:
        """Return the wall time."""
        return self._wall

    def mono_ns(self) -> int:
        """Return the monotonic time."""
        return self._mono

    def instant(self) -> Instant:
        """Return both."""
        return Instant(self._wall, self._mono)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced that far; zero lets others run once."""
        due = self._mono + round(seconds * NS)
        if due <= self._mono:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (due, next(self._order), waiter))
        self._news.set()
        await waiter

    async def asleep(self, wanted: int = 1) -> None:
        """Return once at least that many wait for this clock."""
        while self.sleeping < wanted:
            self._news.clear()
            await self._news.wait()

    @property
    def sleeping(self) -> int:
        """How many wait for this clock."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move both readings and wake who is due, earliest first; they run when you await."""
        self._wall += round(seconds * NS)
        self._mono += round(seconds * NS)
        while self._sleepers and self._sleepers[0][0] <= self._mono:
            waiter = heapq.heappop(self._sleepers)[2]
            if not waiter.done():
                waiter.set_result(None)

    def set_wall(self, wall_ns: int) -> None:
        """Set the wall alone, forward or back, as an operator or NTP may."""
        self._wall = wall_ns
