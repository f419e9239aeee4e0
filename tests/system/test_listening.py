"""Notifications of OpenStack's services, from a real RabbitMQ into the map and to the alarms."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.samples.recorded import sample
from tests.system.agents import client_env
from tests.system.children import Child, run
from tests.system.cloud import Cloud
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.oslo import Notifier
from tests.system.rabbit import Rabbit, Stranger
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

VM = "75b2b1f6-5d1a-4a02-8b0a-000000000001"


def heard(server: Server, result: str) -> float:
    """Return how many notifications had a fate."""
    lines = server.call("GET", "/metrics").text.splitlines()
    begin = f'faultwire_notifications_total{{result="{result}"}}'
    return float(next(line.split()[-1] for line in lines if line.startswith(begin)))


def up(server: Server) -> bool:
    """Return whether the server hears others."""
    return "faultwire_listener_up 1.0" in server.call("GET", "/metrics").text


class Services:
    """The services of a cloud, each with its exchange."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._notifiers: dict[tuple[str, str], Notifier] = {}

    def send(self, exchange: str, topic: str = "notifications", **message: Any) -> None:
        """Publish as a service does."""
        key = (exchange, topic)
        if key not in self._notifiers:
            folder = self._folder / f"{exchange}-{topic}"
            self._notifiers[key] = Notifier(folder, self._url, exchange, topic)
        self._notifiers[key].send(**message)

    def close(self) -> None:
        """End them."""
        for one in self._notifiers.values():
            one.close()


@pytest.fixture
def vhost(rabbit: Rabbit) -> str:
    """Give a virtual host of the test's own."""
    return rabbit.vhost()


@pytest.fixture
def services(rabbit: Rabbit, vhost: str, tmp_path: Path) -> Iterator[Services]:
    """Give services, each of which has published once, so that its exchange is there."""
    made = Services(tmp_path / "services", rabbit.url(vhost))
    for exchange in ("nova", "neutron", "trove"):
        made.send(exchange, publisher_id="x", event_type="first", payload={})
    made.send("ceilometer", "alarm.all", publisher_id="x", event_type="e", payload=[],
              priority="sample")  # fmt: skip
    yield made
    made.close()


def listening(serve: Serve, url: str, **more: object) -> Server:
    """Start a server that hears the services."""
    server = serve({"DEFAULT": {"transport_url": url}, "listener": more})
    wait_for(lambda: up(server), "the listener hears")
    return server


def test_the_map_follows_nova_neutron_and_trove(
    rabbit: Rabbit, vhost: str, services: Services, serve: Serve
) -> None:
    """Servers, ports, guests and services appear, move and go as the services tell."""
    server = listening(serve, rabbit.url(vhost))
    services.send("nova", **sample("nova-legacy-create-end"))
    services.send("neutron", **sample("neutron-port-create-end"))
    services.send("trove", **sample("trove-instance-create"))
    shown = wait_for(lambda: _server(server), "the server is in the map")
    assert (shown["host"], shown["vm_state"]) == ("compute-1", "active")
    inventory = wait_for(lambda: _with(server, "guests"), "the guest is in the map")
    assert inventory["ports"][0]["host"] == "compute-1"
    assert inventory["guests"][0]["server"] == VM
    services.send("nova", **sample("nova-legacy-live-migration-post-dest-end"))
    wait_for(lambda: (_server(server) or {}).get("host") == "compute-2", "it migrated")
    services.send("nova", "versioned_notifications", **sample("nova-versioned-service-update"))
    wait_for(lambda: _forced(server, "compute-2"), "its service is forced down")
    services.send("nova", **sample("nova-legacy-delete-end"))
    services.send("neutron", **sample("neutron-port-delete-end"))
    wait_for(lambda: not server.get("/fault/v1/inventory")["servers"], "the server is gone")
    wait_for(lambda: not server.get("/fault/v1/inventory")["ports"], "the port is gone")


