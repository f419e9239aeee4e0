"""Services and hosts on the command line, with the verbs of the old `nova` shell (D14)."""

from typing import Any
from urllib.parse import quote

import click

from faultwire.cli.output import api_command, print_fields, print_rows
from faultwire.client import Session

VERSION_HEADER = "X-OpenStack-Nova-API-Version"
LISTED, FORCED_DOWN, HOSTS = "2.53", "2.11", "2.42"
"""Versions in which each call has its shape."""

SWITCH = click.Choice(["enable", "disable"])
COLUMNS = (
    ("id", "ID"),
    ("binary", "Binary"),
    ("host", "Host"),
    ("zone", "Zone"),
    ("status", "Status"),
    ("state", "State"),
    ("updated_at", "Updated At"),
    ("disabled_reason", "Disabled Reason"),
    ("forced_down", "Forced Down"),
)
SPARE = ("zone", "updated_at", "binary", "disabled_reason", "id")


@click.command()
@click.option("--host", metavar="NAME", help="Of this host alone.")
@click.option("--binary", metavar="NAME", help="Of this name; there is nova-compute.")
@api_command
def service_list(*, session: Session, as_json: bool, host: str | None, binary: str | None) -> None:
    """List the services of hosts: up or down, enabled or not, forced down or not."""
    params = {key: value for key, value in (("host", host), ("binary", binary)) if value}
    answer = session.request("GET", "compute", "/os-services", params=params, headers=_at(LISTED))
    print_rows(answer["services"], COLUMNS, as_json=as_json, spare=SPARE)


@click.command()
@click.option("--unset", is_flag=True, help="Take a force-down back.")
@click.argument("host")
@click.argument("binary", default="nova-compute")
@api_command
def service_force_down(
    *, session: Session, as_json: bool, unset: bool, host: str, binary: str
) -> None:
    """Force the service of a host down, whatever the host reports, or take that back.

    The host must be fenced first: its servers may be evacuated from now on (S174).
    """
    body = {"host": host, "binary": binary, "forced_down": not unset}
    path, at = "/os-services/force-down", _at(FORCED_DOWN)
    answer = session.request("PUT", "compute", path, body=body, headers=at)
    print_fields(answer["service"], as_json=as_json)


@click.command()
@click.option("--status", type=SWITCH, help="Enable or disable the service of the host.")
@click.option("--maintenance", type=SWITCH, help="Begin or end the maintenance of the host.")
@click.option(
    "--report-host-down/--no-report-host-down",
    "--down/--no-down",
    "down",
    default=None,
    help="Report the host down: its servers are stopped; or take the report back.",
)
@click.argument("host")
@api_command
def host_update(
    *,
    session: Session,
    as_json: bool,
    status: str | None,
    maintenance: str | None,
    down: bool | None,
    host: str,
) -> None:
    """Change a host; what no option names stays as it is."""
    asked: dict[str, Any] = {
        "status": status,
        "maintenance_mode": maintenance,
        "host_down_reported": None if down is None else str(down).lower(),
    }
    asked = {key: value for key, value in asked.items() if value is not None}
    if not asked:
        raise click.UsageError("give --status, --maintenance or --report-host-down")
    # The draft's own form, where its own key is in it; upstream's otherwise.
    body = asked if down is None else {"host": asked}
    path = f"/os-hosts/{quote(host, safe='')}"
    answer = session.request("PUT", "compute", path, body=body, headers=_at(HOSTS))
    print_fields(answer if down is None else answer["host"], as_json=as_json)


def _at(version: str) -> dict[str, str]:
    return {VERSION_HEADER: version, "OpenStack-API-Version": f"compute {version}"}
