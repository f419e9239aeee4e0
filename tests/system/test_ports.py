"""Ports of a served process whose bus goes away, and of several servers on one database."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.agents import client_env
from tests.system.buses import CONFIG, Bus
from tests.system.children import run
from tests.system.cloud import Cloud, event
from tests.system.hooks import Hooks
from tests.system.installation import Installation
from tests.system.served import Server
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

PORTS = "/network/v2.0/ports"
BULK = f"{PORTS}/data-plane-status"
NAMES = [f"port-{number}" for number in range(6)]


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    """Give a bus that is up."""
    return Bus(tmp_path / "bus")


@pytest.fixture
def server(bus: Bus, tmp_path: Path) -> Iterator[Server]:
    """Give a server that publishes to it."""
    folder = tmp_path / "server"
    folder.mkdir()
    made = Server(folder, CONFIG, command=bus.command)
    yield made.start()
    made.close()


@pytest.fixture(params=SERVERS)
def install(
    request: pytest.FixtureRequest, databases: Databases, bus: Bus, tmp_path: Path
) -> Iterator[Installation]:
    """Give an installation on an empty database of each kind."""
    url = databases.new(request.param)
    installation = Installation(tmp_path, url, CONFIG, bus.command)
    yield installation
    installation.close()


def wired(server: Server) -> Cloud:
    """Put ports on two servers of a host that has one switch."""
    cloud = Cloud(server).fill(servers=2)
    link = {"name": "eth0", "physical_network": "physnet1", "switch": "tor", "switch_port": "1"}
    document = {
        "switches": [{"name": "tor"}],
        "hosts": [{"name": cloud.host(), "interfaces": [link]}],
        "ports": [
            {
                "id": name,
                "project": cloud.project_of(number),
                "server": cloud.servers(1, 2)[number % 2],
                "physical_network": "physnet1",
            }
            for number, name in enumerate(NAMES)
        ],
    }
    answer = server.call("PATCH", "/fault/v1/inventory", document)
    assert answer.status == 200, answer.text
    return cloud


def put(server: Server, port: str, status: str | None) -> dict[str, Any]:
    """Report a port's data plane; return the port."""
    body = {"port": {"data_plane_status": status}}
    answer = server.call("PUT", f"{PORTS}/{port}", body)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json["port"]
    return found


def marked(server: Server) -> set[str]:
    """Return the ports that are down."""
    rows = server.get(f"{PORTS}?data_plane_status=DOWN&fields=id")["ports"]
    return {one["id"] for one in rows}


def watch(cloud: Cloud, hooks: Hooks) -> str:
    """Give the owner of the first server an alarm on its data plane."""
    server = cloud.servers(1, 1)[0]

    def query(name: str, value: object, kind: str) -> list[dict[str, Any]]:
        return [
            {"field": "traits.instance_id", "op": "eq", "type": "string", "value": server},
            {"field": f"traits.{name}", "op": "eq", "type": kind, "value": value},
        ]

    rule = {
        "event_type": "compute.instance.update",
        "query": query("data_plane_status", "DOWN", "string"),
        "clear": {"query": query("ports_down", "0", "integer")},
    }
    return cloud.alarm(server, hooks.url("/owner"), event_rule=rule)


@pytest.mark.parametrize("how", ["down", "silent"])
def test_a_bus_that_is_away_holds_up_no_report(
    server: Server, bus: Bus, hooks: Hooks, how: str
) -> None:
    """S95-S96: reports are answered, owners told; when it returns it gets each change once."""
    cloud = wired(server)
    watch(cloud, hooks)
    bus.down(how)
    for name in NAMES:
        assert put(server, name, "DOWN")["data_plane_status"] == "DOWN"
        assert put(server, name, "DOWN")["dp_down"]
    hooks.wait_count(1)
    assert len(cloud.deliveries("pending")) >= len(NAMES)
    assert marked(server) == set(NAMES)
    put(server, NAMES[0], "ACTIVE")
    put(server, NAMES[0], None)
    assert bus.taken == []
    bus.up()
    bus.wait_count(len(NAMES) + 2)
    cloud.settled()
    assert sorted(bus.changes, key=str) == sorted(
        [
            *((name, None, "DOWN") for name in NAMES),
            (NAMES[0], "DOWN", "ACTIVE"),
            (NAMES[0], "ACTIVE", None),
        ],
        key=str,
    )
    first = [change[1:] for change in bus.changes if change[0] == NAMES[0]]
    assert first == [(None, "DOWN"), ("DOWN", "ACTIVE"), ("ACTIVE", None)]
    assert len({one["message_id"] for one in bus.taken}) == len(NAMES) + 2


