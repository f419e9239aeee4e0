"""What the commands share: the cloud's option, tables or JSON, errors as exit status 1."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
import orjson

from faultwire.client import ClientError, Session

F = TypeVar("F", bound=Callable[..., Any])

FOLDED = 40
"""Longer cells may be folded; an id is 36 characters long."""

Columns = Sequence[tuple[str, str]]
"""Key of the record and heading of the column."""


def api_command(command: F) -> F:
    """Give a command ``--os-cloud`` and ``--json``, a `session` and the keyword `as_json`.

    Stands below ``@click.command``. A ClientError ends the command with its message and exit
    status 1; wrong usage is click's own exit status 2.
    """

    @functools.wraps(command)
    def run(*args: Any, os_cloud: str | None, **kwargs: Any) -> Any:
        try:
            return command(*args, session=Session(os_cloud), **kwargs)
        except ClientError as error:
            raise click.ClickException(str(error)) from None

    options = (
        click.option("--os-cloud", metavar="NAME", help="Cloud of clouds.yaml [OS_CLOUD]."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
    )
    for option in options:
        run = option(run)
    return run  # type: ignore[return-value]


def print_json(value: object) -> None:
    """Print a value as indented JSON on standard output."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Columns,
    *,
    as_json: bool,
    title: str = "",
    spare: Sequence[str] = (),
) -> None:
    """Print records as a table of the given columns, or all their fields as a JSON list.

    Where the terminal is too narrow, the columns of the keys in `spare` are left out, the first
    ones first: an id that is broken over two lines cannot be copied.
    """
    if as_json:
        print_json(list(rows))
        return
    from rich import box, console, table

    shown = table.Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    screen = console.Console(highlight=False, markup=False)
    columns = _fitting(rows, columns, spare, screen.width)
    for _, heading in columns:
        shown.add_column(heading, overflow="fold")
    for row in rows:
        shown.add_row(*(_cell(row.get(key)) for key, _ in columns))
    screen.print(shown)


def _fitting(
    rows: Sequence[Mapping[str, Any]], columns: Columns, spare: Sequence[str], width: int
) -> Columns:
    wide = {
        key: 2 + max(len(heading), *(min(len(_cell(row.get(key))), FOLDED) for row in rows), 0)
        for key, heading in columns
    }
    for key in spare:
        if sum(wide.values()) + 2 <= width:
            break
        del wide[key]
    return [column for column in columns if column[0] in wide]


def to_the_second(text: str) -> str:
    """Return a server's time as a person reads it; no more is lost than is shown."""
    return f"{text[:10]} {text[11:19]}Z"


def print_fields(fields: Mapping[str, Any], *, as_json: bool, title: str = "") -> None:
    """Print one record, a field a line, or as a JSON object."""
    if as_json:
        print_json(fields)
        return
    rows = [{"field": key, "value": value} for key, value in fields.items()]
    print_rows(rows, (("field", "Field"), ("value", "Value")), as_json=False, title=title)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    text = orjson.dumps(value).decode() if isinstance(value, Mapping) else str(value)
    # A name that a server gives must not speak to the terminal.
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text)
