"""What `faultwire verify` says: profile, figures beside Doctor's, its own slope, verdict."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from faultwire.cli.verify_published import SERIES, published, published_slope
from faultwire.cli.verify_runs import Verified, merged
from faultwire_profiler import LAW_MS, Verdict
from faultwire_profiler.collection import merged_to_json
from faultwire_profiler.console import print_merged
from faultwire_profiler.many import Slope, percentile, slope
from faultwire_profiler.page import Extra, report

TITLE = "Detected to received, in ms, beside what Doctor published in 2017"
OURS = ("p50", "p95", "max")
_UNKNOWN = "-"


def show(console: Console, kind: str, runs: Sequence[Verified]) -> None:
    """Print the profile of all runs, the table, the slopes and the verdict."""
    print_merged(merged(runs), console)
    console.print()
    table = Table(title=TITLE, title_justify="left", box=box.ASCII_DOUBLE_HEAD)
    for place, heading in enumerate(headings(runs)):
        table.add_column(heading, justify="right" if place else "left", overflow="fold")
    for row in rows(runs):
        table.add_row(*row)
    console.print(table)
    for one in runs:
        if not one.passed:
            console.print(one.words, style="red", markup=False, highlight=False)
    said = ("[bold green]PASSED[/bold green]", "[bold red]FAILED[/bold red]")[not passed(runs)]
    console.print(Panel(f"{said}  {sentence(kind, runs)}", expand=False))


def passed(runs: Sequence[Verified]) -> bool:
    """Whether there were runs and each of them passed."""
    return bool(runs) and all(one.passed for one in runs)


def sentence(kind: str, runs: Sequence[Verified]) -> str:
    """Return the verdict in words."""
    counted = sum(one.passed for one in runs)
    return f"{counted} of {len(runs)} runs of {kind} told all owners within {LAW_MS:,.0f} ms"


def headings(runs: Sequence[Verified]) -> tuple[str, ...]:
    """Return the table's headings: a column for each number of servers, then the slope."""
    counts = (row["servers"] for row in sizes(runs))
    return ("Servers", *(f"{count:,}" for count in counts), "ms per server")


def rows(runs: Sequence[Verified]) -> list[tuple[str, ...]]:
    """Return the table's rows: ours, then each series of Doctor's."""
    columns = sizes(runs)
    fitted = own_slope(runs)
    slopes = {"p50": _UNKNOWN if fitted is None else f"{fitted.ms_per_server:,.3f}"}
    met = (f"{column['met']} of {column['runs']}" for column in columns)
    found: list[tuple[str, ...]] = [("Faultwire, runs that met 1 s", *met, "")]
    for name in OURS:
        values = (_ms((column["law_ms"] or {}).get(name)) for column in columns)
        found.append((f"Faultwire, {name}", *values, slopes.get(name, "")))
    for name in SERIES:
        values = (_ms(column["doctor_ms"][name]) for column in columns)
        found.append((f"Doctor, {name}", *values, _ms(published_slope(name).ms_per_server)))
    return found


def sizes(runs: Sequence[Verified]) -> list[dict[str, Any]]:
    """Return what was measured with each number of servers, beside what was published."""
    found = []
    for servers in sorted({one.servers for one in runs}):
        these = [one for one in runs if one.servers == servers]
        law = [one.profile.law_ms for one in these if one.profile.law_ms is not None]
        found.append(
            {
                "servers": servers,
                "runs": len(these),
                **{
                    verdict.value: sum(one.verdict is verdict for one in these)
                    for verdict in Verdict
                },
                "law_ms": _figures(law) if law else None,
                "doctor_ms": {name: published(name, servers) for name in SERIES},
            }
        )
    return found


def own_slope(runs: Iterable[Verified]) -> Slope | None:
    """Return how the time from detected to received grows with the servers (S80)."""
    known = ((one.servers, one.profile.law_ms) for one in runs)
    return slope((servers, ms) for servers, ms in known if ms is not None)


def document(kind: str, runs: Sequence[Verified]) -> dict[str, Any]:
    """Return the profile of the runs as `faultwire profile` reads it, with the verdict beside.

    ``verification``: ``{fault, passed, law_ms, sizes, slope, doctor_slopes, runs}``; ``sizes``
    rows of ``{servers, runs, met, missed, unknown, law_ms, doctor_ms}``, ``runs`` rows of
    ``{fault, servers, run, verdict, passed, law_ms, problems}``.
    """
    fitted = own_slope(runs)
    return merged_to_json(merged(runs)) | {
        "verification": {
            "fault": kind,
            "passed": passed(runs),
            "law_ms": LAW_MS,
            "sizes": sizes(runs),
            "slope": None if fitted is None else asdict(fitted),
            "doctor_slopes": {
                name: round(published_slope(name).ms_per_server, 3) for name in SERIES
            },
            "runs": [
                {
                    "fault": one.name,
                    "servers": one.servers,
                    "run": one.number,
                    "verdict": one.verdict.value,
                    "passed": one.passed,
                    "law_ms": one.profile.law_ms,
                    "problems": one.problems,
                }
                for one in runs
            ],
        }
    }


def page(kind: str, runs: Sequence[Verified]) -> str:
    """Return the HTML report with the table in front."""
    said = ("PASSED", "FAILED")[not passed(runs)]
    extra = Extra(TITLE, f"{said}: {sentence(kind, runs)}", headings(runs), rows(runs))
    return report(merged(runs), f"Verification by {kind}", extra=extra)


def _figures(values: Sequence[float]) -> dict[str, float]:
    figures = {f"p{share}": percentile(values, share) for share in (50, 95, 99)}
    return figures | {"max": max(values)}


def _ms(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:,.1f}"
