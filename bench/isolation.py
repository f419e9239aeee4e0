"""The same burst, quiet and under everything at once: one thing delays nobody else (promise 3).

A host with 1,000 servers in 1,000 projects dies; measured is the time from the posted event to
the last of 1,000 webhooks. First quiet, then while 100,000 servers of other hosts are imported
again and again, four clients page through everything, 100 webhooks hang, 24 names hang in DNS and
1,000 agents beat. The quiet run of the same server process is the floor. The clients are niced:
they stand for other machines, and have no part in the server's.
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import agents
from bench.chain import _Child, _event
from bench.cloud import Cloud
from bench.hung_names import HUNG
from bench.processes import Lines
from faultwire.client import Session
from faultwire.domain.ids import derived

HUNG_HOST = "hung-1"
REST_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Size:
    """How much goes on."""

    servers: int
    blocks: int
    samples: int
    hosts: int
    imported: int
    pagers: int
    hooks: int
    names: int
    agents: int
    limit: float


FULL = Size(1000, 3, 9, 1000, 100_000, 4, 100, 24, 1000, 3.0)
SMOKE = Size(20, 1, 2, 10, 500, 4, 3, 2, 10, float("inf"))
PARTS = 'faultwire_commands_total{command="ImportPart",result="done"} '

LOADS = ("import", "pages", "hooks and names", "agents")


def run(*, smoke: bool = False, only: str = "") -> list[dict[str, Any]]:
    """Return the figures; `only`: one of LOADS alone, to see what costs what."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-"))
        receiver = _Child("bench.receiver")
        stack.callback(receiver.stop)
        ours = _Child(
            "bench.hung_names", "serve", "--state-dir", f"{folder}/ours", "--listen", "127.0.0.1:0"
        )
        stack.callback(ours.stop)
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(Path(folder) / "ours" / "clouds.yaml")
        return [_Run(size, ours, receiver, only).figures()]


