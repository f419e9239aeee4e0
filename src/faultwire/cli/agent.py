"""The agent of a host, and the credential that binds it there."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from faultwire.cli import output
from faultwire.client import Session

if TYPE_CHECKING:
    from faultwire.agent.process import Agent


@click.command("agent-enroll")
@click.argument("host")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the credential here, readable by its owner alone.",
)
@output.api_command
def agent_enroll(session: Session, host: str, out: Path, *, as_json: bool) -> None:
    """Write a credential for the agent of HOST; a former one is void from then on."""
    from faultwire.agent import credential

    if not out.parent.is_dir():
        raise click.BadParameter(f"{out.parent} is no folder", param_hint="--out")
    answer = session.request("POST", "fault", f"/v1/agents/{quote(host, safe='')}/enrol")
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
        click.echo(f"credential {bound.id} of agent {bound.name} written to {out}")


@click.command("agent")
@click.option("--host", "name", required=True, help="Name of the host, as it was enrolled.")
@click.option(
    "--credential",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that agent-enroll wrote.",
)
@click.option(
    "--servers",
    "listed",
    type=click.Path(path_type=Path, dir_okay=False, exists=True, readable=True),
    help="File with the ids of the servers that run here: a JSON list, or one a line.",
)
@click.option(
    "--must-not-start",
    "barred",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to keep with the ids of the servers that must not be started here: a JSON list.",
)
@click.option(
    "--interface",
    "interfaces",
    multiple=True,
    metavar="NAME",
    help="An interface of this host whose carrier is watched: without one it is a fault.",
)
def agent(
    name: str,
    path: Path,
    listed: Path | None,
    barred: Path | None,
    interfaces: tuple[str, ...],
) -> None:
    """Say that a host lives, and which servers run there, until SIGTERM or SIGINT."""
    from faultwire.agent import credential, process
    from faultwire.domain.errors import FaultwireError
    from faultwire.telemetry.clock import SystemClock

    try:
        bound = credential.load(path, credential.AGENT, name)
        if path.stat().st_mode & 0o077:
            click.echo(f"warning: others may read {path}; it should be 0600", err=True)
        made = process.Agent(bound, SystemClock(), click.echo, listed, barred, interfaces)
        asyncio.run(_until_asked(made))
    except FaultwireError as error:
        raise click.ClickException(str(error)) from None


async def _until_asked(running: "Agent") -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.stop)
    await running.run()
    click.echo("stopped")
