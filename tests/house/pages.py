"""What is made, not written: pages and a module; `python -m tests.house.pages` makes them anew."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from faultwire.cli.main import main
from faultwire.config import sample
from faultwire.messaging import history
from faultwire.messaging.table import TABLE
from tests.house import catalogue, routes, tree

DOCS = tree.ROOT / "docs"
WIDTH = 80

_CLI = """\
# Commands

What every command says to `--help`. This page is made from the commands themselves.

Commands with `--os-cloud` speak to a server. They find it in `clouds.yaml`: by `--os-cloud` or \
`OS_CLOUD`, in the file that `OS_CLIENT_CONFIG_FILE` names. Exit status 0 is success, 1 a refusal \
or failure, with one line on standard error, and 2 wrong usage.
"""


def cli() -> str:
    """The page of all commands with their help.

    Made by a fresh interpreter: click keeps the help option of a command's first use, and a test
    that ran before may have used it in another way.
    """
    made = subprocess.run(
        [sys.executable, "-m", "tests.house.pages", "cli"],
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout


def _cli() -> str:
    return "\n".join((_CLI, *_helps(main, "faultwire", None)))


def _helps(command: click.Command, name: str, above: click.Context | None) -> Iterator[str]:
    # A terminal of one width, so that the page does not depend on whose it is.
    context = click.Context(
        command,
        info_name=name,
        parent=above,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            below = command.get_command(context, inner)
            if below is not None:
                yield from _helps(below, inner, context)


_REFERENCE: Mapping[str, tuple[str, str]] = {
    "domain": (
        "Domain",
        "Facts, states, commands and changes: frozen values without I/O, clock or toolkit.",
    ),
    "ports": (
        "Ports",
        "The Protocols: what a part may ask of another, and what is promised.",
    ),
}


def reference(package: str) -> str:
    """The page of the Python reference on a package: each of its modules, by its docstrings."""
    title, about = _REFERENCE[package]
    own = f".. automodule:: faultwire.{package}\n   :ignore-module-all:"
    parts = [f"# {title}\n\n{about}\n\n```{{eval-rst}}\n{own}\n```\n"]
    modules = sorted(path.stem for path in (tree.SOURCE / package).glob("[!_]*.py"))
    for name in (f"faultwire.{package}.{module}" for module in modules):
        heading = name.rpartition(".")[2].capitalize()
        parts.append(f"## {heading}\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n")
    return "\n".join(parts)


def versions() -> str:
    """The page of the versions of remote calls."""
    made = "Made from the table, `messaging/table.py`; see [remote calls](rpc.md)."
    return f"# Versions of remote calls\n\n{made}\n\n{history.page(TABLE)}"


MADE: Mapping[Path, Callable[[], str]] = {
    # First: all others import what is made of it.
    tree.SOURCE / "domain" / "catalogue.py": catalogue.module,
    DOCS / "catalogue.md": catalogue.page,
    DOCS / "cli.md": cli,
    DOCS / "routes.md": routes.page,
    DOCS / "rpc-versions.md": versions,
    DOCS / "api" / "domain.md": lambda: reference("domain"),
    DOCS / "api" / "ports.md": lambda: reference("ports"),
    DOCS / "samples" / "faultwire.conf": sample.configuration,
    DOCS / "samples" / "policy.yaml": sample.policy,
}
"""Every page that is made, and what makes it."""

if __name__ == "__main__":
    if sys.argv[1:] == ["cli"]:
        sys.stdout.write(_cli())
    else:
        for path, make in MADE.items():
            path.write_text(make(), encoding="utf-8")
