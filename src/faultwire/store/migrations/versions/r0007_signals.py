"""Fencing: what is known of hosts' power and owed; alerts that no row of a mapping fits."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NAME = sa.String(255)
ID = sa.String(64)
WORD = sa.String(32)
PROSE = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}


def upgrade() -> None:
    """Make the new tables; the way back is a backup."""
    _table(
        "fencings",
        "host",
        _set("id"),
        _set("wanted", WORD),
        _set("state", WORD),
        _set("why", PROSE),
        _set("asked_ns", sa.BigInteger),
        _maybe("fault_id", ID),
        _set("asked_by"),
        _set("holder"),
        _set("attempt", sa.Integer),
        _set("error", PROSE),
        _maybe("settled_ns", sa.BigInteger),
        _maybe("proof", sa.JSON),
    )
    _table(
        "unmapped_alerts",
        "id",
        _set("source"),
        _set("name"),
        _set("labels", sa.JSON),
        _set("firing", sa.Boolean),
        _set("why", PROSE),
        _set("count", sa.BigInteger),
        _set("first_ns", sa.BigInteger),
        _set("last_ns", sa.BigInteger),
    )
    op.create_index("ix_unmapped_alerts_last_ns", "unmapped_alerts", ["last_ns"])


def _table(name: str, key: str, *columns: sa.Column[Any]) -> None:
    primary = sa.PrimaryKeyConstraint(key, name=f"pk_{name}")
    op.create_table(name, sa.Column(key, NAME, autoincrement=False), *columns, primary, **OPTIONS)


def _set(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)


def _maybe(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=True)
