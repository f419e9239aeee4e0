"""What an operator looks at first, with real processes."""

import json
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.agents import client_env
from tests.system.children import Child, environment, run
from tests.system.cloud import Cloud, down
from tests.system.installation import Installation
from tests.system.served import Server
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

Install = Callable[..., Installation]


@pytest.fixture(params=SERVERS[:1])
def install(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Install]:
    """Give a function that begins an installation on an empty database."""
    made: list[Installation] = []

    def begin() -> Installation:
        made.append(Installation(tmp_path, databases.new(request.param)))
        return made[-1]

    yield begin
    for installation in made:
        installation.close()


def status(server: Server, *arguments: str) -> tuple[int, Any]:
    """Return the exit status of `faultwire status --json`, and what it says."""
    done = run("status", "--json", *arguments, env=client_env(server))
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def test_the_status_follows_the_server(server: Server) -> None:
    """Well with an open fault in it; its own health too; unknown once it is stopped."""
    cloud = Cloud(server).fill(servers=2)
    cloud.report(down(cloud.host()))
    code, said = status(server)
    assert (code, said["well"], said["faults"]["open"]) == (0, True, 1)
    assert [one["role"] for one in said["processes"]] == ["serve"]
    wait_for(lambda: all(status(server)[1]["periodic"].values()), "rounds over periodic alarms")
    asked = run("status", "--healthcheck", server.url)
    assert (asked.returncode, asked.stdout) == (0, "OK\n")
    server.stop()
    assert run("status", env=client_env(server)).returncode == 2
    assert run("status", "--healthcheck", server.url).returncode == 2


def test_refusals_reach_the_audit_record(server: Server) -> None:
    """A wrong password is there within seconds, with the address that it came from."""
    for _ in range(3):
        server.login("admin", "wrong", "admin")

    def lines() -> Any:
        done = run("audit-list", "--action", "login", "--json", env=client_env(server))
        return json.loads(done.stdout)

    (line,) = wait_for(lines, "the refused logins are in the audit record")
    assert (line["target"], line["source"], line["detail"]) == ("admin", "127.0.0.1", "3 times")


def test_every_process_is_seen_and_missed(install: Install) -> None:
    """Servers, evaluators and senders stand in one status; one that is killed leaves it."""
    installation = install()
    server = installation.serve()
    installation.work("evaluator")
    sender = installation.work("sender")

    def roles() -> list[str]:
        _, said = status(server)
        return sorted(one["role"] for one in said["processes"])

    wait_for(lambda: roles() == ["evaluator", "sender", "serve"], "all are seen")
    sender.kill9()
    wait_for(lambda: roles() == ["evaluator", "serve"], "the killed one is missed")


def test_the_service_manager_is_told(tmp_path: Path) -> None:
    """A server says READY once it accepts, lives, and says STOPPING: as its unit expects."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(100)
        told = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "3000000"}
        assert environment(**told)["NOTIFY_SOCKET"] == str(path)
        server = Child(
            tmp_path / "log",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--state-dir",
            tmp_path / "state",
            env=told,
        )
        try:
            assert manager.recv(100) == b"READY=1"
            assert manager.recv(100) == b"WATCHDOG=1"
            assert manager.recv(100) == b"WATCHDOG=1"
            server.signal(signal.SIGTERM)
            said = manager.recv(100)
            while said == b"WATCHDOG=1":
                said = manager.recv(100)
            assert said == b"STOPPING=1"
            assert server.wait() == 0
        finally:
            server.kill()
