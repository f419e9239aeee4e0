"""Guests: what is known of their agents; tasks."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
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
    """Add the columns and make the new table; the way back is a backup."""
    op.add_column("guests", _set("agent", WORD, server_default="never"))
    op.add_column("guests", _set("version", WORD, server_default=""))
    op.add_column("guests", _set("service_status", WORD, server_default=""))
    op.add_column("guests", sa.Column("last_heard_ns", sa.BigInteger, nullable=True))
    op.create_table(
        "tasks",
        sa.Column("id", ID, autoincrement=False),
        _set("kind", WORD),
        _set("target"),
        _set("user_id"),
        _set("project_id"),
        _set("source"),
        _set("created_ns", sa.BigInteger),
        _set("updated_ns", sa.BigInteger),
        _set("state", WORD),
        _set("total", sa.Integer),
        _set("done", sa.Integer),
        _set("failed", sa.Integer),
        sa.Column("failures", sa.JSON, nullable=True),
        _set("detail", PROSE),
        _set("starts", sa.Integer),
        sa.Column("targets", sa.JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        **OPTIONS,
    )
    op.create_index("ix_tasks_created_ns_id", "tasks", ["created_ns", "id"])


def _set(name: str, type_: Any = NAME, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False, **options)
