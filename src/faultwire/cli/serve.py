"""`faultwire serve`: the whole server in one process."""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import sys
from pathlib import Path

import click

SWITCH_INTERVAL_SECONDS = 0.0005
"""How long a thread may keep the interpreter; the default of 5 ms delays the event loop."""

COLLECTOR_THRESHOLDS = (50_000, 20, 100)
"""The collector looks at young objects after so many more; a fault of 1,000 servers makes a
third of that, and nearly all of them are freed by counting."""


@click.command()
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("faultwire-state"),
    show_default=True,
    help="Folder of the database, keys and clouds.yaml.",
)
@click.option("--listen", metavar="HOST:PORT", help="Port 0 takes a free one.")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Settings; `faultwire config sample` prints every one.",
)
@click.option("--behind-proxy", is_flag=True, help="Plain HTTP beyond loopback: a proxy does TLS.")
def serve(state_dir: Path, listen: str | None, config: Path | None, *, behind_proxy: bool) -> None:
    """Run the whole server in one process, with its state in a folder.

    Prints `listening on URL` once it accepts. SIGTERM and SIGINT stop it cleanly.
    """
    from dataclasses import replace

    import uvloop

    from faultwire.app.server import Server
    from faultwire.config import configuration
    from faultwire.domain.errors import FaultwireError
    from faultwire.telemetry import logs

    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    raise_file_limit()
    try:
        settings = configuration.read(config)
        server = replace(
            settings.server,
            listen=listen or settings.server.listen,
            behind_proxy=behind_proxy or settings.server.behind_proxy,
        )
        logs.set_up(server.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(Server(replace(settings, server=server), state_dir)))
    except FaultwireError as error:
        logging.getLogger(__name__).debug("cannot serve", exc_info=True)
        raise click.ClickException(str(error)) from None


def raise_file_limit() -> None:
    """Take as many open files as we may have: agents and webhooks are a connection each."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(server: "Server") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Start, say where, and run until a signal comes."""
    from faultwire.app.supervised import serving
    from faultwire.telemetry.clock import SystemClock

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, server.reload)
    gc.disable()
    try:
        await server.start()
        gc.freeze()
        gc.set_threshold(*COLLECTOR_THRESHOLDS)
        gc.enable()
        click.echo(f"listening on {server.url}")
        async with serving(SystemClock()):
            await server.run_until(stopped)
    finally:
        await server.stop()
