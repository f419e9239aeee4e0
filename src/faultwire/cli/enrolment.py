"""The end of enrolments, on the command line."""

from urllib.parse import quote

import click

from faultwire.cli import output
from faultwire.client import Session


def _revoke(session: Session, what: str, name: str, path: str, *, as_json: bool) -> None:
    session.request("DELETE", "fault", f"/v1/{path}/{quote(name, safe='')}/enrol")
    if as_json:
        output.print_json({"kind": what, "name": name, "enrolled": False})
    else:
        click.echo(f"the credential of {what} {name} is void")


@click.command("agent-revoke")
@click.argument("host")
@output.api_command
def agent_revoke(session: Session, host: str, *, as_json: bool) -> None:
    """Make the credential of the agent of HOST void and end its session; no fault comes of it."""
    _revoke(session, "agent", host, "agents", as_json=as_json)


@click.command("guest-revoke")
@click.argument("guest")
@output.api_command
def guest_revoke(session: Session, guest: str, *, as_json: bool) -> None:
    """Make the credential of GUEST void and end its session; no fault comes of it."""
    _revoke(session, "guest", guest, "agents/guests", as_json=as_json)


@click.command("monitor-revoke")
@click.argument("name")
@output.api_command
def monitor_revoke(session: Session, name: str, *, as_json: bool) -> None:
    """Make the credential of monitor NAME void; its votes and its seat are gone."""
    _revoke(session, "monitor", name, "monitors", as_json=as_json)


@click.command("source-revoke")
@click.argument("name")
@output.api_command
def source_revoke(session: Session, name: str, *, as_json: bool) -> None:
    """Make the credential of NAME, a source of alerts, void."""
    _revoke(session, "source", name, "sources", as_json=as_json)
