"""`faultwire doctor`: whether all that Faultwire depends on is ready, and what mends it."""

import asyncio
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faultwire.cli.output import print_json

if TYPE_CHECKING:
    from faultwire.domain.findings import Finding


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The server's configuration: its clouds, its bus, its database.",
)
@click.option(
    "--os-cloud",
    metavar="NAME",
    help="Look at this cloud of clouds.yaml instead of those of [openstack] clouds.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("faultwire-state"),
    show_default=True,
    help="The server's folder, where its database is embedded.",
)
@click.option(
    "--webhook", default="", metavar="URL", help="Send a test to it, as alarms are sent."
)
@click.option(
    "--probe",
    is_flag=True,
    help="Have Nova enable a service that is enabled, and Neutron name a port as it is named, and"
    " wait for their notifications: nothing changes.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    help="Seconds for each check.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def doctor(  # noqa: PLR0913  one for each option
    config: Path | None,
    os_cloud: str | None,
    state_dir: Path,
    webhook: str,
    *,
    probe: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Tell whether a cloud, and what else we depend on, is ready, and what mends it.

    Nothing is changed. Exit status 0: all is well. 1: there is a warning. 2: something does not
    work.
    """
    from faultwire.app.doctor import Doctor, Wanted
    from faultwire.config import configuration
    from faultwire.domain.errors import FaultwireError
    from faultwire.domain.findings import Finding, Level
    from faultwire.telemetry.clock import SystemClock

    try:
        settings = configuration.read(config)
        clouds = (os_cloud,) if os_cloud else settings.openstack.names
        wanted = Wanted(clouds, webhook, probe, timeout)
        found = asyncio.run(Doctor(settings, state_dir, SystemClock(), wanted).examine())
    except FaultwireError as error:
        found = {"faultwire": [Finding("configuration", Level.FAIL, str(error))]}
    _leave(found, as_json=as_json)


def _leave(found: Mapping[str, Sequence["Finding"]], *, as_json: bool) -> None:
    """Print and end, also while a thread waits for somebody who does not answer."""
    from faultwire.domain.findings import status_of

    if as_json:
        rows = [
            {"part": part, "check": one.check, "level": one.level, "text": one.text,
             "mend": list(one.mend)}
            for part, findings in found.items() for one in findings
        ]  # fmt: skip
        print_json(rows)
    else:
        for part, findings in found.items():
            click.echo(part)
            for one in findings:
                click.echo(f"  {one.level:<4}  {one.check:<16}  {one.text}")
                for line in one.mend:
                    click.echo(f"          {line}")
    status = status_of(one for findings in found.values() for one in findings)
    if any(not one.daemon for one in threading.enumerate() if one is not threading.main_thread()):
        sys.stdout.flush()
        os._exit(status)
    sys.exit(status)
