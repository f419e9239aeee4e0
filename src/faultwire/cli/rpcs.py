"""`faultwire taskmanager` and `faultwire conductor`: who takes calls from the broker."""

from pathlib import Path

import click

from faultwire.cli.worker import config_option, listen_option, work


@click.command()
@config_option
@listen_option
def taskmanager(config: Path | None, listen: str) -> None:
    """Do long tasks for the servers on a shared database: restarts of guests, evacuations.

    Any number may run and share the tasks. Takes its calls from the broker of `[DEFAULT]
    transport_url`. Prints `working as NAME` once it does. SIGTERM and SIGINT stop it cleanly; a
    task in hand is taken up by another.
    """
    work("taskmanager", config, listen)


@click.command()
@config_option
@listen_option
def conductor(config: Path | None, listen: str) -> None:
    """Hear database guests over the broker, and tell when one falls silent.

    Any number may run and share the calls; each guest is heard by one. Works on a shared
    database, beside the servers. Prints `working as NAME` once it is ready. SIGTERM and SIGINT
    stop it cleanly.
    """
    work("conductor", config, listen)
