"""The main job on shared databases, with evaluators and senders, against the embedded one.

`python -m bench.several [--smoke]`. The same clouds, the same receiver and samples in turns, so
that a busy machine slows all alike. All processes share the machine's cores with the databases:
this shows what sharing costs, not what more machines bring.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.chain import ROOT, _Child, _event
from bench.cloud import Cloud
from faultwire.client import Session
from tests.databases.servers import KINDS, PACKAGES, program

LIMIT = 2.0
OF_EACH = 2
"""Evaluators, and as many senders; a smoke has one of each."""
DEALT_SECONDS = 4.0
"""After the start of the last process: the shares are dealt out by then."""


class Side:
    """One installation, filled with the cloud."""

    def __init__(self, name: str, folder: Path, cloud: Cloud, url: str, of_each: int) -> None:
        self.name = name
        self.times: list[list[float]] = []
        folder.mkdir()
        config = folder / "faultwire.conf"
        config.write_text(f"[database]\nconnection = {url}\n" if url else "")
        serve = ("serve", "--state-dir", str(folder / "state"), "--listen", "127.0.0.1:0")
        self.server = _Child("faultwire.cli", *serve, "--config", str(config))
        self.workers: list[_Child] = []
        if url:
            for role in ("evaluator", "sender") * of_each:
                more = (role, "--config", str(config))
                self.workers.append(_Child("faultwire.cli", *more, ready="working as "))
            # What is under way while shares change hands may go out twice, under one id.
            time.sleep(DEALT_SECONDS)
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(folder / "state" / "clouds.yaml")
        session = Session("faultwire")
        self._token = session.token()
        session.request("PUT", "fault", "/v1/inventory", body=cloud.inventory())
        for body in cloud.alarm_bodies():
            self._post("/alarming/v2/alarms", json.dumps(body).encode())

    def _post(self, path: str, body: bytes) -> None:
        self.server.call("POST", path, body, self._token)

    def sample(self, receiver: _Child, count: int, *, keep: bool) -> None:
        """Raise and clear once; keep when each webhook came, in ms after the post."""
        began = time.monotonic_ns()
        self._post("/fault/v1/events", _event("down"))
        arrived = json.loads(receiver.call("GET", f"/times?count={count}"))
        if len(arrived) != count:
            message = f"{self.name}: {len(arrived)} of {count} webhooks arrived"
            raise RuntimeError(message)
        if keep:
            self.times.append(sorted((at - began) / 1e6 for at in arrived))
        self._post("/fault/v1/events", _event("up"))
        time.sleep(0.5)

    def stop(self) -> None:
        """End all processes."""
        for child in (*self.workers, self.server):
            child.stop()


def run(*, smoke: bool = False) -> list[dict[str, Any]]:
    """Return one result for each database."""
    count, samples, warm, of_each = (50, 2, 1, 1) if smoke else (1000, 12, 3, OF_EACH)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-")))
        receiver = _Child("bench.receiver")
        stack.callback(receiver.stop)
        cloud = Cloud(count, receiver.url)
        urls = {"embedded": ""}
        for kind, make in _installed():
            place = Path(tempfile.mkdtemp(prefix="faultwire-", dir="/tmp"))
            place.chmod(0o711)
            database = make(place / kind)
            database.start()
            stack.callback(place.rmdir)
            stack.callback(database.close)
            urls[kind] = database.create("bench")
        sides = []
        for name, url in urls.items():
            side = Side(name, folder / name, cloud, url, of_each)
            stack.callback(side.stop)
            sides.append(side)
        for number in range(warm + samples):
            for side in sides if number % 2 else reversed(sides):
                side.sample(receiver, count, keep=number >= warm)
        case = f"{count} alarms on {{}}, {of_each} evaluators, {of_each} senders"
        return _results(sides, case, samples, limited=not smoke)


def _installed() -> list[tuple[str, Any]]:
    """Return the kinds of databases that this machine has; say how to get the others."""
    found = []
    for kind, make in KINDS.items():
        binary, package = PACKAGES[kind]
        if program(binary) is None:
            print(f"{kind} is left out: apt-get install -y {package}", file=sys.stderr)
        else:
            found.append((kind, make))
    return found


def _results(sides: list[Side], case: str, samples: int, *, limited: bool) -> list[dict[str, Any]]:
    figures = {
        side.name: {
            "first": statistics.median(one[0] for one in side.times),
            "last": statistics.median(one[-1] for one in side.times),
        }
        for side in sides
    }
    floor = figures.pop("embedded")
    results = []
    for name, ours in figures.items():
        ratio = {figure: value / floor[figure] for figure, value in ours.items()}
        limits = {"last": LIMIT} if limited else {}
        results.append(
            {
                "case": case.format(name),
                "samples": samples,
                "ms": {"ours": ours, "floor": floor},
                "ratio": ratio,
                "limits": limits,
                "met": all(ratio[figure] <= limit for figure, limit in limits.items()),
            }
        )
    return results


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.several")
    parser.add_argument("--smoke", action="store_true", help="few samples, no limits")
    results = run(smoke=parser.parse_args().smoke)
    table = Table(title="Shared databases against the embedded one", title_justify="left")
    for heading in ("case", "figure", "ours ms", "embedded ms", "ratio", "must reach"):
        table.add_column(heading)
    for one in results:
        for figure, ratio in one["ratio"].items():
            limit = one["limits"].get(figure)
            row = (one["ms"]["ours"][figure], one["ms"]["floor"][figure], ratio)
            shown = "" if limit is None else f"<= {limit}"
            table.add_row(one["case"], figure, *(f"{value:.2f}" for value in row), shown)
    Console().print(table)
    return 0 if all(one["met"] for one in results) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
