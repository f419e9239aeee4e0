"""What the demo prints: what happened in order, the timeline, the verdict, the recovery."""

from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from faultwire.cli.demo_outcome import Outcome
from faultwire_profiler import marks_from_json, profile
from faultwire_profiler.report import render

_SHOWN = 5


def show(console: Console, outcome: Outcome) -> None:
    """Print the whole run."""
    console.print()
    console.print(_story(outcome))
    console.print()
    render(profile(marks_from_json(outcome.timeline["marks"])), console)
    console.print()
    console.print(_recovery(outcome))
    console.print(_verdict(outcome))


def _story(outcome: Outcome) -> Table:
    table = Table(title="What happened, in order", title_justify="left", box=None)
    for heading in ("after detection", "what"):
        table.add_column(heading, justify="right" if heading.startswith("after") else "left")
    for offset, text in _lines(outcome):
        table.add_row("" if offset is None else f"{offset:+.1f} ms", text)
    return table


def _lines(outcome: Outcome) -> list[tuple[float | None, str]]:
    host = outcome.host_down
    lines: list[tuple[float | None, str]] = []
    if outcome.occurred is not None and outcome.detected_ns is not None:
        at = (outcome.occurred[0] - outcome.detected_ns) / 1e6
        what = "its link" if outcome.fault_kind == "cut" else "its agent"
        lines.append((at, f"{host['name']}: {what} was hit by {outcome.fault_kind}"))
    lines.append((0.0, f"{host['name']}: detected down"))
    committed = outcome.timeline["checkpoints"].get("T03")
    if committed and outcome.detected_ns is not None:
        at = (committed["last_wall_ns"] - outcome.detected_ns) / 1e6
        states = ", ".join(sorted({server["vm_state"] for server in host["servers"]}))
        lines.append(
            (
                at,
                f"{host['name']}: service forced down, {len(host['servers'])} servers in {states}",
            )
        )
    delays = outcome.since_detected_ms()
    for number, (delay, alarm) in enumerate(zip(delays, outcome.alarms, strict=True)):
        if number < _SHOWN or number == len(delays) - 1:
            lines.append((delay, f"{alarm.alarm_name}: its owner's consumer has it"))
        elif number == _SHOWN:
            lines.append((None, f"... {len(delays) - _SHOWN - 1} more"))
    return lines


def _recovery(outcome: Outcome) -> Table:
    host = outcome.host_back
    table = Table(title="Recovery", title_justify="left", box=None, show_header=False)
    states = _count(server["vm_state"] for server in host["servers"])
    table.add_row("service", f"{host['state']}, host_status {host['host_status']}")
    table.add_row("servers", ", ".join(f"{n} {state}" for state, n in states.items()))
    table.add_row("clear alarms", f"{len(outcome.clears)} of {len(outcome.expected)} ok")
    return table


def _count(values: Any) -> dict[str, int]:
    counted: dict[str, int] = {}
    for value in values:
        counted[value] = counted.get(value, 0) + 1
    return counted


def _verdict(outcome: Outcome) -> Panel:
    delays = outcome.since_detected_ms()
    told = f"{len(outcome.alarms)} of {len(outcome.expected)} alarms received"
    last = f"the last {delays[-1]:.1f} ms after detection" if delays else "none"
    others = f"{len(outcome.unexpected)} unexpected"
    text = f"{told}, {last}, {others}; the law allows 1000 ms"
    if outcome.passed():
        return Panel(f"[bold green]PASSED[/bold green]  {text}", expand=False)
    return Panel(f"[bold red]FAILED[/bold red]  {text}", expand=False)
