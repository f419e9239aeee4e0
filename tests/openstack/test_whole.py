"""A host of a real cloud dies and returns, the whole way; and Neutron is away meanwhile."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.openstack.beside import (
    asked,
    beside,
    fault,
    host_of,
    known,
    open_fault,
    report,
    states,
    wait_known,
    watch,
)
from tests.openstack.client import Client
from tests.openstack.minicloud import MiniCloud
from tests.system.agents import Agents, client_env
from tests.system.children import run
from tests.system.cloud import down, event, up
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]
HOST = "cmp2"
HOST_DOWN = "compute.host.down"


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """Give a receiver of webhooks."""
    made = Hooks()
    yield made
    made.close()


def plane(admin: Client, port: str) -> str | None:
    """Return a port's data plane status, as Neutron has it; None while it cannot say."""
    try:
        found: str | None = admin.neutron("GET", f"/ports/{port}")["port"]["data_plane_status"]
    except AssertionError:
        # Neutron answers 404 for everything at first.
        return None
    return found


def mine(admin: Client, servers: list[str]) -> set[str]:
    """Return those of these servers that Nova still has."""
    return {str(one["id"]) for one in admin.servers()} & set(servers)


def test_a_host_dies_is_left_and_returns(
    cloud: MiniCloud, admin: Client, hooks: Hooks, tmp_path: Path
) -> None:
    """Detected, forced down, owners alarmed, states, port, evacuation, return, un-forced, map."""
    settings = {"inspector": {"recover": "auto"}, "openstack": {"disable_on_host_down": "true"}}
    with beside(cloud, tmp_path, settings) as server:
        agents = Agents(server, tmp_path)
        try:
            _whole(cloud, admin, hooks, server, agents)
        finally:
            agents.close()


def _whole(cloud: MiniCloud, admin: Client, hooks: Hooks, server: Server, agents: Agents) -> None:
    servers = admin.boot(HOST, 3, "whole")
    # A port that is no business of Nova's: it is not to move it.
    port = admin.port(str(uuid4()), HOST)
    wait_known(server, HOST, servers)
    agents.enrol(HOST)
    agent = agents.start(HOST)
    wait_for(lambda: host_of(server, HOST)["agent"] == "connected", "its agent is connected")
    watch(server, admin, hooks, *servers)

    cloud.kill_compute(HOST)
    agent.signal(signal.SIGKILL)
    hooks.wait_count(3)
    service = wait_for(
        lambda: (one := admin.service(HOST))["forced_down"] and one, "Nova has it down"
    )
    whole = open_fault(server, HOST_DOWN)
    assert service["status"] == "disabled"
    assert service["disabled_reason"] == f"faultwire: fault {whole['id']}"
    wait_for(
        lambda: set(states(cloud, servers).values()) == {(HOST, "error")}, "all states are reset"
    )
    report(server, event("network.port.down", port_id=port))
    wait_for(lambda: plane(admin, port) == "DOWN", "Neutron has the port down")

    begun = run("host-evacuate", HOST, env=client_env(server))
    assert begun.returncode == 0, begun.stdout + begun.stderr
    task = wait_for(lambda: _over(server), "its servers have left", 200.0)
    assert (task["state"], task["done"], task["failed"]) == ("done", 3, 0), str(task)
    places = states(cloud, servers)
    assert {state for _, state in places.values()} == {"active"}, places
    assert HOST not in {host for host, _ in places.values()}, places
    hooks.wait_count(6)
    assert asked(fault(server, whole["id"]), "evacuate")["done"] == 3
    shown = run("fault-show", whole["id"], env=client_env(server))
    assert "Asked of the cloud" in shown.stdout, shown.stdout
    for name, (host, _) in places.items():
        wait_for(lambda name=name, host=host: name in known(server, host), "the map has it there")

    agents.start(HOST)
    _returns(cloud, admin, server, whole["id"], port)
    assert states(cloud, servers) == places
    for name in servers:
        admin.nova("DELETE", f"/servers/{name}")
    admin.neutron("DELETE", f"/ports/{port}")
    wait_for(lambda: admin.service(HOST)["state"] == "up", "its service reports")
    wait_for(lambda: not mine(admin, servers), "Nova deletes them")


def _returns(cloud: MiniCloud, admin: Client, server: Server, name: str, port: str) -> None:
    """Have the fault end by its agent, and the host be let up once its nova-compute is back."""
    # Its nova-compute is not back yet: Nova refuses, and is asked again.
    wait_for(lambda: fault(server, name)["state"] == "closed", "its agent's return ends it")
    wait_for(
        lambda: "evacuation migration" in str(asked(fault(server, name), "let_up")),
        "Nova does not let it up",
    )
    cloud.start_compute(HOST)
    back = wait_for(
        lambda: not (one := admin.service(HOST))["forced_down"] and one, "Nova has it up"
    )
    assert (back["status"], back["disabled_reason"]) == ("enabled", None)
    report(server, event("network.port.up", port_id=port))
    wait_for(lambda: plane(admin, port) == "ACTIVE", "Neutron has the port up")
    wait_for(
        lambda: (one := host_of(server, HOST))["host_status"] == "UP" and not one["servers"],
        "the map has it up, and empty",
    )


def _over(server: Server) -> dict[str, Any] | None:
    """Return the newest task once it is over."""
    newest: dict[str, Any] = server.call("GET", "/fault/v1/tasks").json["tasks"][0]
    return newest if newest["state"] in {"done", "failed"} else None


def test_while_neutron_is_away_the_host_goes_on(
    cloud: MiniCloud, admin: Client, tmp_path: Path
) -> None:
    """Ports wait and are marked once it is back; the host's own requests wait for nobody."""
    servers = admin.boot(HOST, 2, "alone")
    port = admin.port(str(uuid4()), HOST)
    with beside(cloud, tmp_path) as server:
        wait_known(server, HOST, servers)
        cloud.running["network"].end(signal.SIGKILL)
        try:
            report(server, event("network.port.down", port_id=port), down(HOST))
            wait_for(lambda: admin.service(HOST)["forced_down"], "Nova has it down")
            wait_for(
                lambda: {state for _, state in states(cloud, servers).values()} == {"error"},
                "all states are reset",
            )
            kind = "network.port.down"
            waits = wait_for(
                lambda: (
                    (one := asked(open_fault(server, kind), "mark_port")).get("last_error") and one
                ),
                "the record says why the port waits",
            )
            assert waits["owed"] == 1
        finally:
            cloud.restart("network")
        wait_for(lambda: plane(admin, port) == "DOWN", "Neutron has the port down")
        report(server, event("network.port.up", port_id=port), up(HOST))
        wait_for(lambda: not admin.service(HOST)["forced_down"], "Nova has it up")
        wait_for(lambda: plane(admin, port) == "ACTIVE", "Neutron has the port up")
        wait_for(
            lambda: {state for _, state in states(cloud, servers).values()} == {"active"},
            "all states are given back",
        )
    for name in servers:
        admin.nova("DELETE", f"/servers/{name}")
    admin.neutron("DELETE", f"/ports/{port}")
    wait_for(lambda: not mine(admin, servers), "Nova deletes them")
