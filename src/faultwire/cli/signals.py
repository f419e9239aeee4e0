"""Sources of alerts, and what became of their alerts, on the command line."""

import os
from pathlib import Path
from urllib.parse import quote

import click

from faultwire.cli.output import api_command, print_fields, print_json, print_rows
from faultwire.client import Session

COLUMNS = (
    ("name", "Alert"),
    ("source", "Source"),
    ("firing", "Firing"),
    ("count", "Count"),
    ("last_at", "Last"),
    ("why", "Why"),
)


@click.command()
@click.argument("name")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the credential here, readable by its owner alone: a credentials_file.",
)
@api_command
def source_enroll(session: Session, name: str, out: Path, *, as_json: bool) -> None:
    """Write a credential for NAME, a source of alerts; a former one is void from then on."""
    if not out.parent.is_dir():
        raise click.BadParameter(f"{out.parent} is no folder", param_hint="--out")
    answer = session.request("POST", "fault", f"/v1/sources/{quote(name, safe='')}/enrol")
    drawn = answer["credential"]
    fresh = out.with_name(f".{out.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(drawn["bearer"])
        fresh.replace(out)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}; enrol again") from None
    shown = {"kind": drawn["kind"], "name": name, "id": drawn["id"], "file": str(out)}
    url = f"{session.endpoint('fault')}/v1/alertmanager"
    if as_json:
        print_json({**shown, "url": url})
    else:
        click.echo(f"credential {drawn['id']} of source {name} written to {out}")
        click.echo(f"it may post alerts to {url}")


@click.command()
@api_command
def alert_list(*, session: Session, as_json: bool) -> None:
    """List alerts that came and that no row of the mapping fits."""
    found = session.get("fault", "/v1/alerts/unmapped")["alerts"]
    print_rows(found, COLUMNS, as_json=as_json, spare=("last_at", "source"))


@click.command()
@api_command
def alert_forget(*, session: Session, as_json: bool) -> None:
    """Dismiss all alerts that no row of the mapping fits."""
    print_fields(session.request("DELETE", "fault", "/v1/alerts/unmapped"), as_json=as_json)


@click.command()
@api_command
def alert_mapping(*, session: Session, as_json: bool) -> None:
    """Show which mapping of alerts is in force, and what is wrong with a newer one."""
    print_fields(session.get("fault", "/v1/alerts/mapping")["mapping"], as_json=as_json)


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
def alert_mapping_check(path: Path) -> None:
    """Check the mapping of alerts in FILE; what is wrong is told by line and field."""
    from faultwire.config import alert_map
    from faultwire.domain.errors import Invalid

    try:
        found = alert_map.read(path)
    except Invalid as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{path}: {len(found.rows)} rows, nothing wrong")
