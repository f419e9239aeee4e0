"""What the sender owes: order, parking, restarts, a store that is away."""

import asyncio

from faultwire.domain.alarms import DeliveryState
from faultwire.testing import sink as sinks
from faultwire.testing.sink import Sink
from tests.contract.notifier.bench import Bench

DELIVERED = DeliveryState.DELIVERED


def _ids(sink: Sink, path: str = "/") -> list[str]:
    return [one.headers["webhook-id"] for one in sink.got(path)]


async def test_an_alarms_webhooks_arrive_in_order(bench: Bench, sink: Sink) -> None:
    """The first is tried until it is through; the others of its alarm wait, other alarms not."""
    sender = await bench.start()
    flaky = sinks.answers(sinks.reply(500), sinks.reply(500), sinks.reply(200))
    url = sink.on("/", flaky)
    mine = [bench.delivery(url, "alarm") for _ in range(5)]
    sender.wake(mine)
    await bench.outbox.finished(*(one.id for one in mine))
    assert _ids(sink) == [mine[0].id] * 3 + [one.id for one in mine[1:]]


async def test_one_alarms_second_webhook_does_not_wait_for_a_hung_first(
    bench: Bench, sink: Sink
) -> None:
    """An alarm with two actions reaches the one that works."""
    sender = await bench.start()
    hung = bench.delivery(sink.on("/hung", sinks.hang()), "alarm")
    good = bench.delivery(sink.url("/good"), "alarm")
    sender.wake([hung, good])
    await bench.outbox.finished(good.id)
    assert hung.id not in bench.outbox.states()


async def test_over_the_quota_deliveries_wait_in_the_store(bench: Bench, sink: Sink) -> None:
    """Sixty of one alarm with a quota of eight: all arrive, in order, each once."""
    sender = await bench.start(pending_quota=8)
    gate = asyncio.Event()
    url = sink.on("/", sinks.held(gate))
    mine = [bench.delivery(url, "alarm") for _ in range(30)]
    sender.wake(mine)
    await sink.wait_for(lambda: len(sink.requests) == 1)
    assert len(sender) == 4
    late = [bench.delivery(url, "alarm") for _ in range(30)]
    sender.wake(late)
    gate.set()
    await bench.outbox.finished(*(one.id for one in (*mine, *late)))
    assert _ids(sink) == [one.id for one in (*mine, *late)]
    assert bench.outbox.reads > 5


async def test_a_parked_project_delays_no_other(bench: Bench, sink: Sink) -> None:
    """A project whose quota is full of a hung destination leaves the others alone."""
    sender = await bench.start(pending_quota=8)
    hung = sink.on("/hung", sinks.hang())
    sender.wake([bench.delivery(hung, project="noisy") for _ in range(100)])
    good = [bench.delivery(sink.url("/"), project=f"p{n}") for n in range(50)]
    mine = bench.delivery(sink.url("/mine"), project="noisy")
    sender.wake([*good, mine])
    await bench.outbox.finished(mine.id, *(one.id for one in good))
    assert len(sender) <= 8


async def test_what_was_owed_is_sent_after_a_start(bench: Bench, sink: Sink) -> None:
    """Deliveries of a former process go out with their ids, oldest first, page by page."""
    owed = [bench.delivery(sink.url("/"), f"alarm{n % 3}") for n in range(600)]
    await bench.start()
    await bench.outbox.finished(*(one.id for one in owed))
    assert sorted(_ids(sink)) == sorted(one.id for one in owed)
    assert bench.outbox.reads >= 3


async def test_a_restart_repeats_the_same_id(bench: Bench, sink: Sink) -> None:
    """What was under way at a stop stays owed and is told again under the same id."""
    path = sink.on("/", sinks.hang())
    sender = await bench.start()
    delivery = bench.delivery(path)
    sender.wake([delivery])
    await sink.wait_for(lambda: len(sink.requests) == 1)
    await sender.stop(0)
    assert bench.outbox.attempts == []
    assert list(bench.outbox.owed) == [delivery.id]
    sink.on("/", sinks.answer())
    await bench.start()
    await bench.outbox.finished(delivery.id)
    assert _ids(sink) == [delivery.id] * 2


