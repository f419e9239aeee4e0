"""Hosts that return after their servers were evacuated, and what is told of hosts (D17, D19)."""

import json
from pathlib import Path

import pytest

from tests.system.agents import Agents
from tests.system.children import Child
from tests.system.cloud import Cloud
from tests.system.served import Reply, Server
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

AT_2_11 = {"X-OpenStack-Nova-API-Version": "2.11"}


def force(server: Server, host: str, *, down: bool) -> Reply:
    """Force a host's service down, or take it back."""
    body = {"host": host, "binary": "nova-compute", "forced_down": down}
    return server.call("PUT", "/compute/v2.1/os-services/force-down", body, headers=AT_2_11)


def evacuate(server: Server, name: str, target: str) -> None:
    """Move a server off its host."""
    body = {"evacuate": {"host": target, "onSharedStorage": False}}
    answer = server.call("POST", f"/compute/v2.1/servers/{name}/action", body)
    assert answer.status == 200, answer.text


def left(server: Server, host: str) -> set[str]:
    """Return the servers that must not start on a host."""
    return {one["id"] for one in server.get(f"/fault/v1/hosts/{host}/evacuated")["servers"]}


def barred(agents: Agents, host: str) -> set[str] | None:
    """Return what the agent wrote for whoever starts servers on a host."""
    path = agents.barred(host)
    return set(json.loads(path.read_text())) if path.exists() else None


def returned(cloud: Cloud, agents: Agents, running: list[str]) -> Child:
    """Return the agent of a host that died, was emptied but for one server, and is back."""
    host = cloud.host(1)
    agents.enrol(host)
    first = agents.start(host, cloud.servers(1, 3))
    agents.connected(cloud, 1)
    first.kill()
    wait_for(lambda: cloud.shown(1)["forced_down"], "the host is down")
    for name in cloud.servers(1, 2):
        evacuate(cloud.server, name, cloud.host(2))
    return agents.start(host, running)


def test_a_returning_agent_confirms_what_does_not_run(server: Server, agents: Agents) -> None:
    """It fetches what must not start, hands it on, and confirms what its list leaves out (D17)."""
    cloud = Cloud(server, "returns").fill(2, 3)
    moved, still, _ = cloud.servers(1, 3)
    host = cloud.host(1)
    agent = returned(cloud, agents, [still])
    agent.line(f"{still} must not run here")
    agent.line("old copies of 1 evacuated servers are confirmed")
    assert left(server, host) == {still}
    wait_for(lambda: barred(agents, host) == {still}, "the confirmed one may start again")
    refused = force(server, host, down=False)
    assert refused.status == 400
    assert still in refused.text
    assert moved not in refused.text
    agents.listed(host).write_text("[]")
    wait_for(lambda: not left(server, host), "the last one is confirmed")
    wait_for(lambda: barred(agents, host) == set(), "the list is empty")
    assert force(server, host, down=False).status == 200
    assert cloud.shown(1)["state"] == "up"


def test_the_list_is_handed_on_before_anything_is_confirmed(
    server: Server, agents: Agents
) -> None:
    """While what runs cannot be read nothing is confirmed, and the list is there already."""
    cloud = Cloud(server, "handed").fill(2, 3)
    host, both = cloud.host(1), set(cloud.servers(1, 3)[:2])
    returned(cloud, agents, [{"not": "a list"}])  # type: ignore[list-item]
    wait_for(lambda: barred(agents, host) == both, "the list is handed on")
    assert left(server, host) == both
    agents.listed(host).write_text("[]")
    wait_for(lambda: not left(server, host), "both are confirmed")
    wait_for(lambda: barred(agents, host) == set(), "nothing is left")


def test_an_agent_without_a_list_confirms_nothing(
    server: Server, agents: Agents, tmp_path: Path
) -> None:
    """Who does not know what runs vouches for nothing; an administrator confirms instead."""
    cloud = Cloud(server, "silent").fill(2, 1)
    (name,), host = cloud.servers(1, 1), cloud.host(1)
    assert force(server, host, down=True).status == 200
    evacuate(server, name, cloud.host(2))
    agents.enrol(host)
    file = tmp_path / "barred"
    agent = Child(
        tmp_path / "agent.log",
        "agent",
        *("--host", host, "--credential", agents.credential(host), "--must-not-start", file),
    )
    try:
        agent.line(f"{name} must not start here")
        assert json.loads(file.read_text()) == [name]
        assert left(server, host) == {name}
        assert force(server, host, down=False).status == 400
        confirmed = server.call("POST", f"/fault/v1/hosts/{host}/confirm")
        assert confirmed.json == {"confirmed": [name], "left": []}
        assert force(server, host, down=False).status == 200
    finally:
        agent.kill()
