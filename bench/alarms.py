"""Alarms: what a million of them cost an event, a create, memory, a start and the collector.

`python -m bench.alarms [--smoke]`. Every ratio is to something measured in the same run, in
turns: the same server with one alarm, the bare relay of `bench/floor.py`, the same server without
hung destinations. Aodh's own times are those measured elsewhere on a machine of two cores.
"""

import argparse
import ctypes
import gc
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.alarms_stand import PROJECT, Stand, arrived, event, standing, timed
from bench.chain import ROOT, _Child, _event, _p99
from bench.million import _own_bytes, _resident, _worked, show
from bench.world import World
from faultwire.app.core import Indexes
from faultwire.store import engine_in_folder, load_alarms

FLAT = 1.2
"""What a ratio may be where nothing must grow."""
FLOOR = 2.0
TUNED_S = {"1,000 projects": 6.8, "1 project": 9.5}
STOCK_S = {"1,000 projects": 23.3, "1 project": 47.2}
"""Aodh 23's times for a burst of 1,000 events, the better of its runs."""
TUNED_SHARE, STOCK_SHARE = 1 / 25, 1 / 90
HUNG = 64
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    alarms: tuple[int, ...]
    creates: tuple[int, ...]
    singles: int
    bursts: int
    burst: int
    limits: bool

    @property
    def largest(self) -> int:
        """Most alarms of a project."""
        return max(self.alarms)


FULL = Size((1, 1_000, 100_000, 1_000_000), (0, 10_000, 1_000_000), 300, 15, 1_000, limits=True)
SMOKE = Size((1, 2_000), (1, 2_000), 10, 1, 50, limits=False)


