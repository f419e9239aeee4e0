"""The list of alarms stays a list while alarms are removed and changed under it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import orjson
import pytest
from starlette.responses import StreamingResponse

from faultwire.domain.alarms import Alarm
from faultwire.domain.changes import AlarmsRemoved, AlarmsSaved
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.queries import NEWEST_FIRST, By, Query, alarm_place
from faultwire.domain.rules import Clause, EventRule
from faultwire.faces.alarming.listing import LARGE_PAGE, PAGE, Listing, Source
from faultwire.faces.alarming.shape import to_json
from faultwire.testing.store import MemoryLedger

P = ProjectId("p1")
Meanwhile = Callable[[MemoryLedger, int], None]


def alarm(number: int) -> Alarm:
    rule = EventRule(Clause("*"))
    name = f"a{number:04}"
    return Alarm(AlarmId(name), P, UserId("u"), name, "event", rule, updated_ns=number)


def nothing(ledger: MemoryLedger, reads: int) -> None:
    """Change nothing."""


async def names(
    count: int,
    limit: int | None = None,
    after: str | None = None,
    meanwhile: Meanwhile = nothing,
    order: tuple[By, ...] = NEWEST_FIRST,
) -> list[str]:
    """Return what is listed of so many alarms; `meanwhile` runs before each read."""
    ledger = MemoryLedger()
    ledger.commit([AlarmsSaved(tuple(alarm(number) for number in range(count)))])
    reads = 0

    async def read(query: Query) -> tuple[Alarm, ...]:
        nonlocal reads
        meanwhile(ledger, reads)
        reads += 1
        return ledger.search_alarms(query)

    place = None if after is None else alarm_place(ledger.alarm(AlarmId(after)), order)
    source = Source(read, lambda one: alarm_place(one, order), to_json)
    query = Query(P, order=order, after=place, limit=limit)
    answer = await Listing(source, query, partial(asyncio.sleep, 0)).answer()
    assert isinstance(answer, StreamingResponse)
    written = b"".join([part async for part in answer.body_iterator])  # type: ignore[misc]
    return [shown["name"] for shown in orjson.loads(written)]


def newest_first(count: int) -> list[str]:
    return [f"a{number:04}" for number in reversed(range(count))]


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 7])
async def test_the_list_is_whole(count: int) -> None:
    """However the pages fall, all alarms are listed once, newest first."""
    assert await names(count) == newest_first(count)


@pytest.mark.parametrize("limit", [1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
async def test_the_limit_is_kept(limit: int) -> None:
    """So many as were asked for, across pages, after the marker."""
    whole = newest_first(2 * PAGE)
    assert await names(2 * PAGE, limit) == whole[:limit]
    assert await names(2 * PAGE, limit, whole[9]) == whole[10 : 10 + limit]


async def test_any_order_is_listed_whole() -> None:
    """Other orders are read in larger pages, and written in pieces as small."""
    count = LARGE_PAGE + PAGE + 1
    assert await names(count, order=(By("name"),)) == newest_first(count)[::-1]
    assert (
        await names(count, LARGE_PAGE + 1, order=(By("type"), By("name")))
        == (newest_first(count)[::-1][: LARGE_PAGE + 1])
    )


async def test_what_the_first_page_raises_is_raised_before_anything_is_written() -> None:
    """An answer that cannot begin is an error with its status."""

    def fail(ledger: MemoryLedger, reads: int) -> None:
        raise Unavailable("the database is away")

    with pytest.raises(Unavailable):
        await names(3, meanwhile=fail)


async def test_alarms_that_go_meanwhile_end_nothing() -> None:
    """The alarm at which a page ended may be deleted before the next is read."""

    def remove(ledger: MemoryLedger, reads: int) -> None:
        if reads == 1:
            gone = [AlarmId(f"a{number:04}") for number in range(2 * PAGE, 2 * PAGE + 3)]
            ledger.commit([AlarmsRemoved(tuple(gone))])

    assert await names(3 * PAGE, meanwhile=remove) == newest_first(3 * PAGE)


async def test_alarms_that_change_meanwhile_are_not_listed_twice() -> None:
    """The alarm at which a page ended may stand in front again."""

    def touch(ledger: MemoryLedger, reads: int) -> None:
        if reads == 1:
            last = ledger.alarm(AlarmId(f"a{2 * PAGE:04}"))
            ledger.commit([AlarmsSaved((replace(last, updated_ns=10**6),))])

    assert await names(3 * PAGE, meanwhile=touch) == newest_first(3 * PAGE)


async def test_a_whole_page_may_go_meanwhile() -> None:
    """The list goes on behind the place it had reached, though nothing stands there any more."""

    def clear(ledger: MemoryLedger, reads: int) -> None:
        if reads == 1:
            gone = tuple(AlarmId(f"a{number:04}") for number in range(2 * PAGE, 3 * PAGE))
            ledger.commit([AlarmsRemoved(gone)])

    assert await names(3 * PAGE, meanwhile=clear) == newest_first(3 * PAGE)
