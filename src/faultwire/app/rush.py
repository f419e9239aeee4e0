"""Faults first: while one is on its way to its owners, what may wait gives way (promise 3)."""

import asyncio
from collections.abc import Callable

from faultwire.ports import Clock, Meter

LONGEST_NS = 1_000_000_000
"""What may wait has waited at most so long in a row: the time in which owners are told (S9)."""

LOOK_SECONDS = 0.004
"""How often it is looked whether the way is free again; nobody looks unless somebody waits."""

_NS = 1_000_000_000


class Rush:
    """Lets imports, pages and other bulk wait while faults are on their way; on the loop.

    What waits is never starved: it waits at most as long as it could run before, and LONGEST_NS
    in a row.
    """

    def __init__(self, clock: Clock, meter: Meter) -> None:
        """Know of nothing that hurries yet."""
        self._clock = clock
        self._meter = meter
        self._signs: list[Callable[[], bool]] = []
        self._credit_ns = LONGEST_NS
        self._looked_ns = clock.mono_ns()
        self._waiting = False
        self._over: asyncio.Event | None = None

    def when(self, sign: Callable[[], bool]) -> None:
        """Hurry while the sign is true; it is asked often and must be cheap."""
        self._signs.append(sign)

    async def give_way(self) -> None:
        """Serve everybody else once, and return when no fault is on its way.

        A `ports.Breathe`. Nothing that a fault waits for may call it.
        """
        await asyncio.sleep(0)
        if not self._must_wait():
            return
        began_ns = self._clock.mono_ns()
        while self._must_wait():
            if self._over is None:
                await self._look()
            else:
                await self._over.wait()
        self._meter.observe("faultwire_gave_way_seconds", (self._looked_ns - began_ns) / _NS)

    async def _look(self) -> None:
        """Return when there is nothing to wait for; the first who waits looks for all."""
        over = self._over = asyncio.Event()
        try:
            while self._must_wait():
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            self._over = None
            self._waiting = False
            over.set()

    def _must_wait(self) -> bool:
        """Whether to wait now; time that passed is taken off the credit or added to it."""
        now_ns = self._clock.mono_ns()
        passed_ns, self._looked_ns = now_ns - self._looked_ns, now_ns
        credit_ns = self._credit_ns + (-passed_ns if self._waiting else passed_ns)
        self._credit_ns = min(LONGEST_NS, max(0, credit_ns))
        self._waiting = self._credit_ns > 0 and any(sign() for sign in self._signs)
        return self._waiting