def run(*, smoke: bool) -> list[dict[str, Any]]:
    """Return the figures of every case; smoke sizes have no limits."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-")))
        receiver = _Child("bench.receiver")
        stack.callback(receiver.stop)
        found = _by_number(size, folder, receiver)
        found += _bursts(size, folder, receiver)
        found.append(_hung(size, folder, receiver))
    return found


def _result(case: str, figures: dict[str, float], limits: dict[str, float]) -> dict[str, Any]:
    met = all(figures[name] <= limit for name, limit in limits.items())
    return {"case": case, "figures": figures, "limits": limits, "met": met}


# ------------------------------------------------------------ alarms in the project


def _by_number(size: Size, folder: Path, receiver: _Child) -> list[dict[str, Any]]:
    """One event and one create, by the number of alarms in the project; and the largest one."""
    os.environ["BENCH_PAUSES"] = str(folder / "pauses.json")
    numbers = sorted({*size.alarms, *size.creates})
    stands: dict[int, Stand] = {}
    try:
        for number in numbers:
            # One more comes by the API, which fires.
            module = "bench.watched" if number == size.largest else "faultwire.cli"
            stands[number] = standing(folder / f"alarms-{number}", max(0, number - 1), module)
        events = _events(size, stands, receiver)
        creates = _creates(size, stands, receiver)
        largest = stands[size.largest]
        worked, resident = _worked(largest.server.pid), _resident(largest.server.pid)
        ended = _burst_of_one_project(size, largest, receiver)
    finally:
        for stand in stands.values():
            stand.stop()
    found = json.loads((folder / "pauses.json").read_text())
    pauses = [ms for at, _, ms in found if largest.ready <= at <= ended]
    figures = {
        "bytes per alarm in the index": _bytes(folder, size),
        "start-up s": largest.start_up,
        "at work s, until now": worked,
        "resident MB": resident,
        "largest pause ms": max(pauses, default=0.0),
    }
    limits = {"bytes per alarm in the index": 700.0, "start-up s": 20.0, "largest pause ms": 20.0}
    case = f"{size.largest:,} alarms of one project"
    return [events, creates, _result(case, figures, limits if size.limits else {})]


def _events(size: Size, stands: dict[int, Stand], receiver: _Child) -> dict[str, Any]:
    url = f"{receiver.url}/hook"
    for number in size.alarms:
        stands[number].alarm(PROJECT, "mine", url)
    times: dict[int, list[float]] = {number: [] for number in size.alarms}
    for sample in range(size.singles + 5):
        for number in size.alarms:
            (took,) = timed(stands[number], receiver, [event(PROJECT, "mine")])
            if sample >= 5:
                times[number].append(took)
            # What is recorded after the answer must not run into the next sample.
            time.sleep(0.02)
    return _ratios("1 event to its webhook, by alarms in the project", size, times)


def _creates(size: Size, stands: dict[int, Stand], receiver: _Child) -> dict[str, Any]:
    url = f"{receiver.url}/hook"
    times: dict[int, list[float]] = {number: [] for number in size.creates}
    for sample in range(size.singles + 5):
        for number in size.creates:
            took = stands[number].create_ms(PROJECT, url)
            if sample >= 5:
                times[number].append(took)
    return _ratios("POST of an alarm, by alarms in the project", size, times)


def _ratios(case: str, size: Size, times: dict[int, list[float]]) -> dict[str, Any]:
    medians = {number: statistics.median(found) for number, found in times.items()}
    first, *others = medians
    figures = {f"{number:,} alarms, median ms": value for number, value in medians.items()}
    ratios = {f"{other:,} to {first:,}": medians[other] / medians[first] for other in others}
    limits = dict.fromkeys(ratios, FLAT) if size.limits else {}
    return _result(case, {**figures, **ratios}, limits)


def _burst_of_one_project(size: Size, stand: Stand, receiver: _Child) -> float:
    """Fire many of the alarms of the largest project a few times; return when it was over."""
    names = [f"burst {number}" for number in range(size.burst)]
    for name in names:
        stand.alarm(PROJECT, name, f"{receiver.url}/hook")
    for _ in range(3):
        timed(stand, receiver, (event(PROJECT, name) for name in names))
        time.sleep(LOOK_SECONDS)
    return time.monotonic()


def _bytes(folder: Path, size: Size) -> float:
    """Measure in a process of its own, whose memory holds nothing else."""
    World(size.largest, 1, instances=False).write(folder / "index")
    done = subprocess.run(
        [sys.executable, "-m", "bench.alarms", "--index", str(folder / "index")],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return float(done.stdout) / size.largest


def measure_index(folder: Path) -> int:
    """Return the bytes that alarms take in the memory of an evaluator, as at its start."""
    gc.disable()
    engine = engine_in_folder(folder)
    with engine.connect():
        before = _own_bytes()
    indexes = Indexes.read(lambda taken: load_alarms(engine, alarms_to=taken))
    engine.dispose()
    ctypes.CDLL(None).malloc_trim(0)
    took = _own_bytes() - before
    assert indexes.alarms is not None
    return took


# ------------------------------------------------------------ bursts


def _bursts(size: Size, folder: Path, receiver: _Child) -> list[dict[str, Any]]:
    """Many events in one request, of as many projects or of one, against the bare relay."""
    url = f"{receiver.url}/hook"
    rounds = size.bursts + 2
    stand = Stand(folder / "bursts")
    where = (str(folder / "floor"), str(size.burst), str(2 * rounds), receiver.url)
    floor = _Child("bench.floor", *where)
    try:
        projects = [stand.project(f"burst-{number}") for number in range(size.burst)]
        names = [f"vm-{number}" for number in range(size.burst)]
        for project, name in zip(projects, names, strict=True):
            stand.alarm(project, name, url)
            stand.alarm(projects[0], f"one {name}", url)
        sides: dict[str, Callable[[], list[float]]] = {
            "1,000 projects": lambda: timed(
                stand, receiver, (event(*one) for one in zip(projects, names, strict=True))
            ),
            "1 project": lambda: timed(
                stand, receiver, (event(projects[0], f"one {name}") for name in names)
            ),
        }
        return [
            _burst(size, case, side, lambda: _relayed(floor, receiver, size.burst))
            for case, side in sides.items()
        ]
    finally:
        stand.stop()
        floor.stop()


def _burst(
    size: Size, case: str, ours: Callable[[], list[float]], floor: Callable[[], list[float]]
) -> dict[str, Any]:
    times: dict[str, list[list[float]]] = {"ours": [], "floor": []}
    for sample in range(size.bursts + 1):
        turns = (("ours", ours), ("floor", floor))
        for name, side in turns if sample % 2 else reversed(turns):
            took = side()
            if sample:
                times[name].append(took)
            time.sleep(LOOK_SECONDS)
    last = {side: statistics.median(one[-1] for one in found) for side, found in times.items()}
    first = {side: statistics.median(one[0] for one in found) for side, found in times.items()}
    figures = {
        "first webhook ms": first["ours"],
        "last webhook ms": last["ours"],
        "last webhook ms, floor": last["floor"],
        "last, to the floor": last["ours"] / last["floor"],
        f"of Aodh's {TUNED_S[case]} s, tuned": last["ours"] / 1000 / TUNED_S[case],
        f"of Aodh's {STOCK_S[case]} s, stock": last["ours"] / 1000 / STOCK_S[case],
    }
    limits = {
        "last, to the floor": FLOOR,
        f"of Aodh's {TUNED_S[case]} s, tuned": TUNED_SHARE,
        f"of Aodh's {STOCK_S[case]} s, stock": STOCK_SHARE,
    }
    shown = f"{size.burst:,} events, {case.replace('1,000', f'{size.burst:,}')}"
    return _result(shown, figures, limits if size.limits else {})


def _relayed(floor: _Child, receiver: _Child, wanted: int) -> list[float]:
    began = time.monotonic_ns()
    floor.call("POST", "/relay", _event("down"))
    times = sorted((at - began) / 1e6 for at in arrived(receiver, wanted))
    floor.call("POST", "/undo", _event("up"))
    return times


# ------------------------------------------------------------ what hangs


def _hung(size: Size, folder: Path, receiver: _Child) -> dict[str, Any]:
    """One event to its webhook on two servers alike, one of which has 64 that hang."""
    with ExitStack() as stack:
        # Accepts by the kernel and answers never.
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        stands: dict[str, Stand] = {}
        wells: dict[str, str] = {}
        for name in ("quiet", "hung"):
            stand = stands[name] = Stand(folder / name)
            stack.callback(stand.stop)
            wells[name] = stand.project("well")
            stand.alarm(wells[name], "mine", f"{receiver.url}/hook")
        project = stands["hung"].project("hangs")
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        for number in range(HUNG):
            stands["hung"].alarm(project, f"vm-{number}", f"{address}/{number}")
        hang = json.dumps([event(project, f"vm-{number}") for number in range(HUNG)]).encode()
        stands["hung"].publish(hang)
        times: dict[str, list[float]] = {name: [] for name in stands}
        for _ in range(4 * size.singles):
            for name, stand in stands.items():
                (took,) = timed(stand, receiver, [event(wells[name], "mine")])
                times[name].append(took)
                time.sleep(0.01)
    p99 = {name: _p99(found) for name, found in times.items()}
    figures = {
        **{f"{name}, median ms": statistics.median(found) for name, found in times.items()},
        **{f"{name}, p99 ms": value for name, value in p99.items()},
        "p99, hung to quiet": p99["hung"] / p99["quiet"],
    }
    limits = {"p99, hung to quiet": FLAT} if size.limits else {}
    return _result(f"other deliveries while {HUNG} destinations hang", figures, limits)


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.alarms")
    parser.add_argument("--smoke", action="store_true", help="small sizes, no limits")
    parser.add_argument("--json", type=Path, default=Path("bench-alarms.json"))
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.index:
        print(measure_index(options.index))
        return 0
    results = run(smoke=options.smoke)
    show(results, Console())
    options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if all(result["met"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
