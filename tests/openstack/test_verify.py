"""`faultwire verify` on a real cloud, as an operator runs it; nothing of it is left (S73)."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.openstack.client import Client
from tests.openstack.minicloud import NAME, MiniCloud
from tests.system.agents import Agents
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]
HOST, OTHER = "cmp1", "cmp2"
SECONDS = 180.0


@pytest.fixture
def server(cloud: MiniCloud, admin: Client, tmp_path: Path) -> Iterator[Server]:
    """Give a server beside the cloud, both in one clouds.yaml."""
    settings = {"clouds": NAME, "clouds_yaml": cloud.clouds_yaml, "reconcile_seconds": 1}
    made = Server(tmp_path, {"openstack": settings})
    made.start()
    files = (cloud.clouds_yaml, made.clouds)
    known = [yaml.safe_load(one.read_text())["clouds"] for one in files]
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": known[0] | known[1]}))
    admin.flavor()
    yield made
    made.close()


@pytest.fixture
def verify(server: Server, tmp_path: Path) -> list[str]:
    """Give the command, and its environment as arguments of env."""
    del server
    command = [sys.executable, "-m", "faultwire.cli", "verify", "--os-cloud", NAME]
    clouds = f"OS_CLIENT_CONFIG_FILE={tmp_path / 'clouds.yaml'}"
    return ["env", clouds, *command, "--faultwire", "faultwire"]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=SECONDS, check=False
    )


def left(server: Server, admin: Client) -> list[Any]:
    """Return what a verification left: servers, alarms, a host that is forced down."""
    servers = [one["id"] for one in admin.servers() if "faultwire-verify" in one["metadata"]]
    alarms = [one["name"] for one in server.get("/alarming/v2/alarms?all_projects=true")]
    forced = [host for host in (HOST, OTHER) if admin.service(host)["forced_down"]]
    return [*servers, *alarms, *forced]


def test_a_host_of_a_cloud_is_reported_down(
    server: Server, admin: Client, verify: list[str], tmp_path: Path
) -> None:
    """S73, S80: owners are told, Nova says it, the figures stand beside Doctor's; all is gone."""
    path = tmp_path / "runs.json"
    done = run(*verify, "--host", HOST, "--servers", "3", "--runs", "2", "--json", path)
    told = json.loads(path.read_text())["verification"]
    assert [row["problems"] for row in told["runs"]] == [[], []], done.stderr
    # How long it took is this machine's affair; that it says so is ours.
    assert done.returncode == (0 if told["passed"] else 1), done.stderr
    assert "Doctor, shortcut, parallel" in done.stdout
    assert left(server, admin) == []


def test_servers_of_others_are_left_alone(
    server: Server, admin: Client, verify: list[str]
) -> None:
    """A host on which somebody has a server is refused, before anything is made."""
    (other,) = admin.boot(OTHER, 1, "other")
    done = run(*verify, "--host", OTHER)
    assert (done.returncode, other in done.stderr) == (3, True), done.stderr
    assert admin.servers(OTHER)[0]["OS-EXT-STS:vm_state"] == "active"
    assert left(server, admin) == []
    admin.nova("DELETE", f"/servers/{other}")
    wait_for(lambda: not admin.servers(OTHER), "Nova deletes it")


def test_a_host_that_falls_silent(
    cloud: MiniCloud, server: Server, admin: Client, verify: list[str], tmp_path: Path
) -> None:
    """Its nova-compute and its agent freeze by a command: our monitor notices, owners know."""
    wait_for(lambda: server.call("GET", f"/fault/v1/hosts/{HOST}").status == 200, "it is known")
    agents = Agents(server, tmp_path)
    agents.enrol(HOST)
    agent = agents.start(HOST)
    known = f"/fault/v1/hosts/{HOST}"
    wait_for(lambda: server.get(known)["host"]["agent"] == "connected", "the agent is connected")
    pids = f"{agent.process.pid} {cloud.compute(HOST).pid}"
    path = tmp_path / "runs.json"
    done = run(
        *verify, "--host", HOST, "--servers", "2", "--json", path, "--by", "command",
        "--down-command", f"kill -STOP {pids}", "--up-command", f"kill -CONT {pids}",
    )  # fmt: skip
    (row,) = json.loads(path.read_text())["verification"]["runs"]
    assert row["problems"] == [], done.stderr
    assert left(server, admin) == []
    # An agent that ends under a server that looks on is a host that fails.
    server.stop()
    agents.close()


def test_whoever_breaks_it_off_finds_the_cloud_as_it_was(
    server: Server, admin: Client, verify: list[str], tmp_path: Path
) -> None:
    """SIGINT while the host is down: it is brought back, and servers and alarms are deleted."""
    with (tmp_path / "verify.log").open("wb") as log:
        child = subprocess.Popen([*verify, "--host", HOST, "--servers", "2"], stderr=log)
        try:
            wait_for(lambda: admin.service(HOST)["forced_down"], "the host is down", SECONDS)
            os.kill(child.pid, signal.SIGINT)
            assert child.wait(SECONDS) != 0
        finally:
            child.kill()
    assert left(server, admin) == [], (tmp_path / "verify.log").read_text()
