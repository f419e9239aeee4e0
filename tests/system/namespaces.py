"""A network namespace with hosts behind it, and the prober within; made by root only."""

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from faultwire.liveness.probing import options_of
from faultwire.liveness.settings import Engine, Settings
from tests.system.waiting import SECONDS, wait_for

TOP = Path(__file__).parents[2]
RESPONDER = Path(__file__).with_name("responder.py")


def skip_reason() -> str:
    """Return why no namespace can be made here; empty where one can."""
    if os.geteuid() != 0:
        return "network namespaces are made by root"
    if shutil.which("ip") is None:
        return "there is no ip command"
    if not Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun"
    tried = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "this machine permits no network namespace"


def address(number: int, *, six: bool = False) -> str:
    """Return the address of a host behind the namespace."""
    return f"fd77::{number:x}" if six else f"198.19.{number // 256}.{number % 256}"


class Talk:
    """A child process that takes and says lines."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=TOP
        )
        self.lines: queue.Queue[tuple[float, str]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line.strip()))

    def say(self, line: Mapping[str, object]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Namespace:
    """A namespace whose interface ``hosts0`` leads to hosts that the test holds."""

    def __init__(self) -> None:
        self.name = f"fw-{os.getpid()}-{os.urandom(2).hex()}"
        ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        self.hosts = Talk(*self.within(sys.executable, str(RESPONDER)))
        assert self.hosts.lines.get(timeout=SECONDS)[1] == "ready"
        self.ip("link", "set", "hosts0", "up", "txqueuelen", "2000")
        self.ip("address", "add", "198.18.0.1/32", "dev", "hosts0")
        self.ip("route", "add", "198.19.0.0/16", "dev", "hosts0")
        self.ip("-6", "address", "add", "fd76::1/128", "dev", "hosts0", "nodad")
        self.ip("-6", "route", "add", "fd77::/64", "dev", "hosts0")

    def within(self, *command: str) -> list[str]:
        """Return a command that runs in the namespace."""
        return ["ip", "netns", "exec", self.name, *command]

    def ip(self, *words: str) -> None:
        """Run ip in the namespace."""
        ip("-n", self.name, *words)

    def tell(self, **what: object) -> None:
        """Tell the hosts how to answer from now on."""
        self.hosts.say(what)
        assert self.hosts.lines.get(timeout=SECONDS)[1] == "done"

    def close(self) -> None:
        self.hosts.close()
        ip("netns", "del", self.name)


def ip(*words: str) -> None:
    """Run ip; fails with what it said."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)


class Probing:
    """The process that probes, within a namespace; `states` is what it said last."""

    def __init__(self, space: Namespace, settings: Settings | None = None) -> None:
        wanted = settings or Settings(engine=Engine.ICMP)
        module = ("-m", "faultwire.liveness.probing")
        self.talk = Talk(*space.within(sys.executable, *module))
        self.talk.say(options_of(wanted))
        self.states: dict[str, str] = {}
        self.said: list[dict[str, Any]] = []
        self.access = self._next(lambda line: "access" in line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.talk.close()
        assert self.talk.process.returncode == 0

    def watch(self, hosts: Mapping[str, str], *, answer: Sequence[str] | None = None) -> None:
        """Probe hosts, and wait until they, or those named, have answered."""
        self.talk.say({"add": [[name, at, "unknown"] for name, at in hosts.items()]})
        wanted = set(hosts if answer is None else answer)
        wait_for(lambda: wanted <= self.in_state("alive"), "all hosts answer")

    def in_state(self, state: str) -> set[str]:
        """Return the hosts in a state."""
        self.read()
        return {name for name, now in self.states.items() if now == state}

    def read(self) -> None:
        """Take what was said by now."""
        while not self.talk.lines.empty():
            self._take(*self.talk.lines.get())

    def run(self, seconds: float) -> None:
        """Let real time pass: that is what nothing must come of."""
        time.sleep(seconds)
        self.read()

    def ever(self, state: str) -> set[str]:
        """Return the hosts that were in a state at some time."""
        self.read()
        return {line["host"] for line in self.said if line.get("state") == state}

    def standings(self) -> list[str]:
        """Return our own standings, in order."""
        self.read()
        return [line["standing"] for line in self.said if "standing" in line]

    def _next(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            line = self._take(*self.talk.lines.get(timeout=SECONDS))
            if wanted(line):
                return line

    def _take(self, at: float, text: str) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(text)
        self.said.append({**line, "heard": at})
        if "host" in line:
            self.states[line["host"]] = line["state"]
        return line


needs_namespaces = pytest.mark.skipif(bool(skip_reason()), reason=skip_reason() or "none")
