"""Python-novaclient, library and shell, on servers; the manual's own lines (S142-S160)."""

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openstack as sdk
import pytest
from keystoneauth1 import session as keystone
from keystoneauth1.identity import v3
from novaclient import client as nova
from novaclient import exceptions

from faultwire.domain.ids import derived
from tests.system.agents import Agents
from tests.system.cloud import Cloud
from tests.system.conftest import Serve
from tests.system.served import Server
from tests.system.test_nova_clients import CURL, NOVA, Shell
from tests.system.test_openstack_client import SECONDS, OpenStack
from tests.system.waiting import wait_for

pytestmark = [
    pytest.mark.system,
    # Deprecations of the clients' own libraries are nobody's here.
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings.OpenStackDeprecationWarning"),
]

# The manual's example, its broken lines joined; only where it is sent to differs (S166-S170).
FORCE_DOWN = (
    "curl -g -i -X PUT http://{service_host_ip}:8774/v2.1/{tenant_id}/os-services/force-down "
    '-H "Content-Type: application/json" -H "Accept: application/json" '
    '-H "X-OpenStack-Nova-API-Version: 2.11" -H "X-Auth-Token: {token}" '
    '-d \'{"binary": "nova-compute", "host": "compute1", "forced_down": true}\''
)
UNSET = FORCE_DOWN.replace("true}", "false}")
SHOW = (
    "curl -g -i http://{service_host_ip}:8774/v2.1/{tenant_id}/servers/{server_id} "
    '-H "X-OpenStack-Nova-API-Version: 2.16" -H "X-Auth-Token: {token}"'
)


def session(server: Server, user: str, password: str, project: str) -> keystone.Session:
    """Return a session of somebody."""
    auth = v3.Password(
        auth_url=server.auth()["auth_url"],
        username=user,
        password=password,
        project_name=project,
        user_domain_id="default",
        project_domain_id="default",
    )
    return keystone.Session(auth, timeout=SECONDS)


@pytest.fixture
def admin(server: Server) -> Iterator[keystone.Session]:
    """Give a session of the administrator."""
    auth = server.auth()
    made = session(server, auth["username"], auth["password"], auth["project_name"])
    yield made
    made.session.close()


@pytest.mark.parametrize("version", ["2.16", "2.52", "2.94", "2.96"])
def test_novaclient_manages_servers(server: Server, admin: keystone.Session, version: str) -> None:
    """The library lists all tenants', shows host_status, resets states and evacuates."""
    cloud = Cloud(server, f"libs{version[-2:]}").fill(2, 2)
    source, target = cloud.host(1), cloud.host(2)
    first, second = cloud.servers(1, 2)
    library = nova.Client(version, session=admin)
    found = library.servers.list(search_opts={"all_tenants": 1, "host": source})
    assert {one.id for one in found} == {first, second}
    assert {one.host_status for one in found} == {"UP"}
    library.servers.reset_state(first, "error")
    assert library.servers.get(first).status == "ERROR"
    library.servers.reset_state(first, "active")
    with pytest.raises(exceptions.BadRequest, match="still in use"):
        library.servers.evacuate(first, host=target)
    if version > "2.52":
        (service,) = library.services.list(host=source)
        library.services.force_down(service.id, True)
    else:
        library.services.force_down(source, NOVA, True)
    assert library.servers.get(first).host_status == "DOWN"
    library.servers.evacuate(first, host=target)
    moved = library.servers.get(first)
    assert getattr(moved, "OS-EXT-SRV-ATTR:host") == target
    assert (moved.status, moved.host_status) == (
        "SHUTOFF" if version == "2.96" else "ACTIVE",
        "UP",
    )
    library.servers.evacuate(second)
    assert getattr(library.servers.get(second), "OS-EXT-SRV-ATTR:host") != source
    with pytest.raises(exceptions.NotFound, match="could not be found"):
        library.servers.get("nobody")
    library.servers.stop(second) if version != "2.96" else library.servers.start(second)
    library.servers.delete(second)
    with pytest.raises(exceptions.NotFound):
        library.servers.get(second)


def test_the_nova_shell_manages_servers(server: Server) -> None:
    """`nova list`, `show`, `reset-state`, `evacuate` and `host-evacuate` succeed (S160)."""
    cloud = Cloud(server, "shells").fill(2, 0)
    source, target = cloud.host(1), cloud.host(2)
    # The shell looks up by id what looks like a UUID alone; all else are names of one's own.
    first, second, third = (derived("shells", number) for number in range(3))
    servers = [
        {"id": one, "name": one, "project": cloud.projects[0], "host": source}
        for one in (first, second, third)
    ]
    assert server.call("PATCH", "/fault/v1/inventory", {"servers": servers}).status == 200
    shell = Shell(server)

    def run(*words: str, at: str = "2.52") -> str:
        done = shell.run(*words, at=at)
        assert done.returncode == 0, done.stderr
        return done.stdout

    listed = run("list", "--all-tenants", "--host", source, "--fields", "name,status,host_status")
    assert "Host Status" in listed
    assert all(name in listed for name in (first, second, third))
    run("reset-state", "--all-tenants", first)
    assert "ERROR" in run("show", first)
    run("reset-state", "--all-tenants", "--active", first)
    refused = shell.run("evacuate", first, target, at="2.52")
    assert refused.returncode == 1
    assert "still in use" in refused.stderr
    run("service-force-down", source)
    assert "DOWN" in run("show", first)
    run("evacuate", first, target)
    assert target in run("show", first)
    evacuated = run("host-evacuate", "--target_host", target, source, at="2.94")
    assert all(name in evacuated for name in (second, third))
    assert {one["id"] for one in cloud.shown(1)["servers"]} == set()


