"""`faultwire profile-export`: what a server knows, for the profiler to read anywhere."""

from urllib.parse import quote

import click

from faultwire.cli.output import api_command, print_json
from faultwire.client import Session


@click.command()
@click.argument("faults", nargs=-1, metavar="[FAULT]...")
@click.option("--host", help="Without FAULT: faults of this host only.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="How many at most.",
)
@api_command
def profile_export(
    *, faults: tuple[str, ...], host: str | None, limit: int, session: Session, as_json: bool
) -> None:
    """Print the timelines of FAULTs, or of the newest, as JSON for `faultwire profile`."""
    del as_json  # it always is
    ids = faults
    if not ids:
        params: dict[str, str | int | bool] = {"limit": limit} | ({"host": host} if host else {})
        ids = tuple(one["id"] for one in session.get("fault", "/v1/faults", params)["faults"])
    runs = []
    for one in ids:
        whole = session.get("fault", f"/v1/faults/{quote(one, safe='')}")["fault"]
        kept = ("id", "type", "host", "plan", "timeline")
        runs.append({key: whole.get(key) for key in kept})
    print_json({"faults": runs})
