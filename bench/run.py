"""`make bench`: run the benchmarks one after the other, print ratios, write JSON.

make bench                                every benchmark, about a quarter of an hour
make bench ARGS='--only chain,scale'      some of them
make bench ARGS=--smoke                   with few samples and no limits, but what a test runs so
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import chain

PUBLISHED = (
    ("Aodh 23, one event to webhook, one alarm", "16-20 ms"),
    ("Aodh 23, burst of 1,000 events, 1,000 projects, stock / tuned", "23 s / 6.8 s"),
    ("Aodh 23, burst of 1,000 events, 1 project, stock / tuned", "47 s / 9.5 s"),
    ("Aodh 23, POST of an alarm, 0 / 10,000 alarms in the project", "15 / 1,959 ms"),
    ("Doctor 2017, shortcut, parallel, 1 / 50 servers", "122 / 584 ms"),
    ("Doctor 2017, conservative, parallel, 1 / 50 servers", "381 / 1961 ms"),
    ("Nova alone until host_status UNKNOWN", "50-60 s"),
    ("Nova 34, servers/detail, 1,000 servers, 2.16 / 2.96", "3.1 / 6.5 s"),
    ("Nova 34, os-resetState of 1,000 servers, 1 / 16 at a time", "54 / 24 s"),
    ("Nova 34, PUT force-down", "17-19 ms"),
    ("Neutron 29, PUT of data_plane_status, SQLite / MariaDB", "66 / 82 ms"),
    ("strongest peer, heartbeats a second", "28,000"),
)

Results = list[dict[str, Any]]


def _module(name: str) -> Callable[[bool], Results]:
    def run(smoke: bool) -> Results:  # noqa: FBT001 - one shape for all
        found: Results = importlib.import_module(f"bench.{name}").run(smoke=smoke)
        return found

    return run


BENCHES: dict[str, tuple[Callable[[bool], Results], str]] = {
    "chain": (
        lambda smoke: chain.run(chain.SMOKE if smoke else chain.CASES),
        "the main job against a bare relay",
    ),
    "scale": (_module("scale"), "time per server, 1 to 5,000 on the host"),
    "million": (_module("million"), "a million servers and alarms: bytes, start-up, pauses"),
    "alarms": (_module("alarms"), "events, creates and bursts by alarms in the project"),
    "network": (_module("network"), "reports on ports against a bare handler, lists of ports"),
    "isolation": (_module("isolation"), "a burst under load against a quiet one"),
    "heartbeats": (_module("heartbeats"), "verified heartbeats a second, and what they cost"),
    "liveness": (_module("liveness"), "probing by ICMP against a loop in C and against fping"),
    "origins": (_module("origins"), "1,000 origins, HTTP and HTTPS, against bare aiohttp"),
    "compute": (_module("compute"), "pages of servers, force-down, hosts reported down"),
    "bus": (_module("bus"), "a notification to its webhook against a bare bus"),
    "profiler": (_module("profiler"), "cost of the probe, lines of logs a second"),
    "rpc": (_module("rpc"), "pings of guests over RabbitMQ against oslo.messaging itself"),
    "guards": (_module("guards"), "guards on the fault path, on against off; replay"),
    "signals": (_module("signals"), "an alert to the webhook against the posted event"),
    "cloud": (_module("openstack"), "owners of a real cloud, beside Nova's own time and Aodh"),
    "imports": (_module("imports"), "100,000 servers by JSON, against a parse and bare inserts"),
    "several": (_module("several"), "shared databases against the embedded one"),
}
"""Every benchmark, what runs it, and what it is about."""

TESTED = frozenset({"origins"})
"""Left out of a smoke unless it is named: a test of `tests/system` runs it so, and asks more."""


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...")
    parser.add_argument("--smoke", action="store_true", help="few samples, no limits")
    parser.add_argument("--only", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--json", type=Path, default=Path("bench-results.json"))
    options = parser.parse_args()
    all_of_them = [name for name in BENCHES if not (options.smoke and name in TESTED)]
    wanted = options.only.split(",") if options.only else all_of_them
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    console = Console()
    everything: Results = []
    for name in wanted:
        run, about = BENCHES[name]
        began = time.monotonic()
        results = [{"bench": name, **result} for result in run(options.smoke)]
        _show(console, f"{name}: {about} ({time.monotonic() - began:.0f} s)", results)
        everything += results
    console.print(_published())
    options.json.write_text(json.dumps(everything, indent=2) + "\n")
    console.print(f"written to {options.json}")
    return 0 if all(result["met"] for result in everything) else 1


def _show(console: Console, title: str, results: Results) -> None:
    table = Table(title=title, title_justify="left")
    for heading in ("case", "figure", "ours", "against", "ratio", "must reach", "met"):
        table.add_column(heading, justify="left" if heading in {"case", "figure"} else "right")
    for result in results:
        for row in _rows(result):
            table.add_row(*row)
    console.print(table)


def _rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each figure, whichever of the two forms a result has."""
    rows = []
    limits, met = result["limits"], "yes" if result["met"] else "NO"
    for figure, value in result.get("figures", {}).items():
        limit = limits.get(figure)
        shown = "" if limit is None else f"{limit:,g}"
        rows.append((result["case"], figure, f"{value:,.2f}", "", "", shown, met))
    ours, floor = (result.get("ms", {}).get(side, {}) for side in ("ours", "floor"))
    for figure, ratio in result.get("ratio", {}).items():
        limit = limits.get(figure)
        rows.append(
            (
                result["case"],
                figure,
                f"{ours[figure]:,.2f} ms" if figure in ours else "",
                f"{floor[figure]:,.2f} ms" if figure in floor else "",
                f"{ratio:.2f}",
                "" if limit is None else f"<= {limit}",
                met,
            )
        )
    return rows


def _published() -> Table:
    published = Table(title="Published or measured elsewhere", title_justify="left")
    published.add_column("system")
    published.add_column("figure", justify="right")
    for row in PUBLISHED:
        published.add_row(*row)
    return published


if __name__ == "__main__":
    sys.exit(main())
