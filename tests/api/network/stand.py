"""A cloud with bonds, switches and ports of two projects, and short ways to ask for them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from faultwire.domain.events import Event
from tests.api.cloud import Cloud, running

PORTS = "/network/v2.0/ports"
BULK = f"{PORTS}/data-plane-status"
WIRES: dict[str, Any] = {
    "projects": [{"id": "p-demo", "name": "demo"}, {"id": "p-other", "name": "other"}],
    "switches": [
        {"name": "spine"},
        {"name": "tor-1", "uplinks": [{"switch": "spine", "port": "1"}]},
        {"name": "tor-2", "uplinks": [{"switch": "spine", "port": "2"}]},
    ],
    "hosts": [
        {
            "name": "compute-1",
            "interfaces": [
                {
                    "name": "eth0",
                    "bond": "bond0",
                    "physical_network": "physnet1",
                    "switch": "tor-1",
                    "switch_port": "1",
                },
                {
                    "name": "eth1",
                    "bond": "bond0",
                    "physical_network": "physnet1",
                    "switch": "tor-2",
                    "switch_port": "1",
                },
            ],
        }
    ],
    "ports": [
        {
            "id": "port-1",
            "name": "first",
            "project": "demo",
            "server": "vm-1",
            "network": "net",
            "physical_network": "physnet1",
            "addresses": ["10.0.0.1"],
        },
        {
            "id": "port-2",
            "project": "other",
            "server": "vm-2",
            "network": "net",
            "physical_network": "physnet1",
        },
        {"id": "port-3", "name": "loose", "project": "demo"},
    ],
}


@asynccontextmanager
async def wired() -> AsyncIterator[Cloud]:
    """Give a cloud with these ports; nothing was told of them yet."""
    async with running(publish=True) as cloud:
        answer = await cloud.call("PATCH", "/fault/v1/inventory", body=WIRES)
        assert answer.status_code == 200, answer.text
        cloud.lane.commands.clear()
        cloud.events.clear()
        yield cloud


async def port(cloud: Cloud, name: str = "port-1", who: str = "admin") -> dict[str, Any]:
    """Return a port as somebody sees it."""
    answer = await cloud.call("GET", f"{PORTS}/{name}", who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["port"]
    return found


async def put(cloud: Cloud, which: str = "port-1", who: str = "admin", **said: Any) -> int:
    """Change a port; return the status of the answer."""
    answer = await cloud.call("PUT", f"{PORTS}/{which}", who, {"port": said})
    return answer.status_code


async def names(cloud: Cloud, query: str = "", who: str = "admin") -> list[str]:
    """Return the ids of a list."""
    answer = await cloud.call("GET", f"{PORTS}{query}", who)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["ports"]]


def told(cloud: Cloud, kind: str = "port.update.end") -> list[Event]:
    """Return the events of a type since the last time, in order."""
    found = [one for one in cloud.events if one.event_type == kind]
    cloud.events[:] = [one for one in cloud.events if one.event_type != kind]
    return found


def published(cloud: Cloud) -> list[dict[str, Any]]:
    """Return what is owed to the bus of ports."""
    owed = [json.loads(one.body) for one in cloud.outbox.owed if one.kind == "bus"]
    return [one for one in owed if one["event_type"] == "port.update.end"]


async def refused(
    cloud: Cloud, method: str, path: str, body: object = None, who: str = "admin", **more: Any
) -> tuple[int, str, str]:
    """Return status, type and message of a refusal in Neutron's shape."""
    answer = await cloud.call(method, path, who, body, **more)
    error = answer.json()["NeutronError"]
    assert error["detail"] == ""
    assert set(error) == {"type", "message", "detail"}
    return answer.status_code, error["type"], error["message"]
