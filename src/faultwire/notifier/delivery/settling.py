"""What came of tries goes to the ledger in batches, off the path of the webhooks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from faultwire.domain.alarms import Attempt
from faultwire.domain.errors import FaultwireError, Unavailable
from faultwire.domain.ids import DeliveryId
from faultwire.ports import Clock

log = logging.getLogger(__name__)

Settle = Callable[[Sequence[Attempt]], Awaitable[None]]
"""Records attempts durably; raises Unavailable where that has to be tried again."""

GATHER_S = 0.004
"""How long a batch is gathered."""
MANY = 32
"""From so many results on they are those of a burst."""
LULL_S = 0.08
"""How long nothing has to come of a burst until it is taken for over: processes that share the
work hand it on in pieces, and what waits for the database must not wait behind what is done."""
BUSY_S = 0.25
"""How long a batch is gathered at most, while webhooks wait to go out or a burst goes on."""
BATCH = 1000
_S = 1_000_000_000
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 5.0


class Settling:
    """Keeps attempts until the ledger has them; nothing is lost while it is unavailable."""

    def __init__(
        self,
        settle: Settle,
        clock: Clock,
        busy: Callable[[], bool],
        settled: Callable[[Sequence[Attempt]], None],
    ) -> None:
        """`settled` is told of attempts that are durable; `busy` asks for patience."""
        self._settle = settle
        self._clock = clock
        self._busy = busy
        self._settled = settled
        self._waiting: dict[DeliveryId, Attempt] = {}
        self._news = asyncio.Event()
        self._done = asyncio.Event()
        self._done.set()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="notifier-settling")

    def add(self, attempt: Attempt) -> None:
        """Keep an attempt; it replaces an earlier one of the same delivery."""
        self._waiting[attempt.delivery_id] = attempt
        if not self._news.is_set():
            self._news.set()
            self._done.clear()

    async def stop(self, seconds: float) -> None:
        """Write what is left, for at most so long; what is not written is sent again later."""
        self._stopping = True
        try:
            async with asyncio.timeout(seconds):
                await self._done.wait()
        except TimeoutError:
            log.warning("%d results of deliveries could not be stored", len(self._waiting))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            await self._gather()
            try:
                await self._flush()
            except Exception:
                log.exception("results of deliveries could not be stored; this is a defect")
                await self._clock.sleep(_LONGEST_RETRY_S)

    async def _gather(self) -> None:
        """Wait for what comes with these results, as long as webhooks go first."""
        began = last = self._clock.mono_ns()
        count = 0
        while not self._stopping and count < BATCH:
            await self._clock.sleep(GATHER_S)
            now = self._clock.mono_ns()
            if len(self._waiting) != count:
                count, last = len(self._waiting), now
            over = (count < MANY or now - last >= LULL_S * _S) and not self._busy()
            if over or now - began >= BUSY_S * _S:
                return

    async def _flush(self) -> None:
        batch = list(self._waiting.values())[:BATCH]
        wait_s = _FIRST_RETRY_S
        while not await self._written(batch):
            await self._clock.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_RETRY_S)
            batch = list(self._waiting.values())[:BATCH]
        if not self._waiting:
            self._news.clear()
            self._done.set()

    async def _written(self, batch: Sequence[Attempt]) -> bool:
        try:
            await self._settle(batch)
        except Unavailable as error:
            log.warning(
                "%d results of deliveries wait for the store: %s", len(batch), error.detail
            )
            return False
        except FaultwireError:
            if len(batch) > 1:
                # One of them is to blame; the others are not.
                return all([await self._written((one,)) for one in batch])
            log.exception("the result of a delivery cannot be stored; it is sent again later")
        for attempt in batch:
            if self._waiting.get(attempt.delivery_id) is attempt:
                del self._waiting[attempt.delivery_id]
        self._settled(batch)
        return True
