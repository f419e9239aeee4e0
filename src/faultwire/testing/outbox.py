"""An outbox in memory: what is owed, and what came of it; also a probe and a meter that note."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from faultwire.domain.alarms import Alarm, Attempt, Delivery, DeliveryState
from faultwire.domain.errors import NotFound, Unavailable
from faultwire.domain.ids import AlarmId, DeliveryId, FaultId, ProjectId
from faultwire.domain.instants import Instant
from faultwire.domain.shares import share_of

WAIT_SECONDS = 20
"""How long `wait_for` waits before the test fails."""


class MemoryOutbox:
    """The store's end of the outbox: `pending` as in `ports.AlarmStore`, and `settle`."""

    def __init__(self) -> None:
        """Owe nothing."""
        self.owed: dict[DeliveryId, Delivery] = {}
        self.attempts: list[Attempt] = []
        self.reads = 0
        self.unavailable = False
        self._news = asyncio.Condition()

    def owe(self, *deliveries: Delivery) -> None:
        """Have committed these."""
        self.owed.update((delivery.id, delivery) for delivery in deliveries)

    async def settle(self, attempts: Sequence[Attempt]) -> None:
        """Record attempts; raises Unavailable while `unavailable` is true."""
        if self.unavailable:
            message = "the database is locked"
            raise Unavailable(message)
        self.attempts.extend(attempts)
        for attempt in attempts:
            owed = self.owed.get(attempt.delivery_id)
            final = attempt.state is not DeliveryState.PENDING
            if final and owed is not None and owed.created_ns == attempt.created_ns:
                del self.owed[attempt.delivery_id]
        async with self._news:
            self._news.notify_all()

    async def read(self, call: Callable[..., object], *args: object, **named: object) -> object:
        """Read as `ports.Reader` does; raises Unavailable while `unavailable` is true."""
        await asyncio.sleep(0)
        if self.unavailable:
            message = "the database is locked"
            raise Unavailable(message)
        self.reads += 1
        return call(*args, **named)

    def pending(
        self,
        *,
        project: ProjectId | None,
        after: tuple[int, str] | None,
        limit: int,
        shares: frozenset[int] | None = None,
    ) -> tuple[Delivery, ...]:
        """Return owed deliveries in order of age, after (created_ns, id)."""
        rows = sorted(
            (one.created_ns, one.id, one)
            for one in self.owed.values()
            if (project is None or one.project == project)
            and (shares is None or share_of(*one.destination) in shares)
        )
        return tuple(row[2] for row in rows if after is None or row[:2] > after)[:limit]

    def states(self) -> dict[DeliveryId, DeliveryState]:
        """Return the last state of every delivery that was tried."""
        return {attempt.delivery_id: attempt.state for attempt in self.attempts}

    async def wait_for(self, true: Callable[[], bool]) -> None:
        """Return once the condition holds, looked at after each batch that is settled."""
        async with asyncio.timeout(WAIT_SECONDS), self._news:
            await self._news.wait_for(true)

    async def finished(self, *ids: DeliveryId) -> None:
        """Return once all of these are final."""
        await self.wait_for(
            lambda: all(
                self.states().get(one, DeliveryState.PENDING) is not DeliveryState.PENDING
                for one in ids
            )
        )

    def alarm(self, alarm: AlarmId) -> Alarm:
        """Raise NotFound: an outbox has no alarms."""
        raise NotFound(f"no alarm {alarm}")

    def alarms(
        self, *, project: ProjectId | None, limit: int | None, marker: str | None
    ) -> tuple[Alarm, ...]:
        """Return none."""
        del project, limit, marker
        return ()

    def deliveries(
        self,
        *,
        project: ProjectId | None,
        state: DeliveryState | None,
        limit: int,
        marker: str | None,
    ) -> tuple[tuple[Delivery, DeliveryState, str, int | None], ...]:
        """Return none."""
        del project, state, limit, marker
        return ()


class RecordingProbe:
    """Implements `ports.Probe`: keeps every call in order."""

    def __init__(self) -> None:
        """Start empty."""
        self.marks: list[tuple[FaultId, str, Instant, Instant, int, str]] = []

    def mark(
        self,
        fault: FaultId,
        point: str,
        first: Instant,
        last: Instant | None = None,
        count: int = 1,
        source: str = "faultwire",
    ) -> None:
        """Keep a mark."""
        self.marks.append((fault, point, first, last or first, count, source))

    def points(self) -> dict[str, tuple[int, str]]:
        """Return count and last source by checkpoint."""
        found: dict[str, tuple[int, str]] = {}
        for _, point, _, _, count, source in self.marks:
            found[point] = (found.get(point, (0, ""))[0] + count, source)
        return found


class QuietMeter:
    """Implements `ports.Meter`: keeps counters, forgets the rest."""

    def __init__(self) -> None:
        """Start empty."""
        self.counted: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        key = (name, tuple(sorted(labels.items())))
        self.counted[key] = self.counted.get(key, 0) + amount

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Forget a duration."""
        del name, seconds, labels

    def gauge(self, name: str, value: float, **labels: Any) -> None:
        """Forget a gauge."""
        del name, value, labels
