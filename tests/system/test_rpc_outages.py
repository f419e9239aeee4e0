"""Remote calls while RabbitMQ is away, restarts, or refuses us."""

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from faultwire.domain.errors import BusDown, RpcError
from faultwire.messaging.addresses import broker_of
from faultwire.messaging.caps import Caps
from faultwire.messaging.link import State
from faultwire.messaging.peers import Peers
from faultwire.messaging.rabbit_client import RabbitClient
from faultwire.messaging.rabbit_server import RabbitServer
from faultwire.messaging.settings import Settings
from faultwire.messaging.table import CONDUCTOR
from faultwire.telemetry.clock import SystemClock
from tests.rpc.handlers import Handlers
from tests.rpc.sides import sides
from tests.system.rabbit import Rabbit, Stranger

pytestmark = pytest.mark.system

CLOCK = SystemClock()


def _client(url: str) -> RabbitClient:
    broker = broker_of(Settings(transport_url=url))
    assert broker is not None
    peers = Peers(CLOCK)
    return RabbitClient(broker, "tests", Caps({}, peers), peers, CLOCK)


async def test_neither_side_needs_the_broker_at_its_start(rabbit: Rabbit) -> None:
    """Both start without a broker, calls fail at once, and all goes well once it is there."""
    url = rabbit.fresh()
    rabbit.stop()
    async with sides(url) as both:
        await both.server("guestagent", to="g1", wait=False)
        client = _client(url)
        await client.start()
        with pytest.raises(BusDown):
            await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=0.3)
        rabbit.start()
        async with asyncio.timeout(90):
            while True:
                try:
                    await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=1)
                    break
                except RpcError:
                    await CLOCK.sleep(0.1)
        await client.stop()


class Load:
    """Calls and casts without a pause, until `over` is set."""

    def __init__(self, client: RabbitClient) -> None:
        """Take who sends."""
        self._client = client
        self.over = asyncio.Event()
        self.late: list[float] = []
        self.verdicts: list[str] = []
        self.kept: list[int] = []

    async def calls(self) -> None:
        """Call; note each verdict, and by how much it missed its deadline."""
        while not self.over.is_set():
            began = CLOCK.mono_ns()
            verdict = "ok"
            try:
                await self._client.call(
                    "baseapi", "rpc_ping", {}, to=CONDUCTOR.topic, deadline_s=1
                )
            except RpcError as error:
                verdict = error.verdict
            self.verdicts.append(verdict)
            self.late.append((CLOCK.mono_ns() - began) / 1e9 - 1)
            await CLOCK.sleep(0.02)

    async def casts(self) -> None:
        """Cast; note each that the broker has taken."""
        number = 0
        while not self.over.is_set():
            number += 1
            beat = {"instance_id": "g1", "payload": {}, "sequence": number}
            with contextlib.suppress(RpcError):
                await self._client.cast("conductor", "heartbeat", beat, deadline_s=1)
                self.kept.append(number)
            await CLOCK.sleep(0.02)

    async def answered(self, count: int) -> None:
        """Return once that many more calls and casts went well."""
        calls, casts = self.verdicts.count("ok") + count, len(self.kept) + count
        async with asyncio.timeout(90):
            while self.verdicts.count("ok") < calls or len(self.kept) < casts:
                await CLOCK.sleep(0.02)


def test_a_restart_of_the_broker_costs_calls_and_no_casts(rabbit: Rabbit) -> None:
    """While it restarts calls fail within their deadline; then they, and kept casts, arrive."""
    url = rabbit.fresh()
    well, again = threading.Event(), threading.Event()
    loads: list[Load] = []

    async def traffic() -> None:
        async with sides(url) as both:
            handlers = await both.server("conductor")
            client = _client(url)
            await client.start()
            load = Load(client)
            loads.append(load)
            running = [asyncio.create_task(load.calls()), asyncio.create_task(load.casts())]
            await load.answered(10)
            well.set()
            await asyncio.to_thread(again.wait, 200)
            await load.answered(10)
            load.over.set()
            await asyncio.gather(*running)
            async with asyncio.timeout(90):
                while not set(load.kept) <= {one["sequence"] for _, _, one in handlers.asked}:
                    await CLOCK.sleep(0.05)
            await client.stop()

    # The broker ends with the thread that started it, and this is the one.
    with ThreadPoolExecutor(1) as other:
        done = other.submit(asyncio.run, traffic())
        assert well.wait(100)
        rabbit.restart()
        again.set()
        done.result(200)
    [load] = loads
    assert set(load.verdicts) <= {"ok", "timeout", "bus down", "no consumer"}
    # A call that waited for the broker would be late by the seconds of its restart.
    assert max(load.late) < 3


async def test_wrong_credentials_are_said_once_and_not_tried_again_at_once(
    rabbit: Rabbit, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is clear, calls fail at once, and the broker is not stormed."""
    stranger = Stranger(rabbit)
    client = _client(stranger.url)
    broker = broker_of(Settings(transport_url=stranger.url))
    assert broker is not None
    server = RabbitServer(broker)
    server.serve("conductor", Handlers(CONDUCTOR))
    await server.start()
    await client.start()
    async with asyncio.timeout(90):
        while client.state is not State.REFUSED:
            await CLOCK.sleep(0.02)
    for _ in range(20):
        with pytest.raises(BusDown, match="refuses our credentials"):
            await client.call("conductor", "heartbeat", {"instance_id": "g", "payload": {}},
                              deadline_s=60)  # fmt: skip
    async with asyncio.timeout(90):
        while sum("refuses our" in one.getMessage() for one in caplog.records) < 2:
            await CLOCK.sleep(0.02)
    await client.stop()
    await server.stop()
    said = [one.getMessage() for one in caplog.records if "refuses our" in one.getMessage()]
    assert len(said) == 2
    assert "wrong" not in "".join(said)
    stranger.makes_no_storm()


async def test_connections_that_are_cut_come_back(rabbit: Rabbit) -> None:
    """Both sides are cut off at once, as by a partition: calls go well again by themselves."""
    async with sides(rabbit.fresh()) as both:
        await both.server("guestagent", to="g1")
        client = await both.client()
        await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=60)
        rabbit.close_connections()
        async with asyncio.timeout(90):
            while True:
                try:
                    await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=1)
                    break
                except RpcError:
                    await CLOCK.sleep(0.1)
        answers = await client.fan_out("guestagent", "rpc_ping", {}, to=["g1"], deadline_s=60)
        assert answers["g1"].verdict == "ok"
