"""Servers on the command line."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import click

from faultwire.cli.output import api_command, print_fields, print_json, print_rows
from faultwire.client import ClientError, Session

VERSION = {"OpenStack-API-Version": "compute 2.94"}
"""The last version in which an evacuated server comes up again, whatever its target."""

COLUMNS = (
    ("id", "ID"),
    ("name", "Name"),
    ("status", "Status"),
    ("task_state", "Task State"),
    ("power_state", "Power State"),
    ("networks", "Networks"),
    ("host_status", "Host Status"),
)
"""The columns of the manual's example (S160)."""
HOST_COLUMN = ("host", "Host")
SPARE = ("networks", "task_state", "host")

POWER_STATES = {
    0: "NOSTATE",
    1: "RUNNING",
    3: "PAUSED",
    4: "SHUTDOWN",
    6: "CRASHED",
    7: "SUSPENDED",
}


@click.command()
@click.option("--all-projects", is_flag=True, help="Of every project; administrators.")
@click.option("--host", help="On this host only; administrators.")
@click.option("--status", help="With this status only, as ERROR.")
@click.option("--name", help="Part of the name, or a regular expression.")
@click.option("--limit", type=click.IntRange(1), help="How many at most.")
@api_command
def server_list(
    *, session: Session, as_json: bool, all_projects: bool, limit: int | None, **filters: Any
) -> None:
    """List servers, newest first, with the status of their hosts where you may see it."""
    params = {key: value for key, value in filters.items() if value is not None}
    if all_projects:
        params["all_tenants"] = "1"
    servers: list[dict[str, Any]] = []
    for server in _listed(session, params):
        if limit is not None and len(servers) >= limit:
            break
        servers.append(server)
    if as_json:
        print_json(servers)
        return
    hosts = any("OS-EXT-SRV-ATTR:host" in server for server in servers)
    columns = (*COLUMNS, HOST_COLUMN) if hosts else COLUMNS
    print_rows(list(map(_row, servers)), columns, as_json=False, spare=SPARE)


@click.command()
@click.argument("server")
@api_command
def server_show(*, session: Session, as_json: bool, server: str) -> None:
    """Show SERVER, by its id or name."""
    shown = _found(session, server)
    fields = {key: value for key, value in shown.items() if key != "links"}
    print_fields(fields, as_json=as_json)


@click.command()
@click.argument("servers", nargs=-1, metavar="[SERVER]...")
@click.option("--host", "source", help="All servers of this host.")
@click.option("--target", metavar="HOST", help="Where they go [the host with the fewest servers].")
@click.option("--no-fence", is_flag=True, help="I know that the host is off: ask for no proof.")
@api_command
def evacuate(
    *,
    session: Session,
    as_json: bool,
    servers: tuple[str, ...],
    source: str | None,
    target: str | None,
    no_fence: bool,
) -> None:
    """Bring each SERVER, or all of a host, up elsewhere; their host must be down."""
    if bool(servers) == (source is not None):
        raise click.UsageError("name either servers or --host")
    if source is not None:
        wanted = list(_listed(session, {"all_tenants": "1", "host": source}))
    else:
        wanted = [_found(session, name) for name in servers]
    body = {"evacuate": {} if target is None else {"host": target}}
    headers = {**VERSION, **({"Faultwire-No-Fence": "true"} if no_fence else {})}
    rows, failed = [], ""
    for server in wanted:
        row = {"id": server["id"], "name": server["name"], "evacuated": True, "why": ""}
        try:
            session.request(
                "POST", "compute", _path(server["id"], "action"), body=body, headers=headers
            )
        except ClientError as error:
            failed = str(error)
            row |= {"evacuated": False, "why": failed}
        rows.append(row)
    columns = (("id", "ID"), ("name", "Name"), ("evacuated", "Evacuated"), ("why", "Why"))
    print_rows(rows, columns, as_json=as_json, spare=("name",))
    if failed:
        raise ClientError(failed)


@click.command()
@click.argument("host")
@click.option("--server", "servers", multiple=True, metavar="ID", help="Only this; repeatable.")
@api_command
def host_confirm(*, session: Session, as_json: bool, host: str, servers: tuple[str, ...]) -> None:
    """Confirm that the old copies of servers that were evacuated from HOST are gone there.

    Until then its force-down cannot be cleared. A host's own agent may confirm too.
    """
    body = {"servers": list(servers)} if servers else {}
    path = f"/v1/hosts/{quote(host, safe='')}/confirm"
    answer = session.request("POST", "fault", path, body=body)
    print_fields(answer, as_json=as_json)


def _path(server: str, *parts: str) -> str:
    return "/".join(("/servers", quote(server, safe=""), *parts))


def _listed(session: Session, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Give servers page by page."""
    asked = dict(params)
    while True:
        answer = session.request(
            "GET", "compute", "/servers/detail", params=asked, headers=VERSION
        )
        yield from answer["servers"]
        links = answer.get("servers_links", ())
        if not links:
            return
        asked = dict(parse_qsl(urlsplit(links[0]["href"]).query))


def _found(session: Session, name: str) -> dict[str, Any]:
    """Return a server by its id, or by its name where one alone has it."""
    try:
        shown: dict[str, Any] = session.request("GET", "compute", _path(name), headers=VERSION)[
            "server"
        ]
    except ClientError as error:
        if error.status != 404:
            raise
    else:
        return shown
    params = {"name": name}
    named = [one for one in _listed(session, params) if one["name"] == name]
    if not named:
        raise ClientError(f"no server has the id or name {name}")
    if len(named) > 1:
        raise ClientError(f"{len(named)} servers have the name {name}: name one by its id")
    return named[0]


def _row(server: Mapping[str, Any]) -> dict[str, Any]:
    addresses = server["addresses"]
    networks = [
        f"{name}={', '.join(one['addr'] for one in some)}" for name, some in addresses.items()
    ]
    return {
        "id": server["id"],
        "name": server["name"],
        "status": server["status"],
        "task_state": server["OS-EXT-STS:task_state"] or "-",
        "power_state": POWER_STATES.get(server["OS-EXT-STS:power_state"], "-"),
        "networks": "; ".join(networks),
        "host_status": server.get("host_status", "-"),
        "host": server.get("OS-EXT-SRV-ATTR:host"),
    }
