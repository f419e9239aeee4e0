"""Nova's own clients, unmodified, on the services and hosts of a true server (S166-S172, S128)."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openstack as sdk
import pytest
from keystoneauth1 import session as keystone
from keystoneauth1.identity import v3
from novaclient import client as nova
from novaclient import exceptions

from tests.system.cloud import Cloud
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.test_openstack_client import SECONDS, OpenStack

pytestmark = [
    pytest.mark.system,
    # Deprecations of the clients' own libraries are nobody's here.
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings.OpenStackDeprecationWarning"),
]

NOVA = "nova-compute"
CURL = shutil.which("curl")


@pytest.fixture
def openstack(server: Server) -> OpenStack:
    """Give the `openstack` command, pointed at the running server."""
    return OpenStack(server.clouds)


@pytest.fixture
def session(server: Server) -> Iterator[keystone.Session]:
    """Give a session of the administrator."""
    auth = server.auth()
    password = v3.Password(
        auth_url=auth["auth_url"],
        username=auth["username"],
        password=auth["password"],
        project_name=auth["project_name"],
        user_domain_id="default",
        project_domain_id="default",
    )
    made = keystone.Session(password, timeout=SECONDS)
    yield made
    made.session.close()


class Shell:
    """Runs `nova` as the administrator."""

    def __init__(self, server: Server) -> None:
        auth = server.auth()
        self._binary = Path(sys.executable).with_name("nova")
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
            "OS_AUTH_URL": auth["auth_url"],
            "OS_USERNAME": auth["username"],
            "OS_PASSWORD": auth["password"],
            "OS_PROJECT_NAME": auth["project_name"],
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, *args: str, at: str = "2.11") -> subprocess.CompletedProcess[str]:
        """Return what a command printed and how it ended."""
        return subprocess.run(
            [str(self._binary), "--os-compute-api-version", at, *args],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


def test_the_openstack_command_marks_hosts(openstack: OpenStack, server: Server) -> None:
    """`compute service list` and `set`, `hypervisor list` and `show`, `host list` succeed."""
    host = Cloud(server, "osc").fill(1, 1).host()

    def service() -> dict[str, Any]:
        listed = openstack.json("compute", "service", "list", "--host", host, "--long")
        assert isinstance(listed, list)
        (found,) = listed
        shown: dict[str, Any] = found
        return shown

    def change(*options: str) -> None:
        done = openstack.run("compute", "service", "set", *options, host, NOVA)
        assert done.returncode == 0, done.stderr

    assert (service()["State"], service()["Forced Down"]) == ("up", False)
    change("--down")
    assert (service()["State"], service()["Forced Down"]) == ("down", True)
    change("--up")
    assert service()["State"] == "up"
    change("--disable", "--disable-reason", "disk")
    assert (service()["Status"], service()["Disabled Reason"]) == ("disabled", "disk")
    change("--enable")
    assert service()["Status"] == "enabled"
    old = openstack.run(
        "--os-compute-api-version", "2.11", "compute", "service", "set", "--down", host, NOVA
    )
    assert old.returncode == 0, old.stderr
    listed = openstack.json("hypervisor", "list")
    assert isinstance(listed, list)
    states = {one["Hypervisor Hostname"]: one["State"] for one in listed}
    assert states[host] == "down"
    shown = openstack.json("hypervisor", "show", host)
    assert isinstance(shown, dict)
    assert shown["hypervisor_hostname"] == host
    hosts = openstack.json("--os-compute-api-version", "2.1", "host", "list")
    assert isinstance(hosts, list)
    assert host in {one["Host Name"] for one in hosts}
    missing = openstack.run("compute", "service", "set", "--down", "nohost", NOVA)
    assert missing.returncode == 1


def test_the_sdk_marks_hosts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Openstacksdk finds, forces down, disables, enables and lists."""
    host = Cloud(server, "sdks").fill(1, 2).host()
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(server.clouds))
    connection = sdk.connect("faultwire")
    try:
        compute = connection.compute
        (service,) = compute.services(host=host, binary=NOVA)
        assert compute.update_service_forced_down(service, host, NOVA, forced=True).is_forced_down
        compute.disable_service(service, host, NOVA, "disk")
        (service,) = compute.services(host=host, binary=NOVA)
        assert (service.state, service.status, service.disabled_reason) == (
            "down",
            "disabled",
            "disk",
        )
        compute.update_service_forced_down(service, host, NOVA, forced=False)
        compute.enable_service(service, host, NOVA)
        (service,) = compute.services(host=host, binary=NOVA)
        assert (service.state, service.status) == ("up", "enabled")
        hypervisor = compute.find_hypervisor(host, details=True)
        assert (hypervisor.name, hypervisor.state) == (host, "up")
        found = list(compute.hypervisors(hypervisor_hostname_pattern=host, with_servers=True))
        assert len(found[0].servers) == 2
    finally:
        connection.close()


