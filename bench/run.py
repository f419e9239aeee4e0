"""`make bench`: run the benchmarks, print ratios beside published figures, write JSON."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import chain

PUBLISHED = (
    ("Aodh 23, one event to webhook, one alarm", "16-20 ms"),
    ("Aodh 23, burst of 1,000 events, 1,000 projects, stock / tuned", "23 s / 6.8 s"),
    ("Doctor 2017, shortcut, parallel, 1 / 50 servers", "122 / 584 ms"),
    ("Doctor 2017, conservative, parallel, 1 / 50 servers", "381 / 1961 ms"),
    ("Nova alone until host_status UNKNOWN", "50-60 s"),
)


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...")
    parser.add_argument("--smoke", action="store_true", help="few samples, no limits")
    parser.add_argument("--json", type=Path, default=Path("bench-results.json"))
    options = parser.parse_args()
    results = chain.run(chain.SMOKE if options.smoke else chain.CASES)
    console = Console()
    table = Table(title="Main job against a bare relay, same run", title_justify="left")
    for heading in ("case", "figure", "ours ms", "floor ms", "ratio", "must reach"):
        table.add_column(heading, justify="left" if heading in {"case", "figure"} else "right")
    for result in results:
        for figure, ratio in result["ratio"].items():
            limit = result["limits"].get(figure)
            table.add_row(
                result["case"],
                figure,
                f"{result['ms']['ours'][figure]:.2f}",
                f"{result['ms']['floor'][figure]:.2f}",
                f"{ratio:.2f}",
                "" if limit is None else f"<= {limit}",
            )
    console.print(table)
    published = Table(title="Published or measured elsewhere", title_justify="left")
    published.add_column("system")
    published.add_column("figure", justify="right")
    for row in PUBLISHED:
        published.add_row(*row)
    console.print(published)
    options.json.write_text(json.dumps(results, indent=2) + "\n")
    console.print(f"written to {options.json}")
    return 0 if all(result["met"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
