"""Histories of faults on the command line: written to a file, decided again by other settings."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import click

from faultwire.cli.output import api_command, print_json, print_rows
from faultwire.client import Session
from faultwire.domain.errors import FaultwireError
from faultwire.domain.instants import rfc3339
from faultwire.telemetry.clock import SystemClock

PAGE = 1000
COLUMNS = (
    ("fault", "Fault"),
    ("type", "Type"),
    ("host", "Host"),
    ("act", "Act"),
    ("recorded", "Recorded"),
    ("replayed", "Replayed"),
)
SPARE = ("type",)
SHOWN = 200
"""Differences that are printed; the others are counted."""


@click.group()
def faults() -> None:
    """Work on all faults at once."""


@faults.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--since", metavar="TIME", help="Opened then or later (ISO 8601).")
@click.option("--host", help="Faults of this host only.")
@api_command
def export(
    *, file: Path, session: Session, as_json: bool, since: str | None, host: str | None
) -> None:
    """Write the inventory and all faults with their records to FILE, for `faultwire replay`.

    FILE is replaced as a whole once everything is in it, and is for your eyes alone.
    """
    from faultwire.app import history

    found: list[dict[str, Any]] = []
    params = {"whole": "true", "limit": str(PAGE)}
    params |= {key: value for key, value in (("since", since), ("host", host)) if value}
    while True:
        page = session.get("fault", "/v1/faults", params)["faults"]
        found += page
        if len(page) < PAGE:
            break
        params["marker"] = page[-1]["id"]
    inventory = session.get("fault", "/v1/inventory")
    at = rfc3339(SystemClock().wall_ns())
    _replace(file, history.written(inventory, reversed(found), at))
    if as_json:
        print_json({"file": str(file), "faults": len(found)})
    else:
        click.echo(f"{len(found)} faults in {file}")


def _replace(file: Path, lines: Any) -> None:
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as out:
            out.writelines(lines)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The settings to decide by; the defaults where it is left out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def replay(*, file: Path, config: Path | None, as_json: bool) -> None:
    """Decide the faults of FILE again by other settings, and print what would differ.

    Nothing is done, stored or told to anybody. Holds, windows and signs of life are as they were
    recorded. Exit status 0 whether anything differs or not.
    """
    from faultwire.app import history
    from faultwire.app.replaying import replay as run
    from faultwire.config import configuration

    clock = SystemClock()
    try:
        settings = configuration.read(config)
        with file.open("rb") as lines:
            recorded = history.read(lines)
        began = clock.mono_ns()
        found = asyncio.run(run(recorded, settings))
    except FaultwireError as error:
        raise click.ClickException(f"{file}: {error}") from None
    seconds = (clock.mono_ns() - began) / 1e9
    rows = [{name: getattr(one, name) for name, _ in COLUMNS} for one in found.differences]
    counts = [
        {"act": act, "recorded": before, "replayed": after, "count": count}
        for (act, before, after), count in sorted(found.acts.items())
    ]
    if as_json:
        whole = {"faults": found.faults, "acts": counts, "differences": rows}
        print_json({**whole, "seconds": round(seconds, 3)})
        return
    headings = (("act", "Act"), ("recorded", "Recorded"), ("replayed", "Replayed"))
    print_rows(counts, (*headings, ("count", "Count")), as_json=False, title="Acts")
    if rows:
        print_rows(rows[:SHOWN], COLUMNS, as_json=False, title="Differences", spare=SPARE)
    more = f", the first {SHOWN} are shown" if len(rows) > SHOWN else ""
    click.echo(f"{found.faults} faults in {seconds:.2f} s, {len(rows)} acts differ{more}")
