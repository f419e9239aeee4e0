"""The process that probes hosts, apart from the server: nothing that the server does delays it.

It is started by `liveness.probes`. Lines of JSON come on its standard input, whose end is its
own: first the options, then ``add``, ``remove``, ``doubt`` and, where the options say that others
vote too (``asks``), ``settle``. What it sees goes out as lines on its standard output, which it
never waits for.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from faultwire.domain.errors import Unavailable
from faultwire.liveness.icmp import IcmpWire, Wire
from faultwire.liveness.local import Carriers, interfaces_to, neighbours
from faultwire.liveness.prober import HostMoved, Prober, Stood, Target
from faultwire.liveness.settings import Engine, Settings
from faultwire.liveness.suspicion import State
from faultwire.liveness.watching import alone, asked
from faultwire.telemetry.clock import SystemClock

PRIORITY = 20
"""Real-time priority: above whatever computes, below what the machine itself needs."""
ASKS = "asks"
"""The option that others vote too."""
FIGURES_NS = 2_000_000_000
_NS = 1_000_000_000


def options_of(settings: Settings) -> dict[str, object]:
    """Return the settings that the process needs, as JSON has them."""
    return {
        "probe_ms": settings.probe_ms,
        "confirm_ms": settings.confirm_ms,
        "recover_answers": settings.recover_answers,
        "isolation_percent": settings.isolation_percent,
        "isolation_hosts": settings.isolation_hosts,
        "canaries": list(settings.canaries),
        "interfaces": list(settings.interfaces),
        "realtime": settings.realtime,
    }


def settings_of(options: Mapping[str, Any]) -> Settings:
    """Return what `options_of` was made of."""
    lists = {name: tuple(options[name]) for name in ("canaries", "interfaces")}
    rest = {name: value for name, value in options.items() if name != ASKS}
    return Settings(engine=Engine.ICMP, **{**rest, **lists})


def open_wires() -> tuple[dict[int, IcmpWire], list[str]]:
    """Return a wire for each family that the system lets us have, and why others are missing."""
    wires, missing = {}, []
    for family, name in ((socket.AF_INET, "IPv4"), (socket.AF_INET6, "IPv6")):
        try:
            wires[int(family)] = IcmpWire(family)
        except Unavailable as error:
            missing.append(f"{name}: {error.detail}")
    return wires, missing


def prefer_us() -> bool:
    """Have real-time priority; False where the system does not permit it."""
    with contextlib.suppress(OSError, AttributeError):
        kind = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, kind, os.sched_param(PRIORITY))
        return True
    return False


class Out:
    """Writes lines to a pipe without ever waiting for its reader."""

    def __init__(self, file: int) -> None:
        """Take the file, which is never waited for from now on."""
        os.set_blocking(file, False)
        self._file = file
        self._rest = b""

    def say(self, line: Mapping[str, object]) -> None:
        """Owe a line."""
        self._rest += orjson.dumps(line) + b"\n"

    def flush(self) -> None:
        """Write what the pipe takes now."""
        if self._rest:
            # A reader that is gone shows at the standard input.
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                self._rest = self._rest[os.write(self._file, self._rest) :]

    @property
    def behind(self) -> bool:
        """Whether the reader has not taken everything."""
        return bool(self._rest)


class Lines:
    """Reads lines from a file that is ready now and then."""

    def __init__(self, file: int) -> None:
        """Take the file."""
        self._file = file
        self._part = b""

    def read(self) -> list[Any] | None:
        """Return the whole lines that have come; None once the other side has closed."""
        some = os.read(self._file, 1 << 20)
        if not some:
            return None
        *whole, self._part = (self._part + some).split(b"\n")
        return [orjson.loads(line) for line in whole]


class Process:
    """The prober with its wires, fed by lines."""

    def __init__(self, options: Mapping[str, Any], out: Out) -> None:
        """Open the sockets and say what was got."""
        settings = settings_of(options)
        self._clock = SystemClock()
        self._out = out
        self._carriers = Carriers()
        self._carriers.watch(settings.interfaces)
        self._find = not settings.interfaces
        self._wires, missing = open_wires()
        wires: dict[int, Wire] = dict(self._wires)
        vote = asked if options.get(ASKS) else alone
        self._prober = Prober(settings, wires, self._clock.mono_ns, self._carriers.down, vote)
        self._figures_at = 0
        self._costs = list(missing)
        for wire in self._wires.values():
            self._costs += [f"{wire.access.family}: {cost}" for cost in wire.access.costs]
        realtime = settings.realtime and prefer_us()
        if settings.realtime and not realtime:
            self._costs.append("no real-time priority: verdicts come late on a busy machine")
        self._say_access(realtime=realtime)
        for canary in settings.canaries:
            self._add(Target(canary, canary), canary=True)
        self._route(settings.canaries)

    @property
    def blind(self) -> bool:
        """Whether there is no socket at all."""
        return not self._wires

    def take(self, line: Mapping[str, Any]) -> None:
        """Do what a line says."""
        for host in line.get("remove", ()):
            self._prober.remove(host)
        rows = line.get("add", ())
        for host, address, held in rows:
            self._add(Target(host, address, State(held)))
        for host in line.get("doubt", ()):
            self._prober.doubt(host)
        for host, agreed in line.get("settle", ()):
            self._prober.settle(host, agreed=agreed)
        if rows:
            self._route([address for _, address, _ in rows])

    def turn(self) -> None:
        """Have one turn, and say what moved."""
        for said in self._prober.turn():
            self._out.say(_told(said))
        now = self._clock.mono_ns()
        if now - self._figures_at >= FIGURES_NS and not self._out.behind:
            self._figures_at = now
            self._out.say({"figures": self._figures()})
        self._out.flush()

    def pause(self) -> float:
        """Return the seconds until the next turn."""
        return max(0.0, (self._prober.next_turn() - self._clock.mono_ns()) / _NS)

    def _add(self, target: Target, *, canary: bool = False) -> None:
        try:
            self._prober.add(target, canary=canary)
        except ValueError as error:
            self._out.say({"refused": target.host, "reason": str(error)})

    def _route(self, addresses: Iterable[str]) -> None:
        """Watch the carriers of the interfaces by which addresses are reached."""
        if self._find:
            with contextlib.suppress(ValueError):
                self._carriers.watch(interfaces_to(addresses))

    def _say_access(self, *, realtime: bool) -> None:
        rows = [
            {
                "family": wire.access.family,
                "kind": wire.access.kind,
                "calls": wire.access.calls,
                "buffer_bytes": wire.access.buffer_bytes,
                "neighbours": neighbours(family),
            }
            for family, wire in self._wires.items()
        ]
        self._out.say({"access": rows, "costs": self._costs, "realtime": realtime})

    def _figures(self) -> dict[str, object]:
        counts, states = self._prober.counts, dict.fromkeys(State, 0)
        for state in self._prober.watches.states():
            states[state] += 1
        lag, counts.lag_ns = counts.lag_ns, 0
        return {
            "sent": counts.sent,
            "answered": counts.answers,
            "refused": counts.refused + self._prober.watches.strays,
            "unsent": counts.unsent,
            "dropped": sum(wire.dropped() for wire in self._wires.values()),
            "lag_ns": lag,
            "states": {state.value: count for state, count in states.items()},
        }


def _told(said: HostMoved | Stood) -> dict[str, object]:
    if isinstance(said, Stood):
        reasons = list(said.reasons)
        return {"standing": said.standing.value, "reasons": reasons, "at": said.at}
    moved = said.moved
    return {
        "host": said.host,
        "was": moved.was.value,
        "state": moved.state.value,
        "signal": moved.signal.value,
        "evidence": dict(moved.evidence),
        "at": said.at,
        "lag_ns": said.lag_ns,
    }


def main() -> None:
    """Be the process; the server ends it, not a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out, lines = Out(sys.stdout.fileno()), Lines(sys.stdin.fileno())
    first: list[Any] | None = []
    while not first:
        first = lines.read()
        if first is None:
            return
    process = Process(first[0], out)
    for line in first[1:]:
        process.take(line)
    out.flush()
    gc.collect()
    gc.freeze()
    gc.disable()
    watched = [sys.stdin.fileno()]
    while True:
        ready, _, _ = select.select(watched, [], [], process.pause())
        if ready:
            more = lines.read()
            if more is None:
                return
            for line in more:
                process.take(line)
        if process.pause() <= 0 and not process.blind:
            process.turn()


if __name__ == "__main__":
    main()
