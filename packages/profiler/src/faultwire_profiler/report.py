"""A profile on the console: timeline, instants, table and verdict (S69-S72, S76).

The only module of this package that needs rich. Everything is plain ASCII, so that it reads the
same on a serial console and in a log.
"""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from faultwire_profiler.checkpoints import BY_KEY, CHECKPOINTS, CONSUMER, OWNERS, Checkpoint
from faultwire_profiler.profile import LAW_MS, Profile, Span, Verdict

COLOURS = {
    "monitor": "cyan",
    "inspector": "magenta",
    "controller": "blue",
    "notifier": "yellow",
    "evaluator": "green",
    "delivery": "red",
    "consumer": "bright_black",
}
VERDICT_STYLES = {
    Verdict.MET: "bold green",
    Verdict.MISSED: "bold red",
    Verdict.UNKNOWN: "bold yellow",
}
_MARGIN = 12
_NARROWEST = 40


def render(result: Profile, console: Console) -> None:
    """Print timeline, instants, table and verdict, scaled to the console's width.

    Where the detection takes most of the timeline, the part from T01 is drawn once more.
    """
    for begin in (None, "T01") if _squeezed(result) else (None,):
        for line in timeline(result, console.width, begin):
            console.print(line, no_wrap=True, overflow="crop")
        console.print()
    if result.gaps:
        names = ", ".join(_title(BY_KEY[key]) for key in result.gaps)
        console.print(Text(f"Unknown: {names}", style="yellow"))
        console.print()
    console.print(instants(result))
    console.print()
    console.print(Text(_heading(result)))
    console.print(components(result))
    for said in verdict_lines(result):
        console.print(said)


def timeline(result: Profile, width: int, begin: str | None = None) -> list[Text]:
    """Return the timeline at scale: the instants' numbers on a line, a lane per owner below.

    It begins with the first checkpoint, or with the one that `begin` names. A number stands where
    its checkpoint was last passed, or beside it where others stand; the row of ``+`` is exact.
    """
    keys = [point.key for point in result.points]
    points = result.points[keys.index(begin) if begin in keys else 0 :]
    if not points:
        return [Text("No checkpoint is known.")]
    cells = max(width, _NARROWEST) - _MARGIN - 1
    low = min(point.last_ms for point in points)
    extent = max(point.last_ms for point in points) - low
    scale = (cells - 1) / extent if extent else 0.0
    columns = {point.key: round((point.last_ms - low) * scale) for point in points}
    step = f"{_ms(1 / scale)} to a column" if scale else "all at once"
    ticks = ["+" if column in columns.values() else " " for column in range(cells)]
    lines = [
        Text(f"Timeline from {points[0].key} to {points[-1].key}: {_ms(extent)}, {step}"),
        Text(" " * _MARGIN + "start" + "end".rjust(cells - 4)),
        Text(" " * _MARGIN + _axis(columns, cells) + ">"),
        Text(" " * _MARGIN + "".join(ticks).rstrip()),
    ]
    for owner in OWNERS:
        own = [s for s in result.spans if s.owner == owner and {s.begin, s.end} <= set(columns)]
        if own:
            lane = _lane(own, columns, cells)
            lines.append(Text(owner.ljust(_MARGIN) + lane, style=COLOURS[owner]))
    return lines


def _squeezed(result: Profile) -> bool:
    """Whether what follows the detection has less than half of the line."""
    if result.occurred_ms is None or result.points[-1].key == "T01":
        return False
    offsets = [point.last_ms for point in result.points]
    after = offsets[1:]
    return 2 * (max(after) - min(after)) < max(offsets) - min(offsets)


def _axis(columns: dict[str, int], cells: int) -> str:
    """Write the numbers on the line, each at its column, those that meet side by side."""
    together: dict[int, list[str]] = {}
    for key, column in columns.items():
        together.setdefault(column, []).append(str(BY_KEY[key].number))
    labels = [(column, ",".join(numbers)) for column, numbers in sorted(together.items())]
    places: list[int] = []
    free = 0
    for column, label in labels:
        places.append(max(column, free))
        free = places[-1] + len(label) + 1
    limit = cells
    for index in range(len(labels) - 1, -1, -1):
        places[index] = min(places[index], limit - len(labels[index][1]))
        limit = places[index] - 1
    axis = ["-"] * cells
    for place, (_, label) in zip(places, labels, strict=True):
        axis[place : place + len(label)] = label
    return "".join(axis)


def _lane(spans: Iterable[Span], columns: dict[str, int], cells: int) -> str:
    """Draw spans as arrows from where they begin to where they end, backwards if negative."""
    row = [" "] * cells
    for span in spans:
        begin, end = columns[span.begin], columns[span.end]
        left, right = min(begin, end), max(begin, end)
        row[left + 1 : right] = "-" * (right - left - 1)
        if right - left > 1:
            row[end + (1 if end < begin else -1)] = "<" if end < begin else ">"
    for span in spans:
        row[columns[span.begin]] = row[columns[span.end]] = "+"
    return "".join(row).rstrip()


