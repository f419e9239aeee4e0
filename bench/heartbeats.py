"""Authenticated heartbeats: how many one process verifies, and what they cost the webhooks.

The load comes from a process of its own (`bench.flood`): datagrams sealed beforehand, sent by
sendmmsg, so that it takes little of the machine. Rates are raised until datagrams are lost. The
floor is the same receiving loop that checks nothing (`bench.heartbeats floor`), in the same run.
For the webhooks a real server holds the sessions and is beaten at a fixed rate. Blocks alternate:
``quiet``; ``sent``, the same load to a socket that nobody reads, which is what the generator alone
costs on a machine that it shares with the server; ``beaten``, the same load to the server.
"""

import argparse
import asyncio
import contextlib
import json
import mmap
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from bench import agents
from bench.chain import _Child, _event, _p99
from bench.cloud import Cloud
from bench.processes import Lines
from faultwire.client import Session
from faultwire.domain.datagrams import DatagramTerms
from faultwire.liveness import ear
from faultwire.liveness.beats import Beats, bound
from faultwire.telemetry.clock import SystemClock

PUBLISHED = 28_000
"""Heartbeats a second of the strongest peer that publishes a figure."""


UNCHANGED = 1.25
"""What the p99 of the webhooks may be of that under the same load sent elsewhere: noise."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    sessions: int
    rates: tuple[int, ...]
    seconds: float
    blocks: int
    samples: int
    rate: int


FULL = Size(1000, (50_000, 100_000, 150_000, 200_000, 250_000, 300_000), 3.0, 5, 150, 100_000)
SMOKE = Size(50, (20_000,), 0.5, 1, 20, 10_000)


class _Nowhere:
    """Implements `ports.Meter`."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Count nothing."""

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Observe nothing."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set nothing."""


def run(*, smoke: bool = False) -> list[dict[str, Any]]:
    """Return the figures of both parts."""
    size = SMOKE if smoke else FULL
    return [asyncio.run(_verified(size)), _webhooks(size)]


# ---------------------------------------------------------------- how many


def _flood(port: int, terms: list[DatagramTerms]) -> Lines:
    flood = Lines("bench.flood")
    flood.say(str(port), *(f"{one.slot} {one.key.hex()}" for one in terms), "")
    assert flood.line() == "ready"
    return flood


def _sent(flood: Lines, rate: float, count: int) -> float:
    """Have so many sent; return the seconds it took."""
    flood.say(f"{rate} {count}")
    assert flood.line() == "made"
    return float(flood.line())


async def _verified(size: Size) -> dict[str, Any]:
    beats = Beats(bound("127.0.0.1", 0), SystemClock(), _Nowhere())
    task = asyncio.create_task(beats.run())
    terms: list[DatagramTerms] = []
    while len(terms) < size.sessions:
        granted = beats.open()
        if granted is None:
            await asyncio.sleep(0.01)
        else:
            terms.append(granted)
    await asyncio.sleep(0.2)
    flood = _flood(beats.port, terms)
    ours = await _rates(size, flood, lambda: beats.count("taken"))
    flood.finish()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    beats.stop()
    with _floor() as (port, count):
        flood = _flood(port, terms)
        floor = await _rates(size, flood, count)
        flood.finish()
    figures = {"ours": _best(ours), "floor": _best(floor)}
    return {
        "case": "authenticated heartbeats a second, one process",
        "sessions": size.sessions,
        "rates": {"ours": ours, "floor": floor},
        "per_second": figures,
        "ratio": {"floor / ours": figures["floor"] / figures["ours"]},
        "published": PUBLISHED,
        "limits": {"per_second": 100_000},
        "met": size is SMOKE or figures["ours"] >= 100_000,
    }


async def _rates(size: Size, flood: Lines, count: Any) -> list[dict[str, float]]:
    found = []
    for rate in size.rates:
        before, asked = count(), int(rate * size.seconds)
        asked -= asked % size.sessions
        took = await asyncio.to_thread(_sent, flood, rate, asked)
        await asyncio.sleep(0.1)
        taken = count() - before
        found.append({"asked": rate, "per_second": taken / took, "lost": 1 - taken / asked})
    return found


def _best(rates: list[dict[str, float]]) -> float:
    """Return the highest rate at which at most one in a thousand was lost."""
    return max((one["per_second"] for one in rates if one["lost"] <= 0.001), default=0.0)


@contextlib.contextmanager
def _floor() -> Iterator[tuple[int, Any]]:
    sock = bound("127.0.0.1", 0)
    file = os.memfd_create("floor")
    os.ftruncate(file, 8)
    word = memoryview(mmap.mmap(file, 8)).cast("Q")
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "bench.heartbeats", "floor", str(sock.fileno()), str(file)],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, sock.fileno(), sock.fileno()),
            (os.POSIX_SPAWN_DUP2, file, file),
        ],
    )
    time.sleep(0.5)
    try:
        yield sock.getsockname()[1], lambda: word[0]
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        sock.close()


def _bare(sock: str, file: str) -> None:
    """Be the floor: take batches and count them."""
    word = memoryview(mmap.mmap(int(file), 8)).cast("Q")
    heard = socket.socket(fileno=int(sock))
    heard.setblocking(True)
    batch = ear.Batch(heard)
    while True:
        found = batch.take()
        word[0] += found
        if found < ear.BATCH:
            time.sleep(ear.PAUSE_MS / 1000)


# ---------------------------------------------------------------- what they cost the webhooks


