"""The compute face: what clients ask of servers, and evacuations to be confirmed."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NAME = sa.String(255)
OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}


def upgrade() -> None:
    """Add the columns and make the new tables; the way back is a backup."""
    _hosts()
    _servers()
    _evacuations()
    _owed_statuses()


def _hosts() -> None:
    maintenance = sa.Column("maintenance", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("hosts", maintenance)


def _servers() -> None:
    updated = sa.Column("updated_ns", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("servers", updated)
    op.add_column("servers", sa.Column("about", sa.JSON, nullable=True))


def _evacuations() -> None:
    op.create_table(
        "evacuations",
        sa.Column("host", NAME, primary_key=True, autoincrement=False),
        sa.Column("server_id", NAME, primary_key=True, autoincrement=False),
        sa.Column("target", NAME, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("host", "server_id", name="pk_evacuations"),
        **OPTIONS,
    )


def _owed_statuses() -> None:
    op.create_table(
        "owed_statuses",
        sa.Column("id", sa.String(64), primary_key=True, autoincrement=False),
        sa.Column("host", NAME, nullable=False),
        sa.Column("old_status", sa.String(32), nullable=False),
        sa.Column("new_status", sa.String(32), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("told", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_owed_statuses"),
        **OPTIONS,
    )
