"""Real guest agents, one a process or many in one, and a line to the server that can be cut."""

import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from tests.system.children import Child
from tests.system.served import Server
from tests.system.waiting import wait_for

QUICK = {
    "heartbeat_ms": 200,
    "silence_ms": 2500,
    "return_ms": 500,
    "start_grace_ms": 3000,
    "ping_ms": 1500,
}
"""Settings with which a test waits for little."""


class Guests:
    """Puts guests into the inventory, enrols them and starts their agents; `close` ends all."""

    def __init__(self, server: Server, folder: Path, count: int) -> None:
        self._server = server
        self._folder = folder
        self._all: list[Child] = []
        self.ids = [f"guest-{number}" for number in range(count)]
        document = {
            "projects": [{"id": "green", "name": "green"}],
            "hosts": [{"name": "compute-1"}],
            "servers": [{"id": "vm-1", "name": "vm-1", "project": "green", "host": "compute-1"}],
            "guests": [
                {"id": one, "name": one, "project": "green", "server": "vm-1"} for one in self.ids
            ],
        }
        answer = server.call("PATCH", "/fault/v1/inventory", document)
        assert answer.status == 200, answer.text

    def enrol(self, guest: str, server: str = "") -> Path:
        """Enrol a guest by the API; the credential leads to `server` where that is given."""
        answer = self._server.call("POST", f"/fault/v1/agents/guests/{guest}/enrol")
        assert answer.status == 201, answer.text
        credential = answer.json["credential"]
        if server:
            credential["server"] = f"{server}/fault"
        path = self._folder / f"{guest}.credential"
        path.touch(mode=0o600)
        path.write_text(json.dumps(credential))
        return path

    def start(self, guest: str, *arguments: str | Path) -> Child:
        """Start the agent of an enrolled guest; does not wait for it."""
        log = self._folder / f"{guest}-{len(self._all)}.log"
        path = self._folder / f"{guest}.credential"
        child = Child(log, "guest-agent", "--instance", guest, "--credential", path, *arguments)
        self._all.append(child)
        return child

    def fleet(self, guests: list[str], frozen: list[str]) -> Child:
        """Start the agents of many enrolled guests in one process; the frozen answer nothing."""
        listed = self._folder / "fleet.json"
        paths = [str(self._folder / f"{one}.credential") for one in guests]
        listed.write_text(json.dumps({"credentials": paths, "frozen": frozen}))
        command = (sys.executable, "-m", "tests.system.fleet")
        child = Child(self._folder / "fleet.log", listed, command=command)
        self._all.append(child)
        return child

    def shown(self, guest: str) -> dict[str, Any]:
        """Return a guest as the server shows it."""
        found: dict[str, Any] = self._server.get(f"/fault/v1/guests/{guest}")["guest"]
        return found

    def until(self, guest: str, *, state: str, agent: str) -> None:
        """Return once a guest is in a state, and its agent too."""
        wait_for(
            lambda: (
                (self.shown(guest)["state"], self.shown(guest)["agent"]["state"]) == (state, agent)
            ),
            f"{guest} is {state}, its agent {agent}",
        )

    def close(self) -> None:
        """End every agent."""
        for child in self._all:
            child.kill()


class Line:
    """A TCP line to a server that can be cut as a network is: nothing closes, nothing arrives."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._to = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = threading.Event()
        self._open.set()
        self._sockets: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Carry nothing any more, and close nothing."""
        self._open.clear()

    def mend(self) -> None:
        """Carry again, what was sent meanwhile first."""
        self._open.set()

    def close(self) -> None:
        """Break everything."""
        self._open.set()
        for one in (self._listener, *self._sockets):
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._to)
            except OSError:
                return
            self._sockets += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, source: socket.socket, to: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                self._open.wait()
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            return