def test_what_the_bus_missed_outlives_the_server(server: Server, bus: Bus) -> None:
    """What was answered while the bus was away is published after SIGKILL and a new start."""
    wired(server)
    bus.down()
    body = {"ports": NAMES, "dp_down": True, "reason": "fabric lost"}
    assert server.call("PUT", BULK, body).status == 200
    server.kill9()
    server.start()
    assert marked(server) == set(NAMES)
    put(server, NAMES[0], "DOWN")
    assert bus.taken == []
    bus.up()
    bus.wait_count(len(NAMES))
    Cloud(server).settled()
    assert sorted(bus.changes) == [(name, None, "DOWN") for name in NAMES]
    ports = [one["payload"]["port"] for one in bus.taken]
    assert {one["data_plane_status_reason"] for one in ports} == {"fabric lost"}


def test_two_servers_hold_one_data_plane(install: Installation, bus: Bus, hooks: Hooks) -> None:
    """What one is told the other knows; its owner's alarm fires once, the bus hears it once."""
    one = install.serve()
    cloud, other = wired(one), install.serve()
    alarm = watch(cloud, hooks)
    put(one, NAMES[0], "DOWN")
    # Decided where the database is right, whatever this server had heard before.
    assert put(other, NAMES[0], "DOWN")["data_plane_status"] == "DOWN"
    assert marked(other) == {NAMES[0]}
    hooks.wait_count(1)
    stale = {"If-Match": "revision_number=0"}
    body = {"port": {"dp_down": False}}
    assert other.call("PUT", f"{PORTS}/{NAMES[0]}", body, headers=stale).status == 412
    assert other.call("PUT", BULK, {"ports": NAMES, "dp_down": True}).status == 200
    assert one.call("PUT", BULK, {"ports": NAMES, "dp_down": True}).status == 200
    assert marked(one) == set(NAMES)
    bus.wait_count(len(NAMES))
    cloud.settled()
    assert sorted(bus.changes) == [(name, None, "DOWN") for name in NAMES]
    assert [(told.alarm_id, told.current) for told in hooks.told] == [(alarm, "alarm")]
    assert other.call("PUT", BULK, {"host": cloud.host(), "dp_down": False}).status == 200
    wait_for(lambda: not marked(one), "the other's report")
    hooks.wait_count(2)
    bus.wait_count(2 * len(NAMES))
    cloud.settled()
    assert [told.current for told in hooks.told] == ["alarm", "ok"]
    assert len(bus.changes) == 2 * len(NAMES)


def test_evaluators_and_senders_publish_each_change_once(
    install: Installation, bus: Bus, hooks: Hooks
) -> None:
    """With the work in processes of its own and a bus that is away meanwhile: each change once."""
    server = install.serve()
    cloud = wired(server)
    watch(cloud, hooks)
    for role in ("evaluator", "sender", "evaluator", "sender"):
        install.work(role)
    bus.down()
    assert server.call("PUT", BULK, {"ports": NAMES, "dp_down": True}).status == 200
    hooks.wait_count(1)
    bus.up()
    bus.wait_count(len(NAMES))
    assert server.call("PUT", BULK, {"ports": NAMES, "dp_down": True}).status == 200
    assert server.call("PUT", BULK, {"ports": NAMES, "dp_down": False}).status == 200
    hooks.wait_count(2)
    bus.wait_count(2 * len(NAMES))
    cloud.settled()
    assert sorted(bus.changes, key=str) == sorted(
        [
            *((name, None, "DOWN") for name in NAMES),
            *((name, "DOWN", "ACTIVE") for name in NAMES),
        ],
        key=str,
    )