async def test_a_stop_drains_what_is_under_way(bench: Bench, sink: Sink) -> None:
    """A request that ends while we stop is recorded; nothing new is started."""
    gate = asyncio.Event()
    url = sink.on("/", sinks.held(gate))
    sender = await bench.start()
    deliveries = [bench.delivery(url, "alarm") for _ in range(3)]
    sender.wake(deliveries)
    await sink.wait_for(lambda: len(sink.requests) == 1)
    stopping = asyncio.create_task(sender.stop(20))
    await asyncio.sleep(0)
    gate.set()
    await stopping
    assert bench.outbox.states() == {deliveries[0].id: DELIVERED}
    assert len(bench.outbox.owed) == 2


async def test_a_store_that_is_away_loses_nothing(bench: Bench, sink: Sink) -> None:
    """Results wait until the database answers again; nothing is sent twice for it."""
    sender = await bench.start()
    bench.outbox.unavailable = True
    deliveries = [bench.delivery(sink.url("/")) for _ in range(40)]
    sender.wake(deliveries)
    await sink.wait_for(lambda: len(sink.requests) == 40)
    assert bench.outbox.attempts == []
    bench.outbox.unavailable = False
    await bench.outbox.finished(*(one.id for one in deliveries))
    assert len(sink.requests) == 40
    assert len(sender) == 0


async def test_a_store_that_is_away_at_the_start_is_waited_for(bench: Bench, sink: Sink) -> None:
    """The start goes on once the database answers."""
    bench.outbox.unavailable = True
    delivery = bench.delivery(sink.url("/"))
    starting = asyncio.create_task(bench.start())
    while not bench.senders:  # noqa: ASYNC110  the next turn of the loop
        await asyncio.sleep(0)
    bench.senders[0].wake([delivery])
    bench.outbox.unavailable = False
    await starting
    await bench.outbox.finished(delivery.id)
    assert _ids(sink) == [delivery.id]


async def test_what_is_woken_while_loading_is_found_in_the_store(bench: Bench, sink: Sink) -> None:
    """A delivery that is committed while the start reads goes out, once, behind older ones."""
    older = [bench.delivery(sink.url("/"), "alarm") for _ in range(10)]
    starting = asyncio.create_task(bench.start())
    while not bench.senders:  # noqa: ASYNC110  the next turn of the loop
        await asyncio.sleep(0)
    newer = bench.delivery(sink.url("/"), "alarm")
    bench.senders[0].wake([newer])
    await starting
    everything = [*older, newer]
    await bench.outbox.finished(*(one.id for one in everything))
    assert _ids(sink) == [one.id for one in everything]


async def test_waking_twice_sends_once(bench: Bench, sink: Sink) -> None:
    """A delivery that is held already is not taken again."""
    sender = await bench.start()
    delivery = bench.delivery(sink.url("/"))
    sender.wake([delivery, delivery])
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert len(sink.requests) == 1


async def test_a_thousand_webhooks_to_one_origin_use_few_connections(
    bench: Bench, sink: Sink
) -> None:
    """A burst to a quick consumer does not open a connection for each (S8)."""
    sender = await bench.start()
    many = [bench.delivery(sink.url(f"/{n}"), project=f"p{n}") for n in range(1000)]
    sender.wake(many)
    await bench.outbox.finished(*(one.id for one in many))
    assert len(sink.requests) == 1000
    assert sink.most_open <= 512
    assert len(bench.outbox.attempts) == 1000


async def test_what_fails_for_too_long_is_given_up(bench: Bench, sink: Sink) -> None:
    """At the age of a dead letter the delivery is dead, with its last error, and visible."""
    sender = await bench.start(dead_letter_s=1)
    delivery = bench.delivery(sink.on("/", sinks.answer(500)))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    last = bench.outbox.attempts[-1]
    assert (last.state, last.status) == (DeliveryState.DEAD, 500)
    assert last.outcome == "given up after 1 s: HTTP 500"
    assert last.attempt == len(sink.requests)
    assert len(sender) == 0
