"""What guards on acts look at: the hold, windows, acts that were done."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
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
        "acts_hold",
        WORD,
        _set("held", sa.Boolean),
        _set("reason", PROSE),
        _set("by_user"),
        _set("since_ns", sa.BigInteger),
    )
    _table(
        "acts_windows",
        ID,
        _set("kind", WORD),
        _set("from_ns", sa.BigInteger),
        _set("to_ns", sa.BigInteger),
        _set("matches", sa.JSON),
        _set("reason", PROSE),
        _set("by_user"),
        _set("created_ns", sa.BigInteger),
    )
    _table(
        "acts",
        ID,
        _set("at_ns", sa.BigInteger),
        _set("kind", WORD),
        _set("host"),
        sa.Column("fault_id", ID, nullable=True),
        _set("asked_by"),
        _set("shadow", sa.Boolean),
    )
    op.create_index("ix_acts_at_ns", "acts", ["at_ns"])


def _table(name: str, key: Any, *columns: sa.Column[Any]) -> None:
    primary = sa.PrimaryKeyConstraint("id", name=f"pk_{name}")
    column = sa.Column("id", key, autoincrement=False)
    op.create_table(name, column, *columns, primary, **OPTIONS)


def _set(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)