def test_links_fault_and_clear_by_different_servers(
    install: Installation, bus: Bus, hooks: Hooks
) -> None:
    """A fault told to one and cleared by the other gives the same ports, and what was before."""
    one = install.serve()
    cloud, other = wired(one), install.serve()
    far = Cloud(other)
    watch(cloud, hooks)
    put(other, NAMES[5], "ACTIVE")
    link = {"hostname": cloud.host(), "interface": "eth0"}
    for teller, healer in ((cloud, far), (far, cloud)):
        teller.report(event("network.link.down", **link))
        healer.report(event("network.switch.down", switch="tor"))
        for server in (one, other):
            wait_for(lambda s=server: marked(s) == set(NAMES), "all are down")  # type: ignore[misc]
        healer.report(event("network.link.up", **link))
        assert marked(healer.server) == set(NAMES)
        teller.report(event("network.switch.up", switch="tor"))
        for server in (one, other):
            wait_for(lambda s=server: not marked(s), "none is down")  # type: ignore[misc]
            rows = server.get(f"{PORTS}?data_plane_status=ACTIVE")["ports"]
            assert [row["id"] for row in rows] == [NAMES[5]]
    hooks.wait_count(4)
    bus.wait_count(1 + 4 * len(NAMES))
    cloud.settled()
    assert [told.current for told in hooks.told] == ["alarm", "ok"] * 2
    assert len(bus.changes) == 1 + 4 * len(NAMES)


def test_our_commands_speak_of_ports(server: Server, bus: Bus) -> None:
    """S97-S99, D14: every line of the manual, in both spellings, against a true server."""
    wired(server)
    env = client_env(server)

    def said(*words: str) -> dict[str, Any]:
        done = run(*words, "--json", env=env)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    assert said("port-update", "--dp-down", "True", "port-0")["data_plane_status"] == "DOWN"
    assert said("port-update", "port-0")["dp_down"] is True
    found = run("port-list", "--data-plane-status", "DOWN", env=env)
    assert found.returncode == 0, found.stderr
    assert "port-0" in found.stdout
    assert "port-1" not in found.stdout
    words = ("--dp-down", "False", "--reason", "link repaired")
    assert said("port", "set", *words, "port-0")["data_plane_status"] == "ACTIVE"
    assert said("port-show", "port-0")["data_plane_status_reason"] == "link repaired"
    assert said("port", "set", "port-0")["data_plane_status"] == "ACTIVE"
    assert said("port", "unset", "--data-plane-status", "port-0")["data_plane_status"] is None
    for wrong in (
        ("port-update", "--dp-down", "maybe", "port-0"),
        ("port-show", "nope"),
        ("port", "set", "--data-plane-status", "down", "port-0"),
    ):
        done = run(*wrong, env=env)
        assert done.returncode in {1, 2}
        assert done.stderr
        assert "Traceback" not in done.stderr
    bus.wait_count(3)
    statuses = [change[1:] for change in bus.changes]
    assert statuses == [(None, "DOWN"), ("DOWN", "ACTIVE"), ("ACTIVE", None)]


@pytest.mark.parametrize("status", ["ACTIVE", "DOWN", "BUILD", "ERROR", "N/A"])
def test_status_is_the_inventorys_and_stands_by_itself(standing: Server, status: str) -> None:
    """S107-S109: five values, no client sets it, no report and no fault moves it."""
    cloud = wired(standing)
    row = {
        "id": "by-status",
        "project": cloud.project_of(0),
        "status": status,
        "host": cloud.host(),
    }
    assert standing.call("PATCH", "/fault/v1/inventory", {"ports": [row]}).status == 200
    path = f"{PORTS}/by-status"
    for body in ({"status": "ERROR"}, {"status": "ACTIVE", "dp_down": True}):
        assert standing.call("PUT", path, {"port": body}).status == 400
    assert standing.get(path)["port"]["data_plane_status"] is None
    assert put(standing, "by-status", "DOWN")["status"] == status
    (fault,) = cloud.report(event("network.port.down", port_id="by-status"))
    shown = standing.get(path)["port"]
    assert (shown["status"], shown["data_plane_status"]) == (status, "DOWN")
    cloud.report(event("network.port.up", port_id="by-status"))
    assert standing.get(f"/fault/v1/faults/{fault}")["fault"]["state"] == "closed"
    assert put(standing, "by-status", None)["status"] == status
    wrong = {**row, "status": status.lower()}
    answer = standing.call("PATCH", "/fault/v1/inventory", {"ports": [wrong]})
    assert answer.status == 400
    assert "ports[0].status" in answer.text
