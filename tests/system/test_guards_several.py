"""Limits on acts with several servers on one database: what counts is what all of them did."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.children import BINARY
from tests.system.cloud import Cloud, down, up
from tests.system.installation import Installation
from tests.system.served import Server
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

HOSTS, LIMIT, FLAPS = 24, 3, 2
GUARDS = {"guards": {"limit_hosts": LIMIT, "limit_fraction": 0, "storm_hosts": 0}}
COMMAND = ("env", f"OS_GUARDS__FLAP_ACTS={FLAPS}", BINARY)


@pytest.fixture(params=SERVERS)
def two(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Installation]:
    """Give an installation of two servers with strict guards."""
    made = Installation(tmp_path, databases.new(request.param), GUARDS, COMMAND)
    made.serve()
    made.serve()
    yield made
    made.close()


def forced(server: Server) -> set[str]:
    """Return the hosts that are forced down."""
    at = {"OpenStack-API-Version": "compute 2.53"}
    found = server.get("/compute/v2.1/os-services", headers=at)
    return {one["host"] for one in found["services"] if one["forced_down"]}


def dead(server: Server) -> int:
    """Return how many hosts a server has as dead."""
    found = server.get("/fault/v1/faults?state=open&limit=1000")["faults"]
    return sum(one["type"] == "compute.host.down" for one in found)


def post(server: Server, event: dict[str, Any]) -> None:
    """Report an event."""
    answer = server.call("POST", "/fault/v1/events", [event])
    assert answer.status == 202, answer.text


def test_two_servers_let_through_no_more_than_one(two: Installation) -> None:
    """A host that flaps between them, and hosts that fall at once at both, have one limit."""
    cloud = Cloud(two.servers[0]).fill(hosts=HOSTS)
    wait_for(lambda: len(two.servers[1].get("/fault/v1/hosts")["hosts"]) >= HOSTS, "both know")
    host, done = cloud.host(1), []
    for turn in range(2 * FLAPS):
        server = two.servers[turn % 2]
        post(server, down(host))
        done.append(host in forced(server))
        post(server, up(host))
        wait_for(lambda: not any(map(dead, two.servers)), "both know that it is over")
    assert done == [True] * FLAPS + [False] * FLAPS
    with ThreadPoolExecutor(8) as pool:
        told = [
            pool.submit(post, two.servers[number % 2], down(cloud.host(number)))
            for number in range(2, HOSTS + 1)
        ]
    assert [one.exception() for one in told] == [None] * (HOSTS - 1)
    for server in two.servers:
        wait_for(lambda one=server: dead(one) == HOSTS - 1, "each fault is known")
        assert len(forced(server)) == LIMIT - 1
