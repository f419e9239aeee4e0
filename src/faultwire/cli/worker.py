"""`faultwire evaluator` and `faultwire sender`: shared work in processes of its own."""

import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faultwire.cli.serve import COLLECTOR_THRESHOLDS, SWITCH_INTERVAL_SECONDS, raise_file_limit

if TYPE_CHECKING:
    from faultwire.app.worker import Worker
    from faultwire.config.configuration import Configuration

CALLED = frozenset({"taskmanager", "conductor"})
"""Roles whose work comes as calls from the broker."""

config_option = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Must name a PostgreSQL or MariaDB database, unless the environment does.",
)
listen_option = click.option(
    "--listen",
    metavar="HOST:PORT",
    default="",
    help="Serve /metrics and /healthcheck there.",
)


@click.command()
@config_option
@listen_option
def evaluator(config: Path | None, listen: str) -> None:
    """Evaluate alarms for the servers on a shared database.

    Any number may run; they share the projects out among themselves. Prints `working as NAME`
    once it does. SIGTERM and SIGINT stop it cleanly.
    """
    work("evaluator", config, listen)


@click.command()
@config_option
@listen_option
def sender(config: Path | None, listen: str) -> None:
    """Send webhooks for the servers on a shared database.

    Any number may run; they share the destinations out among themselves. Prints
    `working as NAME` once it does. SIGTERM and SIGINT stop it cleanly.
    """
    work("sender", config, listen)


def work(role: str, config: Path | None, listen: str) -> None:
    """Be a process of this role until a signal ends it."""
    import uvloop

    from faultwire.config import configuration
    from faultwire.domain.errors import FaultwireError
    from faultwire.telemetry import logs

    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    raise_file_limit()
    try:
        settings = configuration.read(config)
        logs.set_up(settings.server.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(_worker(settings, role, listen)))
    except FaultwireError as error:
        logging.getLogger(__name__).debug("cannot work", exc_info=True)
        raise click.ClickException(str(error)) from None


def _worker(settings: "Configuration", role: str, listen: str) -> "Worker":
    if role in CALLED:
        from faultwire.app.callworker import CallWorker

        return CallWorker(settings, role, listen)
    from faultwire.app.worker import Worker

    return Worker(settings, role, listen)


async def _run(worker: "Worker") -> None:
    from faultwire.app.supervised import serving
    from faultwire.telemetry.clock import SystemClock

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    gc.disable()
    try:
        await worker.start()
        gc.freeze()
        gc.set_threshold(*COLLECTOR_THRESHOLDS)
        gc.enable()
        click.echo(f"working as {worker.name}")
        async with serving(SystemClock()):
            await worker.run_until(stopped)
    finally:
        await worker.stop()
