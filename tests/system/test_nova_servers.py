"""Servers through openstacksdk and the `openstack` command, unmodified, against a true server."""

import json
from collections.abc import Iterator
from typing import Any

import openstack as sdk
import pytest

from tests.system.cloud import Cloud
from tests.system.served import Server
from tests.system.test_openstack_client import OpenStack

pytestmark = [
    pytest.mark.system,
    # Deprecations of the client's own libraries are nobody's here.
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings.OpenStackDeprecationWarning"),
]

FORCE = "/compute/v2.1/os-services/force-down"
AT_2_11 = {"X-OpenStack-Nova-API-Version": "2.11"}


@pytest.fixture
def openstack(server: Server) -> OpenStack:
    """Give the command, pointed at the running server."""
    return OpenStack(server.clouds)


@pytest.fixture
def connection(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a connection of openstacksdk as the administrator."""
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(server.clouds))
    made = sdk.connect("faultwire")
    yield made
    made.close()


def force_down(server: Server, host: str, *, down: bool = True) -> None:
    """Force a host's service down, or take it back."""
    body = {"host": host, "binary": "nova-compute", "forced_down": down}
    answer = server.call("PUT", FORCE, body, headers=AT_2_11)
    assert answer.status == 200, answer.text


def test_openstack_creates_shows_lists_and_deletes(openstack: OpenStack, server: Server) -> None:
    """`server create`, `list`, `show`, `set`, `stop`, `start` and `delete` succeed by name."""
    Cloud(server, "made").fill(1, 0)
    created = openstack.json(
        "server", "create", "--flavor", "m1.tiny", "--image", "blank", "web", "--wait"
    )
    assert isinstance(created, dict)
    assert created["status"] == "ACTIVE"
    listed = openstack.json("server", "list", "--long")
    assert isinstance(listed, list)
    (found,) = [one for one in listed if one["Name"] == "web"]
    assert found["Image Name"] == "blank"
    assert openstack.run("server", "set", "--property", "tier=gold", "web").returncode == 0
    assert openstack.run("server", "stop", "web").returncode == 0
    stopped = openstack.json("server", "show", "web")
    assert isinstance(stopped, dict)
    assert stopped["status"] == "SHUTOFF"
    assert stopped["properties"] == {"tier": "gold"}
    assert openstack.run("server", "start", "web").returncode == 0
    assert openstack.run("server", "delete", "--wait", "web").returncode == 0
    missing = openstack.run("server", "show", "web")
    assert missing.returncode == 1


def test_openstack_sets_states_and_evacuates(openstack: OpenStack, server: Server) -> None:
    """`server set --state error` and `server evacuate` do what operators expect of them."""
    cloud = Cloud(server, "evac").fill(2, 1)
    (name,), source, target = cloud.servers(1, 1), cloud.host(1), cloud.host(2)
    refused = openstack.run("server", "evacuate", "--host", target, name)
    assert refused.returncode == 1
    assert f"Compute service of {source} is still in use." in refused.stderr
    force_down(server, source)
    done = openstack.run("server", "set", "--state", "error", "--auto-approve", name)
    assert done.returncode == 0, done.stderr
    shown = openstack.json("server", "show", name)
    assert isinstance(shown, dict)
    assert (shown["status"], shown["host_status"]) == ("ERROR", "DOWN")
    moved = openstack.run("server", "evacuate", "--host", target, name)
    assert moved.returncode == 0, moved.stderr
    after = openstack.json("server", "show", name)
    assert isinstance(after, dict)
    assert after["OS-EXT-SRV-ATTR:host"] == target
    # The client asks for 2.95 or later, in which an evacuated server stays off.
    assert after["status"] == "SHUTOFF"
    assert after["host_status"] == "UP"


def test_openstack_lists_all_projects_with_details(openstack: OpenStack, server: Server) -> None:
    """`server list --all-projects --long --host` shows a host's servers of whatever project."""
    cloud = Cloud(server, "lists").fill(1, 3)
    listed = openstack.json("server", "list", "--all-projects", "--long", "--host", cloud.host())
    assert isinstance(listed, list)
    assert {one["ID"] for one in listed} == set(cloud.servers(1, 3))
    assert {one["Host"] for one in listed} == {cloud.host()}
    zones = openstack.json("availability", "zone", "list", "--compute")
    assert {one["Zone Name"] for one in zones} >= {"nova"}
    assert openstack.json("flavor", "list")
    assert openstack.json("image", "list")


def test_the_sdk_manages_servers(connection: Any, server: Server) -> None:
    """Openstacksdk lists, shows with host_status, resets states and evacuates."""
    cloud = Cloud(server, "sdk").fill(2, 2)
    source, target = cloud.host(1), cloud.host(2)
    compute = connection.compute
    found = list(compute.servers(all_projects=True, compute_host=source))
    assert {one.id for one in found} == set(cloud.servers(1, 2))
    assert {one.host_status for one in found} == {"UP"}
    force_down(server, source)
    first, second = cloud.servers(1, 2)
    assert compute.get_server(first).host_status == "DOWN"
    compute.reset_server_state(first, "error")
    assert compute.get_server(first).status == "ERROR"
    compute.evacuate_server(first, host=target)
    assert compute.get_server(first).compute_host == target
    compute.evacuate_server(second)
    assert compute.get_server(second).compute_host != source
    kept = compute.set_server_metadata(first, tier="gold")
    assert kept.metadata == {"tier": "gold"}
    compute.delete_server(second)
    assert compute.find_server(second, all_projects=True) is None


def test_pages_of_the_sdk_bring_every_server_once(connection: Any, server: Server) -> None:
    """Pages of seven give all forty servers of a host, each once."""
    cloud = Cloud(server, "pages").fill(1, 40)
    found = connection.compute.servers(all_projects=True, compute_host=cloud.host(), limit=7)
    names = [one.id for one in found]
    assert len(names) == len(set(names)) == 40


def test_a_host_returns_once_it_is_confirmed(server: Server) -> None:
    """Un-forcing a host that servers were evacuated from waits for the confirmation (D17)."""
    cloud = Cloud(server, "confirm").fill(2, 1)
    (name,), source = cloud.servers(1, 1), cloud.host(1)
    force_down(server, source)
    action = f"/compute/v2.1/servers/{name}/action"
    body = {"evacuate": {"host": cloud.host(2), "onSharedStorage": False}}
    evacuated = server.call("POST", action, body)
    assert evacuated.status == 200, evacuated.text
    assert set(evacuated.json) == {"adminPass"}
    again = {"host": source, "binary": "nova-compute", "forced_down": False}
    refused = server.call("PUT", FORCE, again, headers=AT_2_11)
    assert refused.status == 400
    assert name in refused.text
    path = f"/fault/v1/hosts/{source}"
    assert [one["id"] for one in server.get(f"{path}/evacuated")["servers"]] == [name]
    confirmed = server.call("POST", f"{path}/confirm")
    assert json.loads(confirmed.text) == {"confirmed": [name], "left": []}
    force_down(server, source, down=False)


def test_changes_survive_a_restart(server: Server) -> None:
    """What a client said of a server, and what waits to be confirmed, is there after a restart."""
    cloud = Cloud(server, "again").fill(2, 1)
    (name,), source = cloud.servers(1, 1), cloud.host(1)
    path = f"/compute/v2.1/servers/{name}"
    made = server.call("POST", f"{path}/metadata", {"metadata": {"tier": "gold"}})
    assert made.status == 200, made.text
    force_down(server, source)
    body = {"evacuate": {"host": cloud.host(2), "onSharedStorage": True}}
    assert server.call("POST", f"{path}/action", body).status == 200
    before = server.get(path)
    server.restart()
    assert server.get(path) == before
    left = server.get(f"/fault/v1/hosts/{source}/evacuated")["servers"]
    assert [one["id"] for one in left] == [name]
