"""Alarms of every type: quotas, subscriptions and what they were told, samples."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
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
    _table("quotas", _key("project_id", NAME), _key("resource", WORD), _set("most", sa.Integer))
    _table(
        "subscriptions",
        _key("id", ID),
        _set("project_id"),
        _set("user_id"),
        _set("name"),
        _set("callback", PROSE),
        _set("filter", sa.JSON),
        _set("created_ns", sa.BigInteger),
    )
    for columns in (("created_ns", "id"), ("project_id", "created_ns", "id")):
        name = f"ix_subscriptions_{'_'.join(columns)}"
        op.create_index(name, "subscriptions", list(columns))
    _table(
        "watches",
        _key("alarm_id", ID),
        _set("subscription_id", ID),
        _set("project_id"),
        _set("kind", WORD),
        _set("resource"),
        _set("severity", WORD),
        _set("version", sa.BigInteger),
        _set("at_ns", sa.BigInteger),
    )
    op.create_index("ix_watches_subscription_id", "watches", ["subscription_id"])
    _table(
        "samples",
        _key("meter", NAME),
        _key("project_id", NAME),
        _key("resource", NAME),
        _key("at_ns", sa.BigInteger),
        _set("value", sa.Double),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_samples_at_ns", "samples", ["at_ns"])
    recent = ["meter", "project_id", "at_ns"]
    op.create_index("ix_samples_meter_project_id_at_ns", "samples", recent)


def _table(name: str, *columns: sa.Column[Any], **options: Any) -> None:
    keys = [column.name for column in columns if column.primary_key]
    key = sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}")
    op.create_table(name, *columns, key, **OPTIONS, **options)


def _key(name: str, type_: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, primary_key=True, autoincrement=False)


def _set(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)
