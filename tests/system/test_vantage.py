"""Three monitors on machines of their own, and one server: who is dead, by whose word."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.system.children import Child
from tests.system.namespaces import Namespace, address, ip, needs_namespaces
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, needs_namespaces]

HOSTS = {f"c{number}": address(number) for number in range(1, 21)}
COMMAND = Path(sys.executable).with_name("faultwire")
CONFIG = {
    "server": {"behind_proxy": "true"},
    "quorum": {"silence_ms": 1500, "wait_ms": 600},
}


class Vantage:
    """A machine with its own way to the hosts, and the monitor on it."""

    def __init__(self, number: int, name: str, folder: Path) -> None:
        self.name = name
        self.space = Namespace()
        self.link = f"fw{self.space.name[-4:]}"
        self.server = f"198.18.{80 + number}.1"
        ip("link", "add", self.link, "type", "veth", "peer", "name", "out0", "netns",
           self.space.name)  # fmt: skip
        ip("address", "add", f"{self.server}/30", "dev", self.link)
        ip("link", "set", self.link, "up")
        self.space.ip("address", "add", f"198.18.{80 + number}.2/30", "dev", "out0")
        self.space.ip("link", "set", "out0", "up")
        self._folder = folder
        self.child: Child | None = None

    def start(self, credential: dict[str, Any], port: int) -> None:
        """Run the monitor, with the server at its own end of the link."""
        path = self._folder / f"{self.name}.json"
        bound = {**credential, "server": f"http://{self.server}:{port}/fault"}
        path.write_bytes(orjson.dumps(bound))
        path.chmod(0o600)
        command = self.space.within(str(COMMAND))
        words = ("monitor", "--name", self.name, "--credential", path, "--interface", "hosts0")
        self.child = Child(self._folder / f"{self.name}.log", *words, command=command)

    def signal(self, number: signal.Signals) -> None:
        assert self.child is not None
        self.child.signal(number)

    def close(self) -> None:
        if self.child is not None:
            self.child.kill()
        ip("link", "del", self.link)
        self.space.close()


class Installation:
    """The server, which probes nobody itself, and three monitors."""

    def __init__(self, folder: Path) -> None:
        self.vantages = {
            name: Vantage(number, name, folder) for number, name in enumerate(("a", "b", "c"))
        }
        self.server = Server(folder, CONFIG, listen="0.0.0.0:0")

    def begin(self) -> None:
        """Start all of them, and return once the monitors vote."""
        self.server.start()
        self.port = int(self.server.url.rsplit(":", 1)[1])
        self.server.url = f"http://127.0.0.1:{self.port}"
        rows = [{"name": name, "addresses": [at]} for name, at in HOSTS.items()]
        assert self.server.call("PUT", "/fault/v1/inventory", {"hosts": rows}).status == 200
        for name in self.vantages:
            self.start(name)
        for name in self.vantages:
            self.wait(name, "voting")

    def start(self, name: str) -> None:
        made = self.server.call("POST", f"/fault/v1/monitors/{name}/enrol")
        assert made.status == 201, made.text
        self.vantages[name].start(made.json["credential"], self.port)

    def wait(self, name: str, presence: str) -> None:
        wait_for(lambda: self.presence(name) == presence, f"{name} is {presence}")

    def presence(self, name: str) -> str:
        rows = self.server.get("/fault/v1/monitors")["monitors"]
        return str(next((one["presence"] for one in rows if one["name"] == name), "nowhere"))

    def tell(self, *names: str, **what: object) -> None:
        for name in names:
            self.vantages[name].space.tell(**what)

    def faults(self, kind: str) -> list[dict[str, Any]]:
        found = self.server.get("/fault/v1/faults?state=open")["faults"]
        return [
            self.server.get(f"/fault/v1/faults/{one['id']}")["fault"]
            for one in found
            if one["type"] == kind
        ]

    def fault(self, kind: str, about: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            rows = self.faults(kind)
            return next((one for one in rows if about in one["resource"].values()), None)

        return wait_for(found, f"{kind} of {about}")

    def gone(self, kind: str) -> None:
        wait_for(lambda: not self.faults(kind), f"the end of {kind}")

    def close(self) -> None:
        try:
            self.server.close()
        finally:
            for vantage in self.vantages.values():
                vantage.close()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Installation]:
    """Give the installation with three monitors that vote."""
    made = Installation(tmp_path)
    try:
        made.begin()
        yield made
    finally:
        made.close()


def test_three_monitors_and_what_becomes_of_them(there: Installation) -> None:
    """Two of three decide; one alone is told; the blinded, killed and frozen have no votes."""
    hosts = there.server.get("/fault/v1/hosts")["hosts"]
    assert len(hosts) == len(HOSTS)
    # Dead for all: by two votes at least, and the rest says nothing against it.
    there.tell("a", "b", "c", cut=[HOSTS["c7"]])
    fault = there.fault("compute.host.down", "c7")
    assert len({one["reporter"] for one in fault["evidence"]}) >= 2
    assert fault["plan"]["forced_down"] is True
    # One way is cut: told, not forced down, and over with the way.
    there.tell("a", cut=[HOSTS["c3"]])
    fault = there.fault("compute.host.unreachable", "c3")
    votes = {one["reporter"]: one["vote"] for one in fault["evidence"]}
    assert votes == {"a": "down", "b": "up", "c": "up"}
    there.tell("a", answer=[HOSTS["c3"]])
    there.gone("compute.host.unreachable")
    # Blinded: it says so, and the two others decide without it.
    there.tell("b", cut=list(HOSTS.values()))
    there.fault("monitor.isolated", "b")
    assert there.presence("b") == "isolated"
    there.tell("a", "c", cut=[HOSTS["c9"]])
    assert there.fault("compute.host.down", "c9")
    assert len(there.faults("compute.host.down")) == 2
    there.tell("b", answer=[at for name, at in HOSTS.items() if name not in {"c7", "c9"}])
    there.gone("monitor.isolated")
    # Killed: its votes expire, and that is said where an operator looks.
    there.vantages["c"].signal(signal.SIGKILL)
    there.wait("c", "none")
    status = there.server.get("/fault/v1/status")["status"]
    assert not status["well"]
    assert "monitor c is lost: its votes have expired" in status["troubles"]
    metrics = there.server.call("GET", "/metrics", who="").text
    assert 'faultwire_monitors{state="voting"} 2.0' in metrics
    assert "faultwire_votes_expired_total 0.0" not in metrics
    # Frozen: its connection stays and says nothing; it votes again once it goes on.
    there.vantages["b"].signal(signal.SIGSTOP)
    there.wait("b", "none")
    there.vantages["b"].signal(signal.SIGCONT)
    there.wait("b", "voting")
    there.tell("a", "b", cut=[HOSTS["c5"]])
    there.fault("compute.host.down", "c5")
    dead = {one["host"] for one in there.faults("compute.host.down")}
    assert dead == {"c5", "c7", "c9"}
    assert all(one["monitored"] for one in there.server.get("/fault/v1/hosts")["hosts"])
