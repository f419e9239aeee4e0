"""Real agents of hosts."""

import json
from pathlib import Path

from tests.system.children import Child, run
from tests.system.cloud import Cloud
from tests.system.served import Server
from tests.system.waiting import wait_for


class Agents:
    """Enrols and starts agents; `close` ends all of them."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._all: list[Child] = []

    def credential(self, host: str) -> Path:
        """Return where a host's credential is."""
        return self._folder / f"{host}.credential"

    def listed(self, host: str) -> Path:
        """Return the file that says which servers run on a host."""
        return self._folder / f"{host}.servers"

    def barred(self, host: str) -> Path:
        """Return the file in which an agent with a list keeps what must not start there."""
        return self._folder / f"{host}.barred"

    def enrol(self, host: str) -> Path:
        """Enrol a host by the API, which starts no process, and keep its credential."""
        answer = self._server.call("POST", f"/fault/v1/agents/{host}/enrol")
        assert answer.status == 201, answer.text
        path = self.credential(host)
        path.touch(mode=0o600)
        path.write_text(json.dumps(answer.json["credential"]))
        return path

    def start(self, host: str, servers: list[str] | None = None) -> Child:
        """Start the agent of an enrolled host; does not wait for it."""
        arguments: list[str | Path] = ["--host", host, "--credential", self.credential(host)]
        if servers is not None:
            listed = self.listed(host)
            listed.write_text(json.dumps(servers))
            arguments += ["--servers", listed, "--must-not-start", self.barred(host)]
        number = len(self._all)
        child = Child(self._folder / f"agent-{host}-{number}.log", "agent", *arguments)
        self._all.append(child)
        return child

    def connected(self, cloud: Cloud, *hosts: int) -> None:
        """Return once the agents of the hosts are connected, as the server has it stored."""
        for host in hosts:
            wait_for(
                lambda number=host: cloud.shown(number)["agent"] == "connected",
                f"the agent of host {host} is connected",
            )

    def close(self) -> None:
        """End every agent."""
        for child in self._all:
            child.kill()


def enrol_by_command(server: Server, host: str, out: Path) -> None:
    """Enrol a host as an operator does."""
    done = run(
        "agent-enroll", host, "--out", out, "--os-cloud", "faultwire", env=client_env(server)
    )
    assert done.returncode == 0, done.stderr


def client_env(server: Server, cloud: str = "faultwire") -> dict[str, str]:
    """Return the environment in which a client finds a server."""
    return {"OS_CLIENT_CONFIG_FILE": str(server.clouds), "OS_CLOUD": cloud}
