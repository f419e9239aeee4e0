"""A profile on the console: the seed's timeline and its table (S69-S72, S76)."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from faultwire.profiler.checkpoints import CHECKPOINTS
from faultwire.profiler.marks import Mark
from faultwire.profiler.profile import LAW_MS, Profile, Verdict

COLOURS = {
    "monitor": "cyan",
    "inspector": "magenta",
    "controller": "blue",
    "notifier": "yellow",
    "evaluator": "green",
    "delivery": "red",
    "consumer": "white",
}
_MARGIN = 14
_WIDEST = 120


def render(result: Profile, console: Console) -> None:
    """Print timeline, instants, table and verdict, scaled to the console's width."""
    for line in timeline(result, min(console.width, _WIDEST)):
        console.print(line)
    console.print()
    console.print(instants(result))
    console.print()
    console.print(components(result))
    console.print(verdict_line(result))


def timeline(result: Profile, width: int) -> list[Text]:
    """Return the timeline: a line of instants, and a lane for each owner under it."""
    marks = sorted(result.marks, key=lambda mark: (result.offset_ms(mark.last), mark.point))
    if not marks:
        return [Text("no checkpoint is known")]
    end = max(result.offset_ms(mark.last) for mark in marks)
    cells = max(20, width - _MARGIN - 5)

    def column(mark: Mark) -> int:
        return 0 if end <= 0 else round(result.offset_ms(mark.last) / end * (cells - 1))

    axis = ["-"] * cells
    rows = [[" "] * cells]
    for mark in marks:
        place = column(mark)
        axis[place] = "+"
        number = str(int(mark.point[1:]))
        for row in rows:
            if all(cell == " " for cell in row[place : place + len(number)]):
                break
        else:
            row = [" "] * cells
            rows.append(row)
        row[place : place + len(number)] = number[: cells - place]
    lines = [Text(" " * _MARGIN + "".join(row).rstrip()) for row in reversed(rows)]
    lines.append(Text("start".rjust(_MARGIN - 1) + " " + "".join(axis) + " end"))
    columns = {mark.point: column(mark) for mark in marks}
    for owner, colour in COLOURS.items():
        lane = [" "] * cells
        for span in result.spans:
            if span.owner == owner and span.ms >= 0:
                left, right = columns[span.begin], columns[span.end]
                lane[left : right + 1] = "=" * (right + 1 - left)
        if "=" in lane:
            text = owner.rjust(_MARGIN - 1) + " " + "".join(lane).rstrip()
            lines.append(Text(text, style=colour))
    return lines


def instants(result: Profile) -> Table:
    """Return the instants 0..10 with the owner of each span; unknown ones are named as such."""
    table = Table(title="Instants", title_justify="left", box=None)
    for heading, justify in (
        ("", "right"),
        ("instant", "left"),
        ("owner", "left"),
        ("first ms", "right"),
        ("last ms", "right"),
        ("count", "right"),
        ("span ms", "right"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    ends = {span.end: span for span in result.spans}
    for point in CHECKPOINTS:
        mark = result.mark(point.key)
        if mark is None:
            table.add_row(str(point.number), point.name, point.owner, "unknown", "", "", "")
            continue
        span = ends.get(point.key)
        bound = "<= " if mark.upper_bound else ""
        table.add_row(
            str(point.number),
            point.name,
            point.owner,
            f"{result.offset_ms(mark.first):.3f}",
            f"{bound}{result.offset_ms(mark.last):.3f}",
            str(mark.count),
            "" if span is None else f"{span.ms:.3f}",
        )
    return table


def components(result: Profile) -> Table:
    """Return the table Component | Time Cost | Percentage, most costly first (S71, S72)."""
    where = f"{result.total_from or 'T01'}..T09"
    known = "not known" if result.total_ms is None else f"{result.total_ms:.3f} ms"
    table = Table(title=f"{where}: {known}", title_justify="left")
    table.add_column("Component")
    table.add_column("Time Cost", justify="right")
    table.add_column("Percentage", justify="right")
    for share in result.shares:
        table.add_row(share.component, f"{share.ms:.3f} ms", f"{share.percent} %")
    return table


def verdict_line(result: Profile) -> Text:
    """Return the verdict on the law, with its own figure beside occurred to detected (D2)."""
    if result.law_ms is None:
        return Text("law: unknown, detected or received is not known", style="yellow")
    kept = result.verdict is Verdict.MET
    text = f"law: detected to received {result.law_ms:.3f} ms of {LAW_MS:.0f} ms: {result.verdict}"
    if result.detection_ms is not None:
        text += f"; occurred to detected {result.detection_ms:.3f} ms"
    return Text(text, style="bold green" if kept else "bold red")
