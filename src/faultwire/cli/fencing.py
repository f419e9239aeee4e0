"""Hosts are fenced on the command line."""

import time
from typing import Any
from urllib.parse import quote

import click

from faultwire.cli.output import api_command, print_fields, print_rows
from faultwire.cli.ranges import Finite
from faultwire.client import ClientError, Session
from faultwire.telemetry.clock import SystemClock

COLUMNS = (
    ("host", "Host"),
    ("wanted", "Wanted"),
    ("state", "State"),
    ("proven", "Proven Off"),
    ("asked_at", "Asked"),
    ("asked_by", "By"),
    ("error", "Error"),
)
LOOK_SECONDS = 0.5


@click.command()
@click.argument("host")
@click.option(
    "--wait",
    type=Finite(0),
    default=90.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the BMC's word.",
)
@api_command
def fence(*, session: Session, as_json: bool, host: str, wait: float) -> None:
    """Switch HOST off by its BMC, and wait for the BMC to say so."""
    _settled(session, _asked(session, host, "fence", {}), wait, as_json=as_json)


@click.command()
@click.argument("host")
@click.option("--record-only", is_flag=True, help="Switch nothing: forget what is known of it.")
@click.option(
    "--wait",
    type=Finite(0),
    default=90.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the BMC's word.",
)
@api_command
def unfence(*, session: Session, as_json: bool, host: str, record_only: bool, wait: float) -> None:
    """Switch HOST on again. What was evacuated from it must not start there."""
    asked = _asked(session, host, "unfence", {"record_only": record_only})
    if asked is None:
        click.echo(f"nothing is known of the power of {host} any more")
        return
    _settled(session, asked, wait, as_json=as_json)


@click.command()
@api_command
def fencing_list(*, session: Session, as_json: bool) -> None:
    """List what is known of hosts' power, and what is being done about it."""
    found = session.get("fault", "/v1/fencings")["fencings"]
    print_rows(found, COLUMNS, as_json=as_json, spare=("asked_at", "asked_by", "error"))


def _asked(session: Session, host: str, verb: str, body: dict[str, Any]) -> dict[str, Any] | None:
    path = f"/v1/hosts/{quote(host, safe='')}/{verb}"
    found: dict[str, Any] | None = session.request("POST", "fault", path, body=body)["fencing"]
    return found


def _settled(
    session: Session, asked: dict[str, Any] | None, wait: float, *, as_json: bool
) -> None:
    """Show a record once it is settled, or as it is when the wait is over."""
    clock = SystemClock()
    until = clock.mono_ns() + int(wait * 1e9)
    shown = asked or {}
    while shown["state"] == "wanted" and clock.mono_ns() < until:
        time.sleep(LOOK_SECONDS)  # noqa: TID251  nothing else runs in this process
        rows = session.get("fault", "/v1/fencings")["fencings"]
        shown = next((row for row in rows if row["host"] == shown["host"]), shown)
    print_fields(shown, as_json=as_json)
    if shown["state"] == "failed":
        raise ClientError(f"no proof of power-{shown['wanted']}: {shown['error']}")
    if shown["state"] == "wanted":
        raise ClientError(f"power-{shown['wanted']} is not confirmed yet: {shown['error'] or ''}")