class _Run:
    """One server, measured quiet and loaded."""

    def __init__(self, size: Size, ours: _Child, receiver: _Child, only: str) -> None:
        self._size = size
        self._ours = ours
        self._receiver = receiver
        self._only = only
        session = Session("faultwire")
        self._token = session.token()
        # Accepts by the kernel and answers never.
        self._hung = socket.create_server(("127.0.0.1", 0), backlog=4096)
        cloud = Cloud(size.servers, receiver.url)
        session.request("PUT", "fault", "/v1/inventory", body=cloud.inventory())
        session.request("PATCH", "fault", "/v1/inventory", body=self._hung_inventory())
        for body in (*cloud.alarm_bodies(), *self._hung_alarms()):
            ours.call("POST", "/alarming/v2/alarms", json.dumps(body).encode(), self._token)

    def figures(self) -> dict[str, Any]:
        """Return what was measured."""
        size = self._size
        credentials = []
        if self._has("agents"):
            hosts = [f"agent-{number}" for number in range(size.agents)]
            credentials = agents.enrol(self._ours.call, self._token, hosts)
        self._burst()
        quiet: list[float] = []
        loaded: list[float] = []
        done: dict[str, Any] = {}
        # In turns: what else the machine does meets both sides.
        for _ in range(size.blocks):
            quiet += [self._burst() for _ in range(size.samples)]
            with self._load(credentials, done):
                self._burst()
                loaded += [
                    self._burst(hung=self._has("hooks and names")) for _ in range(size.samples)
                ]
            time.sleep(REST_SECONDS)
        ratio = statistics.median(loaded) / statistics.median(quiet)
        return {
            "case": f"{size.servers} alarms, under load against quiet"
            + (f" ({self._only} only)" if self._only else ""),
            "samples": len(quiet),
            "ms": {"quiet": statistics.median(quiet), "loaded": statistics.median(loaded)},
            "worst_ms": {"quiet": max(quiet), "loaded": max(loaded)},
            "ratio": {"last": ratio},
            "limits": {} if size is SMOKE else {"last": size.limit},
            "load": done,
            "met": ratio <= size.limit and not done.get("agents_lost"),
        }

    def _has(self, load: str) -> bool:
        return self._only in {"", load}

    @contextmanager
    def _load(self, credentials: list[tuple[str, str]], done: dict[str, Any]) -> Iterator[None]:
        size = self._size
        fleet = Lines("bench.agents", self._ours.url)
        fleet.say(*(" ".join(one) for one in credentials), "")
        fleet.line()
        servers = size.imported if self._has("import") else 0
        pagers = size.pagers if self._has("pages") else 0
        arguments = [str(one) for one in (size.hosts, servers, pagers)]
        load = Lines("bench.load", self._ours.url, self._token, *arguments)
        try:
            load.line()
            began = time.monotonic()
            parts = self._parts()
            yield
            done["import_parts"] = done.get("import_parts", 0) + self._parts() - parts
            found = json.loads(load.finish())
            for kind in ("done", "errors"):
                done[kind] = dict(Counter(done.get(kind, {})) + Counter(found[kind]))
            for kind in ("longest_import_s", "slowest_page_s"):
                done[kind] = max(done.get(kind, 0.0), found[kind])
            done["seconds"] = done.get("seconds", 0.0) + time.monotonic() - began
            dead, beating = self._agents()
            done["agents_beating"] = min(done.get("agents_beating", beating), beating)
            done["agents_lost"] = done.get("agents_lost", []) + dead + json.loads(fleet.finish())
        except BaseException:
            load.kill()
            fleet.kill()
            raise

    def _parts(self) -> int:
        """Return how many parts of imports the server has taken."""
        for line in self._ours.call("GET", "/metrics").decode().splitlines():
            if line.startswith(PARTS):
                return int(float(line.removeprefix(PARTS)))
        return 0

    def _agents(self) -> tuple[list[str], int]:
        """Return the hosts of agents that are held to be dead, and how many agents beat."""
        answer = self._ours.call("GET", "/fault/v1/hosts", b"", self._token)
        hosts = [one for one in json.loads(answer)["hosts"] if one["name"].startswith("agent-")]
        dead = [one["name"] for one in hosts if one["forced_down"]]
        return dead, sum(one["agent"] == "connected" for one in hosts)

    def _burst(self, *, hung: bool = False) -> float:
        """Return milliseconds from the event to the last webhook of one burst."""
        if hung:
            # Their deliveries hang now, and are tried again.
            self._post(_event("down", HUNG_HOST))
        began = time.monotonic_ns()
        self._post(_event("down"))
        count = self._size.servers
        arrived = json.loads(self._receiver.call("GET", f"/times?count={count}"))
        # More: one of the burst before was sent twice.
        assert len(arrived) >= count, f"{len(arrived)} of {count} webhooks arrived"
        self._post(_event("up"))
        if hung:
            self._post(_event("up", HUNG_HOST))
        time.sleep(REST_SECONDS)
        return float(max(arrived) - began) / 1e6

    def _post(self, body: bytes) -> None:
        self._ours.call("POST", "/fault/v1/events", body, self._token)

    # ------------------------------------------------------------ what hangs

    def _hung_urls(self) -> list[str]:
        if not self._has("hooks and names"):
            return []
        port = self._hung.getsockname()[1]
        hooks = [f"http://127.0.0.1:{port}/{number}" for number in range(self._size.hooks)]
        return hooks + [f"http://name-{number}{HUNG}/" for number in range(self._size.names)]

    def _hung_inventory(self) -> dict[str, object]:
        numbers = range(len(self._hung_urls()))
        return {
            "projects": [{"id": derived("hung", n), "name": f"hung-{n}"} for n in numbers],
            "hosts": [{"name": HUNG_HOST}],
            "servers": [
                {
                    "id": derived("hung server", n),
                    "name": f"hung-{n}",
                    "project": derived("hung", n),
                    "host": HUNG_HOST,
                }
                for n in numbers
            ],
        }

    def _hung_alarms(self) -> Iterator[dict[str, object]]:
        for number, url in enumerate(self._hung_urls()):
            query = (
                ("traits.instance_id", derived("hung server", number)),
                ("traits.state", "error"),
            )
            yield {
                "name": f"hung {number}",
                "type": "event",
                "project_id": derived("hung", number),
                "repeat_actions": True,
                "event_rule": {
                    "event_type": "compute.instance.update",
                    "query": [
                        {"field": field, "op": "eq", "type": "string", "value": value}
                        for field, value in query
                    ],
                },
                "alarm_actions": [url],
            }


def main() -> int:
    """Print the ratio and write the figures; return 0 if it is within its limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.isolation")
    parser.add_argument("--smoke", action="store_true", help="little, without limits")
    parser.add_argument("--only", choices=LOADS, default="", help="one load alone")
    parser.add_argument("--json", type=Path, default=Path("bench-isolation.json"))
    options = parser.parse_args()
    (found,) = run(smoke=options.smoke, only=options.only)
    for side, median in found["ms"].items():
        print(
            f"{side:6} last webhook: median {median:.0f} ms, worst {found['worst_ms'][side]:.0f}"
        )
    print(f"ratio {found['ratio']['last']:.2f} (must reach <= {FULL.limit:.0f}); {found['load']}")
    options.json.write_text(json.dumps([found], indent=2) + "\n")
    return 0 if found["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
