"""Probing by ICMP against a loop in C and against fping, in one run.

``alive``: 10,000 addresses of 127.0.0.0/8 that all answer; processor time of our sweep against
that of the same sendmmsg/recvmmsg loop in C, built here from `liveness.c` where there is gcc.
``dead``: 10,000 hosts behind a tunnel with a real round trip, each hundredth of them dead,
against fping at equal patience (half a second for a dead one), where fping is installed.
``hosts``: 1,000 hosts probed each 100 ms while every processor is busy; one after the other is
cut. The last two need root and a network namespace, which they make and take away.
"""

import argparse
import contextlib
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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import Lines
from faultwire.liveness.icmp import IcmpWire
from faultwire.liveness.probing import options_of
from faultwire.liveness.settings import Engine, Settings
from faultwire.liveness.suspicion import MS
from faultwire.liveness.sweeper import PATIENT, Sweeper
from faultwire.telemetry.clock import SystemClock

SOURCE = Path(__file__).with_name("liveness.c")
DELAY_US = 500
FPING = ("-q", "-i0.01", "-r1", "-t200", "-B1.5")
"""The fastest setting of fping that calls nobody dead who lives, half a second patient."""


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
            found.append(_dead(size, binary))
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


def _sweep(first: str, count: int, runs: int) -> None:
    """Be ours: sweep some times and say what each took."""
    wire, clock = IcmpWire(socket.AF_INET), SystemClock()
    top = int.from_bytes(socket.inet_aton(first), "big")
    for slot in range(count):
        wire.place(slot, socket.inet_ntoa((top + slot).to_bytes(4, "big")))
    sweeper = Sweeper(wire, clock.mono_ns)
    for _ in range(runs):
        begun, used = time.monotonic(), _cpu(resource.RUSAGE_SELF)
        found = sweeper.sweep(range(count), PATIENT)
        wall, cpu = time.monotonic() - begun, _cpu(resource.RUSAGE_SELF) - used
        row = {"alive": len(found.alive), "dead": len(found.dead), "wall": wall, "cpu": cpu}
        print(json.dumps(row), flush=True)


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


# ---------------------------------------------------------------- one in a hundred dead


