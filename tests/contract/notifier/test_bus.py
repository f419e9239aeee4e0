"""What a message bus gets: owed, kept while the bus is away, taken when it is back (S95, S113)."""

from dataclasses import replace

from faultwire.domain.alarms import Delivery, DeliveryState
from faultwire.domain.ids import ADMINISTRATORS
from faultwire.messaging.memory import MemoryBus
from faultwire.ports.buses import BUS
from faultwire.testing.sink import Sink
from tests.contract.notifier.bench import Bench

DAYS = 30 * 86_400


def owed(bench: Bench, *, age_s: int = 0) -> Delivery:
    """Owe a notification of one port."""
    made = bench.delivery("bus://notifications", "port-1", ADMINISTRATORS, age_s)
    made = replace(made, kind=BUS)
    bench.outbox.owe(made)
    return made


async def test_a_notification_is_published_once(bench: Bench) -> None:
    """The bus takes the body as it is, in order, and the row is done."""
    bench.bus = MemoryBus()
    sender = await bench.start()
    deliveries = [owed(bench) for _ in range(5)]
    sender.wake(deliveries)
    await bench.outbox.finished(*(one.id for one in deliveries))
    assert list(bench.bus.taken) == [one.body for one in deliveries]
    assert {one.state for one in bench.outbox.attempts} == {DeliveryState.DELIVERED}


async def test_a_bus_that_returns_gets_what_it_missed(bench: Bench, sink: Sink) -> None:
    """A dead bus holds up no webhook and loses nothing, however old it is."""
    bench.bus = MemoryBus()
    bench.bus.up = False
    sender = await bench.start()
    missed = owed(bench, age_s=DAYS)
    webhook = bench.delivery(sink.url("/hook"))
    sender.wake([missed, webhook])
    await bench.outbox.finished(webhook.id)
    assert not bench.bus.taken
    bench.bus.up = True
    await bench.outbox.finished(missed.id)
    assert list(bench.bus.taken) == [missed.body]


async def test_without_a_bus_it_is_refused(bench: Bench) -> None:
    """A row that nobody can take any more says so and ends."""
    sender = await bench.start()
    delivery = owed(bench)
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert bench.outbox.attempts[-1].state is DeliveryState.REFUSED
