"""Brings a database to the schema of this version, and refuses one that is ahead of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select, text

from faultwire.domain.errors import Conflict, Unavailable
from faultwire.store.engine import patient, reach, translated, writing
from faultwire.store.settings import Settings

HEAD = "0010"
"""The newest revision under `migrations/versions`; a test holds the two together."""

SCRIPTS = Path(__file__).parent / "migrations"

LOCK_NUMBER = 0x6661756C74776972
"""PostgreSQL's advisory lock of an upgrade; it is the database's own."""

LOCK_NAME = "CONCAT('faultwire-', MD5(DATABASE()))"
"""MariaDB's; it is the server's, so that it has the database's name within."""

LOCK_SECONDS = 50
"""How long one process waits for another's upgrade; a little less than any deadline."""

_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def prepare(engine: Engine, settings: Settings) -> None:
    """Make a database ready for this version, at start: wait for it, then upgrade or refuse.

    Raises what `reach` and `upgrade` raise; Conflict for a schema that is not this version's
    where `[database] upgrade_on_start` is off.
    """
    reach(engine, settings.connect_retry_seconds)
    if settings.upgrade_on_start:
        upgrade(engine)
        return
    revision = revision_of(engine)
    if revision != HEAD:
        refuse_newer(revision)
        raise Conflict(
            f"the database has schema revision {revision or 'none'} and this version of Faultwire"
            f" needs {HEAD}: run `faultwire db upgrade`"
        )


def revision_of(engine: Engine) -> str | None:
    """Return the revision of a database; None for one without our schema. Raises Unavailable."""
    with translated(), engine.connect() as connection:
        return _revision(connection)


def upgrade(engine: Engine) -> bool:
    """Make the schema that this version needs; return whether anything had to be done.

    All or nothing, in one transaction where the database can (MariaDB cannot). Of several
    processes one does it and the others wait. Raises Conflict for a database that a newer
    version has changed, Unavailable where it cannot be reached or written.
    """
    with translated():
        if revision_of(engine) == HEAD:
            return False
        with patient(engine) as slow, _alone(slow), writing(slow) as connection:
            with connection.begin():
                # Read again under the lock: another process may have been faster.
                revision = _revision(connection)
                if revision == HEAD:
                    return False
                _climb(connection, revision)
            return True


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Keep other processes from upgrading, until all of it is committed.

    A connection of its own holds the lock; on SQLite the transaction has it from its start.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect() as connection:
        if not connection.execute(text(_LOCKS[engine.dialect.name])).scalar_one():
            raise Unavailable("another process upgrades the database and takes long")
        yield
        # A lock of MariaDB's is the session's, which goes on in the pool.
        connection.invalidate()


_LOCKS = {
    "postgresql": f"SELECT pg_advisory_xact_lock({LOCK_NUMBER}) IS NOT NULL",
    "mariadb": f"SELECT GET_LOCK({LOCK_NAME}, {LOCK_SECONDS})",
}


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()


def _climb(connection: Connection, revision: str | None) -> None:
    """Run the revisions that are missing; alembic is loaded only where there are some."""
    refuse_newer(revision)
    from alembic import command  # noqa: PLC0415 - costs a fifth of a second
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    command.upgrade(config, "head")


def refuse_newer(revision: str | None, name: str = "the database") -> None:
    """Raise Conflict for a revision that this version has no script for."""
    if revision is not None and not any((SCRIPTS / "versions").glob(f"r{revision}_*.py")):
        raise Conflict(
            f"{name} has schema revision {revision}, which this version of Faultwire does"
            f" not know (its own is {HEAD}): a newer version has upgraded it. Start that version"
            " again, or restore a backup from before the upgrade"
        )
