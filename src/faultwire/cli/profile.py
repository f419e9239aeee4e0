"""`faultwire profile`: where every millisecond went, from files of any source."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from faultwire.cli.output import api_command, print_json
from faultwire.client import Session

if TYPE_CHECKING:
    from faultwire.profiler import Profile
    from faultwire.profiler.merging import Merged, Run
    from faultwire.profiler.reading import Source
    from faultwire.profiler.rules import Log
    from faultwire.store.profiles import StoredProfiles

SET_COLUMNS = (
    ("label", "Label"),
    ("runs", "Runs"),
    ("missed", "Missed"),
    ("law_ms_mean", "Law, Mean ms"),
    ("law_ms_max", "Law, Max ms"),
    ("last_stored_at", "Last Stored"),
)
_FORMATS = ("text", "json", "doctor", "html")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="[HOST=]FILE|@LABEL...")
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
    database: str | None,
    store: str | None,
) -> None:
    """Profile faults from FILEs: logs, OTLP spans, timelines and profiles as JSON.

    A file may be packed with gzip. HOST names the machine by whose clock it was written. Exit
    status 1 where no run is found.
    """
    if store is not None and database is None:
        raise click.UsageError("--store needs --database")
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


def _rules(path: str | None, zone: str) -> "tuple[tuple[Log, ...], tuple[Log, ...]]":
    from faultwire.profiler import times
    from faultwire.profiler.rules import RuleError, read_rules, shipped

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
    from faultwire.profiler.documents import read_document
    from faultwire.profiler.merging import merge
    from faultwire.profiler.reading import read

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
    from faultwire.profiler.collection import merged_to_json
    from faultwire.telemetry.clock import SystemClock

    with _opened(database) as profiles:
        count = profiles.add(label, merged_to_json(side)["runs"], SystemClock().wall_ns())
    click.echo(f"{count} runs stored as {label}", err=True)


@contextmanager
def _opened(database: str) -> "Iterator[StoredProfiles]":
    """Open the database of profiles; its errors are the command's."""
    from faultwire.domain.errors import FaultwireError
    from faultwire.store.profiles import StoredProfiles

    try:
        profiles = StoredProfiles(database)
        try:
            yield profiles
        finally:
            profiles.close()
    except FaultwireError as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.argument("database", metavar="URL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def profile_list(*, database: str, as_json: bool) -> None:
    """List the sets of runs that a database holds, by label."""
    from faultwire.cli.output import print_rows, to_the_second
    from faultwire.domain.instants import rfc3339

    with _opened(database) as profiles:
        found = profiles.labels()
    rows = [
        {
            "label": one.label,
            "runs": one.runs,
            "missed": one.missed,
            "law_ms_mean": None if one.law_ms_mean is None else round(one.law_ms_mean, 3),
            "law_ms_max": one.law_ms_max,
            "last_stored_at": to_the_second(rfc3339(one.last_ns)),
        }
        for one in found
    ]
    print_rows(rows, SET_COLUMNS, as_json=as_json)


@click.command()
@click.argument("faults", nargs=-1, metavar="[FAULT]...")
@click.option("--host", help="Without FAULT: faults of this host only.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@api_command
def profile_export(
    *, faults: tuple[str, ...], host: str | None, limit: int, session: Session, as_json: bool
) -> None:
    """Print the timelines of FAULTs, or of the newest, as JSON for `faultwire profile`."""
    del as_json  # it always is
    ids = faults
    if not ids:
        params: dict[str, str | int | bool] = {"limit": limit} | ({"host": host} if host else {})
        ids = tuple(one["id"] for one in session.get("fault", "/v1/faults", params)["faults"])
    runs = []
    for one in ids:
        whole = session.get("fault", f"/v1/faults/{quote(one, safe='')}")["fault"]
        kept = ("id", "type", "host", "plan", "timeline")
        runs.append({key: whole.get(key) for key in kept})
    print_json({"faults": runs})


def _source(named: str) -> "Source":
    """Take HOST=FILE apart, unless a file has that very name."""
    from faultwire.profiler.reading import Source

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

    from faultwire.profiler.comparing import compare
    from faultwire.profiler.console import print_comparison, print_merged

    console = Console(highlight=False)
    if len(sides) == 1:
        print_merged(sides[0], console)
        return
    print_comparison(compare(_profiles(sides[0]), _profiles(sides[1]), names), console)
    for side in sides:
        for line in side.problems:
            console.print(line, markup=False, style="yellow")


def _json(sides: "list[Merged]", names: tuple[str, str]) -> None:
    from faultwire.profiler.collection import comparison_to_json, merged_to_json
    from faultwire.profiler.comparing import compare

    if len(sides) == 1:
        print_json(merged_to_json(sides[0]))
        return
    one = compare(_profiles(sides[0]), _profiles(sides[1]), names)
    print_json(comparison_to_json(one) | {"sets": [merged_to_json(side) for side in sides]})


def _html(sides: "list[Merged]", names: tuple[str, str]) -> None:
    from faultwire.profiler.comparing import compare
    from faultwire.profiler.page import report

    one = None
    if len(sides) == 2:
        one = compare(_profiles(sides[0]), _profiles(sides[1]), names)
    click.echo(report(sides[0], f"Profile of {names[0]}", one), nl=False)


def _doctor(sides: "list[Merged]") -> None:
    from faultwire.profiler.doctor import doctor_output

    runs: list[Run] = [run for side in sides for run in side.runs]
    if len(runs) > 1:
        names = ", ".join(run.fault for run in runs[:5])
        raise click.UsageError(f"Doctor's format holds one run; choose by --fault: {names}")
    for run in runs:
        print_json(doctor_output(run.profile))


def _profiles(side: "Merged") -> "list[Profile]":
    return [run.profile for run in side.runs]
