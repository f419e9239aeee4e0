"""What the commands share: the cloud's option, tables or JSON, errors as exit status 1."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
import orjson

from faultwire.client import ClientError, Session

F = TypeVar("F", bound=Callable[..., Any])

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
    rows: Sequence[Mapping[str, Any]], columns: Columns, *, as_json: bool, title: str = ""
) -> None:
    """Print records as a table of the given columns, or all their fields as a JSON list."""
    if as_json:
        print_json(list(rows))
        return
    from rich import box, console, table

    shown = table.Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for _, heading in columns:
        shown.add_column(heading, overflow="fold")
    for row in rows:
        shown.add_row(*(_cell(row.get(key)) for key, _ in columns))
    console.Console(highlight=False, markup=False).print(shown)


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
