"""Monitors on other machines: they probe the same hosts as the server, and vote."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from faultwire.cli import output
from faultwire.client import Session

if TYPE_CHECKING:
    from faultwire.agent.vantage import Monitor

MONITOR = "monitor"

COLUMNS = (
    ("name", "Name"),
    ("presence", "Presence"),
    ("down", "Down"),
    ("unknown", "Unknown"),
    ("server", "Server"),
    ("seen_at", "Seen"),
    ("second_sessions", "Refused"),
)


@click.command("monitor-enroll")
@click.argument("name")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the credential here, readable by its owner alone.",
)
@output.api_command
def monitor_enroll(session: Session, name: str, out: Path, *, as_json: bool) -> None:
    """Write a credential for the monitor NAME; a former one is void from then on."""
    from faultwire.agent import credential

    if not out.parent.is_dir():
        raise click.BadParameter(f"{out.parent} is no folder", param_hint="--out")
    answer = session.request("POST", "fault", f"/v1/monitors/{quote(name, safe='')}/enrol")
    drawn = answer["credential"]
    bound = credential.BoundCredential(
        kind=drawn["kind"],
        name=drawn["name"],
        id=drawn["id"],
        secret=drawn["secret"],
        server=session.endpoint("fault"),
        certificate=drawn["certificate"],
    )
    try:
        credential.write(out, bound)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}; enrol again") from None
    shown = {"kind": bound.kind, "name": bound.name, "id": bound.id, "file": str(out)}
    if as_json:
        output.print_json(shown)
    else:
        click.echo(f"credential {bound.id} of monitor {bound.name} written to {out}")


@click.command("monitor-list")
@output.api_command
def monitor_list(session: Session, *, as_json: bool) -> None:
    """List monitors and how they stand."""
    rows = session.get("fault", "/v1/monitors")["monitors"]
    output.print_rows(rows, COLUMNS, as_json=as_json)


@click.command("monitor")
@click.option("--name", required=True, help="Name of the monitor, as it was enrolled.")
@click.option(
    "--credential",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that monitor-enroll wrote.",
)
@click.option(
    "--canary",
    "canaries",
    multiple=True,
    metavar="ADDRESS",
    help="An address that always answers, as of a gateway: while none does, we are cut off.",
)
@click.option(
    "--interface",
    "interfaces",
    multiple=True,
    metavar="NAME",
    help="An own interface: while it has no carrier, we are cut off; without this option those"
    " by which hosts are reached.",
)
@click.option(
    "--realtime/--no-realtime",
    default=True,
    show_default=True,
    help="Probe with real-time priority where the system permits it.",
)
def monitor(
    name: str,
    path: Path,
    canaries: tuple[str, ...],
    interfaces: tuple[str, ...],
    *,
    realtime: bool,
) -> None:
    """Probe the hosts that the server names, and vote, until SIGTERM or SIGINT."""
    import logging

    from faultwire.agent import credential, vantage
    from faultwire.domain.errors import FaultwireError
    from faultwire.liveness.settings import Engine, Settings
    from faultwire.telemetry.clock import SystemClock
    from faultwire.telemetry.metrics import Metrics

    logging.basicConfig(format="%(message)s", level=logging.INFO)
    try:
        bound = credential.load(path, MONITOR, name)
        if path.stat().st_mode & 0o077:
            click.echo(f"warning: others may read {path}; it should be 0600", err=True)
        settings = Settings(
            engine=Engine.ICMP, canaries=canaries, interfaces=interfaces, realtime=realtime
        )
        made = vantage.Monitor(bound, settings, SystemClock(), Metrics(), _say)
        asyncio.run(_until_asked(made))
    except FaultwireError as error:
        raise click.ClickException(str(error)) from None


def _say(line: str) -> None:
    click.echo(line)


async def _until_asked(running: "Monitor") -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.stop)
    await running.run()
    click.echo("stopped")
