"""Subscriptions on the command line."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import click

from faultwire.cli.output import api_command, print_fields, print_rows, to_the_second
from faultwire.client import Session

PATH = "/v2/subscriptions"
KINDS = ("server", "port", "guest", "host")
SEVERITIES = ("critical", "major", "minor", "warning", "indeterminate")
COLUMNS = (
    ("subscription_id", "ID"),
    ("name", "Name"),
    ("callback", "Callback"),
    ("told", "Troubles"),
    ("created_at", "Since"),
)
SPARE = ("created_at", "name")


@click.command()
@click.argument("callback")
@click.option("--name", help="Name of its alarms.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Repeatable.")
@click.option(
    "--severity", "severities", multiple=True, type=click.Choice(SEVERITIES), help="Repeatable."
)
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Servers that have it.")
@click.option("--event-type", "event_types", multiple=True, metavar="TYPE", help="Repeatable.")
@click.option("--project", "project_id", metavar="ID", help="Of this project; administrators.")
@api_command
def subscription_create(
    *, session: Session, as_json: bool, callback: str, metadata: Iterable[str], **given: Any
) -> None:
    """Have CALLBACK told of everything that a project has, the present troubles at once.

    CALLBACK is an http or https URL. It is tested first: it must answer a signed POST with 2xx.
    """
    wanted = {
        "resource_kinds": list(given["kinds"]),
        "severities": list(given["severities"]),
        "event_types": list(given["event_types"]),
        "metadata": dict(map(_pair, metadata)),
    }
    body: dict[str, Any] = {"callback": callback, "name": given["name"], "filter": wanted}
    if given["project_id"] is not None:
        body["project_id"] = given["project_id"]
    made = session.request("POST", "alarming", PATH, body=body)
    print_fields(made, as_json=as_json)


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="How many at most.",
)
@click.option("--marker", metavar="ID", help="Go on after this one, the last one shown.")
@click.option("--project", "project_id", metavar="ID", help="Of this project; administrators.")
@click.option("--all-projects", is_flag=True, help="Of every project; administrators.")
@api_command
def subscription_list(
    *, session: Session, as_json: bool, all_projects: bool, **filters: Any
) -> None:
    """List subscriptions, newest first, each with how many troubles it knows of now."""
    if all_projects and filters["project_id"] is not None:
        raise click.UsageError("--project and --all-projects exclude each other")
    params = {key: value for key, value in filters.items() if value is not None}
    if all_projects:
        params["all_projects"] = "true"
    rows = session.get("alarming", PATH, params)["subscriptions"]
    if not as_json:
        rows = [{**row, "created_at": to_the_second(row["created_at"])} for row in rows]
    print_rows(rows, COLUMNS, as_json=as_json, spare=SPARE)


@click.command()
@click.argument("subscription")
@api_command
def subscription_delete(*, session: Session, as_json: bool, subscription: str) -> None:
    """Delete SUBSCRIPTION; what is owed already still goes out."""
    del as_json
    session.request("DELETE", "alarming", f"{PATH}/{quote(subscription, safe='')}")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.UsageError(f"--metadata {text}: must be KEY=VALUE")
    return key, value