@pytest.mark.parametrize("version", ["2.11", "2.52"])
def test_novaclient_marks_hosts_by_name(
    server: Server, session: keystone.Session, version: str
) -> None:
    """The library of the old shell: force down, unset, disable with reason, enable, refusals."""
    host = Cloud(server, f"lib{version[-1]}").fill(1, 1).host()
    library = nova.Client(version, session=session)
    assert library.services.force_down(host, NOVA, True).forced_down is True
    (service,) = library.services.list(host=host, binary=NOVA)
    assert (service.state, service.forced_down) == ("down", True)
    library.services.force_down(host, NOVA, False)
    assert library.services.disable_log_reason(host, NOVA, "disk").status == "disabled"
    assert library.services.disable(host, NOVA).status == "disabled"
    assert library.services.enable(host, NOVA).status == "enabled"
    with pytest.raises(exceptions.NotFound, match="not mapped to any cell"):
        library.services.force_down("nohost", NOVA, True)
    with pytest.raises(exceptions.BadRequest, match="Only nova-compute services"):
        library.services.force_down(host, "nova-scheduler", True)


def test_novaclient_marks_hosts_by_uuid(server: Server, session: keystone.Session) -> None:
    """From 2.53 the library knows a service by its UUID; hypervisors come with their servers."""
    cloud = Cloud(server, "lib53").fill(1, 2)
    host = cloud.host()
    library = nova.Client("2.96", session=session)
    (service,) = library.services.list(host=host)
    assert library.services.force_down(service.id, True).state == "down"
    assert library.services.disable_log_reason(service.id, "disk").disabled_reason == "disk"
    library.services.enable(service.id)
    assert library.services.force_down(service.id, False).state == "up"
    (found,) = library.hypervisors.search(host, servers=True)
    assert {one["uuid"] for one in found.servers} == set(cloud.servers(1, 2))
    with pytest.raises(exceptions.Conflict):
        library.services.delete(service.id)


def test_novaclient_updates_hosts(server: Server, session: keystone.Session) -> None:
    """HostManager.update of the library carries the draft's report as it is (S135)."""
    cloud = Cloud(server, "lib42").fill(1, 1)
    url = session.get_endpoint(service_type="compute")
    headers = {"X-OpenStack-Nova-API-Version": "2.42"}
    answer = session.request(
        f"{url}/os-hosts/{cloud.host()}",
        "PUT",
        json={"host": {"host_down_reported": "true"}},
        headers=headers,
    )
    assert answer.json() == {"host": {"host": cloud.host(), "host_down_reported": "true"}}
    library = nova.Client("2.42", session=session)
    (name,) = cloud.servers(1, 1)
    shown = library.servers.get(name)
    assert (shown.status, shown.host_status) == ("SHUTOFF", "DOWN")


def test_the_nova_shell_marks_hosts(server: Server) -> None:
    """`nova service-list`, `service-force-down [--unset]`, `hypervisor-list` print and succeed."""
    host = Cloud(server, "shell").fill(1, 1).host()
    shell = Shell(server)
    done = shell.run("service-force-down", host)
    assert done.returncode == 0, done.stderr
    listed = shell.run("service-list", "--host", host)
    assert (listed.returncode, "down" in listed.stdout) == (0, True)
    done = shell.run("service-force-down", "--unset", host)
    assert done.returncode == 0, done.stderr
    assert " up " in shell.run("service-list", "--host", host).stdout
    listed = shell.run("hypervisor-list", at="2.52")
    assert (listed.returncode, host in listed.stdout) == (0, True)


