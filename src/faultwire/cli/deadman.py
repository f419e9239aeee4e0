"""`faultwire deadman`: the watcher of an installation, on a machine of its own."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faultwire.cli.ranges import Finite

if TYPE_CHECKING:
    from faultwire.consumers.watcher import Watcher


@click.command()
@click.option("--listen", default="127.0.0.1:8781", show_default=True, metavar="HOST:PORT")
@click.option(
    "--after",
    type=Finite(min=0.1),
    default=90.0,
    show_default=True,
    metavar="SECONDS",
    help="Silence after which somebody is told; three intervals of the beat are a good choice.",
)
@click.option("--url", required=True, metavar="URL", help="Webhook that tells somebody.")
@click.option(
    "--secret-file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Secrets, one a line: beats must be signed with one of them, and webhooks are.",
)
@click.option("--ca-file", default="", metavar="FILE", help="Authorities trusted besides.")
def deadman(*, listen: str, after: float, url: str, secret_file: Path, ca_file: str) -> None:
    """Wait for the beats of an installation, and tell a webhook when they stop.

    It is told again when they are back. A webhook is repeated until it is taken, and looks like
    an alarm's, so that whatever receives alarms can receive it. GET /status shows what is known.
    Prints `listening on URL` once it accepts. Run it where the installation's trouble is not its
    own: on another machine, with another network and power.
    """
    from faultwire.consumers.secrets import Secrets
    from faultwire.consumers.signed_post import SignedPost
    from faultwire.consumers.watch import Watch
    from faultwire.consumers.watcher import Watcher
    from faultwire.domain.errors import Invalid
    from faultwire.telemetry import logs
    from faultwire.telemetry.clock import SystemClock

    logs.set_up("INFO")
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise click.UsageError("--listen must be HOST:PORT")
    clock = SystemClock()
    try:
        secrets = Secrets(file=secret_file)
        if not secrets.current():
            raise click.UsageError(f"--secret-file: {secret_file} holds no secret")
        post = SignedPost(url, secrets, clock, ca_file)
        watch = Watch(round(after * 1e9), clock.instant())
        asyncio.run(_serve((host.strip("[]"), int(port)), Watcher(watch, secrets, post, clock)))
    except Invalid as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"cannot listen on {listen}: {error}") from None


async def _serve(address: tuple[str, int], watcher: "Watcher") -> None:
    from aiohttp import web

    runner = web.AppRunner(watcher.app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, *address).start()
    except OSError:
        await runner.cleanup()
        raise
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    running = asyncio.create_task(watcher.run(), name="watcher")
    running.add_done_callback(lambda _: stopped.set())
    name, port = runner.addresses[0][:2]
    shown = f"[{name}]" if ":" in name else name
    click.echo(f"listening on http://{shown}:{port}")
    await stopped.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await runner.cleanup()
