"""Ports on the command line: Neutron's old verbs and the new ones, for data planes (D14)."""

from typing import Any
from urllib.parse import quote

import click

from faultwire.cli.output import api_command, print_fields, print_rows
from faultwire.client import ClientError, Session

COLUMNS = (
    ("id", "ID"),
    ("name", "Name"),
    ("device_id", "Server"),
    ("binding:host_id", "Host"),
    ("status", "Status"),
    ("data_plane_status", "Data Plane"),
)
STATUSES = ("ACTIVE", "DOWN")


@click.command()
@click.option(
    "--data-plane-status", type=click.Choice(STATUSES), help="Ports of this status only."
)
@click.option("--server", "device_id", metavar="ID", help="Ports of this server only.")
@click.option("--host", metavar="HOST", help="Ports on this host only.")
@click.option("--network", "network_id", metavar="ID", help="Ports of this network only.")
@api_command
def port_list(*, session: Session, as_json: bool, **filters: Any) -> None:
    """List ports, those of every project for an administrator."""
    filters["binding:host_id"] = filters.pop("host")
    params = {key: value for key, value in filters.items() if value is not None}
    rows = session.get("network", "/v2.0/ports", params)["ports"]
    print_rows(rows, COLUMNS, as_json=as_json, spare=("name", "binding:host_id", "status"))


@click.command()
@click.argument("port")
@api_command
def port_show(*, port: str, session: Session, as_json: bool) -> None:
    """Show PORT, an id or a name, with why its data plane is as it is."""
    print_fields(_found(session, port), as_json=as_json)


@click.command()
@click.option(
    "--dp-down",
    type=click.BOOL,
    metavar="True|False",
    help="Whether its data plane is down; left out: no change.",
)
@click.argument("port")
@api_command
def port_update(*, port: str, dp_down: bool | None, session: Session, as_json: bool) -> None:
    """Change PORT, as `neutron port-update` did. An option that is left out changes nothing."""
    _change(session, port, {} if dp_down is None else {"dp_down": dp_down}, as_json=as_json)


@click.group()
def port() -> None:
    """Ports, in the words of the `openstack` command."""


@port.command("set")
@click.option("--dp-down", type=click.BOOL, metavar="True|False", help="Down, or active.")
@click.option("--data-plane-status", type=click.Choice(STATUSES), help="The same by its status.")
@click.option("--reason", help="Why; goes with a status.")
@click.argument("name", metavar="PORT")
@api_command
def port_set(
    *,
    name: str,
    dp_down: bool | None,
    data_plane_status: str | None,
    reason: str | None,
    session: Session,
    as_json: bool,
) -> None:
    """Report the data plane of PORT. An option that is left out changes nothing."""
    said = {
        "dp_down": dp_down,
        "data_plane_status": data_plane_status,
        "data_plane_status_reason": reason,
    }
    given = {key: value for key, value in said.items() if value is not None}
    _change(session, name, given, as_json=as_json)


@port.command("unset")
@click.option("--data-plane-status", is_flag=True, help="Take the report back.")
@click.argument("name", metavar="PORT")
@api_command
def port_unset(*, name: str, data_plane_status: bool, session: Session, as_json: bool) -> None:
    """Take back what is reported of PORT."""
    said = {"data_plane_status": None} if data_plane_status else {}
    _change(session, name, said, as_json=as_json)


def _change(session: Session, name: str, said: dict[str, Any], *, as_json: bool) -> None:
    path = f"/v2.0/ports/{quote(_found(session, name)['id'], safe='')}"
    answer = session.request("PUT", "network", path, body={"port": said})
    print_fields(answer["port"], as_json=as_json)


def _found(session: Session, name: str) -> dict[str, Any]:
    """Return a port by id, or by a name that only one has; raises ClientError."""
    try:
        found: dict[str, Any] = session.get("network", f"/v2.0/ports/{quote(name, safe='')}")
        return dict(found["port"])
    except ClientError as error:
        if error.status != 404:
            raise
        rows = session.get("network", "/v2.0/ports", {"name": name})["ports"]
        if len(rows) == 1:
            return dict(rows[0])
        if rows:
            raise ClientError(f"{len(rows)} ports are named {name}: use an id", 409) from None
        raise
