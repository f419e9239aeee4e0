"""Remote calls and RabbitMQ itself: away, back, refusing; junk on the queues; other clients."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

import amqp
import pytest

from faultwire.app.calldoor import CallDoor
from faultwire.domain.errors import NoAnswer, RefusedSender, RefusedVersion, RpcError
from faultwire.messaging import transport
from faultwire.messaging.addresses import broker_of
from faultwire.messaging.caps import Caps
from faultwire.messaging.inprocess import InProcessExchange, InProcessServer
from faultwire.messaging.peers import Peers
from faultwire.messaging.rabbit_client import RabbitClient
from faultwire.messaging.rabbit_server import GUESTS_EXCHANGE, RabbitServer, passing
from faultwire.messaging.seals import door, sealer
from faultwire.messaging.settings import RabbitSettings, Settings
from faultwire.messaging.table import CONDUCTOR, TASKMANAGER
from faultwire.messaging.versions import Version
from faultwire.telemetry.clock import SystemClock
from tests.rpc.handlers import Handlers
from tests.rpc.records import RECORDS
from tests.rpc.sides import Sides, sides
from tests.system.channels import channel
from tests.system.rabbit import Rabbit

pytestmark = pytest.mark.system

library = transport.library
CLOCK = SystemClock()


@pytest.fixture
async def over(rabbit: Rabbit) -> AsyncIterator[tuple[Sides, str]]:
    """Give both sides over a virtual host of the test's own, and its URL."""
    url = rabbit.fresh()
    async with sides(url) as made:
        yield made, url


async def _in_thread(work: Any, *arguments: Any, **named: Any) -> Any:
    return await asyncio.to_thread(work, *arguments, **named)


# ---------------------------------------------------------------- the library's own sides


async def test_the_librarys_own_client_calls_our_server(over: tuple[Sides, str]) -> None:
    """An oslo.messaging client is served, and is refused as oslo.messaging refuses (S212)."""
    both, url = over
    guest = await both.server("guestagent", to="g1")
    broker = broker_of(Settings(transport_url=url))
    assert broker is not None
    opened = transport.rpc_transport(passing(broker), GUESTS_EXCHANGE)
    target = library.Target(topic="guestagent.g1", version="1.0")
    client = library.get_rpc_client(opened, target, timeout=60)
    before = threading.active_count()
    assert await _in_thread(client.call, {}, "rpc_ping") == "rpc_ping"
    named = client.prepare(namespace="guestagent", version="1.1")
    assert await _in_thread(named.call, {}, "restart", reason="hung") == "restart"
    assert guest.asked == [
        ("rpc_ping", "1.0", {}),
        ("restart", "1.1", {"reason": "hung"}),
    ]
    # Monitored calls that are refused leave no thread behind: the library's own server would
    # keep one for each, which goes on sending signs of life.
    monitored = client.prepare(version="1.9", call_monitor_timeout=20)
    for _ in range(5):
        with pytest.raises(library.RemoteError) as refused:
            await _in_thread(monitored.call, {}, "rpc_ping")
        assert refused.value.exc_type == "UnsupportedVersion"
    watchdogs = [one.name for one in threading.enumerate() if "_watchdog" in one.name]
    assert watchdogs == []
    assert threading.active_count() <= before + 20
    assert await _in_thread(client.call, {}, "rpc_ping") == "rpc_ping"
    await _in_thread(opened.cleanup)


async def test_our_client_calls_the_librarys_own_server(over: tuple[Sides, str]) -> None:
    """Calls, failures and refusals of an oslo.messaging server are understood."""
    both, url = over
    broker = broker_of(Settings(transport_url=url))
    assert broker is not None

    class Endpoint:
        """A guest of somebody else's."""

        target = library.Target(namespace="guestagent", version="1.0")

        def rpc_ping(self, context: object) -> bool:
            """Answer."""
            del context
            return True

        def restart(self, context: object) -> None:
            """Fail."""
            raise ValueError("no")

    opened = transport.rpc_transport(passing(broker), GUESTS_EXCHANGE)
    target = library.Target(topic="guestagent.g1", server="g1")
    server = library.get_rpc_server(opened, target, [Endpoint()])
    await _in_thread(server.start)
    client = await both.client()
    assert await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=60) is True
    with pytest.raises(RpcError, match="no"):
        await client.call("guestagent", "restart", {}, to="g1", deadline_s=60)
    with pytest.raises(RefusedVersion):
        await client.call("guestagent", "get_diagnostics", {}, to="g1", deadline_s=60)
    await _in_thread(server.stop)
    await _in_thread(server.wait)
    await _in_thread(opened.cleanup)


