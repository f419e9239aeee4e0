"""The compute face: a page of 1,000 servers, force-down, and a host reported down.

`python -m bench.compute [--smoke]`. Our own times are set against a bare handler that encodes the
same page, and against each other; Nova's are those measured elsewhere on a machine of two cores.
"""

import argparse
import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.chain import _Child
from bench.million import show
from faultwire.client import Session
from faultwire.domain.ids import derived

NOVA_PAGE_S = {16: 3.1, 96: 6.5}
"""Nova's time for a page of 1,000 servers, by microversion: the better of its runs."""
NOVA_RESETS_S = 24.0
"""Nova's time for 1,000 resets of a state, 16 at a time: the best of its runs."""
PAGE_SHARE, RESETS_SHARE = 1 / 10, 1 / 50
FLOOR, FLAT = 3.0, 1.5
SETTLE_S = 1.0
"""What owners are told after a force-down must not run into the next sample; the same for all."""
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    page: int
    hosts: tuple[int, ...]
    samples: int
    turns: int
    reports: int
    limits: bool


FULL = Size(1_000, (1, 1_000, 10_000), 60, 20, 7, limits=True)
SMOKE = Size(100, (1, 100, 300), 4, 3, 2, limits=False)


def run(*, smoke: bool) -> list[dict[str, Any]]:
    """Return the figures of every case; smoke sizes have no limits."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-")))
        where = ("--state-dir", f"{folder}/ours", "--listen", "127.0.0.1:0")
        ours = _Child("faultwire.cli", "serve", *where)
        stack.callback(ours.stop)
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(folder / "ours" / "clouds.yaml")
        stand = Stand(ours.url, Session("faultwire").token())
        for number in sorted({size.page, *size.hosts}):
            stand.fill(number)
        return [
            *(_page(size, stand, minor, folder) for minor in NOVA_PAGE_S),
            _force_down(size, stand),
            _reported_down(size, stand),
        ]


class Stand:
    """Calls of a server, on one connection."""

    def __init__(self, url: str, token: str) -> None:
        self._token = token
        self._connection = http.client.HTTPConnection(
            url.removeprefix("http://"), timeout=TIMEOUT_S
        )

    def call(self, method: str, path: str, body: object = None, minor: int = 1) -> bytes:
        """Return the answer's body; RuntimeError for an error."""
        headers = {
            "Content-Type": "application/json",
            "X-Auth-Token": self._token,
            "X-OpenStack-Nova-API-Version": f"2.{minor}",
        }
        sent = json.dumps(body).encode() if body is not None else None
        self._connection.request(method, path, sent, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content

    def fill(self, servers: int) -> None:
        """Put a host there with so many servers, all active."""
        host = host_of(servers)
        body = {
            "projects": [{"id": "bench", "name": "bench"}],
            "hosts": [{"name": host}],
            "servers": [
                {
                    "id": derived(host, number),
                    "name": f"server-{number:05}",
                    "project": "bench",
                    "host": host,
                    "status": "ACTIVE",
                }
                for number in range(servers)
            ],
        }
        self.call("PATCH", "/fault/v1/inventory", body)

    def force_down(self, host: str, *, down: bool) -> None:
        """Force a host's service down, or take it back."""
        body = {"host": host, "binary": "nova-compute", "forced_down": down}
        self.call("PUT", "/compute/v2.1/os-services/force-down", body, 11)

    def report_down(self, host: str, *, down: bool) -> None:
        """Report a host down with its servers, or up again without."""
        body = {"host": {"host_down_reported": down}}
        self.call("PUT", f"/compute/v2.1/os-hosts/{host}", body, 16)


def host_of(servers: int) -> str:
    """Return the name of the host with so many servers."""
    return f"bench-{servers}"


def _page(size: Size, stand: Stand, minor: int, folder: Path) -> dict[str, Any]:
    host = host_of(size.page)
    path = f"/compute/v2.1/servers/detail?all_tenants=1&host={host}&limit={size.page}"
    page = stand.call("GET", path, minor=minor)
    if len(json.loads(page)["servers"]) != size.page:
        raise RuntimeError("the page is not whole")
    (folder / "page.json").write_bytes(page)
    floor = _Child("bench.compute_floor", str(folder / "page.json"))
    try:
        bare = Stand(floor.url, "")
        ours_ms, floor_ms = _in_turns(
            size.samples,
            lambda: stand.call("GET", path, minor=minor),
            lambda: bare.call("GET", "/"),
        )
    finally:
        floor.stop()
    figures = {
        "ms": ours_ms,
        "bare handler ms": floor_ms,
        "ratio to the bare handler": ours_ms / floor_ms,
        "MB": len(page) / 1e6,
        "share of Nova's time": ours_ms / 1e3 / NOVA_PAGE_S[minor],
    }
    limits = {"ratio to the bare handler": FLOOR, "share of Nova's time": PAGE_SHARE}
    return _result(f"GET servers/detail, {size.page:,} servers, 2.{minor}", figures, limits, size)


def _force_down(size: Size, stand: Stand) -> dict[str, Any]:
    times: dict[int, list[float]] = {number: [] for number in size.hosts}
    settle = SETTLE_S if size.limits else SETTLE_S / 20
    for sample in range(size.turns + 2):
        for number in size.hosts:
            host = host_of(number)
            took = _timed(lambda host=host: stand.force_down(host, down=True))
            time.sleep(settle)
            stand.force_down(host, down=False)
            time.sleep(settle)
            if sample >= 2:
                times[number].append(took)
    medians = {number: statistics.median(some) for number, some in times.items()}
    first, *others = size.hosts
    figures = {f"{number:,} servers, ms": medians[number] for number in size.hosts}
    figures |= {
        f"ratio {number:,} : {first}": medians[number] / medians[first] for number in others
    }
    limits = {f"ratio {others[0]:,} : {first}": FLAT}
    return _result("PUT force-down, by servers on the host", figures, limits, size)


def _reported_down(size: Size, stand: Stand) -> dict[str, Any]:
    host, times = host_of(size.page), []
    for _ in range(size.reports):
        times.append(_timed(lambda: stand.report_down(host, down=True)))
        stand.report_down(host, down=False)
        stand.fill(size.page)
        time.sleep(0.2)
    names = [derived(host, number) for number in range(size.page)]
    resets = _timed(lambda: _reset(stand, names))
    median = statistics.median(times)
    figures = {
        "ms": median,
        "os-resetState of each in turn here, ms": resets,
        "share of Nova's time for resets": median / 1e3 / NOVA_RESETS_S,
    }
    limits = {"share of Nova's time for resets": RESETS_SHARE}
    return _result(f"host_down_reported, {size.page:,} servers", figures, limits, size)


def _reset(stand: Stand, names: list[str]) -> None:
    for name in names:
        body = {"os-resetState": {"state": "error"}}
        stand.call("POST", f"/compute/v2.1/servers/{name}/action", body)


def _in_turns(samples: int, *works: Callable[[], object]) -> Iterator[float]:
    """Return the median ms of each, measured in turns."""
    times: list[list[float]] = [[] for _ in works]
    for sample in range(samples + 5):
        for number, work in enumerate(works):
            took = _timed(work)
            if sample >= 5:
                times[number].append(took)
    return map(statistics.median, times)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1e6


def _result(
    case: str, figures: dict[str, float], limits: dict[str, float], size: Size
) -> dict[str, Any]:
    limits = limits if size.limits else {}
    met = all(figures[name] <= limit for name, limit in limits.items())
    return {"case": case, "figures": figures, "limits": limits, "met": met}


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.compute")
    parser.add_argument("--smoke", action="store_true", help="small sizes, no limits")
    options = parser.parse_args()
    results = run(smoke=options.smoke)
    show(results, Console())
    return 0 if all(result["met"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
