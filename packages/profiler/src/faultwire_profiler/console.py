"""Many runs, comparisons and the cycle on the console, in plain ASCII; needs rich."""

import math
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from faultwire_profiler.comparing import Comparison, Difference, Telling
from faultwire_profiler.cycle import cycle
from faultwire_profiler.many import (
    LAW,
    TOTAL,
    Bin,
    Figures,
    figures,
    histogram,
    samples,
    slope,
    verdicts,
)
from faultwire_profiler.merging import Merged, Run, sizes
from faultwire_profiler.profile import Profile, Verdict
from faultwire_profiler.report import render
from faultwire_profiler.words import TOLD, explanation, servers_words, slope_words

_NAMES = 18
_NARROWEST = 40


def print_merged(merged: Merged, console: Console) -> None:
    """Print one run whole or many by their figures, then conflicts and what is in doubt."""
    if not merged.runs:
        console.print("No run was found.")
    elif len(merged.runs) == 1:
        print_run(merged.runs[0], console)
    else:
        print_many(merged.runs, console)
    _sentences("Clocks", _clock_lines(merged), console)
    conflicts = (f"{run.fault}: {one.text}" for run in merged.runs for one in run.conflicts)
    _sentences("Sources that differ", conflicts, console)
    _sentences("In doubt", merged.problems, console)


def print_run(run: Run, console: Console) -> None:
    """Print timeline, instants, costs and verdict of a run, and the cycle."""
    servers = f", {words}" if (words := servers_words(run.servers)) else ""
    host = f" on {run.host}" if run.host else ""
    console.print(Text(_plain(f"Fault {run.fault}{host}{servers}")))
    console.print()
    render(run.profile, console)
    console.print()
    for line in cycle_lines(run.profile, console.width):
        console.print(line, no_wrap=True, overflow="crop")


def print_many(runs: Sequence[Run], console: Console) -> None:
    """Print figures per span, the histogram, the slope, and every run that missed the law."""
    profiles = [run.profile for run in runs]
    counted = verdicts(profiles)
    said = ", ".join(f"{counted[one]} {one.value}" for one in Verdict)
    console.print(Text(f"{len(runs)} runs; the law: {said}"))
    console.print()
    found = samples(profiles)
    console.print(figures_table(figures(found)))
    whole = LAW if LAW in found else TOTAL
    if whole in found:
        console.print()
        console.print(Text(f"How long it took ({whole}):"))
        for line in histogram_lines(histogram(found[whole]), console.width):
            console.print(line)
    console.print()
    fitted = slope(sizes(runs))
    console.print(Text(slope_words(fitted)))
    for run in runs:
        if run.profile.verdict is Verdict.MISSED:
            console.print()
            print_run(run, console)


def print_comparison(one: Comparison, console: Console) -> None:
    """Print both sets side by side, span by span, and what explains the difference."""
    for name, runs, counted in zip(one.names, one.runs, one.verdicts, strict=True):
        said = ", ".join(f"{counted[verdict]} {verdict.value}" for verdict in Verdict)
        console.print(Text(_plain(f"{name}: {runs} runs; the law: {said}")))
    console.print()
    table = _table("Span", "Runs", "First p50", "Second p50", "Difference", "Give or take", "Told")
    for row in one.differences:
        cells = _cells(row)
        style = "bold" if row.telling is Telling.DIFFERENT else ""
        table.add_row(*cells, style=style)
    console.print(table)
    console.print(Text(explanation(one)))


def figures_table(rows: Iterable[Figures]) -> Table:
    """Return count, mean, p50, p95, p99 and max per span, in milliseconds."""
    table = _table("Span", "Runs", "Mean", "p50", "p95", "p99", "Max")
    for row in rows:
        values = (row.mean, row.p50, row.p95, row.p99, row.max)
        table.add_row(row.name, str(row.count), *(_number(value) for value in values))
    return table


def histogram_lines(bins: Sequence[Bin], width: int) -> list[Text]:
    """Return a bar for each bin, scaled to the width; a bin with any run has a sign at least."""
    most = max((one.count for one in bins), default=0)
    names = [_edges(one) for one in bins]
    wide = max(map(len, names), default=0)
    cells = max(width, _NARROWEST) - wide - 12
    lines = []
    for one, name in zip(bins, names, strict=True):
        bar = "#" * max(min(one.count, 1), one.count * cells // most)
        lines.append(Text(f"{name:>{wide}} {one.count:>7} {bar}".rstrip()))
    return lines


def cycle_lines(result: Profile, width: int) -> list[Text]:
    """Return the cycle's lanes at scale, a row for each, with what each took (S55-S57)."""
    stretches = cycle(result)
    ends = [end for one in stretches for end in (one.begin_ms, one.end_ms) if end is not None]
    if not ends:
        return []
    low, high = min(ends), max(ends)
    cells = max(width, _NARROWEST) - _NAMES - 18
    scale = (cells - 1) / (high - low) if high > low else 0.0
    lines = [Text("Cycle")]
    for one in stretches:
        row = [" "] * cells
        sign = "=" if one.lane.name in {"doctor", "fault management"} else "-"
        if one.begin_ms is not None and one.end_ms is not None:
            places = sorted(round((at - low) * scale) for at in (one.begin_ms, one.end_ms))
            row[places[0] : places[1] + 1] = sign * (places[1] - places[0] + 1)
        for at in (one.begin_ms, one.end_ms):
            if at is not None:
                row[round((at - low) * scale)] = "|"
        took = "unknown" if one.ms is None else f"{_number(one.ms)} ms"
        style = "yellow" if one.ms is None else ""
        lines.append(Text(f"{one.lane.name:<{_NAMES}}{''.join(row)} {took:>16}", style=style))
    return lines


def _clock_lines(merged: Merged) -> Iterable[str]:
    for machine, offset in sorted(merged.clocks.offsets.items()):
        error = f"give or take {offset.error_ns / 1e6:,.3f}, by {offset.pairs} exchanges"
        ahead = f"{offset.ns / 1e6:+,.3f} ms"
        yield f"{machine} against {merged.clocks.reference or 'the others'}: {ahead}, {error}"


def _sentences(title: str, lines: Iterable[str], console: Console) -> None:
    told = list(lines)
    if told:
        console.print()
        console.print(Text(f"{title}:"))
        for line in told:
            console.print(Text(f"  {_plain(line)}", style="yellow"))


def _table(*headings: str) -> Table:
    table = Table(box=box.ASCII_DOUBLE_HEAD)
    for place, heading in enumerate(headings):
        left = place == 0 or heading == "Told"
        table.add_column(heading, justify="left" if left else "right", overflow="fold")
    return table


def _cells(row: Difference) -> tuple[str, ...]:
    counts = f"{row.first_count}, {row.second_count}"
    change = "-" if row.ms is None else f"{row.ms:+,.3f}"
    values = (_known(row.first_p50), _known(row.second_p50), change, _known(row.give_or_take))
    return (row.name, counts, *values, TOLD[row.telling])


def _edges(one: Bin) -> str:
    if math.isinf(one.low):
        return "below 0 ms"
    return f"{one.low:g} to {one.high:g} ms"


def _known(value: float | None) -> str:
    return "-" if value is None else _number(value)


def _number(value: float) -> str:
    return f"{value:,.3f}"


def _plain(text: str) -> str:
    """Names are somebody else's text: they do not get to steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