def instants(result: Profile) -> Table:
    """Return the instants 0..10, what is unknown said so, with owner and length of each span.

    A span runs from the checkpoint named under Since, the one that happened before.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for heading in ("#", "Instant", "Owner", "First ms", "Last ms", "Count", "Since", "Span ms"):
        words = heading in {"Instant", "Owner"}
        table.add_column(
            heading, justify="left" if words else "right", no_wrap=not words, overflow="fold"
        )
    spans = {span.end: span for span in result.spans}
    for about in CHECKPOINTS:
        point, span = result.point(about.key), spans.get(about.key)
        cells = [str(about.number), about.name, about.owner or "-"]
        if point is None:
            table.add_row(*cells, "unknown", "unknown", style="yellow")
            continue
        bound = "<= " if point.upper_bound else ""
        cells += [_number(point.first_ms), bound + _number(point.last_ms), str(point.count)]
        if span is not None:
            cells += [str(BY_KEY[span.begin].number), _number(span.ms)]
        table.add_row(*cells, style="red" if span is not None and span.negative else "")
    return table


def components(result: Profile) -> Table:
    """Return the table Component | Time Cost | Percentage, most costly first (S71, S72).

    An owner of whose checkpoints none is known comes last, as unknown.
    """
    table = Table(box=box.ASCII_DOUBLE_HEAD)
    table.add_column("Component", overflow="fold")
    table.add_column("Time Cost", justify="right", overflow="fold")
    table.add_column("Percentage", justify="right", overflow="fold")
    known = {one.owner for one in result.components}
    for one in result.components:
        percent = "-" if one.percent is None else f"{one.percent}%"
        table.add_row(one.owner, _ms(one.ms), percent, style=COLOURS[one.owner])
    for owner in OWNERS:
        if owner not in known and owner != CONSUMER:
            table.add_row(owner, "unknown", "-", style="yellow")
    return table


def _heading(result: Profile) -> str:
    if result.total_from is None:
        return "Components; no total, T00 and T01 are unknown"
    if result.total_ms is None:
        return "Components; no total, T09 is unknown"
    why = "" if result.total_from == "T00" else " (T00 is unknown)"
    most = "at most " if result.upper_bound else ""
    return f"Components of {result.total_from}..T09{why}: {most}{_ms(result.total_ms)}"


def verdict_lines(result: Profile) -> list[Text]:
    """Return the verdict on the law, what is beside the law, and what is in doubt (D2)."""
    words = f"{result.verdict.value}{_why(result)}"
    if result.law_ms is None:
        said = f"Law: {words}"
    else:
        most = "at most " if result.upper_bound else ""
        took = f"{most}{_ms(result.law_ms)} of {LAW_MS:,.0f} ms"
        said = f"Law: detected (T01) to received (T09) in {took}: {words}"
    lines = [Text(said, style=VERDICT_STYLES[result.verdict])]
    if result.occurred_ms is not None:
        lines.append(Text(f"Before it: occurred (T00) to detected {_ms(result.occurred_ms)}"))
    if result.handled_ms is not None:
        lines.append(Text(f"After it: received to handled (T10) {_ms(result.handled_ms)}"))
    lines.extend(Text(_doubt(result, span), style="red") for span in result.spans if span.negative)
    notes = (point for point in result.points if point.note)
    lines.extend(Text(f"{one.key}: {_printable(one.note)}") for one in notes)
    return lines


def _why(result: Profile) -> str:
    if result.verdict is not Verdict.UNKNOWN:
        return ""
    lacking = [key for key in ("T01", "T09") if key in result.gaps]
    if lacking:
        names = " and ".join(_title(BY_KEY[key]) for key in lacking)
        return f", {names} not known"
    if result.law_ms is not None and result.law_ms < 0:
        return ", clocks disagree"
    if result.law_ms is not None and result.law_ms > LAW_MS:
        return ", the consumer did not say when it had the alarm"
    return f", {result.missing} of the alarms that were fired not known to be received"


def _doubt(result: Profile, span: Span) -> str:
    """Say of a negative span why it may be: an effect does not come before its cause."""
    points = {point.key: point for point in result.points}
    begin, end = points[span.begin], points[span.end]
    if begin.upper_bound:
        why = f"{begin.key} is an upper bound"
    elif end.count < begin.count:
        why = f"{end.key} is known for {end.count} of {begin.count}"
    else:
        why = "their clocks disagree"
    return f"Negative: {end.key} is {_ms(-span.ms)} before {begin.key}; {why}"


def _title(about: Checkpoint) -> str:
    return f"{about.number} {about.name}"


def _printable(text: str) -> str:
    """A note is somebody else's text: it does not get to steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _number(ms: float) -> str:
    return f"{ms:,.3f}"


def _ms(ms: float) -> str:
    return f"{_number(ms)} ms"
