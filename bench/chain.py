"""The main job against its floor: posted event to webhooks received (S8, S9)."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cloud import HOST, Cloud
from faultwire.client import Session

ROOT = Path(__file__).parent.parent
START_SECONDS = 60
IDLE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Case:
    """One bench: how many servers, how many samples, and what must be reached."""

    name: str
    servers: int
    samples: int
    warm: int
    limits: dict[str, float]


CASES = (
    Case("one server, one alarm", 1, 500, 20, {"median": 2.5, "p99": 3.0}),
    Case("1,000 servers, 1,000 projects, one origin", 1000, 15, 2, {"last": 1.75, "first": 2.0}),
)
SMOKE = (
    Case("one server, one alarm (smoke)", 1, 20, 3, {}),
    Case("50 servers (smoke)", 50, 2, 1, {}),
)


def run(cases: tuple[Case, ...]) -> list[dict[str, Any]]:
    """Run every case and return its figures."""
    return [_run(case) for case in cases]


class _Child:
    """A process that prints where it listens, and a pooled connection to it."""

    def __init__(self, *arguments: str, ready: str = "listening on ") -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'packages/profiler/src'}:{ROOT}",
            },
        )
        for line in self._child.stdout or ():
            if line.startswith(ready):
                self.url = line.removeprefix(ready).strip()
                break
        else:
            message = f"{arguments[0]} ended without listening"
            raise RuntimeError(message)
        self.pid = self._child.pid
        address = self.url.removeprefix("http://")
        self._used = time.monotonic()
        self._connection = http.client.HTTPConnection(address, timeout=START_SECONDS)

    def call(self, method: str, path: str, body: bytes = b"", token: str = "") -> bytes:
        """Return the answer's body; RuntimeError for an error."""
        if time.monotonic() - self._used > IDLE_SECONDS:
            # The server may have closed it meanwhile.
            self._connection.close()
        self._used = time.monotonic()
        headers = {"Content-Type": "application/json"}
        if token:
            headers["X-Auth-Token"] = token
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            message = f"{method} {path}: {answer.status} {content[:300]!r}"
            raise RuntimeError(message)
        return content

    def stop(self) -> None:
        """End the process."""
        self._child.terminate()
        self._child.wait(30)


def _run(case: Case) -> dict[str, Any]:
    rounds = case.samples + case.warm
    with tempfile.TemporaryDirectory(prefix="faultwire-bench-") as folder:
        receiver = _Child("bench.receiver")
        ours = _Child(
            "faultwire.cli", "serve", "--state-dir", f"{folder}/ours", "--listen", "127.0.0.1:0"
        )
        cloud = Cloud(case.servers, receiver.url)
        floor = _Child(
            "bench.floor", f"{folder}/floor", str(case.servers), str(rounds), receiver.url
        )
        try:
            return _measure(case, cloud, receiver, ours, floor, Path(folder))
        finally:
            for child in (ours, floor, receiver):
                child.stop()


def _measure(
    case: Case, cloud: Cloud, receiver: _Child, ours: _Child, floor: _Child, folder: Path
) -> dict[str, Any]:
    token = filled(ours, folder / "ours", cloud)
    sides: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "ours": (
            lambda: ours.call("POST", "/fault/v1/events", _event("down"), token),
            lambda: ours.call("POST", "/fault/v1/events", _event("up"), token),
        ),
        "floor": (
            lambda: floor.call("POST", "/relay", _event("down")),
            lambda: floor.call("POST", "/undo", _event("up")),
        ),
    }
    times: dict[str, list[list[float]]] = {"ours": [], "floor": []}
    for sample in range(case.warm + case.samples):
        order = ("ours", "floor") if sample % 2 else ("floor", "ours")
        for side in order:
            raised, cleared = sides[side]
            began = time.monotonic_ns()
            raised()
            arrived = json.loads(receiver.call("GET", f"/times?count={case.servers}"))
            if len(arrived) != case.servers:
                message = f"{side}: {len(arrived)} of {case.servers} webhooks arrived"
                raise RuntimeError(message)
            if sample >= case.warm:
                times[side].append([(at - began) / 1e6 for at in arrived])
            cleared()
            # What is recorded after the answers must not run into the next sample.
            time.sleep(0.02 if case.servers == 1 else 0.5)
    return _figures(case, times)


def filled(server: _Child, state: Path, cloud: Cloud) -> str:
    """Give a fresh server its inventory and alarms; return a token."""
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(state / "clouds.yaml")
    session = Session("faultwire")
    token = session.token()
    session.request("PUT", "fault", "/v1/inventory", body=cloud.inventory())
    for body in cloud.alarm_bodies():
        server.call("POST", "/alarming/v2/alarms", json.dumps(body).encode(), token)
    return token


def _event(status: str, host: str = HOST) -> bytes:
    event = {
        "time": "2026-01-01T00:00:00Z",
        "type": f"compute.host.{status}",
        "details": {"hostname": host},
    }
    return json.dumps([event]).encode()


def _figures(case: Case, times: dict[str, list[list[float]]]) -> dict[str, Any]:
    shown: dict[str, Any] = {"case": case.name, "samples": case.samples, "ms": {}, "ratio": {}}
    for side, samples in times.items():
        first = [min(sample) for sample in samples]
        last = [max(sample) for sample in samples]
        if case.servers == 1:
            shown["ms"][side] = {"median": statistics.median(last), "p99": _p99(last)}
        else:
            shown["ms"][side] = {
                "first": statistics.median(first),
                "last": statistics.median(last),
            }
    for figure, value in shown["ms"]["ours"].items():
        shown["ratio"][figure] = value / shown["ms"]["floor"][figure]
    shown["limits"] = case.limits
    shown["met"] = all(shown["ratio"][name] <= limit for name, limit in case.limits.items())
    return shown


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]
