"""Size: bytes per server, look-ups, start-up and the collector's pauses with a million of each."""

import argparse
import ctypes
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.chain import ROOT, _Child, _event
from bench.cloud import Cloud
from bench.world import World
from faultwire.app.core import Indexes
from faultwire.client import Session
from faultwire.resourcemap.index import ResourceMap
from faultwire.store import engine_in_folder, load

SMALL = 1_000
SAMPLE = 20
"""Hosts that are looked up in each map: as many as the small one has."""

LIMITS = {
    "bytes per server": 400.0,
    "look-up, large to small": 1.1,
    "start-up s": 30.0,
    "largest pause ms": 20.0,
}


def run(*, smoke: bool) -> list[dict[str, Any]]:
    """Return the figures of the map and of the server; smoke sizes have no limits."""
    servers, burst, rounds = (20_000, 50, 2) if smoke else (1_000_000, 1_000, 5)
    with tempfile.TemporaryDirectory(prefix="faultwire-bench-") as name:
        folder = Path(name)
        World(SMALL, 100, alarms=False).write(folder / "small")
        World(servers, 5_000, alarms=False).write(folder / "map")
        figures = _map(folder, servers)
        (folder / "map" / "faultwire.sqlite").unlink()
        World(servers, 5_000).write(folder / "ours")
        figures |= _server(folder, burst, rounds)
    limits = {} if smoke else LIMITS
    return [
        {
            "case": f"{servers:,} servers and as many alarms",
            "figures": figures,
            "limits": limits,
            "met": all(figures[name] <= limit for name, limit in limits.items()),
        }
    ]


def _map(folder: Path, servers: int) -> dict[str, float]:
    small, large = (_child_map(folder / name) for name in ("small", "map"))
    return {
        "bytes per server": large["bytes"] / servers,
        "look-up ns, small": small["ns"],
        "look-up ns, large": large["ns"],
        "look-up, large to small": large["ns"] / small["ns"],
        "look-up ns, large, each host once": large["once"],
    }


def _child_map(folder: Path) -> dict[str, float]:
    """Measure in a process of its own, whose memory holds nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.million", "--map", str(folder)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure_map(folder: Path) -> dict[str, float]:
    """Return the bytes of a map filled as at start, and the ns of one look-up in it."""
    gc.disable()
    engine = engine_in_folder(folder)
    with engine.connect():
        before = _own_bytes()
    inventory = Indexes.of(load(engine)).inventory
    engine.dispose()
    ctypes.CDLL(None).malloc_trim(0)
    took = _own_bytes() - before
    names = [host.name for host in inventory.hosts()]
    random.Random(1).shuffle(names)
    # Both maps are asked for as many hosts: this compares maps, not the processor's caches.
    sample = names[:SAMPLE] * 500
    _look_up(inventory, sample)
    best = min(_look_up(inventory, sample) for _ in range(40))
    return {"bytes": took, "ns": best, "once": _look_up(inventory, names)}


def _look_up(inventory: ResourceMap, names: list[Any]) -> float:
    began = time.perf_counter_ns()
    for name in names:
        inventory.entry(inventory.match_host(name)[0])
    return (time.perf_counter_ns() - began) / len(names)


def _own_bytes() -> int:
    """Return the memory that this process has to itself."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    private = [line.split()[1] for line in lines if line.startswith("Private_")]
    return 1024 * sum(map(int, private))


def _server(folder: Path, burst: int, rounds: int) -> dict[str, float]:
    os.environ["BENCH_PAUSES"] = str(folder / "pauses.json")
    receiver = _Child("bench.receiver")
    began = time.monotonic()
    ours = _Child(
        "bench.watched", "serve", "--state-dir", f"{folder}/ours", "--listen", "127.0.0.1:0"
    )
    ready, worked = time.monotonic(), _worked(ours.pid)
    try:
        resident = _resident(ours.pid)
        bursts = _burst(ours, receiver, folder, burst, rounds)
        ended = time.monotonic()
    finally:
        ours.stop()
        receiver.stop()
    found = json.loads((folder / "pauses.json").read_text())
    pauses = [ms for at, _, ms in found if ready <= at <= ended]
    return {
        "start-up s": ready - began,
        "start-up s, of them at work": worked,
        "resident MB": resident,
        "burst ms, median": statistics.median(bursts),
        "burst ms, slowest": max(bursts),
        "pauses": len(pauses),
        "largest pause ms": max(pauses, default=0.0),
    }


def _burst(ours: _Child, receiver: _Child, folder: Path, servers: int, rounds: int) -> list[float]:
    """Have a host die again and again; return the ms of each event to its last webhook."""
    cloud = Cloud(servers, receiver.url)
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(folder / "ours" / "clouds.yaml")
    session = Session("faultwire")
    token = session.token()
    session.request("PATCH", "fault", "/v1/inventory", body=cloud.inventory())
    for body in cloud.alarm_bodies():
        ours.call("POST", "/alarming/v2/alarms", json.dumps(body).encode(), token)
    times = []
    for _ in range(rounds):
        began = time.monotonic_ns()
        ours.call("POST", "/fault/v1/events", _event("down"), token)
        arrived = json.loads(receiver.call("GET", f"/times?count={servers}"))
        if len(arrived) != servers:
            message = f"{len(arrived)} of {servers} webhooks arrived"
            raise RuntimeError(message)
        times.append((max(arrived) - began) / 1e6)
        ours.call("POST", "/fault/v1/events", _event("up"), token)
        time.sleep(0.5)
    return times


def _worked(pid: int) -> float:
    """Return the seconds that a process has run on some core."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


def show(results: list[dict[str, Any]], console: Console) -> None:
    """Print the figures beside what must be reached."""
    for result in results:
        table = Table(title=result["case"], title_justify="left")
        for heading in ("figure", "found", "must reach"):
            table.add_column(heading, justify="left" if heading == "figure" else "right")
        for name, value in result["figures"].items():
            limit = result["limits"].get(name)
            table.add_row(name, f"{value:,.2f}", "" if limit is None else f"<= {limit:g}")
        console.print(table)


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.million")
    parser.add_argument("--smoke", action="store_true", help="small sizes, no limits")
    parser.add_argument("--json", type=Path, default=Path("bench-million.json"))
    parser.add_argument("--map", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.map:
        print(json.dumps(measure_map(options.map)))
        return 0
    results = run(smoke=options.smoke)
    show(results, Console())
    options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if all(result["met"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
