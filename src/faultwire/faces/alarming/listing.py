"""Lists: whole, as Aodh's clients expect, and yet read and written in small pieces."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import orjson
from starlette.responses import Response, StreamingResponse

from faultwire.domain.queries import NEWEST_FIRST, Place, Query
from faultwire.ports import Breathe

T = TypeVar("T")

AT_ONCE = 200
"""Rows written at a time: about three milliseconds of the loop."""

PAGE, LARGE_PAGE = AT_ONCE, 10 * AT_ONCE
"""Rows read at a time: newest first an index has the order, any other is sorted each time."""


@dataclass(frozen=True, slots=True)
class Source(Generic[T]):
    """Where rows come from, where each stands in the order asked for, how it is shown.

    `indexed` false: the store has no index of these rows that goes newest first.
    """

    read: Callable[[Query], Awaitable[tuple[T, ...]]]
    place: Callable[[T], Place]
    shown: Callable[[T], object]
    indexed: bool = True


class Listing(Generic[T]):
    """The answer to one question.

    Pages go on behind the last row that was read, wherever that is by now: what is removed or
    changed meanwhile ends nothing, and newest first nothing is listed twice.
    """

    def __init__(self, source: Source[T], query: Query, breathe: Breathe) -> None:
        """Take what is asked; `breathe` is called before each page and after each slice."""
        self._source = source
        self._breathe = breathe
        self._query = query
        quick = source.indexed and query.order == NEWEST_FIRST
        self._size = PAGE if quick else LARGE_PAGE

    async def answer(self) -> Response:
        """Return the answer.

        The first page is read before anything is promised: what that raises is raised here.
        """
        first = await self._page(self._query)
        return StreamingResponse(self._written(first), media_type="application/json")

    async def _written(self, page: tuple[T, ...]) -> AsyncIterator[bytes]:
        yield b"["
        mark = b""
        query = self._query
        while page:
            for start in range(0, len(page), AT_ONCE):
                rows = page[start : start + AT_ONCE]
                yield mark + b",".join(orjson.dumps(self._source.shown(row)) for row in rows)
                mark = b","
                await self._breathe()
            if len(page) < self._asked(query):
                break
            left = None if query.limit is None else query.limit - len(page)
            query = replace(query, after=self._source.place(page[-1]), limit=left)
            page = await self._page(query)
        yield b"]"

    def _asked(self, query: Query) -> int:
        return self._size if query.limit is None else min(self._size, query.limit)

    async def _page(self, query: Query) -> tuple[T, ...]:
        await self._breathe()
        size = self._asked(query)
        return await self._source.read(replace(query, limit=size)) if size else ()