@pytest.fixture
def policed(serve: Serve, tmp_path: Path) -> Server:
    """Give a server that shows host_status to owners, and calls hosts silent soon (S155)."""
    policy = tmp_path / "policy.yaml"
    rule = "os_compute_api:servers:show:host_status"
    policy.write_text(json.dumps({rule: "rule:admin_or_owner"}))
    return serve({"compute": {"service_down_time": 1}, "policy": {"policy_file": str(policy)}})


def curl(server: Server, line: str, token: str, **names: str) -> tuple[str, Any]:
    """Run one of the manual's lines; return the first line of the answer and its body."""
    address = server.url.removeprefix("http://")
    line = line.replace("{service_host_ip}:8774", f"{address}/compute")
    for name, value in {**names, "token": token}.items():
        line = line.replace(f"{{{name}}}", value)
    command, *words = shlex.split(line)
    done = subprocess.run(
        [command, "-s", *words],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    return head.splitlines()[0].strip(), json.loads(body)


@pytest.mark.skipif(CURL is None, reason="there is no curl")
def test_the_manuals_lines_show_an_owner_each_host_status(policed: Server, tmp_path: Path) -> None:
    """UP, UNKNOWN, DOWN, MAINTENANCE as the manual's examples have them (S155-S159, S166-S170)."""
    assert shutil.which("curl")
    server = policed
    tenant = server.member("ann", "green")
    document = {
        "hosts": [{"name": "compute1"}],
        "servers": [{"id": "vm-1", "name": "vm1", "project": tenant, "host": "compute1"}],
    }
    assert server.call("PATCH", "/fault/v1/inventory", document).status == 200
    projects = server.get("/identity/v3/projects")["projects"]
    (own,) = [one["id"] for one in projects if one["name"] == "admin"]

    def status() -> str:
        line, body = curl(server, SHOW, server.token("ann"), tenant_id=tenant, server_id="vm-1")
        assert line == "HTTP/1.1 200 OK"
        assert "OS-EXT-SRV-ATTR:host" not in body["server"]
        return str(body["server"]["host_status"])

    def force(line: str, *, down: bool) -> None:
        head, body = curl(server, line, server.token(), tenant_id=own)
        assert head == "HTTP/1.1 200 OK"
        said = {"host": "compute1", "binary": "nova-compute", "forced_down": down}
        assert body == {"service": said}

    assert status() == "UP"
    agents = Agents(server, tmp_path)
    try:
        agents.enrol("compute1")
        agent = agents.start("compute1")
        agent.line("connected to ")
        assert agent.stop() == 0
        wait_for(lambda: status() == "UNKNOWN", "silence is seen")
        force(FORCE_DOWN, down=True)
        assert status() == "DOWN"
        force(UNSET, down=False)
        assert status() == "UNKNOWN"
    finally:
        agents.close()
    body = {"host": "compute1", "binary": NOVA, "disabled_reason": "disk"}
    path = "/compute/v2.1/os-services/disable-log-reason"
    assert server.call("PUT", path, body).status == 200
    assert status() == "MAINTENANCE"


def test_owners_see_host_status_by_each_client(
    policed: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command, the SDK and the library show an owner host_status, and no host (S153-S155)."""
    server, owner = policed, "faultwire-demo"
    name = derived("owned")
    document = {
        "hosts": [{"name": "compute1"}],
        "servers": [{"id": name, "name": "vm1", "project": "demo", "host": "compute1"}],
    }
    assert server.call("PATCH", "/fault/v1/inventory", document).status == 200
    body = {"host": "compute1", "binary": NOVA, "forced_down": True}
    at = {"X-OpenStack-Nova-API-Version": "2.11"}
    path = "/compute/v2.1/os-services/force-down"
    assert server.call("PUT", path, body, headers=at).status == 200
    shown = OpenStack(server.clouds).json("server", "show", "vm1", cloud=owner)
    assert isinstance(shown, dict)
    assert shown["host_status"] == "DOWN"
    assert not shown.get("OS-EXT-SRV-ATTR:host")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(server.clouds))
    connection = sdk.connect(owner)
    try:
        (found,) = connection.compute.servers()
        assert (found.host_status, found.compute_host) == ("DOWN", None)
    finally:
        connection.close()
    auth = server.auth(owner)
    made = session(server, auth["username"], auth["password"], auth["project_name"])
    try:
        library = nova.Client("2.16", session=made)
        assert library.servers.get(name).host_status == "DOWN"
        with pytest.raises(exceptions.Forbidden, match="os-services:list"):
            library.services.list()
        with pytest.raises(exceptions.Forbidden):
            library.servers.reset_state(name, "error")
    finally:
        made.session.close()