def _webhooks(size: Size) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-"))
        receiver = _Child("bench.receiver")
        stack.callback(receiver.stop)
        ours = _Child(
            "faultwire.cli", "serve", "--state-dir", f"{folder}/ours", "--listen", "127.0.0.1:0"
        )
        stack.callback(ours.stop)
        return _measure(size, ours, receiver, Path(folder))


def _measure(size: Size, ours: _Child, receiver: _Child, folder: Path) -> dict[str, Any]:
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(folder / "ours" / "clouds.yaml")
    session = Session("faultwire")
    token = session.token()
    cloud = Cloud(1, receiver.url)
    session.request("PUT", "fault", "/v1/inventory", body=cloud.inventory())
    for body in cloud.alarm_bodies():
        ours.call("POST", "/alarming/v2/alarms", json.dumps(body).encode(), token)
    hosts = [f"agent-{number}" for number in range(size.sessions)]
    fleet = Lines("bench.agents", ours.url, "--datagrams")
    fleet.say(*(" ".join(one) for one in agents.enrol(ours.call, token, hosts)), "")
    print(fleet.line(), file=sys.stderr)
    port = int(ours.url.rpartition(":")[2])
    terms = []
    while line := fleet.line().split():
        terms.append(DatagramTerms(port, int(line[0]), bytes.fromhex(line[1])))
    nobody = bound("127.0.0.1", 0)
    floods = {
        "sent": _flood(nobody.getsockname()[1], terms),
        "beaten": _flood(port, terms),
    }
    times: dict[str, list[list[float]]] = {"quiet": [], "sent": [], "beaten": []}
    _sample(ours, receiver, token, 20)
    rates = []
    count = int(size.rate * size.samples * 0.045)
    for _ in range(size.blocks):
        times["quiet"].append(_sample(ours, receiver, token, size.samples))
        for side, flood in floods.items():
            before = _taken(ours)
            flood.say(f"{size.rate} {count}")
            assert flood.line() == "made"
            times[side].append(_sample(ours, receiver, token, size.samples))
            took = float(flood.line())
            time.sleep(2.5)
            if side == "beaten":
                rates.append((_taken(ours) - before) / took)
    for flood in floods.values():
        flood.finish()
    nobody.close()
    lost = json.loads(fleet.finish())
    # Of each block, and of these the median: one hiccup of the machine is no figure.
    p99 = {side: statistics.median(map(_p99, blocks)) for side, blocks in times.items()}
    median = {side: statistics.median(chain(*blocks)) for side, blocks in times.items()}
    return {
        "case": f"webhook while {size.rate} beats a second are verified",
        "samples": size.blocks * size.samples,
        "p99s": {side: [_p99(block) for block in blocks] for side, blocks in times.items()},
        "ms": {side: {"median": median[side], "p99": p99[side]} for side in times},
        "ratio": {
            "median": median["beaten"] / median["sent"],
            "p99": p99["beaten"] / p99["sent"],
            "median to quiet": median["beaten"] / median["quiet"],
            "p99 to quiet": p99["beaten"] / p99["quiet"],
        },
        "verified_per_second": min(rates),
        "sessions_lost": lost,
        "limits": {} if size is SMOKE else {"p99": UNCHANGED},
        "met": not lost and (size is SMOKE or p99["beaten"] / p99["sent"] <= UNCHANGED),
    }


def _taken(ours: _Child) -> float:
    page = ours.call("GET", "/metrics").decode()
    line = 'faultwire_datagram_beats_total{result="taken"} '
    return next((float(x.removeprefix(line)) for x in page.splitlines() if x.startswith(line)), 0)


def _sample(ours: _Child, receiver: _Child, token: str, count: int) -> list[float]:
    found = []
    for _ in range(count):
        began = time.monotonic_ns()
        ours.call("POST", "/fault/v1/events", _event("down"), token)
        (arrived,) = json.loads(receiver.call("GET", "/times?count=1"))
        found.append((arrived - began) / 1e6)
        ours.call("POST", "/fault/v1/events", _event("up"), token)
        time.sleep(0.02)
    return found


def main() -> int:
    """Print the figures and write them; return 0 if what must be reached was reached."""
    parser = argparse.ArgumentParser(prog="python -m bench.heartbeats")
    parser.add_argument("--smoke", action="store_true", help="little, without limits")
    parser.add_argument("--json", type=Path, default=Path("bench-heartbeats.json"))
    options = parser.parse_args()
    many, cost = run(smoke=options.smoke)
    for side, rates in many["rates"].items():
        for one in rates:
            print(f"{side:6} asked {one['asked']:>7}/s took {one['per_second']:>9.0f}/s", end="")
            print(f" lost {one['lost']:.2%}")
    print(f"verified without loss: {many['per_second']['ours']:.0f}/s;", end=" ")
    print(
        f"unverified floor {many['per_second']['floor']:.0f}/s; published elsewhere {PUBLISHED}/s"
    )
    for side, figures in cost["ms"].items():
        print(f"webhook {side:6} median {figures['median']:.2f} ms, p99 {figures['p99']:.2f} ms")
    print("ratio", ", ".join(f"{name} {one:.2f}" for name, one in cost["ratio"].items()), end="; ")
    print(
        f"{cost['verified_per_second']:.0f} beats verified a second; lost {cost['sessions_lost']}"
    )
    options.json.write_text(json.dumps([many, cost], indent=2) + "\n")
    return 0 if many["met"] and cost["met"] else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["floor"]:
        _bare(*sys.argv[2:])
    sys.exit(main())
