"""A sender that owns a part of the outbox: what it takes up, and what it lets go of."""

import asyncio
from collections.abc import Iterable

import pytest

from faultwire.domain.alarms import Delivery, DeliveryState
from faultwire.domain.errors import Unavailable
from faultwire.domain.shares import ALL_SHARES, share_of
from faultwire.testing import sink as scripts
from faultwire.testing.sink import Sink
from tests.contract.notifier.bench import Bench


def _paths_of_two_shares(sink: Sink) -> tuple[str, str, frozenset[int], frozenset[int]]:
    """Return two paths whose URLs lie in different shares, and these shares."""
    first = share_of("p", sink.url("/0"))
    other = next(n for n in range(1, 99) if share_of("p", sink.url(f"/{n}")) != first)
    second = share_of("p", sink.url(f"/{other}"))
    return "/0", f"/{other}", frozenset({first}), frozenset({second})


def _ids(deliveries: Iterable[Delivery]) -> set[str]:
    return {one.id for one in deliveries}


def _told(sink: Sink) -> list[str]:
    return [one.headers["webhook-id"] for one in sink.requests]


async def test_it_begins_with_nothing_and_takes_up_what_it_adopts(
    bench: Bench, sink: Sink
) -> None:
    """Only what is owed in an adopted share goes out; the rest is another sender's."""
    mine, theirs, share, _ = _paths_of_two_shares(sink)
    ours = [bench.delivery(sink.url(mine), alarm="a", age_s=9 - n) for n in range(3)]
    other = bench.delivery(sink.url(theirs))
    sender = await bench.start(load=False)
    assert len(sender) == 0
    await sender.adopt(share)
    await bench.outbox.finished(*_ids(ours))
    assert _told(sink) == [one.id for one in ours]
    assert other.id in bench.outbox.owed
    assert len(sender) == 0


async def test_what_is_let_go_of_is_not_sent_and_not_settled(bench: Bench, sink: Sink) -> None:
    """What waits in a share that is released stays owed, untouched, for its next owner."""
    mine, theirs, share, others = _paths_of_two_shares(sink)
    gate = asyncio.Event()
    sink.on(theirs, scripts.held(gate))
    sender = await bench.start(load=False)
    await sender.adopt(ALL_SHARES)
    waiting = [bench.delivery(sink.url(theirs), alarm="a") for _ in range(3)]
    sender.wake(waiting)
    await sink.wait_for(lambda: len(sink.requests) == 1)
    sender.release(others)
    assert len(sender) == 1
    gate.set()
    await bench.outbox.finished(waiting[0].id)
    kept = bench.delivery(sink.url(mine))
    sender.wake([kept])
    await bench.outbox.finished(kept.id)
    assert _told(sink) == [waiting[0].id, kept.id]
    assert set(bench.outbox.owed) == _ids(waiting[1:])
    assert {one.delivery_id for one in bench.outbox.attempts} == {waiting[0].id, kept.id}
    assert len(sender) == 0
    assert share


async def test_what_fails_after_it_was_let_go_of_is_left_to_its_next_owner(
    bench: Bench, sink: Sink
) -> None:
    """The try under way is recorded as one that failed, and not repeated here."""
    _, theirs, _, others = _paths_of_two_shares(sink)
    gate = asyncio.Event()
    sink.on(theirs, scripts.held(gate, 500))
    sender = await bench.start(load=False)
    await sender.adopt(others)
    one = bench.delivery(sink.url(theirs))
    sender.wake([one])
    await sink.wait_for(lambda: len(sink.requests) == 1)
    sender.release(others)
    gate.set()
    await bench.outbox.wait_for(lambda: bool(bench.outbox.attempts))
    assert bench.outbox.states() == {one.id: DeliveryState.PENDING}
    assert len(sender) == 0
    await sender.adopt(others)
    await sink.wait_for(lambda: len(sink.requests) == 2)


async def test_what_is_adopted_again_in_mid_flight_is_not_sent_twice(
    bench: Bench, sink: Sink
) -> None:
    """A share that comes back while a try runs brings neither a second try nor a lost one."""
    path, _, share, _ = _paths_of_two_shares(sink)
    gate = asyncio.Event()
    sink.on(path, scripts.held(gate))
    sender = await bench.start(load=False)
    await sender.adopt(share)
    made = [bench.delivery(sink.url(path), alarm="a", age_s=9 - n) for n in range(3)]
    sender.wake(made)
    await sink.wait_for(lambda: len(sink.requests) == 1)
    for _ in range(3):
        sender.release(share)
        await sender.adopt(share)
    sender.wake(made)
    gate.set()
    await bench.outbox.finished(*_ids(made))
    assert _told(sink) == [one.id for one in made]


async def test_what_it_finished_is_not_taken_again(bench: Bench, sink: Sink) -> None:
    """A row that was read before it was settled, and is handed over after, is not sent again."""
    path, _, share, _ = _paths_of_two_shares(sink)
    sender = await bench.start(load=False)
    await sender.adopt(share)
    one = bench.delivery(sink.url(path))
    sender.wake([one])
    await bench.outbox.finished(one.id)
    last = bench.delivery(sink.url(path))
    sender.wake([one, last])
    await bench.outbox.finished(last.id)
    assert _told(sink) == [one.id, last.id]


async def test_a_share_that_cannot_be_read_is_not_owned(bench: Bench, sink: Sink) -> None:
    """While the database is away nothing is adopted; later everything is."""
    path, _, share, _ = _paths_of_two_shares(sink)
    one = bench.delivery(sink.url(path))
    sender = await bench.start(load=False)
    bench.outbox.unavailable = True
    with pytest.raises(Unavailable):
        await sender.adopt(share)
    bench.outbox.unavailable = False
    assert not sink.requests
    await sender.adopt(share)
    await bench.outbox.finished(one.id)


async def test_what_is_parked_in_a_share_that_goes_is_not_looked_for(
    bench: Bench, sink: Sink
) -> None:
    """More than memory takes is found later in the store, but in our own shares alone."""
    mine, theirs, share, others = _paths_of_two_shares(sink)
    gate = asyncio.Event()
    for path in (mine, theirs):
        sink.on(path, scripts.held(gate))
    made = [bench.delivery(sink.url(path)) for path in (mine, theirs) for _ in range(20)]
    sender = await bench.start(load=False, pending_quota=8)
    await sender.adopt(share | others)
    await sink.wait_for(lambda: len(sink.requests) == 2)
    sender.release(others)
    gate.set()
    await bench.outbox.finished(*_ids(made[:20]))
    assert sum(one.path == theirs for one in sink.requests) == 1
    assert _ids(made[21:]) <= set(bench.outbox.owed)


async def test_the_only_process_owns_everything(bench: Bench, sink: Sink) -> None:
    """Without shares all that is owed is taken at the start, and adopting changes nothing."""
    made = [bench.delivery(sink.url(f"/{n}")) for n in range(9)]
    sender = await bench.start()
    await sender.adopt(ALL_SHARES)
    await bench.outbox.finished(*_ids(made))
    assert sorted(_told(sink)) == sorted(_ids(made))