# ---------------------------------------------------------------- hostile messages


async def test_junk_on_a_queue_hurts_nobody(
    over: tuple[Sides, str], caplog: pytest.LogCaptureFixture
) -> None:
    """What is malformed, oversized or of a wrong type is dropped or refused; calls go on."""
    caplog.set_level(logging.CRITICAL)
    both, url = over
    guest = await both.server("guestagent", to="g1")
    client = await both.client()
    await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=60)
    inner = [
        "nonsense",
        "[]",
        "{}",
        json.dumps({"method": 7, "args": [], "version": {}, "namespace": []}),
        json.dumps({"method": "__class__", "args": {}, "version": "1.0"}),
        json.dumps({"method": "restart", "args": {"reason": "x" * 1_000_000}, "version": "1.1"}),
        json.dumps({"method": "rpc_ping", "args": {"a": 1}, "version": "1.0", "_context_a": []}),
    ]
    bodies = [b"", b"\xff\xfe", b"[1]", b"7"] + [
        json.dumps({"oslo.version": "2.0", "oslo.message": text}).encode() for text in inner
    ]
    with channel(url) as raw:
        for body in bodies:
            message = amqp.Message(body, content_type="application/json", content_encoding="utf-8")
            raw.basic_publish(message, "", "guestagent.g1")
            link: Any = client
            raw.basic_publish(message, "", link._link.name)
    assert await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=60) == "rpc_ping"
    assert {name for name, _, _ in guest.asked} == {"rpc_ping"}


async def test_who_did_not_prove_who_it_is_is_refused(rabbit: Rabbit) -> None:
    """A call with no proof, or another's, does not reach the handler; the right one does."""
    broker = broker_of(Settings(transport_url=rabbit.fresh()))
    assert broker is not None
    handlers = Handlers(CONDUCTOR)
    keys = {"guest/g1": b"one", "guest/g2": b"two"}
    server = RabbitServer(broker, door=door(keys.get))
    server.serve("conductor", handlers)
    await server.start()
    await server.ready()
    beat = {"instance_id": "g1", "payload": {"service_status": "running"}}
    report = {"instance_id": "g1", "fault_type": "database.guest.down"}
    seals = {
        "right": sealer("guest/g1", lambda _: b"one"),
        "another's": sealer("guest/g1", lambda _: b"two"),
        "none": sealer("guest/g1", lambda _: None),
        "unknown": sealer("guest/g3", lambda _: b"one"),
    }
    for name, seal in seals.items():
        peers = Peers(CLOCK)
        client = RabbitClient(broker, name.strip("'"), Caps({}, peers), peers, CLOCK, seal)
        await client.start()
        if name == "right":
            await client.call("conductor", "heartbeat", beat, deadline_s=60)
        else:
            with pytest.raises(RefusedSender):
                await client.call("conductor", "report_fault", report, deadline_s=60)
        await client.stop()
    assert [name for name, _, _ in handlers.asked] == ["heartbeat"]
    assert handlers.heard[0].context["sender"] == "guest/g1"
    await server.stop()


# ---------------------------------------------------------------- upgrades


async def test_a_rolling_upgrade_under_load_fails_no_call(over: tuple[Sides, str]) -> None:
    """Servers go from the oldest release to this one while clients of both call on."""
    both, _ = over
    api = "taskmanager"
    old = [await both.server(api, table=RECORDS["amber"]) for _ in range(2)]
    clients = [await both.client(), await both.client(RECORDS["amber"])]
    arguments = [{"host": "h", "task_id": "t"}, {"host": "h"}]
    over_ = asyncio.Event()
    done = [0, 0]

    async def load(number: int) -> None:
        while not over_.is_set():
            await clients[number].call(api, "evacuate_host", arguments[number], deadline_s=60)
            done[number] += 1

    running = [asyncio.create_task(load(number)) for number in (0, 0, 1, 1)]
    newer: Any = clients[0]
    for each in range(2):
        mark = list(done)
        new = await both.server(api)
        assert Version(1, 0) in await newer.survey(api)
        await both.stop(old[each])
        while not new.asked or any(now < then + 5 for now, then in zip(done, mark, strict=True)):
            await CLOCK.sleep(0.01)
    assert set(await newer.survey(api)) == {TASKMANAGER.newest}
    new.asked.clear()
    while not any(version == "1.1" for _, version, _ in new.asked):
        await CLOCK.sleep(0.01)
    over_.set()
    await asyncio.gather(*running)


