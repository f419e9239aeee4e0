"""`faultwire verify`: the main job run repeatedly, with verdict and profile (S73, S81)."""

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from faultwire.cli.demo import CUT, CUT_HELP, KINDS
from faultwire.cli.verify_options import (
    cleaned,
    cloud_options,
    deployment_of,
    refuse_cloud_options,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from faultwire.cli.verify_runs import Deployment, Tell, Verified

MOST_SERVERS = 2000
NOT_RUN = 3
"""Exit status where a run could not be made; 1: one did not pass; 2: wrong usage."""


def _sizes(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Read numbers of servers with commas between: each once, in order."""
    if value is None:
        return None
    found = set()
    for one in value.split(","):
        text = one.strip()
        # Longer ones are too large, and int() would work on them for long.
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
        if not 1 <= number <= MOST_SERVERS:
            said = f"{text!r:.40} is no number from 1 to {MOST_SERVERS}"
            raise click.BadParameter(said, ctx, param)
        found.add(number)
    return tuple(sorted(found))


@click.command()
@click.option(
    "--runs", type=click.IntRange(1, 1000), help="With each number. [default: 5; on a cloud 1]"
)
@click.option(
    "--servers",
    "sizes",
    callback=_sizes,
    metavar="N,N...",
    help="How many servers the host has that fails. [default: 1,10,25,50; on a cloud 5]",
)
@click.option("--hosts", type=click.IntRange(1, 50), default=1, show_default=True)
@click.option(
    "--fault",
    "kind",
    type=click.Choice((*KINDS, CUT)),
    default="kill",
    show_default=True,
    help=CUT_HELP,
)
@click.option("--json", "target", metavar="FILE|-", help="Write profile and verdict as JSON.")
@click.option("--html", "page", metavar="FILE", help="Write the report as HTML.")
@click.option(
    "--os-cloud", "cloud", metavar="NAME", help="Run on this cloud, beside Faultwire's server."
)
@cloud_options
@click.pass_context
def verify(  # noqa: PLR0913  one argument per option
    context: click.Context,
    /,
    *,
    runs: int | None,
    sizes: tuple[int, ...] | None,
    hosts: int,
    kind: str,
    target: str | None,
    page: str | None,
    cloud: str | None,
    **chosen: Any,
) -> None:
    """Have a host fail again and again, and tell whether and how fast its owners were told.

    The profile is given whatever the verdict is. Exit status 0 only if every run told all and
    only the right owners within 1 s of detection; 1 if one did not, 3 if a run could not be made.

    Without --os-cloud everything runs on this machine. With it servers are made on a host of that
    cloud which has none, and alarms for them; the host is taken down as --by says and brought
    back, and what was made is deleted, whatever happens.
    """
    from rich.console import Console

    from faultwire.cli.verify_runs import Standalone

    console = Console(stderr=target == "-")
    if cloud is None:
        refuse_cloud_options(context)
        done, failure = _run(
            Standalone(hosts, kind == CUT), kind, sizes or (1, 10, 25, 50), runs or 5
        )
    else:
        if cleaned(cloud, chosen):
            return
        deployment = deployment_of(context, cloud, chosen)
        kind = deployment.choice.by
        done, failure = _run(deployment, kind, sizes or (5,), runs or 1)
    _write(console, kind, done, (target, page))
    if failure:
        click.echo(f"Error: {failure}", err=True)
        sys.exit(NOT_RUN)
    sys.exit(0 if all(one.passed for one in done) else 1)


def _run(
    deployment: "Deployment", kind: str, sizes: tuple[int, ...], runs: int
) -> "tuple[list[Verified], str]":
    """Return the runs that were made, and why there are no more where that is so."""
    from faultwire.cli.demo_world import DemoError
    from faultwire.cli.verify_runs import verify as run_all
    from faultwire.client import ClientError

    done: list[Verified] = []
    with _progress(len(sizes) * runs) as tell:
        try:
            for one in run_all(deployment, kind, sizes, runs, tell):
                done.append(one)  # noqa: PERF402  what was done counts where the next one fails
        except (DemoError, ClientError, OSError) as error:
            return done, str(error)
    return done, ""


@contextmanager
def _progress(whole: int) -> "Iterator[Tell]":
    """Show how far it is on standard error: a bar on a terminal, and a line for each run."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, markup=False)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("runs", total=whole, visible=console.is_terminal)

        def tell(one: "Verified") -> None:
            progress.console.print(one.words)
            progress.advance(task)

        yield tell


def _write(
    console: "Console",
    kind: str,
    done: "list[Verified]",
    targets: tuple[str | None, str | None],
) -> None:
    from faultwire.cli import verify_report

    target, page = targets
    verify_report.show(console, kind, done)
    text = json.dumps(verify_report.document(kind, done), indent=2)
    try:
        if target == "-":
            click.echo(text)
        elif target:
            Path(target).write_text(text + "\n", encoding="utf-8")
        if page:
            Path(page).write_text(verify_report.page(kind, done), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
