"""The names of the queues of remote calls: of an older release, of Nova's in one virtual host."""

import asyncio
import contextlib

import amqp
import pytest

from faultwire.app.calldoor import CallDoor
from faultwire.domain.errors import NoAnswer, NoConsumer
from faultwire.messaging.addresses import broker_of
from faultwire.messaging.caps import Caps
from faultwire.messaging.inprocess import InProcessExchange, InProcessServer
from faultwire.messaging.peers import Peers
from faultwire.messaging.rabbit_client import RabbitClient
from faultwire.messaging.rabbit_server import RabbitServer
from faultwire.messaging.seals import door, sealer
from faultwire.messaging.settings import RabbitSettings, Settings
from faultwire.messaging.table import CONDUCTOR, TABLE
from faultwire.telemetry.clock import SystemClock
from tests.rpc.handlers import Handlers
from tests.rpc.records import RECORDS
from tests.rpc.sides import sides
from tests.system.channels import channel
from tests.system.rabbit import Rabbit

pytestmark = pytest.mark.system

CLOCK = SystemClock()


async def test_guests_of_older_releases_are_served_at_the_older_queue(rabbit: Rabbit) -> None:
    """The conductor's queue was renamed: who calls by the former name is heard, and proven."""
    url = rabbit.fresh()
    settings = Settings(url, conductor_queue="conductor")
    before, now = broker_of(settings), broker_of(Settings(url))
    assert before is not None
    assert now is not None
    older = RabbitServer(before, RECORDS["copper"])
    older.serve("conductor", Handlers(RECORDS["copper"].api("conductor")))
    await older.start()
    await older.ready()
    await older.stop()
    handlers, exchange = Handlers(CONDUCTOR), InProcessExchange()
    server = InProcessServer(exchange, door=door({"guest/g1": b"one"}.get))
    server.serve("conductor", handlers)
    await server.start()
    topics = ("trove-conductor", "conductor")
    configured = (Settings(url), RabbitSettings())
    taken = CallDoor(configured, ("conductor",), topics, exchange, CLOCK)
    running = asyncio.create_task(taken.run())
    beat = {"instance_id": "g1", "payload": {}}
    seal = sealer("guest/g1", lambda _: b"one")
    for broker, table in ((before, RECORDS["copper"]), (now, TABLE)):
        peers = Peers(CLOCK, None, table)
        client = RabbitClient(broker, "g1", Caps({}, peers, table), peers, CLOCK, seal)
        await client.start()
        async with asyncio.timeout(90):
            while True:
                with contextlib.suppress(NoConsumer, NoAnswer):
                    await client.call("conductor", "heartbeat", beat, deadline_s=2)
                    break
                await CLOCK.sleep(0.1)
        await client.stop()
    assert {one.topic for one in handlers.heard} == set(topics)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await server.stop()


@pytest.mark.parametrize("novas", ["exchange", "queue"])
async def test_the_calls_of_novas_conductor_stay_novas(rabbit: Rabbit, novas: str) -> None:
    """In Nova's virtual host nobody of ours reads its queue `conductor`; guests are heard."""
    url = rabbit.fresh()
    async with sides(url) as both:
        with channel(url) as raw:
            raw.queue_declare("conductor", durable=True, auto_delete=False)
            for name in ("nova", "faultwire.rpc") if novas == "exchange" else ("other",):
                raw.exchange_declare(name, "topic", durable=True, auto_delete=False)
                raw.queue_bind("conductor", name, "conductor")
            raw.basic_publish(amqp.Message(b"Nova's"), "", "conductor")
            handlers = await both.server("conductor")
            client = await both.client()
            beat = {"instance_id": "g1", "payload": {}}
            await client.call("conductor", "heartbeat", beat, deadline_s=60)
            assert [name for name, _, _ in handlers.asked] == ["heartbeat"]
            left = raw.queue_declare("conductor", passive=True)
            assert (left.message_count, left.consumer_count) == (1, 0)
