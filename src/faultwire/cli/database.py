"""`faultwire db`: the schema of the database, and copies of the embedded one."""

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faultwire.store import DatabaseSettings, Engine

F = TypeVar("F", bound=Callable[..., Any])

DUMPS = {
    "postgresql": ("pg_dump --format=custom", "pg_restore --clean --if-exists"),
    "mariadb": ("mariadb-dump --single-transaction", "mariadb"),
}
"""What copies a database of each kind of server, and what brings the copy back."""


def _where(command: F) -> F:
    """Give a command ``--state-dir`` and ``--config``."""
    options = (
        click.option(
            "--state-dir",
            type=click.Path(file_okay=False, path_type=Path),
            default=Path("faultwire-state"),
            show_default=True,
            help="Folder of the embedded database.",
        ),
        click.option(
            "--config",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Whose [database] says where the database is.",
        ),
    )
    for option in options:
        command = option(command)
    return command


@contextmanager
def _opened(state_dir: Path, config: Path | None) -> "Iterator[tuple[Engine, DatabaseSettings]]":
    """Give an engine for the configured database; our errors end the command with one line."""
    from faultwire.config import configuration
    from faultwire.domain.errors import FaultwireError
    from faultwire.store import engine_of

    try:
        settings = configuration.read(config).database
        engine = engine_of(settings.connection, state_dir, settings)
        try:
            yield engine, settings
        finally:
            engine.dispose()
    except FaultwireError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _alone(engine: "Engine", state_dir: Path) -> "Iterator[None]":
    """Keep servers away from the embedded database; those of a shared one are not asked."""
    from faultwire.app.folder import StateFolder
    from faultwire.store import embedded_file

    if embedded_file(engine) is None:
        yield
        return
    folder = StateFolder(state_dir)
    try:
        yield
    finally:
        folder.release()


def _embedded(engine: "Engine", *, restores: bool) -> Path:
    """Return the file of the embedded database; others have better tools: wrong usage."""
    from faultwire.store import embedded_file

    path = embedded_file(engine)
    if path is None:
        tool = DUMPS[engine.dialect.name][restores]
        raise click.UsageError(
            f"this is for the embedded database; for {engine.dialect.name} use {tool}"
        )
    return path


@click.group()
def db() -> None:
    """Look after the database: schema, backup, restore."""


@db.command()
@_where
def version(state_dir: Path, config: Path | None) -> None:
    """Show the database, its schema, and the schema of this version.

    Exit status 1 where the two differ.
    """
    from faultwire.domain.errors import Invalid
    from faultwire.store import SCHEMA, embedded_file, reach, revision_of

    with _opened(state_dir, config) as (engine, _):
        path = embedded_file(engine)
        if path is not None and not path.exists():
            raise Invalid(str(path), "there is no database yet")
        reach(engine, 0)
        found = revision_of(engine)
        click.echo(f"database {engine.url.render_as_string(hide_password=True)}")
        click.echo(f"schema {found or 'none'}")
        click.echo(f"this version needs {SCHEMA}")
    if found != SCHEMA:
        raise SystemExit(1)


@db.command()
@_where
def upgrade(state_dir: Path, config: Path | None) -> None:
    """Bring the schema up to that of this version; waits for a database that is down.

    Refused while a server uses the embedded database. Other processes on a shared one should be
    stopped first.
    """
    from faultwire.store import SCHEMA, reach, revision_of
    from faultwire.store import upgrade as climb

    with _opened(state_dir, config) as (engine, settings), _alone(engine, state_dir):
        reach(engine, settings.connect_retry_seconds)
        before = revision_of(engine)
        if climb(engine):
            click.echo(f"schema {SCHEMA}, was {before or 'none'}")
        else:
            click.echo(f"schema {SCHEMA}, as it was")


@db.command()
@_where
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(state_dir: Path, config: Path | None, file: Path) -> None:
    """Copy the embedded database to FILE, checked; the server may run meanwhile.

    FILE gets mode 0600 and is replaced if it exists. The copy holds everything up to the
    command's start, secrets of webhooks included; keys and passwords of the state folder are
    files beside the database and not in it.
    """
    from faultwire.store.backup import backup as copy

    with _opened(state_dir, config) as (engine, _):
        size = copy(_embedded(engine, restores=False), file)
        click.echo(f"{file}: {size} bytes")


@db.command()
@_where
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def restore(state_dir: Path, config: Path | None, file: Path) -> None:
    """Put the copy FILE in the place of the embedded database.

    Refused while a server uses the state folder, and for a file that is corrupt or of a newer
    version. The database that was there is kept beside it, as `….before-restore`.
    """
    from faultwire.store.backup import restore as put_back

    with _opened(state_dir, config) as (engine, _):
        path = _embedded(engine, restores=True)
        with _alone(engine, state_dir):
            kept = put_back(path, file)
        click.echo(f"{path}: restored from {file}")
        if kept is not None:
            click.echo(f"what was there is now {kept}")