@contextlib.contextmanager
def _network(binary: str, every: int) -> Iterator[tuple[list[str], subprocess.Popen[str]]]:
    """Give a command that runs others in a namespace, and the hosts that answer there."""
    name = f"fw-bench-{os.getpid()}"
    within = ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "add", name], check=True)
    hosts = subprocess.Popen(
        [*within, binary, "hosts", str(DELAY_US), str(every)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert hosts.stdout is not None
        assert hosts.stdout.readline() == "ready\n"
        for words in (
            "link set lo up",
            "link set hosts0 up txqueuelen 20000",
            "address add 198.18.0.1/32 dev hosts0",
            "route add 198.19.0.0/16 dev hosts0",
        ):
            subprocess.run(["ip", "-n", name, *words.split()], check=True)
        subprocess.run(
            [*within, "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"], check=True
        )
        yield within, hosts
    finally:
        hosts.kill()
        hosts.wait()
        subprocess.run(["ip", "netns", "del", name], check=True)


def _dead(size: Size, binary: str) -> dict[str, Any]:
    dead = len(range(0, size.targets, 100))
    ours, fping = [], []
    with _network(binary, 100) as (within, _):
        names = "".join(f"198.19.{n >> 8}.{n & 255}\n" for n in range(size.targets))
        for _ in range(max(3, size.runs // 2)):
            command = ("-m", "bench.liveness", "dead", str(size.targets), "3")
            ours += _lines(*within, sys.executable, *command)
            fping.append(_fping(within, names))
    ms = {
        side: {figure: 1000 * _median(rows, figure) for figure in ("cpu", "wall")}
        for side, rows in (("ours", ours), ("floor", fping))
    }
    ratio = {figure: ms["ours"][figure] / ms["floor"][figure] for figure in ("cpu", "wall")}
    wrong = {
        side: sum(row["dead"] - dead for row in rows)
        for side, rows in (("ours", ours), ("fping", fping))
    }
    limits = {"wall": 1 / 2.5, "cpu": 1 / 5}
    met = size is SMOKE or (
        all(ratio[name] <= limit for name, limit in limits.items()) and wrong["ours"] == 0
    )
    case = f"{size.targets} with 1 % dead, against fping"
    return {
        "case": case,
        "ratio": ratio,
        "limits": limits,
        "met": met,
        "ms": ms,
        "falsely_dead": wrong,
        "fping": " ".join(FPING),
    }


def _fping(within: list[str], names: str) -> dict[str, Any]:
    used, begun = _cpu(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [*within, "fping", *FPING, "-u"], input=names, capture_output=True, text=True, check=False
    )
    wall, cpu = time.monotonic() - begun, _cpu(resource.RUSAGE_CHILDREN) - used
    return {"dead": len(done.stdout.splitlines()), "wall": wall, "cpu": cpu}


# ---------------------------------------------------------------- hosts that are cut


@contextlib.contextmanager
def _kernels() -> Iterator[tuple[list[str], subprocess.Popen[str]]]:
    """Give a command that runs others in a namespace, and what takes routes of another one.

    There the kernel answers for every address of 198.19.0.0/16, as a host's kernel does; what it
    is told to blackhole is cut.
    """
    near, far = (f"fw-bench-{os.getpid()}-{side}" for side in ("near", "far"))
    for name in (near, far):
        subprocess.run(["ip", "netns", "add", name], check=True)
    routes = None
    try:
        for words in (
            f"link add near0 netns {near} type veth peer name far0 netns {far}",
            f"-n {near} address add 198.18.0.1/30 dev near0",
            f"-n {far} address add 198.18.0.2/30 dev far0",
            f"-n {near} link set near0 up",
            f"-n {far} link set far0 up",
            f"-n {far} link set lo up",
            f"-n {near} route add 198.19.0.0/16 via 198.18.0.2",
            f"-n {far} route add local 198.19.0.0/16 dev lo",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        routes = subprocess.Popen(
            ["ip", "-n", far, "-batch", "-"], stdin=subprocess.PIPE, text=True
        )
        # What cuts must not itself be late on the busy machine.
        os.sched_setscheduler(routes.pid, os.SCHED_FIFO, os.sched_param(30))
        yield ["ip", "netns", "exec", near], routes
    finally:
        if routes is not None:
            routes.kill()
            routes.wait()
        for name in (near, far):
            subprocess.run(["ip", "netns", "del", name], check=True)


def _hosts(size: Size) -> dict[str, Any]:
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        with _kernels() as (within, routes):
            found = _cuts(size, within, routes)
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
    met = size is SMOKE or all(figures[name] <= limit for name, limit in limits.items())
    case = f"{size.hosts} hosts each 100 ms, processors busy, {size.cuts} cut"
    return {
        "case": case,
        "figures": figures,
        "ratio": {"mean against 3 missed probes of 100 ms (250 ms)": mean / 250},
        "limits": limits,
        "met": met,
        "realtime": found["realtime"],
    }


def _cuts(size: Size, within: list[str], routes: subprocess.Popen[str]) -> dict[str, Any]:
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
            cut = _route(routes, f"add blackhole {names[host]}/32 table local")
            at = states.until(host, "dead")
            times.append(at / MS - 1000 * cut)
            _route(routes, f"del blackhole {names[host]}/32 table local")
            states.until(host, "alive")
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


def _route(routes: subprocess.Popen[str], words: str) -> float:
    """Change a route; return the time just before."""
    assert routes.stdin is not None
    at = time.monotonic()
    routes.stdin.write(f"route {words}\n")
    routes.stdin.flush()
    return at


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
    options = parser.parse_args()
    if options.side:
        first = "127.1.0.0" if options.side == "alive" else "198.19.0.0"
        _sweep(first, options.count, options.runs)
    else:
        print(json.dumps(run(smoke=options.smoke), indent=2))


if __name__ == "__main__":
    main()
