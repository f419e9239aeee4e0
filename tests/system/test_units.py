"""What the shipped units start, as they start it and with the system calls they leave."""

import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases.fixtures import Databases, databases
from tests.databases.servers import free_port
from tests.house.test_packaging import PREFIX, UNITS, settings_of
from tests.system import confined
from tests.system.children import BINARY, Child, run
from tests.system.served import QUICK, Server
from tests.system.waiting import SECONDS, wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

HOST = "compute-1"
MANY = 2_100
"""Servers of an import that a child process reads."""


class Manager:
    """Starts units as systemd does, in a folder in the place of the system's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "faultwire.conf"
        self.port = free_port()
        self._children: list[Child] = []
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.bind(str(folder / "notify"))
        self._told.settimeout(SECONDS)

    def start(self, *names: str) -> list[Child]:
        """Start units; return when those have said that they work that are to say it."""
        started = {name: self._child(name) for name in names}
        for name, child in started.items():
            if settings_of(unit_of(name))["Type"] == "notify":
                self.hears("READY=1", child)
        return list(started.values())

    def _child(self, name: str) -> Child:
        unit = unit_of(name)
        text = settings_of(unit)["ExecStart"].replace(PREFIX, str(BINARY))
        # A port that the system hands to nobody else stands for the fixed one.
        text = re.sub(r":8\d\d%i", f":{free_port()}", text)
        places = {"/etc/faultwire": self.folder, "/var/lib/faultwire": self.folder / "state"}
        for place, ours in {**places, "%H": HOST, "%d": self.folder}.items():
            text = text.replace(place, str(ours))
        told = {"NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "30000000"}
        command = (sys.executable, confined.__file__, unit)
        child = Child(self.folder / f"{name}.log", *text.split(), env=told, command=command)
        self._children.append(child)
        return child

    def hears(self, wanted: str, child: Child) -> None:
        """Wait until a unit says that; signs of life come in between."""
        try:
            while self._told.recv(100).decode() != wanted:
                pass
        except TimeoutError:
            pytest.fail(f"nobody said {wanted}:\n{child.output[-4000:]}")

    def stops(self, child: Child) -> None:
        """Stop a unit as systemd does."""
        assert child.stop() == 0, child.output

    def close(self) -> None:
        """End what still runs."""
        for child in self._children:
            child.kill()
        self._told.close()


def unit_of(name: str) -> Path:
    """Return a unit's file."""
    (unit,) = (one for one in UNITS if one.name.startswith(f"faultwire-{name}"))
    return unit


@pytest.fixture
def manager(tmp_path: Path, needs_package: Callable[..., str]) -> Iterator[Manager]:
    """Give what starts units."""
    needs_package("systemd-analyze", "systemd")
    made = Manager(tmp_path)
    yield made
    made.close()


def configure(manager: Manager, connection: str = "") -> Server:
    """Write the units' configuration; return how the server is called that they start."""
    lines = ["[server]", f"listen = 127.0.0.1:{manager.port}", "[identity]"]
    lines += [f"{name} = {text}" for name, text in QUICK["identity"].items()]
    if connection:
        lines += ["[database]", f"connection = {connection.replace('$', '$$')}"]
    manager.config.write_text("\n".join(lines) + "\n")
    (manager.folder / "calls").mkdir()
    server = Server(manager.folder / "calls")
    server.url = f"http://127.0.0.1:{manager.port}"
    server.clouds = manager.folder / "state" / "clouds.yaml"
    return server


def healthy(port: int) -> None:
    """Ask as the image's health check does."""
    asked = {"FAULTWIRE_HEALTHCHECK_URL": f"http://127.0.0.1:{port}"}
    found = run("status", "--healthcheck", env=asked)
    assert (found.returncode, found.stdout) == (0, "OK\n"), found.stderr


def test_a_server_and_its_agent_do_all_their_work_under_their_units(manager: Manager) -> None:
    """A large import is read by a child, beats are heard by another, an agent connects."""
    server = configure(manager)
    (unit,) = manager.start("serve")
    healthy(manager.port)
    servers = [
        {"id": f"vm-{n}", "name": f"vm-{n}", "project": "p", "host": HOST} for n in range(MANY)
    ]
    document = {
        "projects": [{"id": "p", "name": "p"}],
        "hosts": [{"name": HOST}],
        "servers": servers,
    }
    answer = server.call("PUT", "/fault/v1/inventory", document)
    assert answer.status == 200, answer.text
    enrolled = server.call("POST", f"/fault/v1/agents/{HOST}/enrol").text
    credential = manager.folder / "agent"
    credential.touch(mode=0o600)
    credential.write_text(enrolled[enrolled.index(":") + 1 : -1])
    (agent,) = manager.start("agent")
    wait_for(
        lambda: server.get(f"/fault/v1/hosts/{HOST}")["host"]["agent"] == "connected",
        "the agent is connected",
    )
    manager.stops(agent)
    manager.stops(unit)
    manager.hears("STOPPING=1", unit)
    for child in (unit, agent):
        assert "Traceback" not in child.output
        assert "started again" not in child.output


def test_evaluators_and_senders_work_under_their_units(
    manager: Manager, databases: Databases
) -> None:
    """On a shared database each says that it works, answers its health check, and ends at once."""
    configure(manager, databases.new("postgresql"))
    units = [*manager.start("serve"), *manager.start("evaluator", "sender")]
    for unit in units:
        healthy(int(re.findall(r"http://127.0.0.1:(\d+) takes", unit.output)[0]))
    for unit in reversed(units):
        manager.stops(unit)
        assert "Traceback" not in unit.output
