"""A host of a real cloud dies: its owners are told, and Nova and Neutron say the truth."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.openstack.client import Client
from tests.openstack.minicloud import NAME, MiniCloud
from tests.system.cloud import conditions, down, up
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
    settings = {"clouds": NAME, "clouds_yaml": cloud.clouds_yaml}
    made = Server(tmp_path, {"openstack": settings})
    made.start()
    yield made
    made.close()


def fill(server: Server, admin: Client, servers: list[str], ports: dict[str, str]) -> None:
    """Tell the server of what the cloud holds on a host."""
    document = {
        "projects": [{"id": admin.project, "name": "cloud"}],
        "hosts": [{"name": HOST}],
        "servers": [
            {"id": one, "name": one, "project": admin.project, "host": HOST} for one in servers
        ],
        "ports": [
            {"id": port, "project": admin.project, "server": one, "host": HOST}
            for one, port in ports.items()
        ],
    }
    answer = server.call("PATCH", "/fault/v1/inventory", document)
    assert answer.status == 200, answer.text


def watch(server: Server, admin: Client, one: str, hooks: Hooks) -> None:
    """Give the owner of a server an alarm."""
    body = {
        "name": one, "type": "event", "project_id": admin.project,
        "event_rule": {
            "event_type": "compute.instance.update",
            "query": conditions(one, "error"),
            "clear": {"query": conditions(one, "active")},
        },
        "alarm_actions": [hooks.url(f"/{one}")],
        "ok_actions": [hooks.url(f"/{one}")],
    }  # fmt: skip
    answer = server.call("POST", "/alarming/v2/alarms", body)
    assert answer.status == 201, answer.text


def states(admin: Client) -> dict[str, str]:
    """Return the vm_state of each server of the host, as Nova has it."""
    return {one["id"]: one["OS-EXT-STS:vm_state"] for one in admin.servers(HOST)}


def test_a_dead_host_is_down_in_nova_and_its_owners_know(
    cloud: MiniCloud, admin: Client, server: Server, hooks: Hooks
) -> None:
    """One fault: owners told, service forced down, servers in error; its end takes all back."""
    servers = admin.boot(HOST, 5, "acts")
    fill(server, admin, servers, {})
    for one in servers:
        watch(server, admin, one, hooks)
    try:
        report(server, down(HOST))
        hooks.wait_count(5)
        wait_for(lambda: admin.service(HOST)["forced_down"], "Nova has it down")
        wait_for(lambda: set(states(admin).values()) == {"error"}, "all states are reset")
        report(server, up(HOST))
        hooks.wait_count(10)
        wait_for(lambda: not admin.service(HOST)["forced_down"], "Nova has it up")
        wait_for(lambda: set(states(admin).values()) == {"active"}, "all states are given back")
    finally:
        for one in servers:
            admin.nova("DELETE", f"/servers/{one}")
        wait_for(lambda: not admin.servers(HOST), "Nova deletes them")


def report(server: Server, event: dict[str, Any]) -> None:
    """Post an event that must be taken."""
    answer = server.call("POST", "/fault/v1/events", [event])
    assert answer.status == 202, answer.text
