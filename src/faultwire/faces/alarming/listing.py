"""The list of alarms: whole, as Aodh's clients expect, and yet in small pieces."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from faultwire.domain.alarms import Alarm
from faultwire.domain.errors import NotFound, Unavailable
from faultwire.domain.ids import ProjectId
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.alarming.shape import to_json

PAGE = 200
"""Alarms read, and written, at a time: about three milliseconds of the loop."""

Page = tuple[Alarm, ...]


class Listing:
    """One list of alarms, newest first, of a project or (None) of all.

    An alarm that its owner changes while the list is written may be left out of it; none is
    listed twice.
    """

    def __init__(self, ports: AlarmingPorts, project: ProjectId | None, limit: int | None) -> None:
        """Take whose alarms, and how many; None: all of them."""
        self._ports = ports
        self._project = project
        self._limit = limit
        self._size = PAGE if limit is None else min(PAGE, limit)

    async def answer(self, marker: str | None) -> Response:
        """Return the answer that begins after `marker`.

        The first page is read before anything is promised: NotFound and Unavailable are raised.
        """
        first = await self._page(marker)
        return StreamingResponse(self._written(first), media_type="application/json")

    async def _written(self, first: Page) -> AsyncIterator[bytes]:
        yield b"["
        count = 0
        async for page in self._pages(first):
            shown = page if self._limit is None else page[: self._limit - count]
            rows = b",".join(orjson.dumps(to_json(alarm)) for alarm in shown)
            yield b"," + rows if count else rows
            count += len(shown)
            if count == self._limit:
                break
            await asyncio.sleep(0)
        yield b"]"

    async def _pages(self, found: Page) -> AsyncIterator[Page]:
        """Yield what each page adds: the alarm that ended one may since stand in front again."""
        last: tuple[int, str] | None = None
        while True:
            fresh = found if last is None else tuple(a for a in found if _place(a) < last)
            if fresh:
                last = _place(fresh[-1])
                yield fresh
            if len(found) < self._size:
                return
            found = await self._following(found)

    async def _following(self, page: Page) -> Page:
        """Return the page after a page, though its last alarm may be gone by now."""
        for alarm in reversed(page):
            try:
                return await self._page(alarm.id)
            except NotFound:
                continue
        raise Unavailable("the alarms were removed while they were listed")

    async def _page(self, marker: str | None) -> Page:
        found: Any = await self._ports.read(
            self._ports.alarms.alarms, project=self._project, limit=self._size, marker=marker
        )
        page: Page = found
        return page


def _place(alarm: Alarm) -> tuple[int, str]:
    return alarm.updated_ns, alarm.id
