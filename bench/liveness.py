"""Probing by ICMP against a loop in C and against fping, in one run.

``alive``: 10,000 addresses of 127.0.0.0/8 that all answer; processor time of our sweep against
that of the same sendmmsg/recvmmsg loop in C, built here from `liveness.c` where there is gcc.
``dead``: 10,000 hosts behind a tunnel with a real round trip, each hundredth of them dead,
against the fastest fping that calls nobody dead who lives, where fping is installed, both equally
patient: once with the wait with which fping is fastest, once with half a second.
``hosts``: 1,000 hosts probed each 100 ms while every processor is busy; one after the other is
cut; against FRR's bfdd where that is installed. The last two need root and network namespaces,
which they make and take away.
"""

import argparse
import json
import os
import random
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.liveness_bfd import bfd
from bench.liveness_network import kernels, network, route
from bench.processes import Lines
from faultwire.liveness.icmp import IcmpWire
from faultwire.liveness.probing import options_of
from faultwire.liveness.settings import Engine, Settings
from faultwire.liveness.suspicion import MS
from faultwire.liveness.sweeper import Sweeper
from faultwire.liveness.sweeps import Patience
from faultwire.telemetry.clock import SystemClock

SOURCE = Path(__file__).with_name("liveness.c")
FPING = ("-q", "-r1", "-B1.5")
PACES = ("-i0", "-i0.001", "-i0.01")
"""Between two requests, in milliseconds; the fastest that calls nobody dead who lives counts."""
PATIENCES = (20, 200)
"""What fping waits for the first answer; for the second it is half as long again."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    targets: int
    runs: int
    hosts: int
    cuts: int


FULL = Size(10_000, 11, 1000, 60)
SMOKE = Size(1000, 3, 50, 2)


def run(*, smoke: bool = False) -> list[dict[str, Any]]:
    """Return the figures of what can be measured here."""
    size = SMOKE if smoke else FULL
    if shutil.which("gcc") is None:
        print("liveness: no gcc, so nothing to measure against")
        return []
    with tempfile.TemporaryDirectory(prefix="faultwire-bench-") as folder:
        binary = str(Path(folder) / "liveness")
        subprocess.run(["gcc", "-O2", "-o", binary, str(SOURCE)], check=True)
        found = [_alive(size, binary)]
        if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
            print("liveness: the other cases need root and /dev/net/tun")
            return found
        if shutil.which("fping") is None:
            print("liveness: fping is not installed, so it is not measured against")
        else:
            found += _dead(size, binary)
        found.append(_hosts(size))
    return found


def _median(rows: list[dict[str, Any]], name: str) -> float:
    return float(statistics.median(row[name] for row in rows))


# ---------------------------------------------------------------- 10,000 alive


def _alive(size: Size, binary: str) -> dict[str, Any]:
    """Runs alternate, so that what else the machine does meets both alike."""
    ours, floor = [], []
    runs = 5
    for _ in range(size.runs):
        ours += _lines(
            sys.executable, "-m", "bench.liveness", "alive", str(size.targets), str(runs)
        )
        floor += _lines(binary, "floor", str(size.targets), str(runs))
    assert all(row["alive"] == size.targets for row in (*ours, *floor)), "somebody lost answers"
    sides = (("ours", ours), ("floor", floor))
    ms = {
        side: {figure: 1000 * _median(rows, figure) for figure in ("cpu", "wall")}
        for side, rows in sides
    }
    ratio = {figure: ms["ours"][figure] / ms["floor"][figure] for figure in ("cpu", "wall")}
    limits = {"cpu": 1.3}
    met = size is SMOKE or ratio["cpu"] <= limits["cpu"]
    case = f"{size.targets} alive on loopback, against C"
    return {"case": case, "ratio": ratio, "limits": limits, "met": met, "ms": ms}


def _lines(*command: str) -> list[dict[str, Any]]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _sweep(first: str, count: int, runs: int, patience: Patience) -> None:
    """Be ours: sweep some times and say what each took."""
    wire, clock = IcmpWire(socket.AF_INET), SystemClock()
    top = int.from_bytes(socket.inet_aton(first), "big")
    for slot in range(count):
        wire.place(slot, socket.inet_ntoa((top + slot).to_bytes(4, "big")))
    sweeper = Sweeper(wire, clock.mono_ns)
    for _ in range(runs):
        begun, used = time.monotonic(), _cpu(resource.RUSAGE_SELF)
        found = sweeper.sweep(range(count), patience)
        wall, cpu = time.monotonic() - begun, _cpu(resource.RUSAGE_SELF) - used
        row = {"alive": len(found.alive), "dead": len(found.dead), "wall": wall, "cpu": cpu}
        print(json.dumps(row), flush=True)


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


# ---------------------------------------------------------------- one in a hundred dead


def _dead(size: Size, binary: str) -> list[dict[str, Any]]:
    """Both are as patient with a silent one: with the shortest wait, and with half a second."""
    with network(binary, 100) as (within, _):
        return [_patient(size, within, wait) for wait in PATIENCES]


def _patient(size: Size, within: list[str], wait: int) -> dict[str, Any]:
    dead, patience = len(range(0, size.targets, 100)), wait * 2.5
    names = "".join(f"198.19.{n >> 8}.{n & 255}\n" for n in range(size.targets))
    ours: list[dict[str, Any]] = []
    fping: dict[str, list[dict[str, Any]]] = {pace: [] for pace in PACES}
    # Runs alternate, so that what else the machine does meets all alike.
    for _ in range(max(3, size.runs // 2)):
        command = ("-m", "bench.liveness", "dead", str(size.targets), "2", str(patience))
        ours += _lines(*within, sys.executable, *command)
        for pace, rows in fping.items():
            rows.append(_fping(within, names, pace, f"-t{wait}"))
    accurate = [rows for rows in fping.values() if all(row["dead"] == dead for row in rows)]
    peers = min(accurate or [fping[PACES[-1]]], key=lambda rows: _median(rows, "wall"))
    pace = next(pace for pace, rows in fping.items() if rows is peers)
    ms = {
        side: {figure: 1000 * _median(rows, figure) for figure in ("cpu", "wall")}
        for side, rows in (("ours", ours), ("floor", peers))
    }
    ratio = {figure: ms["ours"][figure] / ms["floor"][figure] for figure in ("cpu", "wall")}
    wrong = {pace: [row["dead"] - dead for row in rows] for pace, rows in fping.items()}
    wrong["ours"] = [row["dead"] - dead for row in ours]
    limits = {"wall": 1 / 2.5, "cpu": 1 / 5} if wait == PATIENCES[0] else {}
    met = size is SMOKE or (
        all(ratio[name] <= limit for name, limit in limits.items()) and not any(wrong["ours"])
    )
    return {
        "case": f"{size.targets} with 1 % dead, {patience:g} ms patient, against fping",
        "ratio": ratio,
        "least wall ratio that the patience leaves": patience / ms["floor"]["wall"],
        "limits": limits,
        "met": met,
        "ms": ms,
        "falsely_dead": wrong,
        "fping": " ".join((*FPING, pace, f"-t{wait}")),
    }


def _fping(within: list[str], names: str, *options: str) -> dict[str, Any]:
    used, begun = _cpu(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [*within, "fping", *FPING, *options, "-u"],
        input=names,
        capture_output=True,
        text=True,
        check=False,
    )
    wall, cpu = time.monotonic() - begun, _cpu(resource.RUSAGE_CHILDREN) - used
    return {"dead": len(done.stdout.splitlines()), "wall": wall, "cpu": cpu}


# ---------------------------------------------------------------- hosts that are cut


def _hosts(size: Size, watch: int = 0) -> dict[str, Any]:
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        with kernels() as (near, far, routes):
            found = _cuts(size, near, routes, watch)
            peer = bfd(near, far, routes, 2 if size is SMOKE else 12)
    finally:
        for one in busy:
            one.kill()
            one.wait()
    times = sorted(found["times"])
    mean, false = statistics.mean(times), found["false"]
    figures = {
        "mean ms": mean,
        "p99 ms": times[int(0.99 * (len(times) - 1))],
        "percent of a core": found["cpu"],
        "falsely dead": false,
        "seconds watched": found["seconds"],
    }
    limits = {"mean ms": 120, "percent of a core": 10, "falsely dead": 0}
    ratio: dict[str, float] = {}
    if peer:
        figures["bfdd 100 ms x 3, mean ms"] = statistics.mean(peer)
        ratio["mean against bfdd"] = mean / statistics.mean(peer)
    else:
        print("liveness: bfdd is not installed, so it is not measured against")
    met = size is SMOKE or (
        all(figures[name] <= limit for name, limit in limits.items())
        and all(one <= 0.5 for one in ratio.values())
    )
    return {
        "case": f"{size.hosts} hosts each 100 ms, processors busy, {size.cuts} cut",
        "figures": figures,
        "ratio": ratio,
        "limits": {**limits, "mean against bfdd": 0.5},
        "met": met,
        "realtime": found["realtime"],
    }


def _cuts(
    size: Size, within: list[str], routes: subprocess.Popen[str], watch: int
) -> dict[str, Any]:
    prober = Lines("faultwire.liveness.probing", within=within)
    chance = random.Random(size.cuts)
    try:
        prober.say(json.dumps(options_of(Settings(engine=Engine.ICMP))))
        access = json.loads(prober.line())
        names = {f"h{n}": f"198.19.{n >> 8}.{n & 255}" for n in range(1, size.hosts + 1)}
        prober.say(json.dumps({"add": [[one, at, "unknown"] for one, at in names.items()]}))
        states = _States(prober)
        while len(states.now) < size.hosts:
            states.read()
        begun, used, times = time.monotonic(), _used(prober.pid), []
        for host in chance.choices(list(names), k=size.cuts):
            time.sleep(chance.random() / 5)
            cut = route(routes, f"add blackhole {names[host]}/32 table local")
            at = states.until(host, "dead")
            times.append(at / MS - 1000 * cut)
            route(routes, f"del blackhole {names[host]}/32 table local")
            states.until(host, "alive")
        while time.monotonic() - begun < watch:
            # Nobody is cut now. Figures come every two seconds.
            states.read()
        seconds = time.monotonic() - begun
        cpu = 100 * (_used(prober.pid) - used) / seconds
    finally:
        prober.kill()
    return {
        "times": times,
        "false": states.dead - size.cuts,
        "cpu": cpu,
        "seconds": seconds,
        "realtime": access["realtime"],
    }


class _States:
    """What the prober says of hosts; `dead` counts those that were ever."""

    def __init__(self, prober: Lines) -> None:
        self._prober = prober
        self.now: dict[str, str] = {}
        self.dead = 0

    def read(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self._prober.line())
        if "host" in line:
            self.now[line["host"]] = line["state"]
            self.dead += line["state"] == "dead"
        return line

    def until(self, host: str, state: str) -> int:
        """Return the monotonic time at which a host came to a state."""
        while True:
            line = self.read()
            if line.get("host") == host and line["state"] == state:
                return int(line["at"])


def _used(pid: int) -> float:
    """Return the processor seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Be one of the sides, or measure alone."""
    parser = argparse.ArgumentParser(prog="python -m bench.liveness")
    parser.add_argument("--smoke", action="store_true", help="few samples, no limits")
    parser.add_argument("side", nargs="?", choices=("alive", "dead"))
    parser.add_argument("count", nargs="?", type=int, default=0)
    parser.add_argument("runs", nargs="?", type=int, default=1)
    parser.add_argument("patience", nargs="?", type=float, default=500.0)
    parser.add_argument("--seconds", type=int, default=0, help="the hosts only, watched so long")
    options = parser.parse_args()
    if options.side:
        first = "127.1.0.0" if options.side == "alive" else "198.19.0.0"
        patience = Patience(2, round(options.patience * MS / 2))
        _sweep(first, options.count, options.runs, patience)
    elif options.seconds:
        print(json.dumps(_hosts(FULL, options.seconds), indent=2))
    else:
        print(json.dumps(run(smoke=options.smoke), indent=2))


if __name__ == "__main__":
    main()