def test_an_event_of_aodhs_topic_fires_an_alarm_and_a_restart_loses_none(
    rabbit: Rabbit, vhost: str, services: Services, serve: Serve, hooks: Hooks
) -> None:
    """Events reach the alarms once each, also those that came while the broker restarted.

    What carries our own publisher, what is malformed and what is too long end where they should.
    """
    server = listening(serve, rabbit.url(vhost), message_bytes=4096)
    cloud = Cloud(server).fill(servers=1)
    # Every event that hits is a state change of its own.
    cloud.alarm(cloud.servers(1, 1)[0], hooks.url("/hit"), repeat_actions=True)

    def hit(number: int) -> None:
        services.send("ceilometer", "alarm.all", priority="sample", publisher_id="ceilometer",
                      event_type="event", payload=[event_of(cloud, f"e-{number}")])  # fmt: skip

    for number in range(10):
        hit(number)
    services.send("nova", publisher_id="faultwire.compute", event_type="compute.instance.update",
                  payload=sample("nova-legacy-create-end")["payload"])  # fmt: skip
    services.send("nova", publisher_id="n", event_type="compute.instance.update", payload={})
    services.send("nova", publisher_id="n", event_type="compute.instance.update",
                  payload={"x": "y" * 5000})  # fmt: skip
    rabbit.restart()
    for number in range(10, 15):
        hit(number)
    wait_for(lambda: len({one.delivery for one in hooks.told}) >= 15, "every event is told")
    # What was under way when the broker went comes again.
    wait_for(lambda: heard(server, "dead") >= 2, "two dead letters")
    wait_for(lambda: rabbit.queues(vhost)["faultwire.listener.events"] == 0, "nothing waits")
    assert len({one.delivery for one in hooks.told}) == 15
    assert heard(server, "ours") >= 1
    assert not server.get("/fault/v1/inventory")["servers"][1:]


def test_a_listener_of_its_own_brings_what_it_hears(
    rabbit: Rabbit, server: Server, tmp_path: Path
) -> None:
    """`faultwire listener` waits for the broker, brings by the API, and shows its dead letters."""
    vhost = rabbit.vhost()
    url = rabbit.url(vhost)
    config = tmp_path / "listener.conf"
    config.write_text(f"[DEFAULT]\ntransport_url = {url}\n")
    rabbit.stop()
    environment = client_env(server)
    child = Child(tmp_path / "listener.log", "listener", "--config", config, env=environment)
    made = Services(tmp_path / "services", url)
    try:
        child.line("the broker is away")
        rabbit.start()
        made.send("nova", publisher_id="x", event_type="first", payload={})
        child.line("listening to ")
        wait_for(lambda: "nova" in child.output, "nova's exchange is found")
        made.send("nova", **sample("nova-versioned-create-end"))
        wait_for(lambda: _server(server), "the server is in the map")
        made.send("nova", publisher_id="n", event_type="compute.instance.update", payload={})
        wait_for(lambda: rabbit.queues(vhost).get("faultwire.listener.dead"), "a dead letter")
        letters = run("dead-letters", "--config", config, "--json", "--again")
        (letter,) = json.loads(letters.stdout)
        assert letter["reason"].startswith("malformed: compute.instance.update")
        wait_for(lambda: rabbit.queues(vhost)["faultwire.listener.dead"], "it died again")
        assert child.stop() == 0
    finally:
        child.kill()
        made.close()


def test_a_broker_that_refuses_the_listener_is_left_alone(rabbit: Rabbit, serve: Serve) -> None:
    """Wrong credentials are told once, in the log and by the gauge, and make no storm."""
    stranger = Stranger(rabbit)
    server = serve({"DEFAULT": {"transport_url": stranger.url}})
    said = "nothing is heard of other services: the broker refuses the user or the password"
    wait_for(lambda: said in server.log.read_text(), "the log tells it")
    assert not up(server)
    assert server.call("GET", "/healthcheck").status == 200
    stranger.makes_no_storm()


def event_of(cloud: Cloud, name: str) -> dict[str, Any]:
    """Return an event of Ceilometer's on the first server."""
    server = cloud.servers(1, 1)[0]
    traits = [["resource_id", 1, server], ["instance_id", 1, server], ["state", 1, "error"],
              ["project_id", 1, cloud.project_of(0)]]  # fmt: skip
    return {
        "message_id": name,
        "event_type": "compute.instance.update",
        "generated": "2026-01-02T03:04:05",
        "traits": traits,
        "raw": {},
    }


def _with(server: Server, kind: str) -> dict[str, Any] | None:
    found: dict[str, Any] = server.get("/fault/v1/inventory")
    return found if found[kind] else None


def _server(server: Server) -> dict[str, Any] | None:
    found = server.get("/fault/v1/hosts")["hosts"]
    for host in found:
        for one in server.get(f"/fault/v1/hosts/{host['name']}")["host"]["servers"]:
            if one["id"] == VM:
                return {**one, "host": host["name"]}
    return None


def _forced(server: Server, host: str) -> bool:
    return bool(server.get(f"/fault/v1/hosts/{host}")["host"]["forced_down"])
