"""Memory that follows what other processes commit, and commits that tell them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from faultwire.app.writer import Writer
from faultwire.domain import changes
from faultwire.domain.changes import Change
from faultwire.messaging.pokes import Look
from faultwire.ports import Memory
from faultwire.store.shared_ledger import SharedLedger

AT_ONCE = 8
"""Changes that are applied before others are served; a large one is parted when it is written."""


class Replica:
    """Brings the news of other processes into memory; called by the lane alone."""

    def __init__(self, ledger: SharedLedger, writer: Writer, memory: Memory) -> None:
        """Take the ledger, whose calls run on the writer's thread, and the memory."""
        self._ledger = ledger
        self._writer = writer
        self._memory = memory

    async def catch_up(self) -> None:
        """Apply what others committed; raises Unavailable, Broken where that cannot be read."""
        news: Any = await self._writer.run(self._ledger.news)
        for start in range(0, len(news), AT_ONCE):
            self._memory.apply(news[start : start + AT_ONCE])
            await asyncio.sleep(0)


class TellingCommit:
    """Implements `ports.Commit`: tells the other processes what there is to look at."""

    def __init__(self, writer: Writer, poke: Callable[[Look], None]) -> None:
        """Take the writer and whom to tell."""
        self._writer = writer
        self._poke = poke

    async def commit(self, items: Sequence[Change]) -> None:
        """Return when it is durable; raises Unavailable, Behind among them."""
        await self._writer.commit(items)
        look = Look(0)
        for change in items:
            look |= _LOOKS.get(type(change), Look.JOURNAL)
        self._poke(look)


_LOOKS: dict[type, Look] = {
    changes.EventsOwed: Look.EVENTS,
    changes.DeliveriesQueued: Look.OUTBOX,
    changes.DeliveriesReplayed: Look.OUTBOX,
    changes.SecretsSaved: Look.JOURNAL | Look.SECRETS,
    # Of alarms that moved memory may learn at its next regular look: who decides on one that it
    # holds as it was is behind, and learns it then.
    changes.AlarmsMoved: Look(0),
    changes.WatchesMoved: Look(0),
    changes.EventsTaken: Look(0),
    changes.HistoryAdded: Look(0),
    changes.Audited: Look(0),
}
"""What a change is to others; all else concerns their memory."""
