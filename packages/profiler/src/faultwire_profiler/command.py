"""`faultwire-profile`, which the server's command has as `faultwire profile`.

Where every millisecond went, from files of any source; no server is asked.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from faultwire_profiler import Profile
    from faultwire_profiler.database import StoredProfiles
    from faultwire_profiler.merging import Merged, Run
    from faultwire_profiler.reading import Source
    from faultwire_profiler.rules import Log

SET_COLUMNS = (
    ("label", "Label"),
    ("runs", "Runs"),
    ("missed", "Missed"),
    ("law_ms_mean", "Law, Mean ms"),
    ("law_ms_max", "Law, Max ms"),
    ("last_stored_at", "Last Stored"),
)
_EXAMPLES = Path(__file__).with_name("examples")
_FORMATS = ("text", "json", "doctor", "html")


@click.command()
@click.argument("files", nargs=-1, metavar="[HOST=]FILE|@LABEL...")
@click.option("--rules", metavar="FILE", help="Rules for logs of your own (YAML).")
@click.option("--zone", default="UTC", show_default=True, help="Of logs whose rules name none.")
@click.option("--fault", help="This fault only.")
@click.option(
    "--gap",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="Seconds of silence that end a run whose fault has no id.",
)
@click.option("--compare", multiple=True, metavar="[HOST=]FILE", help="The other set of runs.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--example", is_flag=True, help="Profile the logs that come with the profiler.")
@click.option("--database", metavar="URL", help="Holds sets of runs: @LABEL instead of a FILE.")
@click.option("--store", metavar="LABEL", help="Store the runs in the database, too.")
def profile(  # noqa: PLR0913  options
    *,
    files: tuple[str, ...],
    rules: str | None,
    zone: str,
    fault: str | None,
    gap: float,
    compare: tuple[str, ...],
    form: str,
    example: bool,
    database: str | None,
    store: str | None,
) -> None:
    """Profile faults from FILEs: logs, OTLP spans, timelines and profiles as JSON.

    A file may be packed with gzip. HOST names the machine by whose clock it was written. Exit
    status 1 where no run is found.
    """
    if store is not None and database is None:
        raise click.UsageError("--store needs --database")
    if example:
        files, rules = (*_examples(), *files), rules or str(_EXAMPLES / "inspector.yaml")
    if not files:
        raise click.UsageError("Missing argument: a FILE, or --example")
    layers = _rules(rules, zone)
    sides = [
        _only(_merged(named, layers, database, gap), fault)
        for named in ((files, compare) if compare else (files,))
    ]
    if store is not None and database is not None:
        _store(sides[0], database, store)
    _show(sides, (files[0], compare[0] if compare else ""), form)
    if not all(side.runs for side in sides):
        raise click.ClickException("no run was found")


def _examples() -> tuple[str, ...]:
    return tuple(str(path) for path in sorted(_EXAMPLES.glob("*.log")))


def _rules(path: str | None, zone: str) -> "tuple[tuple[Log, ...], tuple[Log, ...]]":
    from faultwire_profiler import times
    from faultwire_profiler.rules import RuleError, read_rules, shipped

    try:
        times.zone(zone)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--zone") from None
    try:
        text = Path(path).read_text(encoding="utf-8") if path else ""
        return read_rules(text, path, zone) if path else (), shipped(zone)
    except RuleError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{path}: must be UTF-8") from None


def _merged(
    named: tuple[str, ...],
    layers: "tuple[tuple[Log, ...], ...]",
    database: str | None,
    gap: float,
) -> "Merged":
    """Read files, and sets of the database where a name begins with @."""
    from faultwire_profiler.documents import read_document
    from faultwire_profiler.merging import merge
    from faultwire_profiler.reading import read

    labels = [one[1:] for one in named if database is not None and one.startswith("@")]
    paths = [one for one in named if database is None or not one.startswith("@")]
    try:
        evidence = read([_source(one) for one in paths], *layers)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    if database is not None and labels:
        with _opened(database) as profiles:
            for label in labels:
                for place, run in enumerate(profiles.runs(label)):
                    named_run = run | {"id": f"{run['id']} @{label}#{place + 1}"}
                    evidence.merge(read_document({"runs": [named_run]}, f"@{label}"))
    return merge(evidence, round(gap * 1e9))


def _store(side: "Merged", database: str, label: str) -> None:
    from faultwire_profiler.collection import merged_to_json

    with _opened(database) as profiles:
        count = profiles.add(label, merged_to_json(side)["runs"], time.time_ns())
    click.echo(f"{count} runs stored as {label}", err=True)


@contextmanager
def _opened(database: str) -> "Iterator[StoredProfiles]":
    """Open the database of profiles; its errors are the command's."""
    try:
        from faultwire_profiler.database import DatabaseError, StoredProfiles
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"--database needs {error.name}: pip install faultwire-profiler[database]"
        ) from None

    try:
        profiles = StoredProfiles(database)
        try:
            yield profiles
        finally:
            profiles.close()
    except DatabaseError as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.argument("database", metavar="URL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def profile_list(*, database: str, as_json: bool) -> None:
    """List the sets of runs that a database holds, by label."""
    with _opened(database) as profiles:
        found = profiles.labels()
    rows = [
        {
            "label": one.label,
            "runs": one.runs,
            "missed": one.missed,
            "law_ms_mean": None if one.law_ms_mean is None else round(one.law_ms_mean, 3),
            "law_ms_max": one.law_ms_max,
            "last_stored_at": _to_the_second(one.last_ns),
        }
        for one in found
    ]
    _print_rows(rows, as_json=as_json)


def _to_the_second(wall_ns: int) -> str:
    return f"{datetime.fromtimestamp(wall_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S}Z"


def _print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if as_json:
        print_json(list(rows))
        return
    shown = Table(box=box.SIMPLE_HEAD)
    for _, heading in SET_COLUMNS:
        shown.add_column(heading, overflow="fold")
    for row in rows:
        cells = ("" if row[key] is None else str(row[key]) for key, _ in SET_COLUMNS)
        shown.add_row(*("".join(c if c.isprintable() else "?" for c in cell) for cell in cells))
    Console(highlight=False, markup=False).print(shown)


def print_json(value: object) -> None:
    """Print a value as indented JSON on standard output."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


def _source(named: str) -> "Source":
    """Take HOST=FILE apart, unless a file has that very name."""
    from faultwire_profiler.reading import Source

    host, sign, rest = named.partition("=")
    if sign and host and "/" not in host and not Path(named).exists():
        return Source(Path(rest), host)
    return Source(Path(named))


def _only(merged: "Merged", fault: str | None) -> "Merged":
    from dataclasses import replace

    if fault is None:
        return merged
    return replace(merged, runs=tuple(run for run in merged.runs if run.fault == fault))


def _show(sides: "list[Merged]", names: tuple[str, str], form: str) -> None:
    if form == "text":
        _text(sides, names)
    elif form == "json":
        _json(sides, names)
    elif form == "html":
        _html(sides, names)
    else:
        _doctor(sides)


def _text(sides: "list[Merged]", names: tuple[str, str]) -> None:
    from rich.console import Console

    from faultwire_profiler.comparing import compare
    from faultwire_profiler.console import print_comparison, print_merged

    console = Console(highlight=False)
    if len(sides) == 1:
        print_merged(sides[0], console)
        return
    print_comparison(compare(_profiles(sides[0]), _profiles(sides[1]), names), console)
    for side in sides:
        for line in side.problems:
            console.print(line, markup=False, style="yellow")


def _json(sides: "list[Merged]", names: tuple[str, str]) -> None:
    from faultwire_profiler.collection import comparison_to_json, merged_to_json
    from faultwire_profiler.comparing import compare

    if len(sides) == 1:
        print_json(merged_to_json(sides[0]))
        return
    one = compare(_profiles(sides[0]), _profiles(sides[1]), names)
    print_json(comparison_to_json(one) | {"sets": [merged_to_json(side) for side in sides]})


def _html(sides: "list[Merged]", names: tuple[str, str]) -> None:
    from faultwire_profiler.comparing import compare
    from faultwire_profiler.page import report

    one = None
    if len(sides) == 2:
        one = compare(_profiles(sides[0]), _profiles(sides[1]), names)
    click.echo(report(sides[0], f"Profile of {Path(names[0]).name}", one), nl=False)


def _doctor(sides: "list[Merged]") -> None:
    from faultwire_profiler.doctor import doctor_output

    runs: list[Run] = [run for side in sides for run in side.runs]
    if len(runs) > 1:
        names = ", ".join(run.fault for run in runs[:5])
        raise click.UsageError(f"Doctor's format holds one run; choose by --fault: {names}")
    for run in runs:
        print_json(doctor_output(run.profile))


def _profiles(side: "Merged") -> "list[Profile]":
    return [run.profile for run in side.runs]
