"""The life of a process: what runs as long as it does, and what is released at its end."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from faultwire.app.lane import Lane

log = logging.getLogger(__name__)


class Life:
    """Tasks and endings of one process; on the event loop.

    `release` is what it gives back at its end, `reloads` what reads its files again when asked.
    """

    def __init__(self) -> None:
        """Begin without anything to end."""
        self.release = contextlib.AsyncExitStack()
        self.broken: str | None = None
        self.reloads: list[Callable[[], None]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def watch(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task for as long as the process; if it ends, we are not well and say so."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._note_end)
        self._tasks.append(task)

    def run_lane(self, lane: Lane, drain_seconds: int) -> None:
        """Run the lane until the end, and then what waits in it, for so long."""
        task = asyncio.create_task(lane.run(), name="lane")
        self.release.push_async_callback(_close_lane, lane, task, drain_seconds)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.broken = f"{task.get_name()} ended: {task.exception()!r}"
            log.critical("not well until a restart: %s", self.broken)

    def reload(self) -> None:
        """Have files read again that may change meanwhile."""
        for one in self.reloads:
            one()

    async def stop(self) -> None:
        """End the tasks, then release everything, last come first."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.release.aclose()


async def _close_lane(lane: Lane, task: asyncio.Task[None], drain_seconds: int) -> None:
    """Run what waits, then end; what is not done by then was never acknowledged."""
    lane.close()
    _, late = await asyncio.wait([task], timeout=drain_seconds)
    if late:
        log.error("%d changes could not be made within %d s", len(lane), drain_seconds)
        task.cancel()
