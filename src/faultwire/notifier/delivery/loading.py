"""Owed deliveries come from the store: at the start, with a share, or when there is room."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import cast

from faultwire.domain.alarms import Delivery
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import ProjectId
from faultwire.domain.shares import share_of
from faultwire.notifier.delivery.quota import Quota
from faultwire.ports import AlarmStore, Clock, Reader

log = logging.getLogger(__name__)

PAGE = 250
"""Rows of one read: a reader thread must not hold up the loop."""
PAUSE_S = 0.02
"""Between two passes."""
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 5.0

_ReadPage = Callable[
    [ProjectId | None, tuple[int, str] | None, frozenset[int] | None],
    Awaitable[tuple[Delivery, ...]],
]


class Loading:
    """Reads pages of the outbox and hands over what there is room for."""

    def __init__(
        self,
        read: Reader,
        store: AlarmStore,
        quota: Quota,
        clock: Clock,
        admit: Callable[[Delivery], None],
    ) -> None:
        """Hand deliveries to `admit`, oldest first."""
        self._read = read
        self._store = store
        self._quota = quota
        self._clock = clock
        self._admit = admit
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # One pass at a time: the quota compares what a pass finds with what happened meanwhile.
        self._passing = asyncio.Lock()
        self._shares: frozenset[int] | None = None

    def start(self) -> None:
        """Begin to look for room."""
        self._task = asyncio.create_task(self._run(), name="notifier-loading")

    def restrict(self, shares: frozenset[int]) -> None:
        """Take from these shares alone from now on."""
        self._shares = shares

    async def all(self) -> int:
        """Take everything that is owed, as far as there is room; return how much was."""
        return await self._sweep(None, self._page)

    async def adopt(self, shares: frozenset[int]) -> int:
        """Take what is owed in these shares; return how much; raises Unavailable."""
        try:
            return await self._sweep(shares, self._read_page)
        finally:
            # What was woken meanwhile is parked.
            self.look()

    async def _sweep(self, shares: frozenset[int] | None, read: _ReadPage) -> int:
        taken = 0
        async with self._passing:
            self._quota.begin(None)
            try:
                after: tuple[int, str] | None = None
                while True:
                    page = await read(None, after, shares)
                    taken += self._take(page)
                    if len(page) < PAGE:
                        break
                    after = _place(page[-1])
            finally:
                self._quota.end(None, complete=True)
        return taken

    def look(self) -> None:
        """Look whether there is room for what is parked."""
        if self._quota.wanted() is not None:
            self._room.set()

    async def stop(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while True:
            self.look()
            await self._room.wait()
            self._room.clear()
            project = self._quota.wanted()
            if project is not None:
                async with self._passing:
                    await self._pass(project)
                await self._clock.sleep(PAUSE_S)

    async def _pass(self, project: ProjectId) -> None:
        self._quota.begin(project)
        complete = False
        after: tuple[int, str] | None = None
        while not (complete or self._quota.full(project)):
            page = await self._page(project, after, self._shares)
            self._take(page)
            complete = len(page) < PAGE
            after = _place(page[-1]) if page else after
        self._quota.end(project, complete=complete)

    def _take(self, page: tuple[Delivery, ...]) -> int:
        shares = self._shares
        if shares is not None:
            page = tuple(one for one in page if share_of(*one.destination) in shares)
        taken = [delivery for delivery in page if self._quota.load(delivery)]
        for delivery in taken:
            self._admit(delivery)
        return len(taken)

    async def _page(
        self,
        project: ProjectId | None,
        after: tuple[int, str] | None,
        shares: frozenset[int] | None,
    ) -> tuple[Delivery, ...]:
        wait_s = _FIRST_RETRY_S
        while True:
            try:
                return await self._read_page(project, after, shares)
            except Unavailable as error:
                log.warning("owed deliveries cannot be read, trying again: %s", error.detail)
            await self._clock.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_RETRY_S)

    async def _read_page(
        self,
        project: ProjectId | None,
        after: tuple[int, str] | None,
        shares: frozenset[int] | None,
    ) -> tuple[Delivery, ...]:
        page = await self._read(
            self._store.pending, project=project, after=after, limit=PAGE, shares=shares
        )
        return cast("tuple[Delivery, ...]", page)


def _place(delivery: Delivery) -> tuple[int, str]:
    return delivery.created_ns, delivery.id
