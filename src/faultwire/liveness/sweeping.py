"""The process that sweeps servers, apart from the server and from what probes hosts.

It is started by `liveness.pings`, and has no priority of its own: hosts are judged first. Lines
of JSON come on its standard input, whose end is its own: first the options, then ``place``,
``clear`` and ``sweep``. Each sweep is answered by one line on its standard output; numbers in it
are words of four bytes in this machine's order, in base 64.
"""

import base64
import gc
import signal
import sys
from array import array
from collections.abc import Mapping
from typing import Any

import orjson

from faultwire.domain.errors import Unavailable
from faultwire.liveness.engines import IcmpEngine, SweepEngine
from faultwire.liveness.fping import FpingEngine
from faultwire.liveness.parse import UNSENT
from faultwire.liveness.probing import open_wires
from faultwire.liveness.settings import Engine, Settings
from faultwire.telemetry.clock import SystemClock


def options_of(settings: Settings) -> dict[str, object]:
    """Return the settings that the process needs, as JSON has them."""
    engine = Engine.FPING if settings.engine is Engine.FPING else Engine.ICMP
    return {"engine": engine.value, "fping_path": settings.fping_path}


def packed(numbers: "array[int]") -> str:
    """Return numbers as text in a line."""
    return base64.b64encode(numbers.tobytes()).decode()


def unpacked(text: str) -> "array[int]":
    """Return what `packed` made into text."""
    return array("I", base64.b64decode(text))


def engine_of(options: Mapping[str, Any]) -> tuple[SweepEngine, list[str]]:
    """Return the engine that was asked for and what it lacks; raises Unavailable."""
    if options["engine"] == Engine.FPING:
        return FpingEngine(options["fping_path"]), []
    wires, missing = open_wires()
    if not wires:
        raise Unavailable("; ".join(missing))
    lacking = [(wire.access.family, cost) for wire in wires.values() for cost in wire.access.costs]
    return IcmpEngine(wires, SystemClock()), missing + [f"{one}: {cost}" for one, cost in lacking]


class Process:
    """An engine, fed by lines."""

    def __init__(self, engine: SweepEngine) -> None:
        """Take the engine."""
        self._engine = engine

    def take(self, line: Mapping[str, Any]) -> dict[str, object] | None:
        """Do what a line says; return the answer to a sweep."""
        for slot in line.get("clear", ()):
            self._engine.clear(slot)
        for slot, address in line.get("place", ()):
            try:
                self._engine.place(slot, address)
            except ValueError:
                # Nothing can be asked there: it stays unknown.
                self._engine.clear(slot)
        if "sweep" not in line:
            return None
        slots = unpacked(line["slots"])
        try:
            found = self._engine.sweep(slots)
        except Unavailable as error:
            nothing = array("I", [UNSENT]) * len(slots)
            return {"swept": line["sweep"], "took": packed(nothing), "trouble": error.detail}
        return {"swept": line["sweep"], "took": packed(found)}


def _say(line: Mapping[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Be the process; the server ends it, not a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines = sys.stdin.buffer
    first = lines.readline()
    if not first:
        return
    try:
        engine, costs = engine_of(orjson.loads(first))
    except Unavailable as error:
        _say({"trouble": error.detail})
        return
    _say({"engine": engine.name, "costs": costs})
    process = Process(engine)
    gc.collect()
    gc.freeze()
    while line := lines.readline():
        answer = process.take(orjson.loads(line))
        if answer is not None:
            _say(answer)


if __name__ == "__main__":
    main()
