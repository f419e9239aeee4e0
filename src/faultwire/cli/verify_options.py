"""Options of `faultwire verify` for a real cloud, and what they make."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from faultwire.cli.ranges import Finite

if TYPE_CHECKING:
    from faultwire.cli.verify_cloud import RealCloud

F = TypeVar("F", bound=Callable[..., Any])

WAYS_HELP = (
    "How the host goes down. report: an event is posted to Faultwire; service: its service is "
    "forced down in Nova, as by an administrator; command: --down-command is run, and Faultwire "
    "has to notice it."
)

OPTIONS = (
    click.option(
        "--faultwire",
        metavar="NAME",
        help="Cloud of clouds.yaml with Faultwire's server [the same].",
    ),
    click.option(
        "--by",
        type=click.Choice(("report", "service", "command")),
        default="report",
        show_default=True,
        help=WAYS_HELP,
    ),
    click.option(
        "--host", default="", metavar="NAME", help="The host [one that is up and has no servers]."
    ),
    click.option(
        "--with-others",
        is_flag=True,
        help="Use the host even if it has servers of others, who are hit and told.",
    ),
    click.option(
        "--down-command",
        default="",
        metavar="CMD",
        help="What takes the host down, without a shell.",
    ),
    click.option("--up-command", default="", metavar="CMD", help="What brings it back."),
    click.option("--flavor", default="", metavar="NAME|ID", help="[the smallest one]"),
    click.option("--image", default="", metavar="NAME|ID", help="[the smallest that fits]"),
    click.option(
        "--network", default="", metavar="NAME|ID|none|auto", help="Network of the servers [none]."
    ),
    click.option(
        "--listen",
        default="",
        metavar="HOST:PORT",
        help="Where alarms are received [this machine, as Faultwire's server sees it].",
    ),
    click.option(
        "--within",
        type=Finite(1, 3600),
        default=60.0,
        show_default=True,
        help="Seconds that owners are waited for.",
    ),
    click.option(
        "--clean", is_flag=True, help="Only delete what earlier verifications left behind."
    ),
)


def cloud_options(command: F) -> F:
    """Give a command the options of a real cloud."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def refuse_cloud_options(context: click.Context) -> None:
    """Raise UsageError where an option of a real cloud is given without one."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in _names() and _given(context, name):
            message = f"{parameter.opts[0]} is for a real cloud: name it by --os-cloud"
            raise click.UsageError(message)


def deployment_of(context: click.Context, name: str, chosen: Mapping[str, Any]) -> "RealCloud":
    """Return the cloud as a deployment; raises UsageError for options that do not fit."""
    from faultwire.cli.verify_cloud import Choice, RealCloud, say
    from faultwire.cli.verify_nova import Wanted
    from faultwire.client import Session

    for local in ("hosts", "kind"):
        if _given(context, local):
            option = {"hosts": "--hosts", "kind": "--fault"}[local]
            message = f"{option} is for the job on this machine; with --os-cloud use --by"
            raise click.UsageError(message)
    commands = (str(chosen["down_command"]), str(chosen["up_command"]))
    if (chosen["by"] == "command") is not all(commands) or any(commands) is not all(commands):
        message = "--by command needs --down-command and --up-command, and nothing else does"
        raise click.UsageError(message)
    choice = Choice(
        chosen["by"],
        chosen["host"],
        chosen["with_others"],
        commands,
        chosen["listen"],
        chosen["within"],
        Wanted(chosen["flavor"], chosen["image"], chosen["network"]),
    )
    ours = chosen["faultwire"] or name
    return RealCloud(Session(name), Session(ours), name, choice, say)


def cleaned(name: str, chosen: Mapping[str, Any]) -> bool:
    """Clean up after earlier verifications if that was asked for; return whether it was."""
    from faultwire.cli.demo_world import DemoError
    from faultwire.cli.verify_cloud import clean
    from faultwire.client import ClientError, Session

    if not chosen["clean"]:
        return False
    try:
        servers, alarms = clean(Session(name), Session(chosen["faultwire"] or name))
    except (DemoError, ClientError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{servers} servers and {alarms} alarms of earlier verifications were deleted")
    return True


def _names() -> set[str]:
    """Return the keywords of the options above."""

    @cloud_options
    @click.command()
    def nothing() -> None:
        """Do nothing."""

    return {parameter.name or "" for parameter in nothing.params}


def _given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not ParameterSource.DEFAULT
