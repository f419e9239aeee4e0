"""The profiler: what its probe costs the chain, and how fast logs are collected.

The probe's calls of one fault, switched on against switched off, are set against the whole chain
with one server, measured in the same run. Two real servers, one with the probe and one without,
take turns beside it: what the switch changes from the report to the webhook, noise and all. The
collector reads logs of Nova's form, one line in a hundred of interest; its floor
only reads the file and looks for one text. Memory is that of a process of its own for each file.
"""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench.chain import _Child, _event, filled
from bench.cloud import Cloud
from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant
from faultwire.telemetry.probe import RecordingProbe
from faultwire_profiler import Recorder
from faultwire_profiler.reading import Source, read
from faultwire_profiler.rules import shipped

POINTS = ("T01", "T02", "T03", "T06", "T07", "T04", "T05", "T08", "T09")
PERCENT, LINES, GROWTH = 2.0, 200_000.0, 1.1
_PLAIN = (
    "2026-11-21 07:17:33.%03d 4711 INFO nova.api.openstack.requestlog [None req-3f0c0f8e-6d3b-4b53"
    '-9a3e-0d3d5d0a8f11 3c5f 81be - - default default] 192.0.2.10 "GET /v2.1/servers/detail?host='
    'compute-1" status: 200 len: 1847 microversion: 2.11 time: 0.081022\n'
)
_WANTED = (
    "2026-11-21 07:17:33.%03d 4712 INFO nova.osapi_compute.wsgi.server [req-9f4cf4f3-6a5e-4d7f-8e5"
    '7-3e6d4b6b1b02 3c5f 81be - default default] 192.0.2.10 "POST /v2.1/servers/6b1d0f4c-6f0e-4d5'
    '9-9d7d-2f0a86d0c0aa/action HTTP/1.1" status: 202 len: 342 time: 0.1210541\n'
)
_EVERY = 100
_MEMORY = """\
import resource, sys
from pathlib import Path
from faultwire_profiler.reading import Source, read
from faultwire_profiler.rules import shipped
read([Source(Path(sys.argv[1]))], shipped())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run(*, smoke: bool = False) -> list[dict[str, Any]]:
    """Return the figures of the probe and of the collector."""
    return [_probe(smoke=smoke), _collector(smoke=smoke)]


def _probe(*, smoke: bool) -> dict[str, Any]:
    with_it, without = _turns(20 if smoke else 300)
    recorder = Recorder()
    on, off = (
        _marks(RecordingProbe(recorder), recorder, smoke),
        _marks(RecordingProbe(None), recorder, smoke),
    )
    percent = 100 * (on - off) / 1000 / with_it
    figures = {
        "probe on, us": on,
        "probe off, us": off,
        "chain with it, ms": with_it,
        "chain without, ms": without,
        "percent": percent,
    }
    return {
        "case": "probe of one fault in the chain with one server",
        "figures": figures,
        "limits": {} if smoke else {"percent": PERCENT},
        "met": smoke or percent <= PERCENT,
    }


def _marks(probe: RecordingProbe, recorder: Recorder, smoke: bool) -> float:  # noqa: FBT001
    """Return what the marks of one fault cost, in microseconds."""
    samples = []
    for number in range(200 if smoke else 5000):
        fault, now = FaultId(f"f{number}"), Instant(time.time_ns(), time.monotonic_ns())
        began = time.perf_counter_ns()
        for point in POINTS:
            probe.mark(fault, point, now)
        samples.append(time.perf_counter_ns() - began)
        if number % 100 == 99:
            recorder.drain_changed()
    return median(samples) / 1000


def _turns(samples: int) -> tuple[float, float]:
    """Return the median times from report to webhook, of a server with the probe and without."""
    with tempfile.TemporaryDirectory(prefix="faultwire-bench-") as folder, ExitStack() as ends:
        receiver = _Child("bench.receiver")
        ends.callback(receiver.stop)
        sides = []
        for switch in ("true", "false"):
            state, config = Path(folder) / switch, Path(folder) / f"{switch}.conf"
            config.write_text(f"[profiler]\nenabled = {switch}\n")
            options = ("--state-dir", str(state), "--config", str(config))
            server = _Child("faultwire.cli", "serve", *options, "--listen", "127.0.0.1:0")
            ends.callback(server.stop)
            sides.append((server, filled(server, state, Cloud(1, receiver.url))))
        times: list[list[float]] = [[], []]
        for sample in range(samples + 10):
            for place in (0, 1) if sample % 2 else (1, 0):
                server, token = sides[place]
                began = time.monotonic_ns()
                server.call("POST", "/fault/v1/events", _event("down"), token)
                (arrived,) = json.loads(receiver.call("GET", "/times?count=1"))
                if sample >= 10:
                    times[place].append((arrived - began) / 1e6)
                server.call("POST", "/fault/v1/events", _event("up"), token)
                time.sleep(0.02)
    return median(times[0]), median(times[1])


def _collector(*, smoke: bool) -> dict[str, Any]:
    lines = 50_000 if smoke else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "nova-small.log", Path(folder) / "nova-api.log"
        _write(small, lines // 10)
        _write(large, lines)
        speeds, floors = [], []
        for _ in range(1 if smoke else 5):
            floors.append(lines / _floor(large))
            speeds.append(lines / _read(large))
        growth = _resident(large) / _resident(small)
    speed = median(speeds)
    return {
        "case": f"log collector, {lines:,} lines, 1 in {_EVERY} of interest",
        "figures": {
            "lines/s": speed,
            "floor, lines/s": median(floors),
            "part of the floor": speed / median(floors),
            "memory, 10 times the file": growth,
        },
        "limits": {} if smoke else {"lines/s": LINES, "memory, 10 times the file": GROWTH},
        "met": smoke or (speed >= LINES and growth <= GROWTH),
    }


def _write(path: Path, lines: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        for number in range(lines):
            out.write((_PLAIN if number % _EVERY else _WANTED) % (number % 1000))


def _read(path: Path) -> float:
    began = time.perf_counter()
    evidence = read([Source(path)], shipped())
    took = time.perf_counter() - began
    assert sum(one.mark.count for one in evidence.sightings())
    return took


def _floor(path: Path) -> float:
    """Read a file and look for one text in every line, without keeping any."""
    found = 0
    began = time.perf_counter()
    with path.open("rb") as lines:
        for line in lines:
            found += b"/action" in line
    took = time.perf_counter() - began
    assert found
    return took


def _resident(path: Path) -> int:
    """Return how large a process grew that reads one file, in kilobytes."""
    made = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(path)], capture_output=True, text=True, check=True
    )
    return int(made.stdout)


if __name__ == "__main__":
    for result in run(smoke="--smoke" in sys.argv):
        print(result["case"], result["met"])
        for name, value in result["figures"].items():
            print(f"  {name:30} {value:,.3f}")
