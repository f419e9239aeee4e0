"""Several servers on one database: votes reach all of them, wherever a monitor is."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.installation import Installation
from tests.system.served import Server
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

QUORUM = {"quorum": {"silence_ms": 20_000, "wait_ms": 10_000}}


@pytest.fixture(params=SERVERS)
def installation(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Installation]:
    """Give two servers on an empty database."""
    made = Installation(tmp_path, databases.new(request.param), QUORUM)
    yield made
    made.close()


def _presences(server: Server) -> dict[str, str]:
    rows = server.get("/fault/v1/monitors")["monitors"]
    return {row["name"]: row["presence"] for row in rows}


def _open(server: Server) -> set[str]:
    found = server.get("/fault/v1/faults?state=open")["faults"]
    return {one["type"] for one in found}


async def _seated(
    http: aiohttp.ClientSession, server: Server, name: str
) -> aiohttp.ClientWebSocketResponse:
    made = server.call("POST", f"/fault/v1/monitors/{name}/enrol")
    assert made.status == 201, made.text
    secret = made.json["credential"]["secret"]
    wire = await http.ws_connect(
        f"{server.url}/fault/v1/monitors/{name}/session",
        headers={"X-Faultwire-Credential": f"monitor/{name}:{secret}"},
    )
    await wire.send_json({"hello": {"version": "1.0"}})
    await wire.receive_json(timeout=60)
    await wire.send_json({"survey": {"standing": "voting"}})
    return wire


def test_monitors_at_two_servers_decide_together(installation: Installation) -> None:
    """One monitor here, one there: known at both, one verdict; a killed server's votes expire."""
    asyncio.run(_decide(installation.serve(), installation.serve()))


async def _decide(one: Server, two: Server) -> None:
    hosts = [{"name": f"c{n}", "addresses": [f"192.0.2.{n}"]} for n in range(1, 9)]
    assert one.call("PUT", "/fault/v1/inventory", {"hosts": hosts}).status == 200
    async with aiohttp.ClientSession() as http:
        a, b = await _seated(http, one, "a"), await _seated(http, two, "b")
        both = {"a": "voting", "b": "voting"}
        for server in (one, two):
            wait_for(lambda s=server: _presences(s) == both, "both monitors vote")
        down = {"votes": {"down": {"c3": {"silent_ms": 60}}}}
        await a.send_json(down)
        await b.send_json(down)
        wait_for(lambda: _open(one) == {"compute.host.down"}, "both agree")
        one.kill9()
        wait_for(lambda: _presences(two)["a"] == "absent", "its votes expire")
        assert _presences(two)["b"] == "voting"