def test_our_own_shell_takes_the_manuals_words(server: Server) -> None:
    """`faultwire service-force-down` and `host-update` as the seeds' manuals say (S171, S127)."""
    host = Cloud(server, "own").fill(1, 1).host()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name("faultwire")), *words],
            env={
                **os.environ,
                "OS_CLIENT_CONFIG_FILE": str(server.clouds),
                "OS_CLOUD": "faultwire",
            },
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    shown = run("service-force-down", host, NOVA, "--json")
    assert json.loads(shown.stdout) == {"host": host, "binary": NOVA, "forced_down": True}
    shown = run("service-force-down", "--unset", host, NOVA)
    assert shown.returncode == 0, shown.stderr
    shown = run("host-update", "--maintenance", "enable", "--report-host-down", host, "--json")
    assert json.loads(shown.stdout)["maintenance_mode"] == "enabled"
    (found,) = json.loads(run("service-list", "--host", host, "--json").stdout)
    assert (found["state"], found["status"]) == ("down", "enabled")
    assert run("service-force-down", "nohost", NOVA).returncode == 1
    assert run("host-update", host).returncode == 2


@pytest.mark.skipif(CURL is None, reason="there is no curl")
def test_the_manuals_curl_lines(server: Server) -> None:
    """The manual's lines, headers and bodies as they stand there (S166-S170, S128)."""
    assert CURL is not None
    Cloud(server, "curl").fill(1, 1)
    document = {"hosts": [{"name": "compute1"}]}
    assert server.call("PATCH", "/fault/v1/inventory", document).status == 200
    projects = server.get("/identity/v3/projects")["projects"]
    (tenant,) = [one["id"] for one in projects if one["name"] == "admin"]
    root = f"{server.url}/compute/v2.1/{tenant}"
    common = ["-H", "Content-Type: application/json", "-H", "Accept: application/json"]
    token = ["-H", f"X-Auth-Token: {server.token()}"]
    version = ["-H", "X-OpenStack-Nova-API-Version: 2.11"]
    for forced in ("true", "false"):
        body = f'{{"binary": "nova-compute", "host": "compute1", "forced_down": {forced}}}'
        line = [CURL, "-s", "-g", "-i", "-X", "PUT", f"{root}/os-services/force-down"]
        done = subprocess.run(
            [*line, *common, *version, *token, "-d", body],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        head, _, said = done.stdout.partition("\n\n")
        assert head.startswith("HTTP/1.1 200 OK"), done.stdout
        assert json.loads(said) == {
            "service": {"host": "compute1", "binary": NOVA, "forced_down": forced == "true"}
        }
    seeds = {"status": "enable", "maintenance_mode": "enable", "host_down_reported": "true"}
    body = json.dumps({"host": seeds})
    done = subprocess.run(
        [CURL, "-s", "-X", "PUT", f"{root}/os-hosts/compute1", *common, *token, "-d", body],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "host": {
            "host": "compute1",
            "status": "enabled",
            "maintenance_mode": "enabled",
            "host_down_reported": "true",
        }
    }


def test_owners_hear_of_host_status_also_over_a_kill(server: Server, hooks: Hooks) -> None:
    """What a force-down owes to owners is told even if the server dies right after it (D19)."""
    cloud = Cloud(server, "told").fill(1, 3)
    query = [{"field": "traits.host_status", "op": "eq", "type": "string", "value": "DOWN"}]
    rule = {"event_type": "compute.instance.update", "query": query}
    for number in range(2):
        body = {
            "name": f"host_status {number}",
            "type": "event",
            "project_id": cloud.project_of(number),
            "event_rule": rule,
            "alarm_actions": [hooks.url("/told")],
            "repeat_actions": True,
        }
        assert server.call("POST", "/alarming/v2/alarms", body).status == 201
    body = {"host": cloud.host(), "binary": NOVA, "forced_down": True}
    at = {"X-OpenStack-Nova-API-Version": "2.11"}
    answer = server.call("PUT", "/compute/v2.1/os-services/force-down", body, headers=at)
    assert answer.status == 200, answer.text
    server.kill9()
    server.start()
    wanted = set(cloud.servers(1, 3))
    hooks.wait(lambda told: {_server(one.alarm) for one in told} == wanted, "owners hear")


def _server(alarm: dict[str, Any]) -> str:
    traits = {name: value for name, _, value in alarm["reason_data"]["event"]["traits"]}
    return str(traits["instance_id"])
