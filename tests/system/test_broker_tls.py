"""The broker by TLS: everything that speaks to it does so by TLS, and knows whom it speaks to."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from faultwire.domain.errors import RpcError
from faultwire.messaging import transport
from faultwire.messaging.addresses import OPTIONS
from faultwire.ports.rpc import RpcClient
from tests.rpc.sides import sides
from tests.system.cloud import Cloud
from tests.system.conftest import Serve
from tests.system.guests import Guests
from tests.system.oslo import Listener
from tests.system.rabbit import Rabbit
from tests.system.served import Server
from tests.system.test_publishing import down_of, log, metric, publishing
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

QUICK = {"heartbeat_ms": 200, "silence_ms": 1500, "ping_ms": 1500}


@pytest.fixture
def trusted(rabbit: Rabbit) -> tuple[str, str]:
    """Give a URL by TLS with whom to trust in it, and one without TLS to the same place."""
    vhost = rabbit.vhost()
    return f"{rabbit.secure(vhost)}?ssl_ca_file={rabbit.certificate}", rabbit.url(vhost)


@pytest.fixture
def heard(trusted: tuple[str, str], tmp_path: Path) -> Iterator[Listener]:
    """Give an unmodified oslo.messaging that listens without TLS."""
    listener = Listener(tmp_path / "oslo", trusted[1])
    yield listener
    listener.close()


def test_what_happens_is_published_and_heard_by_tls(
    trusted: tuple[str, str], heard: Listener, serve: Serve
) -> None:
    """The process that publishes and the one that listens come to the broker by TLS."""
    server = serve(publishing(trusted[0]))
    cloud = Cloud(server).fill(servers=1)
    cloud.report(down_of(cloud, 1))
    heard.wait("compute.instance.update")
    assert metric(server, "faultwire_bus_up") == 1
    wait_for(lambda: metric(server, "faultwire_listener_up") == 1, "the listener hears")


def test_a_guest_is_called_and_reports_by_tls(
    trusted: tuple[str, str], serve: Serve, tmp_path: Path
) -> None:
    """Both ways of remote calls: heartbeats to the conductor, and a ping of the guest."""
    server = serve({"DEFAULT": {"transport_url": trusted[0]}, "guests": QUICK})
    guests = Guests(server, tmp_path, 1)
    config = tmp_path / "guest.conf"
    config.write_text(f"[DEFAULT]\ntransport_url = {trusted[0]}\n")
    guests.enrol("guest-0")
    guests.start("guest-0", "--config", config)
    try:
        project = server.get("/identity/v3/auth/projects")["projects"][0]["id"]
        path = f"/database/v1.0/{project}/mgmt/instances/guest-0/rpc_ping"
        wait_for(lambda: server.call("GET", path).status == 204, "the guest answers", 40.0)
        guests.until("guest-0", state="up", agent="connected")
    finally:
        guests.close()


async def test_calls_go_on_while_tls_is_cut_and_comes_back(
    trusted: tuple[str, str], rabbit: Rabbit
) -> None:
    """Calls, and their answers, cross TLS; connections that are cut come back."""
    async with sides(trusted[0]) as both:
        await both.server("conductor")
        client = await both.client()
        beat = {"instance_id": "g1", "payload": {"service_status": "x" * 3_900}}
        for _ in range(20):
            await client.call("conductor", "heartbeat", beat, deadline_s=10)
        rabbit.close_connections()
        async with asyncio.timeout(40):
            while not await _answered(client, beat):
                pass
        await client.call("conductor", "heartbeat", beat, deadline_s=10)


async def _answered(client: RpcClient, beat: Mapping[str, object]) -> bool:
    try:
        await client.call("conductor", "heartbeat", beat, deadline_s=2)
    except RpcError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "trust", "why"),
    [
        ("127.0.0.1", False, "the broker's certificate is not to be trusted"),
        ("127.0.0.2", True, "the broker's certificate is not to be trusted"),
        ("", True, "the broker speaks no TLS on that port"),
    ],
    ids=["nobody vouches", "another's name", "no TLS there"],
)
def test_a_broker_that_is_not_the_right_one_is_told_and_gets_nothing(
    rabbit: Rabbit, serve: Serve, host: str, trust: bool, why: str
) -> None:
    """The log and the status say why; nothing is published, and none of it is lost."""
    vhost = rabbit.vhost()
    url = rabbit.secure(vhost, host)
    if not host:
        url = rabbit.url(vhost).replace("rabbit://", "amqps://")
    server = serve(publishing(f"{url}?ssl_ca_file={rabbit.certificate}" if trust else url))
    cloud = Cloud(server).fill(servers=1)
    cloud.report(down_of(cloud, 1))
    wait_for(lambda: _bus_trouble(server).startswith(why), "the status tells it")
    wait_for(lambda: log(server).count(why) >= 3, "calls, publishing and listening log it")
    assert rabbit.queues(vhost) == {}
    assert not metric(server, "faultwire_bus_up")


def _bus_trouble(server: Server) -> str:
    status = server.get("/fault/v1/status")["status"]
    return str((status["bus"] or {}).get("trouble") or "")


def test_a_file_that_is_not_there_ends_the_start(rabbit: Rabbit, serve: Serve) -> None:
    """The option and the file are named, and no password is."""
    url = f"{rabbit.secure(rabbit.vhost())}?ssl_ca_file=/nowhere/ca.pem"
    with pytest.raises(AssertionError, match=r"ssl_ca_file: /nowhere/ca\.pem: cannot be read"):
        serve(publishing(url))


def test_the_options_of_the_url_are_the_librarys() -> None:
    """What the URL may say is what the library takes there: it fails over anything else."""
    from oslo_messaging._drivers import amqp, impl_rabbit

    names = {one.name for one in (*impl_rabbit.rabbit_opts, *amqp.amqp_opts)}
    assert names == OPTIONS
    assert transport.library is not None
