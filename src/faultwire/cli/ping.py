"""Which servers answer pings, on the command line."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from faultwire.cli.output import api_command, print_rows, to_the_second
from faultwire.cli.ranges import Finite
from faultwire.client import Session

COLUMNS = (
    ("id", "ID"),
    ("project_id", "Project"),
    ("state", "State"),
    ("rtt_ms", "ms"),
    ("checked", "Checked"),
)
AT_ONCE = 200
"""Ids in one request; short enough for every proxy."""
FRESH_AT_ONCE = 2000
"""Where each request is a sweep, of which there are so many a minute."""
NAMED = 20
"""Servers that do not answer and are named while one watches."""
ALL_ALIVE, SOME_DEAD, SOME_UNKNOWN = 0, 3, 4

Pinged = Mapping[str, Any]


@click.command()
@click.option("--all-projects", is_flag=True, help="Of every project; administrators.")
@click.option("--include", multiple=True, metavar="ID,...", help="Only these; repeatable.")
@click.option("--exclude", multiple=True, metavar="ID,...", help="All but these; repeatable.")
@click.option(
    "--fresh",
    type=click.IntRange(0, 86_400_000),
    metavar="MS",
    help="No answer older than so many milliseconds; 0 pings now.",
)
@click.option("--watch", is_flag=True, help="Look again and again, and tell what changes.")
@click.option(
    "--every",
    type=Finite(0.5, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often --watch looks.",
)
@api_command
def ping(
    *,
    session: Session,
    as_json: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    watch: bool,
    every: float,
    **options: Any,
) -> None:
    """Tell which servers answer pings.

    Exit status 0 only if all of them do; 3 if one is dead; 4 if none is dead and of one nothing
    is known. 1 is an error, as everywhere.
    """
    if include and exclude:
        raise click.UsageError("name servers either with --include or with --exclude")
    asked = Asked(session, _ids(include), _ids(exclude), **options)
    servers = _watched(asked, every) if watch else _once(asked, as_json=as_json)
    states = {one["state"] for one in servers}
    sys.exit(SOME_DEAD if "dead" in states else SOME_UNKNOWN if "unknown" in states else ALL_ALIVE)


def _ids(texts: Sequence[str]) -> list[str]:
    return [one for text in texts for one in text.split(",") if one]


class Asked:
    """What is asked, in requests that are not too long."""

    def __init__(
        self,
        session: Session,
        include: Sequence[str],
        exclude: Sequence[str],
        *,
        all_projects: bool,
        fresh: int | None,
    ) -> None:
        """Take the parameters."""
        self._session = session
        self._params: dict[str, str] = {"all_tenants": "1"} if all_projects else {}
        if fresh is not None:
            self._params["fresh"] = str(fresh)
        if exclude:
            self._params["exclude"] = ",".join(exclude)
        self._include = include
        self._at_once = AT_ONCE if fresh is None else FRESH_AT_ONCE

    @property
    def servers(self) -> int | None:
        """How many are asked for; None where nobody is named."""
        return len(self._include) or None

    def parts(self) -> Iterator[tuple[int, list[Pinged]]]:
        """Give answers, each with how many ids it is about."""
        for begin in range(0, max(1, len(self._include)), self._at_once):
            some = self._include[begin : begin + self._at_once]
            params = {**self._params, "include": ",".join(some)} if some else self._params
            yield len(some), self._session.get("compute", "/os-fping", params)["servers"]


def _once(asked: Asked, *, as_json: bool) -> list[Pinged]:
    from rich.console import Console
    from rich.progress import Progress

    found: list[Pinged] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("pinging", total=asked.servers)
        for count, servers in asked.parts():
            found += servers
            progress.advance(task, count)
    if as_json:
        print_rows(found, COLUMNS, as_json=True)
        return found
    rows = [{**one, "checked": _checked(one)} for one in found]
    print_rows(rows, COLUMNS, as_json=False, spare=("checked", "project_id"))
    click.echo(_summary(found))
    return found


def _checked(one: Pinged) -> str:
    return to_the_second(one["checked_at"]) if one["checked_at"] else "never"


def _summary(servers: Sequence[Pinged]) -> str:
    counts = {name: sum(one["state"] == name for one in servers) for name in ("dead", "unknown")}
    alive = len(servers) - sum(counts.values())
    rest = "".join(f", {count} {name}" for name, count in counts.items() if count)
    return f"{alive} of {len(servers)} alive{rest}"


def _watched(asked: Asked, every: float) -> list[Pinged]:
    """Show a bar of those that answer until interrupted; return what was seen last."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    found: list[Pinged] = []
    known: dict[str, str] = {}
    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(highlight=False, markup=False)) as progress:
        task = progress.add_task("pinging", total=None)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                found = [one for _, servers in asked.parts() for one in servers]
                for line in _changes(known, found):
                    progress.console.print(line)
                alive = sum(bool(one["alive"]) for one in found)
                progress.update(
                    task, total=len(found) or 1, completed=alive, description=_summary(found)
                )
                time.sleep(every)
    return found


def _changes(known: dict[str, str], found: Sequence[Pinged]) -> list[str]:
    """Return lines on what changed, and take it for known; at first, who does not answer."""
    first = not known
    lines = []
    for one in found:
        name, state = str(one["id"]), str(one["state"])
        was = known.get(name)
        if (was != state) if not first else state != "alive":
            shown = name if name.isprintable() else "?"
            lines.append(f"{shown} is {state}" + (f", was {was}" if was else ""))
        known[name] = state
    gone = known.keys() - {str(one["id"]) for one in found}
    for name in gone:
        del known[name]
    more = len(lines) - NAMED
    return lines if more <= 0 else [*lines[:NAMED], f"and {more} more"]
