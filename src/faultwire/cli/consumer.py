"""`faultwire consumer`: the reference consumer as a process."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faultwire.cli.ranges import Finite

if TYPE_CHECKING:
    from faultwire.consumers.receiver import Receiver
    from faultwire.consumers.records import Record
    from faultwire.consumers.secrets import Secrets

DRAIN_SECONDS = 10.0


@click.command()
@click.option("--listen", default="127.0.0.1:12346", show_default=True, metavar="HOST:PORT")
@click.option(
    "--secret",
    "given",
    multiple=True,
    envvar="FAULTWIRE_WEBHOOK_SECRET",
    help="Refuse what this secret did not sign; may be given more than once.",
)
@click.option(
    "--secret-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Secrets, one a line; read again when the file changes.",
)
@click.option(
    "--exec",
    "command",
    metavar="CMD",
    help="Run this for each new alarm, which it reads; no shell.",
)
@click.option(
    "--exec-timeout",
    type=Finite(min=0.1),
    default=60.0,
    show_default=True,
    help="Seconds after which a command is ended.",
)
@click.option(
    "--exec-at-once",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Commands that run at the same time.",
)
@click.option("--marks-url", metavar="URL", help="Fault face to tell when an alarm was handled.")
def consumer(  # noqa: PLR0913  one argument per option
    *,
    listen: str,
    given: tuple[str, ...],
    secret_file: Path | None,
    command: str | None,
    exec_timeout: float,
    exec_at_once: int,
    marks_url: str | None,
) -> None:
    """Receive, verify, record and act on alarms; prints them as they come.

    GET /received shows what came. A command given with --exec gets each new alarm as JSON on its
    standard input, and is never run for an alarm that is not signed.
    """
    from faultwire.consumers.secrets import Secrets
    from faultwire.domain.errors import Invalid
    from faultwire.telemetry import logs

    logs.set_up("WARNING")
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise click.UsageError("--listen must be HOST:PORT")
    if command is not None and not (given or secret_file):
        raise click.UsageError("--exec needs --secret or --secret-file: unsigned alarms never run")
    hook = None if command is None else (command, exec_timeout, exec_at_once)
    try:
        trusted = Secrets(given, secret_file)
        asyncio.run(_serve((host.strip("[]"), int(port)), trusted, hook, marks_url))
    except Invalid as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot listen on {listen}: {error}") from None


async def _serve(
    address: tuple[str, int],
    secrets: "Secrets",
    hook: tuple[str, float, int] | None,
    marks_url: str | None,
) -> None:
    from aiohttp import web

    receiver = _receiver(secrets, hook, marks_url)
    runner = web.AppRunner(receiver.app, access_log=None, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, *address, backlog=1024)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    name, port = runner.addresses[0][:2]
    shown = f"[{name}]" if ":" in name else name
    click.echo(f"listening on http://{shown}:{port}")
    await stopped.wait()
    await runner.cleanup()
    await receiver.close(DRAIN_SECONDS)


def _receiver(
    secrets: "Secrets", hook: tuple[str, float, int] | None, marks_url: str | None
) -> "Receiver":
    from faultwire.consumers.marks import Marks
    from faultwire.consumers.reaction import Reaction
    from faultwire.consumers.receiver import Receiver
    from faultwire.telemetry.clock import SystemClock

    clock = SystemClock()
    reaction = None
    if hook is not None:
        command, deadline, at_once = hook
        reaction = Reaction(command, deadline=deadline, at_once=at_once)
    marks = Marks(marks_url, clock, secrets) if marks_url else None
    return Receiver(clock, secrets, _say, reaction, marks)


def _say(record: "Record", new: bool) -> None:  # noqa: FBT001  one of two words
    """Print a line for an alarm; names in it may not speak to the terminal."""
    from faultwire.consumers.reaction import printable

    alarm = record.alarm
    words = (str(alarm.get(key, "?")) for key in ("current", "severity", "alarm_name"))
    click.echo(printable(f"alarm {' '.join(words)}{'' if new else ' (again)'}"))
