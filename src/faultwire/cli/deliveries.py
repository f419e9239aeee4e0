"""Deliveries on the command line: what was sent or is owed, and sending it again."""

from typing import Any
from urllib.parse import quote

import click

from faultwire.cli.output import api_command, print_rows, to_the_second
from faultwire.client import ClientError, Session

PATH = "/v2/deliveries"
COLUMNS = (
    ("id", "ID"),
    ("alarm_id", "Alarm"),
    ("state", "State"),
    ("attempt", "Tries"),
    ("outcome", "Outcome"),
    ("created_at", "Owed Since"),
    ("url", "URL"),
)
SPARE = ("url", "alarm_id", "created_at", "attempt", "outcome")
STATES = ("pending", "delivered", "dead", "refused")


@click.command()
@click.option("--state", type=click.Choice(STATES))
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="How many at most.",
)
@click.option("--marker", metavar="DELIVERY", help="Go on after this one, the last one shown.")
@click.option("--project", "project_id", metavar="ID", help="Of this project; administrators.")
@click.option("--all-projects", is_flag=True, help="Of every project; administrators.")
@api_command
def delivery_list(*, session: Session, as_json: bool, all_projects: bool, **filters: Any) -> None:
    """List what was sent or is owed to a project's webhooks, newest first."""
    if all_projects and filters["project_id"]:
        raise click.UsageError("--project and --all-projects exclude each other")
    params = {key: value for key, value in filters.items() if value is not None}
    if all_projects:
        params["all_projects"] = "true"
    rows = session.get("alarming", PATH, params)["deliveries"]
    _print(rows, as_json=as_json)


@click.command()
@click.argument("deliveries", nargs=-1, required=True, metavar="DELIVERY...")
@api_command
def delivery_replay(*, deliveries: tuple[str, ...], session: Session, as_json: bool) -> None:
    """Send again what is over, dead letters above all, under the same ids.

    One that cannot be sent again is named, and does not keep the others from it.
    """
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    for name in deliveries:
        try:
            answer = session.request("POST", "alarming", f"{PATH}/{quote(name, safe='')}/replay")
        except ClientError as error:
            # Without a status nobody answered: the next one would fare no better.
            if error.status is None:
                raise
            failed.append(f"{name}: {error}")
        else:
            rows.append(answer["delivery"])
    if rows or as_json:
        _print(rows, as_json=as_json)
    if failed:
        raise ClientError("\n".join(failed))


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if not as_json:
        rows = [{**row, "created_at": to_the_second(row["created_at"])} for row in rows]
    print_rows(rows, COLUMNS, as_json=as_json, spare=SPARE)
