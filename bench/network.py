"""Ports: one report, a whole host's at once, and the list of those that are down.

`python -m bench.network [--smoke]`. Every ratio is to something measured in the same run: a bare
handler with the same commit, one port, the same list without the others. Neutron's own time is
that measured elsewhere on a machine of two cores.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.alarms_stand import Stand
from bench.chain import _Child
from bench.million import show
from faultwire.store import engine_in_folder, upgrade

NEUTRON_MS = (66.0, 82.0)
"""Real Neutron's PUT of data_plane_status: median on SQLite and on MariaDB."""
SHARE, FLOOR, BULK, LIST = 0.1, 3.0, 2.0, 2.0
HOST_PORTS = 48
PORTS = "/network/v2.0/ports"
_PROJECT = "INSERT INTO projects (id, name) VALUES ('p', 'p')"
_HOST = """
    INSERT INTO hosts (name, forced_down, disabled, monitored, agent, revision)
    VALUES ('compute-1', 0, 0, 0, 'never', 0)"""
_PORTS = """
    INSERT INTO ports (id, project_id, name, host, status, data_plane_status, revision)
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :ports)
    SELECT printf('port-%07d', i), 'p', '', CASE WHEN i < 48 THEN 'compute-1' END, 'ACTIVE',
        CASE WHEN i >= 48 AND i < 48 + :down THEN 'DOWN' END, 0 FROM n"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    lists: int
    down: int
    many: int
    limits: bool


FULL, SMOKE = Size(400, 60, 1_000, 100_000, limits=True), Size(10, 3, 20, 500, limits=False)


def run(*, smoke: bool) -> list[dict[str, Any]]:
    """Return the figures of every case; smoke sizes have no limits."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-")))
        bare = folder / "floor"
        bare.mkdir()
        floor = _Child("bench.network_floor", str(bare))
        stack.callback(floor.stop)
        few = _stand(folder / "few", size.down + HOST_PORTS, size.down)
        stack.callback(few.stop)
        many = _stand(folder / "many", size.many, size.down)
        stack.callback(many.stop)
        found = [_single(size, few, floor), _bulk(size, few), _lists(size, few, many)]
    return found


def _stand(folder: Path, ports: int, down: int) -> Stand:
    folder.mkdir()
    engine = engine_in_folder(folder)
    upgrade(engine)
    with engine.begin() as connection:
        for statement in (_PROJECT, _HOST):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(_PORTS, {"ports": ports, "down": down})
    engine.dispose()
    return Stand(folder)


def _ms(call: Callable[[int], object], rounds: int) -> float:
    """Return the median of so many calls, which are told their number."""
    times = []
    for number in range(rounds):
        began = time.monotonic_ns()
        call(number)
        times.append((time.monotonic_ns() - began) / 1e6)
    return statistics.median(times)


def _said(number: int) -> str:
    return "ACTIVE" if number % 2 else "DOWN"


def _put(stand: Stand, number: int) -> None:
    body = json.dumps({"port": {"data_plane_status": _said(number)}}).encode()
    stand.server.call("PUT", f"{PORTS}/port-0000000", body, stand.token)


def _report(stand: Stand, number: int) -> None:
    body = json.dumps({"host": "compute-1", "data_plane_status": _said(number)}).encode()
    stand.server.call("PUT", f"{PORTS}/data-plane-status", body, stand.token)


def _single(size: Size, stand: Stand, floor: _Child) -> dict[str, Any]:
    def bare(number: int) -> None:
        body = json.dumps({"port": {"data_plane_status": _said(number)}}).encode()
        floor.call("PUT", "/put", body)

    ours, theirs = [], []
    # In turns, so that what else the machine does meets both.
    for _ in range(5):
        theirs.append(_ms(bare, max(2, size.rounds // 5)))
        ours.append(_ms(lambda number: _put(stand, number), max(2, size.rounds // 5)))
    one, least = statistics.median(ours), statistics.median(theirs)
    figures = {
        "ms": one,
        "bare handler with the same commit, ms": least,
        "ratio to the bare handler": one / least,
        "Neutron 29, SQLite, ms": NEUTRON_MS[0],
        "share of Neutron's time": one / NEUTRON_MS[0],
    }
    limits = {"ratio to the bare handler": FLOOR, "share of Neutron's time": SHARE}
    return _result("PUT of one port's status", figures, limits if size.limits else {})


def _bulk(size: Size, stand: Stand) -> dict[str, Any]:
    one, host = [], []
    for _ in range(5):
        one.append(_ms(lambda number: _put(stand, number), max(2, size.rounds // 10)))
        host.append(_ms(lambda number: _report(stand, number), max(2, size.rounds // 10)))
    single, whole = statistics.median(one), statistics.median(host)
    figures = {"one port, ms": single, "48 ports, ms": whole, "ratio": whole / single}
    limits = {"ratio": BULK} if size.limits else {}
    return _result("48 ports of a host in one report", figures, limits)


def _lists(size: Size, few: Stand, many: Stand) -> dict[str, Any]:
    path = f"{PORTS}?data_plane_status=DOWN"
    # Those of the host may be down still.
    for stand in (few, many):
        _report(stand, 1)
        found = json.loads(stand.server.call("GET", path, b"", stand.token))["ports"]
        if len(found) != size.down:
            message = f"{len(found)} of {size.down} ports are down"
            raise RuntimeError(message)
    small, large = [], []
    for _ in range(5):
        for stand, kept in ((few, small), (many, large)):
            listed = _ms(
                lambda _, stand=stand: stand.server.call("GET", path, b"", stand.token),
                max(1, size.lists // 5),
            )
            kept.append(listed)
    alone, among = statistics.median(small), statistics.median(large)
    figures = {"alone, ms": alone, "among the others, ms": among, "ratio": among / alone}
    limits = {"ratio": LIST} if size.limits else {}
    case = f"{size.down:,} ports that are down, of {size.down:,} and of {size.many:,}"
    return _result(case, figures, limits)


def _result(case: str, figures: dict[str, float], limits: dict[str, float]) -> dict[str, Any]:
    met = all(figures[name] <= limit for name, limit in limits.items())
    return {"case": case, "figures": figures, "limits": limits, "met": met}


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.network")
    parser.add_argument("--smoke", action="store_true", help="few ports, no limits")
    found = run(smoke=parser.parse_args().smoke)
    show(found, Console())
    return 0 if all(one["met"] for one in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
