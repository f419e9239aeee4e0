"""Users, projects and roles of the identity service."""

import functools
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from faultwire.cli import output
from faultwire.client import Session
from faultwire.client.accounts import Accounts
from faultwire.domain.accounts import Role

GENERATED_BYTES = 18

USER_COLUMNS = (("id", "ID"), ("name", "Name"), ("enabled", "Enabled"), ("roles", "Roles"))
PROJECT_COLUMNS = (("id", "ID"), ("name", "Name"))

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_ROLES = click.Choice([role.value for role in Role])


@dataclass(frozen=True, slots=True)
class Password:
    """A password, and whether it was drawn here and has to be shown."""

    text: str
    drawn: bool

    def shown(self) -> dict[str, str]:
        """Return what to print of it."""
        return {"password": self.text} if self.drawn else {}


def _with_password(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the ways to name a password; it gets the keyword `chosen`."""

    def run(*args: Any, password: str | None, password_stdin: bool, **kwargs: Any) -> Any:
        return command(*args, chosen=_chosen(password, stdin=password_stdin), **kwargs)

    given: Decorator = click.option("--password", help="The password (others may see it in `ps`).")
    piped: Decorator = click.option(
        "--password-stdin", is_flag=True, help="Read the password from standard input."
    )
    return piped(given(functools.wraps(command)(run)))


def _chosen(given: str | None, *, stdin: bool) -> Password:
    if given is not None and stdin:
        raise click.UsageError("--password and --password-stdin exclude each other")
    if stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    if given is None:
        return Password(secrets.token_urlsafe(GENERATED_BYTES), drawn=True)
    if not given:
        raise click.UsageError("a password may not be empty")
    return Password(given, drawn=False)


def _done(text: str, *, as_json: bool, **fields: str) -> None:
    if as_json:
        output.print_json(fields)
    else:
        click.echo(text)


@click.group()
def user() -> None:
    """Manage users of the identity face."""


@user.command("create")
@click.argument("name")
@click.option("--project", help="Grant the role in this project; it becomes the default project.")
@click.option("--role", type=_ROLES, default=Role.MEMBER.value, show_default=True)
@_with_password
@output.api_command
def user_create(
    session: Session,
    name: str,
    project: str | None,
    role: str,
    *,
    chosen: Password,
    as_json: bool,
) -> None:
    """Create a user; a password that is not given is drawn and printed, once."""
    made = Accounts(session).create_user(name, chosen.text, project, role)
    shown = {"id": made["id"], "name": made["name"]}
    if project is not None:
        shown |= {"project": project, "role": role}
    output.print_fields(shown | chosen.shown(), as_json=as_json)


@user.command("list")
@output.api_command
def user_list(session: Session, *, as_json: bool) -> None:
    """List users with their roles."""
    output.print_rows(Accounts(session).users(), USER_COLUMNS, as_json=as_json)


@user.command("delete")
@click.argument("name")
@output.api_command
def user_delete(session: Session, name: str, *, as_json: bool) -> None:
    """Delete the user NAME (or id) with its roles."""
    Accounts(session).delete_user(name)
    _done(f"user {name} is deleted", as_json=as_json, deleted=name)


@user.command("set-password")
@click.argument("name")
@_with_password
@output.api_command
def user_set_password(session: Session, name: str, *, chosen: Password, as_json: bool) -> None:
    """Give the user NAME (or id) another password; its tokens become void."""
    Accounts(session).set_password(name, chosen.text)
    output.print_fields({"name": name} | chosen.shown(), as_json=as_json)


@user.command("grant")
@click.argument("name")
@click.argument("role", type=_ROLES)
@click.option("--project", required=True, help="The project, by name or id.")
@output.api_command
def user_grant(session: Session, name: str, role: str, project: str, *, as_json: bool) -> None:
    """Grant the user NAME a ROLE in a project."""
    Accounts(session).set_role(name, role, project, granted=True)
    text = f"{name} has the role {role} in {project}"
    _done(text, as_json=as_json, user=name, role=role, project=project)


@user.command("revoke")
@click.argument("name")
@click.argument("role", type=_ROLES)
@click.option("--project", required=True, help="The project, by name or id.")
@output.api_command
def user_revoke(session: Session, name: str, role: str, project: str, *, as_json: bool) -> None:
    """Take a ROLE in a project away from the user NAME."""
    Accounts(session).set_role(name, role, project, granted=False)
    text = f"{name} has the role {role} in {project} no more"
    _done(text, as_json=as_json, user=name, role=role, project=project)


@click.group()
def project() -> None:
    """Manage projects of the identity face."""


@project.command("create")
@click.argument("name")
@output.api_command
def project_create(session: Session, name: str, *, as_json: bool) -> None:
    """Create a project."""
    made = Accounts(session).create_project(name)
    output.print_fields({"id": made["id"], "name": made["name"]}, as_json=as_json)


@project.command("list")
@output.api_command
def project_list(session: Session, *, as_json: bool) -> None:
    """List projects."""
    output.print_rows(Accounts(session).projects(), PROJECT_COLUMNS, as_json=as_json)


@project.command("delete")
@click.argument("name")
@output.api_command
def project_delete(session: Session, name: str, *, as_json: bool) -> None:
    """Delete the project NAME (or id); it may not own anything."""
    Accounts(session).delete_project(name)
    _done(f"project {name} is deleted", as_json=as_json, deleted=name)