async def test_a_survey_finds_the_lowest_as_peers_come_and_go(over: tuple[Sides, str]) -> None:
    """`auto` follows the live peers: what an old one cannot take is refused while it lives."""
    both, _ = over
    client: Any = await both.client()
    targets = {"host": "h", "targets": ["a"]}
    assert await client.survey("taskmanager") == []
    await both.server("taskmanager")
    assert await client.survey("taskmanager") == [Version(1, 2)]
    assert client.can_send("taskmanager", "evacuate_host", targets)
    old = await both.server("taskmanager", table=RECORDS["brass"])
    assert sorted(await client.survey("taskmanager")) == [Version(1, 1), Version(1, 2)]
    assert not client.can_send("taskmanager", "evacuate_host", targets)
    with pytest.raises(RefusedVersion, match="targets"):
        await client.call("taskmanager", "evacuate_host", targets, deadline_s=60)
    await both.stop(old)
    assert await client.survey("taskmanager") == [Version(1, 2)]
    await client.call("taskmanager", "evacuate_host", targets, deadline_s=60)


# ---------------------------------------------------------------- what is left behind


async def test_nothing_of_a_guest_that_left_stays_on_the_broker(rabbit: Rabbit) -> None:
    """Guests' queues and queues of answers go with who had them; durable ones do not multiply."""
    vhost = rabbit.vhost()
    url = rabbit.url(vhost)
    for _ in range(2):
        async with sides(url) as both:
            await both.server("guestagent", to="g1")
            await both.server("conductor")
            client = await both.client()
            await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=60)
            assert "guestagent.g1" in rabbit.queues(vhost)
    assert sorted(rabbit.queues(vhost)) == ["trove-conductor", "trove-conductor.all"]


async def test_calls_to_a_dead_guest_do_not_pile_up(over: tuple[Sides, str]) -> None:
    """A call that nobody waits for any more is dropped by the broker."""
    both, url = over
    with channel(url) as raw:
        raw.queue_declare("guestagent.dead", auto_delete=False)
        client = await both.client()
        for _ in range(3):
            with pytest.raises(NoAnswer):
                await client.call("guestagent", "rpc_ping", {}, to="dead", deadline_s=0.5)
        async with asyncio.timeout(90):
            while raw.basic_get("guestagent.dead", no_ack=True) is not None:
                await CLOCK.sleep(0.05)


# ---------------------------------------------------------------- the process that takes calls


async def test_calls_are_taken_by_a_process_of_their_own(over: tuple[Sides, str]) -> None:
    """A child takes calls, checks them, and hands them on; it is started again when it dies."""
    both, url = over
    exchange = InProcessExchange()
    handlers = Handlers(TASKMANAGER)
    server = InProcessServer(exchange)
    server.serve("taskmanager", handlers)
    await server.start()
    taken = CallDoor(
        (Settings(transport_url=url), RabbitSettings()),
        ("taskmanager",),
        ("taskmanager",),
        exchange,
        CLOCK,
    )
    running = asyncio.create_task(taken.run())
    client = await both.client()

    async def answered() -> None:
        async with asyncio.timeout(90):
            while True:
                try:
                    arguments = {"instance_id": "g1"}
                    await client.call("taskmanager", "restart_guest", arguments, deadline_s=1)
                    return
                except RpcError:
                    await CLOCK.sleep(0.1)

    await answered()
    taken._child.kill()  # type: ignore[union-attr]
    handlers.asked.clear()
    await answered()
    assert handlers.asked[0] == ("restart_guest", "1.0", {"instance_id": "g1", "task_id": None})
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await server.stop()


def test_the_library_is_one_that_does_not_wait_half_a_second() -> None:
    """From 14.8 through 18.1 every call waited in steps of 0.5 s: the requirement says so."""
    from importlib.metadata import requires, version

    assert tuple(map(int, version("oslo.messaging").split(".")[:2])) >= (18, 3)
    [needed] = [one for one in requires("faultwire") or [] if one.startswith("oslo.messaging")]
    assert needed.replace(" ", "").endswith(">=18.3")


async def test_queues_of_another_kind_are_shared_too(rabbit: Rabbit) -> None:
    """Where the URL asks for classic queues, both sides make them so; casts are kept."""
    url = f"{rabbit.fresh()}?rabbit_quorum_queue=false"
    async with sides(url) as both:
        client = await both.client()
        beat = {"instance_id": "g1", "payload": {}}
        await client.cast("conductor", "heartbeat", beat)
        handlers = await both.server("conductor")
        async with asyncio.timeout(90):
            while not handlers.asked:
                await CLOCK.sleep(0.02)
