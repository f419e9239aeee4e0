"""The schema: what migrations make is what the code expects, on every database."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, Table
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from faultwire.domain.errors import Conflict, Unavailable
from faultwire.store import engine_in_folder, migrate, schema, upgrade


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str], Engine]]:
    """Give a function that opens a database by name."""
    engines: list[Engine] = []

    def opened(name: str) -> Engine:
        engines.append(engine_in_folder(tmp_path / name))
        return engines[-1]

    yield opened
    for engine in engines:
        engine.dispose()


def made(engine: Engine) -> dict[str, str]:
    """Return the statements that make everything in a database, by name."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master").all()
    return {
        name: re.sub(r"\s+", " ", sql or "")
        for name, sql in rows
        if "alembic_version" not in name and name != "sqlite_sequence"
    }


def test_migrations_make_the_schema(opened: Callable[[str], Engine]) -> None:
    """An upgraded database is the metadata's to the letter, and alembic finds no difference."""
    upgraded, expected = opened("upgraded"), opened("expected")
    assert upgrade(upgraded)
    schema.metadata.create_all(expected)
    assert made(upgraded) == made(expected)
    with upgraded.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    assert found == []


def test_the_head_is_the_newest_revision() -> None:
    """The revision that needs no migration is the last of the scripts, and there is one last."""
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


def test_an_upgraded_database_needs_no_alembic(
    opened: Callable[[str], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start on the present schema reads its revision and loads nothing more."""
    engine = opened("state")
    assert upgrade(engine)
    for name in [name for name in sys.modules if name.split(".")[0] == "alembic"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert not upgrade(engine)


def test_a_newer_schema_is_refused(opened: Callable[[str], Engine]) -> None:
    """A database that a newer version has changed is left alone, with both revisions named."""
    engine = opened("state")
    upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Conflict, match=rf"9999.*{migrate.HEAD}.*restore a backup"):
        upgrade(engine)


def test_a_failing_migration_leaves_nothing(opened: Callable[[str], Engine]) -> None:
    """Revisions are run all or none: a table in the way keeps every other one out."""
    engine = opened("state")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE audit (a)")
    with pytest.raises(Unavailable, match="already exists"):
        upgrade(engine)
    assert set(made(engine)) == {"audit"}


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect()], ids=lambda d: d.name)
def test_every_table_can_be_made_elsewhere(dialect: mysql.dialect) -> None:
    """Every column has a type and a length that PostgreSQL and MariaDB know."""
    for table in schema.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))


@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_key_fits_where_keys_are_short(table: Table) -> None:
    """No key or index is longer than MariaDB's 3,072 bytes, at four bytes a character."""
    keys = [index.columns for index in table.indexes]
    keys += [item.columns for item in table.constraints]
    for columns in keys:
        assert sum(4 * getattr(column.type, "length", 2) for column in columns) <= 3072
