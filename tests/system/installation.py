"""Several processes of the product on one database."""

import signal
from collections.abc import Sequence
from pathlib import Path

from tests.system.children import BINARY, Child
from tests.system.served import Config, Server

QUICK = {"beat_ms": 100, "silence_ms": 1000, "look_ms": 50}


class Worker:
    """`faultwire evaluator` or `faultwire sender`; may be killed and started again."""

    def __init__(
        self, role: str, config: Path, log: Path, command: Sequence[str | Path] = (BINARY,)
    ) -> None:
        self._command = command
        self.role = role
        self._config = config
        self._log = log
        self.child: Child | None = None

    def start(self) -> "Worker":
        """Start and return once it works."""
        self.child = Child(self._log, self.role, "--config", self._config, command=self._command)
        self.child.line("working as ")
        return self

    def kill9(self) -> None:
        """End it with SIGKILL."""
        if self.child is not None:
            self.child.signal(signal.SIGKILL)
            self.child.wait()

    def stop(self) -> int:
        """End it as an operator does; return the exit status."""
        assert self.child is not None
        return self.child.stop()

    def close(self) -> None:
        """End it whatever it does; fails if it logged a defect."""
        if self.child is not None:
            self.child.kill()
        log = self._log.read_text(errors="replace") if self._log.exists() else ""
        assert "Traceback (most recent call last)" not in log, log[-8000:]


class Installation:
    """Servers, evaluators and senders; the first server has the passwords."""

    def __init__(
        self,
        folder: Path,
        url: str,
        config: Config | None = None,
        command: Sequence[str | Path] = (BINARY,),
    ) -> None:
        self._command = command
        self._folder = folder
        given = config or {}
        self._config = {
            **given,
            "database": {"connection": url.replace("$", "$$"), **given.get("database", {})},
            "cluster": {**QUICK, **given.get("cluster", {})},
        }
        self.servers: list[Server] = []
        self.workers: list[Worker] = []

    def serve(self) -> Server:
        """Start one more server."""
        folder = self._folder / f"server-{len(self.servers)}"
        folder.mkdir()
        server = Server(folder, self._config, command=self._command)
        self.servers.append(server)
        server.start()
        server.clouds = self.servers[0].clouds
        return server

    def work(self, role: str) -> Worker:
        """Start one more evaluator or sender."""
        folder = self._folder / f"{role}-{len(self.workers)}"
        folder.mkdir()
        worker = Worker(role, self.servers[0].config, folder / "log", self._command)
        self.workers.append(worker)
        return worker.start()

    def close(self) -> None:
        """End them all."""
        everyone = (*self.workers, *self.servers)
        for one in everyone:
            if one.child is not None:
                one.child.kill()
        for one in everyone:
            one.close()
