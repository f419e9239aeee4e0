"""Guests over RabbitMQ: real servers, real guest agents, a real broker between them."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases.fixtures import Databases, databases
from tests.system.children import Child
from tests.system.conftest import Serve
from tests.system.installation import Installation
from tests.system.rabbit import Rabbit
from tests.system.served import Reply, Server
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

GUESTS = ("g-1", "g-2")


class Guests:
    """A server with guests in its map, and their agents."""

    def __init__(self, server: Server, folder: Path, url: str) -> None:
        """Take the server; `url` is the broker's for the agents."""
        self.server = server
        self._folder = folder
        self._config = folder / "guest.conf"
        self._config.write_text(f"[DEFAULT]\ntransport_url = {url}\n")
        self._all: list[Child] = []
        inventory = {
            "projects": [{"id": "d" * 32, "name": "databases"}],
            "guests": [{"id": one, "name": one, "project": "databases"} for one in GUESTS],
        }
        answer = server.call("PUT", "/fault/v1/inventory", inventory)
        assert answer.status == 200, answer.text
        self._admin = server.get("/identity/v3/auth/projects")["projects"][0]["id"]

    def enrol(self, guest: str) -> Path:
        """Enrol a guest and return its credential."""
        answer = self.server.call("POST", f"/fault/v1/agents/guests/{guest}/enrol")
        assert answer.status == 201, answer.text
        path = self._folder / f"{guest}.credential"
        path.touch(mode=0o600)
        drawn = {**answer.json["credential"], "server": f"{self.server.url}/fault"}
        path.write_text(json.dumps(drawn))
        return path

    def start(self, guest: str, credential: Path) -> Child:
        """Start an agent; does not wait for it."""
        log = self._folder / f"guest-{len(self._all)}.log"
        arguments = ["--instance", guest, "--credential", credential, "--config", self._config]
        self._all.append(Child(log, "guest-agent", *arguments))
        return self._all[-1]

    def ping(self, guest: str) -> Reply:
        """Ping a guest as an administrator."""
        path = f"/database/v1.0/{self._admin}/mgmt/instances/{guest}/rpc_ping"
        return self.server.call("GET", path)

    def answers(self, guest: str) -> None:
        """Return once a guest answers."""
        wait_for(lambda: self.ping(guest).status == 204, f"{guest} answers")

    def state(self, guest: str) -> str:
        """Return how the guest's agent is."""
        return str(self.server.get(f"/fault/v1/guests/{guest}")["guest"]["agent"]["state"])

    def close(self) -> None:
        """End the agents."""
        for child in self._all:
            child.kill()


@pytest.fixture
def guests(serve: Serve, rabbit: Rabbit, tmp_path: Path) -> Iterator[Guests]:
    """Give a server on a broker, with guests that have no agents yet."""
    url = rabbit.fresh()
    settings = {
        "DEFAULT": {"transport_url": url},
        "guests": {"heartbeat_ms": 200, "silence_ms": 1500, "ping_ms": 700},
    }
    made = Guests(serve(settings), tmp_path, url)
    yield made
    made.close()


def test_a_guest_answers_over_the_broker(guests: Guests) -> None:
    """rpc_ping reaches the guest and nobody else; alive 204, frozen or gone 400 (S198-S201)."""
    credential = guests.enrol("g-1")
    agent = guests.start("g-1", credential)
    guests.answers("g-1")
    second = guests.ping("g-2")
    assert second.status == 400
    assert (
        'topic: "guestagent.g-2", RPC method: "rpc_ping"' in second.json["badRequest"]["message"]
    )
    agent.signal(signal.SIGSTOP)
    frozen = guests.ping("g-1")
    assert frozen.status == 400
    wait_for(lambda: guests.state("g-1") != "connected", "silence is noticed")
    agent.signal(signal.SIGCONT)
    guests.answers("g-1")
    wait_for(lambda: guests.state("g-1") == "connected", "the guest is back")
    agent.signal(signal.SIGKILL)
    agent.wait()
    wait_for(lambda: guests.ping("g-1").status == 400, "nobody answers")


def test_a_second_agent_of_one_guest_is_refused(guests: Guests) -> None:
    """The second agent is told so, answers no calls, and takes over once the first is gone."""
    credential = guests.enrol("g-1")
    first = guests.start("g-1", credential)
    guests.answers("g-1")
    other = guests.start("g-1", credential)
    wait_for(lambda: "another agent" in other.output, "the second is refused")
    assert all(guests.ping("g-1").status == 204 for _ in range(5))
    assert first.stop() == 0
    guests.answers("g-1")


def test_a_guest_speaks_for_itself_alone(guests: Guests) -> None:
    """An agent whose credential was replaced, or is another's, is not heard."""
    old = guests.enrol("g-1")
    kept = old.read_text()
    guests.enrol("g-1")
    old.write_text(kept)
    agent = guests.start("g-1", old)
    wait_for(lambda: "did not prove" in agent.output, "it is refused")
    assert guests.ping("g-1").status == 400


def test_conductors_and_task_managers_of_their_own(
    databases: Databases, rabbit: Rabbit, tmp_path: Path
) -> None:
    """On a shared database they are processes; one of each may die, and nobody takes it amiss."""
    url = rabbit.fresh()
    config: dict[str, dict[str, object]] = {
        "DEFAULT": {"transport_url": url},
        "guests": {"heartbeat_ms": 200, "silence_ms": 20_000, "ping_ms": 700},
        "cluster": {"beat_ms": 200, "silence_ms": 1000},
    }
    installation = Installation(tmp_path, databases.new("postgresql"), config)
    made: Guests | None = None
    try:
        made = guests = Guests(installation.serve(), tmp_path, url)
        conductors = [installation.work("conductor") for _ in range(2)]
        managers = [installation.work("taskmanager") for _ in range(2)]
        guests.start("g-1", guests.enrol("g-1"))
        guests.answers("g-1")
        wait_for(lambda: guests.state("g-1") == "connected", "the guest is heard")
        managers[0].kill9()
        conductors[0].kill9()
        begun = guests.server.call("POST", "/fault/v1/guests/g-1/restart")
        assert begun.status == 202, begun.text
        task = begun.json["task"]["id"]

        def over() -> bool:
            shown = guests.server.get(f"/fault/v1/tasks/{task}")["task"]
            return bool(shown["state"] == "done")

        wait_for(over, "the task is done")
        guests.answers("g-1")
        wait_for(lambda: guests.state("g-1") == "connected", "the guest is still heard")
        faults = guests.server.get("/fault/v1/faults")["faults"]
        assert faults == []
    finally:
        if made is not None:
            made.close()
        installation.close()
