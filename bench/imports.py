"""Import of a large cloud as one JSON document, against a bare parse and bare statements.

`python -m bench.imports [--smoke]`: 100,000 servers on 2,000 hosts are put into an empty server
(`first`), then all of them with another name (`changed`), from the request to its answer. The
floor parses the same bytes with the standard library and writes the same rows into the same
tables, with the same durability, in one transaction: it checks nothing, compares nothing, holds
nothing in memory, and nobody else is served meanwhile. Both take turns.
"""

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from bench.chain import _Child
from faultwire.client import Session
from faultwire.domain.ids import derived
from faultwire.store import engine_in_folder, upgrade

LIMITS = {"first s": 10.0, "changed s": 10.0}
"""An import takes seconds."""

_PROJECTS = "INSERT INTO projects (id, name) VALUES (:id, :name)"
_HOSTS = """
    INSERT INTO hosts (name, forced_down, disabled, monitored, agent, revision)
    VALUES (:name, 0, 0, 0, 'never', 0)"""
_SERVERS = """
    INSERT INTO servers (id, name, project_id, host, addresses, vm_state, power_state, revision)
    VALUES (:id, :name, :project, :host, :addresses, 'active', 'running', 0)"""
_NAMES = "UPDATE servers SET name = :name WHERE id = :id"


def run(*, smoke: bool = False) -> list[dict[str, Any]]:
    """Return medians of seconds, and ratios to the floor; a smoke run has no limits."""
    hosts, servers, rounds = (60, 3_000, 1) if smoke else (2_000, 100_000, 3)
    bodies = {name: _document(hosts, servers, name) for name in ("first", "changed")}
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for side in (_floor, _ours):
            with tempfile.TemporaryDirectory(prefix="faultwire-bench-") as folder:
                for name, took in side(Path(folder), bodies).items():
                    found.setdefault(name, []).append(took)
    seconds = {name: statistics.median(times) for name, times in found.items()}
    ratios = {
        f"{name}, ratio": seconds[f"{name} s"] / seconds[f"{name} floor s"] for name in bodies
    }
    limits = {} if smoke else LIMITS
    return [
        {
            "case": f"{servers:,} servers on {hosts:,} hosts, {len(bodies['first']) / 1e6:.0f} MB",
            "figures": seconds | ratios,
            "limits": limits,
            "met": all(seconds[name] <= limit for name, limit in limits.items()),
        }
    ]


def _document(hosts: int, servers: int, name: str) -> bytes:
    project = derived("project", "import")
    rows = [
        {
            "id": derived("server", number),
            "name": f"{name}-{number}",
            "project": project,
            "host": f"compute-{number % hosts}",
            "addresses": [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"],
        }
        for number in range(servers)
    ]
    return orjson.dumps(
        {
            "projects": [{"id": project, "name": "import"}],
            "hosts": [{"name": f"compute-{number}"} for number in range(hosts)],
            "servers": rows,
        }
    )


def _floor(folder: Path, bodies: dict[str, bytes]) -> dict[str, float]:
    """Parse and write, and nothing else."""
    engine = engine_in_folder(folder)
    upgrade(engine)
    engine.dispose()
    with sqlite3.connect(folder / "faultwire.sqlite") as connection:
        connection.execute("PRAGMA synchronous = FULL")
        took = {
            f"{name} floor s": _written(connection, body, first=name == "first")
            for name, body in bodies.items()
        }
    connection.close()
    return took


def _written(connection: sqlite3.Connection, body: bytes, *, first: bool) -> float:
    began = time.perf_counter()
    document = json.loads(body)
    if first:
        for server in document["servers"]:
            server["addresses"] = json.dumps(server["addresses"])
        connection.executemany(_PROJECTS, document["projects"])
        connection.executemany(_HOSTS, document["hosts"])
    connection.executemany(_SERVERS if first else _NAMES, document["servers"])
    connection.commit()
    return time.perf_counter() - began


def _ours(folder: Path, bodies: dict[str, bytes]) -> dict[str, float]:
    """Put the documents into a server of their own."""
    state = folder / "state"
    child = _Child("faultwire.cli", "serve", "--state-dir", str(state), "--listen", "127.0.0.1:0")
    try:
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(state / "clouds.yaml")
        token = Session("faultwire").token()
        took = {}
        for name, body in bodies.items():
            began = time.perf_counter()
            child.call("PUT", "/fault/v1/inventory", body, token)
            took[f"{name} s"] = time.perf_counter() - began
        return took
    finally:
        child.stop()


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.imports")
    parser.add_argument("--smoke", action="store_true", help="few servers, no limits")
    options = parser.parse_args()
    results = run(smoke=options.smoke)
    for result in results:
        print(result["case"])
        for name, value in result["figures"].items():
            print(f"  {name:24} {value:8.2f}")
    return 0 if all(result["met"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
