"""`faultwire guest-agent`: the agent within one database guest."""

import asyncio
import contextlib
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faultwire.cli.ranges import Finite

if TYPE_CHECKING:
    from faultwire.agent.credential import BoundCredential
    from faultwire.agent.guest import Guest
    from faultwire.agent.guestbus import GuestBus
    from faultwire.agent.guestlink import GuestLink
    from faultwire.ports import Clock

SHOWN_BYTES = 200
STATUS_SECONDS = 5.0


class Commands:
    """Implements `agent.guest.Duties` by commands of the operator's."""

    def __init__(self, restart: Sequence[str], status: Sequence[str], seconds: float) -> None:
        """Take the commands, empty for none, and how long a restart may take."""
        self._restart = restart
        self._status = status
        self._seconds = seconds

    async def status(self) -> str:
        """Return the first word that the command prints; FAILED where it fails silently."""
        if not self._status:
            return ""
        code, said = await _run(self._status, STATUS_SECONDS)
        words = said.split()
        return words[0][:32] if words else ("HEALTHY" if code == 0 else "FAILED")

    async def restart(self, reason: str) -> str | None:
        """Run the command; raises Conflict where it fails."""
        from faultwire.domain.errors import Conflict

        del reason
        if not self._restart:
            return None
        code, said = await _run(self._restart, self._seconds)
        if code != 0:
            raise Conflict(f"{self._restart[0]} ended with {code}: {said[:SHOWN_BYTES]}")
        return said[:SHOWN_BYTES] or "done"


async def _run(command: Sequence[str], seconds: float) -> tuple[int, str]:
    """Return how a command ended and what it said; one that takes too long is killed."""
    from faultwire.domain.errors import Conflict

    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise Conflict(f"{command[0]}: {error.strerror}") from None
    try:
        async with asyncio.timeout(seconds):
            said, _ = await child.communicate()
    except TimeoutError:
        raise Conflict(f"{command[0]} took more than {seconds:g} s") from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return child.returncode or 0, said.decode(errors="replace").strip()


@click.command("guest-agent")
@click.option("--instance", "name", required=True, metavar="ID", help="Id of the guest.")
@click.option(
    "--credential",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that guest-enroll wrote.",
)
@click.option(
    "--restart-command",
    metavar="CMD",
    default="",
    help="Restarts the database; no shell. Without one a restart is that of the agent.",
)
@click.option(
    "--restart-timeout",
    type=Finite(min=0.1),
    default=25.0,
    show_default=True,
    help="Seconds after which that command is ended.",
)
@click.option(
    "--status-command",
    metavar="CMD",
    default="",
    help="Prints how the database is, as one word (HEALTHY, CRASHED); no shell.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With transport_url: talk over that broker, not by a connection to the server.",
)
def guest_agent(
    name: str,
    path: Path,
    restart_command: str,
    restart_timeout: float,
    status_command: str,
    config: Path | None,
) -> None:
    """Take calls for a database guest and say that it lives, until SIGTERM or SIGINT."""
    from faultwire.agent import credential
    from faultwire.agent.guest import Guest
    from faultwire.domain.errors import FaultwireError
    from faultwire.telemetry.clock import SystemClock

    try:
        bound = credential.load(path, credential.GUEST, name)
        if path.stat().st_mode & 0o077:
            click.echo(f"warning: others may read {path}; it should be 0600", err=True)
        restart, status = shlex.split(restart_command), shlex.split(status_command)
        clock = SystemClock()
        guest = Guest(name, clock, click.echo, Commands(restart, status, restart_timeout))
        asyncio.run(_until_asked(guest, bound, clock, config))
    except FaultwireError as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.UsageError(f"a command cannot be read: {error}") from None


async def _until_asked(
    guest: "Guest", bound: "BoundCredential", clock: "Clock", config: Path | None
) -> None:
    way = _way(guest, bound, clock, config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, way.stop)
    await way.run()
    click.echo("stopped")


def _way(
    guest: "Guest", bound: "BoundCredential", clock: "Clock", config: Path | None
) -> "GuestLink | GuestBus":
    """Return the way to the control plane: over the broker that is configured, else directly."""
    from faultwire.config import configuration
    from faultwire.messaging import tls

    settings = configuration.read(config)
    broker = tls.configured(settings.default, settings.oslo_messaging_rabbit)
    if broker is None:
        from faultwire.agent.guestlink import GuestLink

        return GuestLink(guest, bound, clock, click.echo)
    from faultwire.agent.guestbus import GuestBus

    levels = settings.upgrade_levels.by_api()
    return GuestBus(guest, bound, broker, levels, clock, click.echo)
