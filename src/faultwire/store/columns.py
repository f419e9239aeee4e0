"""What columns and tables have in common, in every database."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import SchemaItem

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMES)

NAME = String(255)
ID = String(64)
WORD = String(32)
PROSE = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
BYTES = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
COUNTER = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database draws; SQLite does so for its own INTEGER only."""

# Names are told apart by case and accent everywhere, as Python does.
OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}


def table(name: str, *items: SchemaItem, **options: Any) -> Table:
    """Return a table with the options that every one has."""
    return Table(name, metadata, *items, **OPTIONS, **options)


def key(name: str, type_: Any = NAME) -> Column[Any]:
    """Return a column of the primary key."""
    return Column(name, type_, primary_key=True, autoincrement=False)


def numbered(name: str) -> Column[Any]:
    """Return a key that the database draws."""
    return Column(name, COUNTER, primary_key=True, autoincrement=True)


def filled(name: str, type_: Any = NAME, **options: Any) -> Column[Any]:
    """Return a column that is never NULL."""
    return Column(name, type_, nullable=False, **options)


def maybe(name: str, type_: Any = NAME) -> Column[Any]:
    """Return a column that may be NULL."""
    return Column(name, type_, nullable=True)
