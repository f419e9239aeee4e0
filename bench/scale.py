"""The time that each server costs, by the number of servers on the host that dies."""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.chain import _Child
from bench.million import show
from faultwire.client import Session
from faultwire.domain.ids import derived

NOISE = 1.1
"""What a ratio may be over 1 although nothing grew."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts of so many servers each, all of one cloud; a project and an alarm for each server."""

    sizes: tuple[int, ...]
    url: str

    def inventory(self) -> dict[str, object]:
        """Return the inventory document."""
        return {
            "projects": [
                {"id": derived("scale", size, n), "name": f"scale-{size}-{n}"}
                for size in self.sizes
                for n in range(size)
            ],
            "hosts": [{"name": f"scale-{size}"} for size in self.sizes],
            "servers": [
                {
                    "id": derived("vm", size, n),
                    "name": f"vm-{n}",
                    "project": derived("scale", size, n),
                    "host": f"scale-{size}",
                }
                for size in self.sizes
                for n in range(size)
            ],
        }

    def alarms(self) -> list[dict[str, object]]:
        """Return bodies of the alarming face."""
        query = {"field": "traits.state", "op": "eq", "type": "string", "value": "error"}
        return [
            {
                "name": f"alarm of {size} {n}",
                "type": "event",
                "project_id": derived("scale", size, n),
                "repeat_actions": True,
                "event_rule": {
                    "event_type": "compute.instance.update",
                    "query": [
                        {**query, "field": "traits.instance_id", "value": derived("vm", size, n)},
                        query,
                    ],
                },
                "alarm_actions": [f"{self.url}/hook"],
            }
            for size in self.sizes
            for n in range(size)
        ]


def run(*, smoke: bool) -> list[dict[str, Any]]:
    """Return the time per server of each size and its ratio to the size before."""
    sizes, rounds = ((1, 10, 100), 3) if smoke else ((1, 50, 1_000, 5_000), 9)
    with tempfile.TemporaryDirectory(prefix="faultwire-bench-") as folder:
        receiver = _Child("bench.receiver")
        ours = _Child(
            "faultwire.cli", "serve", "--state-dir", f"{folder}/ours", "--listen", "127.0.0.1:0"
        )
        try:
            times = _measure(Hosts(sizes, receiver.url), ours, receiver, Path(folder), rounds)
        finally:
            ours.stop()
            receiver.stop()
    each = {size: statistics.median(found) / size for size, found in times.items()}
    figures = {f"{size:,} servers, ms each": value for size, value in each.items()}
    ratios = {
        f"{large:,} to {small:,}": each[large] / each[small] for small, large in pairwise(sizes)
    }
    limits = {} if smoke else dict.fromkeys(ratios, NOISE)
    return [
        {
            "case": "event to last webhook, by servers on the host",
            "figures": {**figures, **ratios},
            "limits": limits,
            "met": all(ratios[name] <= limit for name, limit in limits.items()),
        }
    ]


def _measure(
    hosts: Hosts, ours: _Child, receiver: _Child, folder: Path, rounds: int
) -> dict[int, list[float]]:
    """Take the sizes in turn, so that whatever else the machine does meets all of them."""
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(folder / "ours" / "clouds.yaml")
    session = Session("faultwire")
    token = session.token()
    session.request("PATCH", "fault", "/v1/inventory", body=hosts.inventory())
    for body in hosts.alarms():
        ours.call("POST", "/alarming/v2/alarms", json.dumps(body).encode(), token)
    times: dict[int, list[float]] = {size: [] for size in hosts.sizes}
    for sample in range(rounds + 1):
        for size in hosts.sizes:
            began = time.monotonic_ns()
            ours.call("POST", "/fault/v1/events", _event("down", size), token)
            arrived = json.loads(receiver.call("GET", f"/times?count={size}"))
            if len(arrived) != size:
                message = f"{len(arrived)} of {size} webhooks arrived"
                raise RuntimeError(message)
            if sample:
                times[size].append((max(arrived) - began) / 1e6)
            ours.call("POST", "/fault/v1/events", _event("up", size), token)
            # What is recorded after the answers must not run into the next sample.
            time.sleep(0.1 + size / 2_000)
    return times


def _event(status: str, size: int) -> bytes:
    event = {
        "time": "2026-01-01T00:00:00Z",
        "type": f"compute.host.{status}",
        "details": {"hostname": f"scale-{size}"},
    }
    return json.dumps([event]).encode()


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale")
    parser.add_argument("--smoke", action="store_true", help="small sizes, no limits")
    parser.add_argument("--json", type=Path, default=Path("bench-scale.json"))
    options = parser.parse_args()
    results = run(smoke=options.smoke)
    show(results, Console())
    options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if all(result["met"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
