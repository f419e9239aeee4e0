"""A host of a real cloud dies: its owners are told, and Nova and Neutron say the truth."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openstack.beside import LATE, asked, fault, open_fault, report, wait_known, watch
from tests.openstack.client import Client
from tests.openstack.minicloud import NAME, MiniCloud
from tests.system.cloud import down, event, up
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]
HOST = "cmp2"


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """Give a receiver of webhooks."""
    made = Hooks()
    yield made
    made.close()


@pytest.fixture
def server(cloud: MiniCloud, tmp_path: Path) -> Iterator[Server]:
    """Give a server beside the cloud."""
    settings = {"clouds": NAME, "clouds_yaml": cloud.clouds_yaml, "reconcile_seconds": 1}
    made = Server(tmp_path, {"openstack": settings})
    made.start()
    yield made
    made.close()


def states(admin: Client) -> dict[str, str]:
    """Return the vm_state of each server of the host, as Nova has it."""
    return {one["id"]: one["OS-EXT-STS:vm_state"] for one in admin.servers(HOST)}


def test_a_dead_host_is_down_in_nova_and_its_owners_know(
    admin: Client, server: Server, hooks: Hooks
) -> None:
    """The map is the cloud's; owners are told, Nova and Neutron say it, the end takes it back."""
    servers = admin.boot(HOST, 5, "acts")
    port = admin.port(servers[0], HOST)
    wait_known(server, HOST, servers)
    watch(server, admin, hooks, *servers)
    report(server, down(HOST))
    hooks.wait_count(5)
    wait_for(lambda: admin.service(HOST)["forced_down"], "Nova has it down")
    wait_for(lambda: set(states(admin).values()) == {"error"}, "all states are reset")
    report(server, event("network.port.down", port_id=port))
    wait_for(lambda: plane(admin, port) == "DOWN", "Neutron has the port down")
    report(server, event("network.port.up", port_id=port))
    wait_for(lambda: plane(admin, port) == "ACTIVE", "Neutron has the port up")
    report(server, up(HOST))
    hooks.wait_count(10)
    wait_for(lambda: not admin.service(HOST)["forced_down"], "Nova has it up")
    wait_for(lambda: set(states(admin).values()) == {"active"}, "all states are given back")
    for one in servers:
        admin.nova("DELETE", f"/servers/{one}")
    wait_known(server, HOST, ())


def plane(admin: Client, port: str) -> str | None:
    """Return a port's data plane status, as Neutron has it."""
    found: str | None = admin.neutron("GET", f"/ports/{port}")["port"]["data_plane_status"]
    return found


def test_a_cloud_that_is_away_is_asked_when_it_returns(
    cloud: MiniCloud, admin: Client, server: Server, hooks: Hooks
) -> None:
    """nova-api dies, then a host, then we ourselves: owners know at once, Nova when it is back."""
    servers = admin.boot(HOST, 3, "away")
    wait_known(server, HOST, servers)
    watch(server, admin, hooks, *servers)
    cloud.running["compute"].end(signal.SIGKILL)
    report(server, down(HOST))
    hooks.wait_count(3)
    server.kill9()
    server.start()
    cloud.restart("compute")
    wait_for(lambda: admin.service(HOST)["forced_down"], "Nova has it down")
    wait_for(lambda: set(states(admin).values()) == {"error"}, "all states are reset")
    report(server, up(HOST))
    wait_for(lambda: not admin.service(HOST)["forced_down"], "Nova has it up")
    for one in servers:
        admin.nova("DELETE", f"/servers/{one}")
    wait_for(lambda: not admin.servers(HOST), "Nova deletes them")


def test_what_nova_refuses_for_good_calls_the_administrator(server: Server, hooks: Hooks) -> None:
    """A host without nova-compute: its fault says so, one alarm is raised, and ends with it."""
    kind = "faultwire.cloud.refused"
    alarm = {
        "name": "refused", "type": "event", "project_id": "",
        "event_rule": {
            "event_type": "fault.raised",
            "query": [{"field": "traits.type", "op": "eq", "type": "string", "value": kind}],
        },
        "alarm_actions": [hooks.url("/refused")],
    }  # fmt: skip
    assert server.call("POST", "/alarming/v2/alarms", alarm).status == 201
    host = {"hosts": [{"name": "ghost"}]}
    assert server.call("PATCH", "/fault/v1/inventory", host).status == 200
    report(server, down("ghost"))
    hooks.wait_count(1)
    whole = open_fault(server, "compute.host.down")
    refusal = open_fault(server, kind)
    assert refusal["resource"] == {"fault": whole["id"], "act": "force_down"}
    (said,) = refusal["evidence"]
    assert said["details"] == {"target": "ghost", "words": "host ghost has no nova-compute"}
    assert asked(whole, "force_down")["refused"] == 1
    report(server, up("ghost"))
    wait_for(lambda: fault(server, refusal["id"])["state"] == "closed", "its end ends it", LATE)
