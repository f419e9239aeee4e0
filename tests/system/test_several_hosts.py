"""Several servers on one database: each owner hears of a host's status once (D19)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faultwire.store import StoredMembers
from faultwire.store.engine import engine_from_url
from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.cloud import Cloud
from tests.system.hooks import Hooks
from tests.system.installation import Installation
from tests.system.served import Server
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

OWNERS = 40
MANY = 3_000
"""More than one command tells: a process that tells them may be killed in between."""

Install = Callable[[], tuple[Installation, str]]


@pytest.fixture(params=SERVERS)
def install(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Install]:
    """Give a function that begins an installation on an empty database, and its URL."""
    made: list[Installation] = []

    def begin() -> tuple[Installation, str]:
        url = databases.new(request.param)
        made.append(Installation(tmp_path, url))
        return made[-1], url

    yield begin
    for installation in made:
        installation.close()


def watch(cloud: Cloud, hooks: Hooks, servers: list[str]) -> None:
    """Have the owner of each server told of every time that it hears of a new host_status."""
    for server in servers:
        number = int(server.rpartition("-")[2])
        named = {"field": "traits.instance_id", "op": "eq", "type": "string", "value": server}
        query = [named, {**named, "field": "traits.host_status", "op": "ne", "value": "none"}]
        rule = {"event_type": "compute.instance.update", "query": query}
        cloud.alarm(server, hooks.url("/told"), number, event_rule=rule, repeat_actions=True)


def force(server: Server, host: str, *, down: bool) -> None:
    """Force a host's service down, or take it back."""
    body = {"host": host, "binary": "nova-compute", "forced_down": down}
    at = {"X-OpenStack-Nova-API-Version": "2.11"}
    path = "/compute/v2.1/os-services/force-down"
    answer = server.call("PUT", path, body, headers=at)
    assert answer.status == 200, answer.text


def heard(hooks: Hooks) -> list[tuple[str, str]]:
    """Return (alarm, host_status) of every webhook, repeated tries left out."""
    deliveries = {one.delivery: one for one in hooks.told}
    return sorted((one.alarm_id, _status(one.alarm)) for one in deliveries.values())


def _status(alarm: dict[str, object]) -> str:
    data = json.loads(json.dumps(alarm["reason_data"]))
    traits = {name: value for name, _, value in data["event"]["traits"]}
    return str(traits["host_status"])


def teller(installation: Installation, url: str) -> Server:
    """Return the server that tells owners: of those that live the first, by its id."""
    engine = engine_from_url(url)
    members = StoredMembers(engine).beat("", 0)
    engine.dispose()
    first = min(one.id for one in members if one.role == "serve")
    (name,) = [one.name for one in members if one.id == first]
    pid = int(name.rpartition(":")[2])
    (found,) = [
        one
        for one in installation.servers
        if one.child is not None and one.child.process.pid == pid
    ]
    return found


def test_each_owner_hears_once_whoever_was_asked(install: Install, hooks: Hooks) -> None:
    """Forced down through one server and taken back through another: each owner hears twice."""
    installation, _ = install()
    servers = [installation.serve() for _ in range(3)]
    for role in ("evaluator", "sender"):
        installation.work(role)
    cloud = Cloud(servers[0]).fill(servers=OWNERS)
    watch(cloud, hooks, cloud.servers(1, OWNERS))
    alarms = sorted(cloud.alarms.values())
    for number, (down, status) in enumerate(((True, "DOWN"), (False, "UP"), (True, "DOWN")), 1):
        force(servers[number % 3], cloud.host(), down=down)
        hooks.wait_count(number * OWNERS)
        cloud.settled()
        wait_for(
            lambda s=servers[0], d=down: Cloud(s).shown()["forced_down"] is d, "it is seen there"
        )
        assert [one for one in heard(hooks) if one[1] == status] == sorted(
            [(alarm, status) for alarm in alarms] * ((number + 1) // 2)
        )
    hooks.quiet()
    assert len(heard(hooks)) == 3 * OWNERS


def test_another_takes_over_from_one_that_dies_telling(install: Install, hooks: Hooks) -> None:
    """The server that tells owners is killed in the middle: others finish, nobody hears twice."""
    installation, url = install()
    for _ in range(2):
        installation.serve()
    for role in ("evaluator", "sender"):
        installation.work(role)
    cloud = Cloud(installation.servers[0]).fill(servers=MANY)
    # The first and the last in the order in which owners are told, and some in between.
    everyone = sorted(cloud.servers(1, MANY))
    watched = everyone[:: MANY // OWNERS]
    watch(cloud, hooks, watched)
    tells = teller(installation, url)
    (other,) = [one for one in installation.servers if one is not tells]
    force(other, cloud.host(), down=True)
    hooks.wait_count(1)
    tells.kill9()
    count = len(watched)
    hooks.wait(
        lambda told: len({one.alarm_id for one in told}) == count, "every owner hears of it"
    )
    cloud.server = other
    cloud.settled()
    hooks.quiet()
    assert heard(hooks) == sorted((alarm, "DOWN") for alarm in cloud.alarms.values())
