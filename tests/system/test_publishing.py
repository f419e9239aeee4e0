"""What the bus gets, as an unmodified oslo.messaging hears it, from a real RabbitMQ."""

from pathlib import Path
from typing import Any

import pytest

from tests.system.cloud import Cloud, event, up
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.oslo import Listener
from tests.system.rabbit import Rabbit, Stranger
from tests.system.served import Config, Server
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system


def publishing(url: str) -> Config:
    """Return the settings with which a server publishes."""
    return {"DEFAULT": {"transport_url": url}, "notifier": {"also_publish": "notifications"}}


def metric(server: Server, name: str) -> float:
    """Return a metric without labels."""
    lines = server.call("GET", "/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def log(server: Server) -> str:
    """Return what a server logged."""
    return server.log.read_text()


def down_of(cloud: Cloud, host: int) -> dict[str, Any]:
    """Return the event that a host is down."""
    details = {"hostname": cloud.host(host)}
    return {"time": "2026-01-02T03:04:05", "type": "compute.host.down", "details": details}


def test_everything_that_happens_is_heard_by_oslo_messaging(
    rabbit: Rabbit, serve: Serve, hooks: Hooks, tmp_path: Path
) -> None:
    """A dead host is every event of the table on the bus, as listeners of OpenStack read it."""
    url = rabbit.fresh()
    listener = Listener(tmp_path / "oslo", url)
    try:
        server = serve(publishing(url))
        cloud = Cloud(server).fill(servers=2)
        cloud.watch(hooks, 1, 2)
        cloud.report(down_of(cloud, 1))
        heard = listener.wait("compute.instance.update", 2)
        assert {one["payload"]["state"] for one in heard} == {"error"}
        assert {one["payload"]["host"] for one in heard} == {cloud.host()}
        assert {one["publisher_id"] for one in heard} == {"faultwire.compute"}
        (fault,) = [one["id"] for one in cloud.faults()]
        traces = {one["traceparent"].split("-")[1] for one in heard}
        assert traces == {fault.replace("-", "")}
        (service,) = listener.wait("service.update")
        assert service["payload"]["forced_down"]
        (raised,) = listener.wait("fault.raised")
        assert raised["payload"]["type"] == "compute.host.down"
        moved = listener.wait("alarm.state_transition", 2)
        assert {one["payload"]["alarm_id"] for one in moved} == set(cloud.alarms.values())
        assert {one["traceparent"].split("-")[1] for one in moved} == traces
        cloud.report(up(cloud.host()))
        (cleared,) = listener.wait("fault.cleared")
        assert cleared["payload"]["fault_id"] == fault
        assert cleared["publisher_id"] == "faultwire.fault"
        _of_ports_and_guests(cloud, listener)
        assert metric(server, "faultwire_bus_up") == 1
    finally:
        listener.close()


def _of_ports_and_guests(cloud: Cloud, listener: Listener) -> None:
    """A port and a database guest that fail are heard as Neutron's and Trove's listeners know."""
    project, (vm, _) = cloud.projects[0], cloud.servers(1, 2)
    document = {
        "ports": [{"id": "port-1", "project": project, "server": vm, "host": cloud.host()}],
        "guests": [{"id": "guest-1", "name": "db", "project": project, "server": vm}],
    }
    assert cloud.server.call("PATCH", "/fault/v1/inventory", document).status == 200
    cloud.report(
        event("network.port.down", port_id="port-1"),
        event("database.guest.down", guest_id="guest-1"),
    )
    (port,) = listener.wait("port.update.end")
    assert port["publisher_id"] == "faultwire.network"
    assert (port["payload"]["port"]["id"], port["payload"]["port"]["data_plane_status"]) == (
        "port-1",
        "DOWN",
    )
    assert port["payload"]["old_data_plane_status"] is None
    (guest,) = listener.wait("database.guest.update")
    assert guest["publisher_id"] == "faultwire.database"
    assert (guest["payload"]["guest_id"], guest["payload"]["state"]) == ("guest-1", "down")


def test_a_broker_that_restarts_loses_nothing(
    rabbit: Rabbit, serve: Serve, tmp_path: Path
) -> None:
    """Absent at the start, restarted with messages on it: everything is heard, once by its name.

    Nobody waits for it: reports are answered while it is away.
    """
    vhost = rabbit.vhost()
    url = rabbit.url(vhost)
    rabbit.stop()
    server = serve(publishing(url))
    cloud = Cloud(server).fill(hosts=3, servers=4)
    cloud.report(down_of(cloud, 1))
    wait_for(lambda: "nothing is published" in log(server), "the log tells that it is away")
    rabbit.start()
    cloud.report(down_of(cloud, 2))
    wait_for(lambda: metric(server, "faultwire_bus_up") == 1, "it publishes")
    rabbit.stop()
    cloud.report(down_of(cloud, 3))
    rabbit.start()
    listener = Listener(tmp_path / "oslo", url)
    try:
        heard = listener.wait("compute.instance.update", 12)
        wanted = {one for host in (1, 2, 3) for one in cloud.servers(host, 4)}
        assert {one["payload"]["instance_id"] for one in heard} == wanted
        wait_for(lambda: rabbit.queues(vhost)["notifications.info"] == 0, "all is heard")
    finally:
        listener.close()


def test_wrong_credentials_are_told_and_make_no_storm(rabbit: Rabbit, serve: Serve) -> None:
    """The log and the status say that the broker refuses us; it is asked twice a minute."""
    stranger = Stranger(rabbit)
    server = serve(publishing(stranger.url))
    cloud = Cloud(server).fill(servers=10)
    cloud.report(down_of(cloud, 1))
    said = "the broker refuses the user or the password of [DEFAULT] transport_url"
    wait_for(lambda: said in log(server), "the log tells it")
    assert "wrong" not in log(server)
    down = {"up": False, "trouble": said}
    status = wait_for(
        lambda: next(
            (one for one in (server.get("/fault/v1/status")["status"],) if one["bus"] == down),
            None,
        ),
        "the status tells it",
    )
    assert status is not None
    assert any("the broker refuses" in one for one in status["troubles"])
    # Each process that has to do with the broker asks once or twice; ten servers' events do not.
    stranger.makes_no_storm()
