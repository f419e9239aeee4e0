"""What clouds are owed, and events that wait for it."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NAME = sa.String(255)
ID = sa.String(64)
WORD = sa.String(32)
PROSE = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
BYTES = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
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
        "remote_acts",
        _set("cloud"),
        _set("kind", WORD),
        _set("target"),
        _set("wanted", WORD),
        sa.Column("fault_id", ID, nullable=True),
        _set("asked_ns", sa.BigInteger),
        _set("state", WORD),
        _set("settled_ns", sa.BigInteger),
        _set("detail", PROSE),
    )
    op.create_index("ix_remote_acts_state_asked_ns", "remote_acts", ["state", "asked_ns"])
    op.create_index("ix_remote_acts_fault_id_state", "remote_acts", ["fault_id", "state"])
    _table(
        "held_events",
        _set("fault_id", ID),
        _set("phases", PROSE),
        _set("held_ns", sa.BigInteger),
        _set("payload", BYTES),
    )


def _table(name: str, *columns: sa.Column[Any]) -> None:
    primary = sa.PrimaryKeyConstraint("id", name=f"pk_{name}")
    op.create_table(name, sa.Column("id", ID, autoincrement=False), *columns, primary, **OPTIONS)


def _set(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)
