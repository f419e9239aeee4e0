"""Brings a database to the schema of this version, and refuses one that is ahead of it."""

from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select

from faultwire.domain.errors import Conflict
from faultwire.store.engine import translated, writing

HEAD = "0001"
"""The newest revision under `migrations/versions`; a test holds the two together."""

SCRIPTS = Path(__file__).parent / "migrations"

_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def upgrade(engine: Engine) -> bool:
    """Make the schema that this version needs; return whether anything had to be done.

    All or nothing, in one transaction where the database can. Raises Conflict for a database
    that a newer version has changed, Unavailable where it cannot be reached or written.
    """
    with translated():
        with engine.connect() as connection:
            if _revision(connection) == HEAD:
                return False
        with writing(engine) as connection, connection.begin():
            # Read again under the lock: another process may have been faster.
            revision = _revision(connection)
            if revision == HEAD:
                return False
            _climb(connection, revision)
    return True


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()


def _climb(connection: Connection, revision: str | None) -> None:
    """Run the revisions that are missing; alembic is loaded only where there are some."""
    from alembic import command  # noqa: PLC0415 - costs a fifth of a second
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise Conflict(
            f"the database has schema revision {revision}, which this version of Faultwire does"
            f" not know (its own is {HEAD}): a newer version has upgraded it"
        )
    command.upgrade(config, "head")
