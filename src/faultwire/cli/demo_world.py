"""The demo's processes: a server, agents and a consumer, each a real process of its own."""

import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

START_SECONDS = 30.0
STOP_SECONDS = 10.0

REPEATED = {"OS_GUARDS__FLAP_ACTS": "0"}
"""The same host fails here as often as somebody wants to see it: no guard shall stop that."""


class DemoError(Exception):
    """A process of the demo did not do what it must; the text says which and what it printed."""


class NotNoticedError(DemoError):
    """A host failed, and no fault was opened in time; the text says which host."""


@dataclass(slots=True)
class Process:
    """One child; its output goes to a file that is shown when it fails."""

    name: str
    child: subprocess.Popen[str]
    log: Path
    lines: "queue.Queue[str]" = field(default_factory=queue.Queue)

    def expect(self, prefix: str, seconds: float = START_SECONDS) -> str:
        """Return the rest of the first line that starts with `prefix`; DemoError if none comes."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=min(left, 0.2))
            except queue.Empty:
                if self.child.poll() is not None and self.lines.empty():
                    break
                continue
            if line.startswith(prefix):
                return line.removeprefix(prefix).strip()
        tail = self.log.read_text()[-2000:]
        message = f"{self.name} did not print {prefix!r} within {seconds:.0f} s:\n{tail}"
        raise DemoError(message)

    def signal(self, number: signal.Signals) -> tuple[int, int]:
        """Send a signal; return wall and monotonic nanoseconds from just before."""
        instant = time.time_ns(), time.monotonic_ns()
        self.child.send_signal(number)
        return instant


@dataclass(frozen=True, slots=True)
class Peer:
    """A process of the demo as others reach it, by plain HTTP on loopback."""

    url: str

    def json(self, path: str) -> dict[str, Any]:
        """Return what a GET answers; DemoError where it does not."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        try:
            connection.request("GET", path)
            value: dict[str, Any] = json.load(connection.getresponse())
        except (OSError, http.client.HTTPException, ValueError) as error:
            message = f"{self.url}{path} does not answer: {error}"
            raise DemoError(message) from None
        finally:
            connection.close()
        return value


class World:
    """Starts processes of the `faultwire` command and ends all of them on leaving."""

    def __init__(self, folder: Path) -> None:
        """Keep state and logs in `folder`."""
        self.folder = folder
        self._processes: list[Process] = []

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what still runs: first asked, then killed."""
        for process in reversed(self._processes):
            if process.child.poll() is None:
                process.child.send_signal(signal.SIGCONT)
                process.child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes:
            try:
                process.child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.child.kill()
                process.child.wait()

    def start(self, name: str, *arguments: str) -> Process:
        """Start ``faultwire ARGUMENTS`` as a child with its output in FOLDER/NAME.log."""
        log = self.folder / f"{name}.log"
        child = subprocess.Popen(
            [sys.executable, "-m", "faultwire.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **REPEATED, "PYTHONUNBUFFERED": "1"},
        )
        process = Process(name, child, log)
        threading.Thread(target=_pump, args=(process,), daemon=True).start()
        self._processes.append(process)
        return process


def _pump(process: Process) -> None:
    stream = process.child.stdout
    with process.log.open("a") as log:
        for line in stream or ():
            log.write(line)
            log.flush()
            process.lines.put(line)


def wait_until(
    condition: Callable[[], bool], seconds: float, what: str, every: float = 0.05
) -> None:
    """Return once `condition` holds; DemoError saying `what` if it does not within `seconds`."""
    if not wait_for(condition, seconds, every):
        message = f"{what} did not happen within {seconds:.0f} s"
        raise DemoError(message)


def wait_for(condition: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """Return whether `condition` came to hold within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True
