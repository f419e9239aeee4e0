"""The first schema: every table of the product as it began."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NAME = sa.String(255)
ID = sa.String(64)
WORD = sa.String(32)
PROSE = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
BYTES = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}


def upgrade() -> None:
    """Make the tables; the way back is a backup."""
    _inventory()
    _faults()
    _alarms()
    _outbox()
    _accounts()


def _table(name: str, *items: Any, **options: Any) -> None:
    keys = [item.name for item in items if isinstance(item, sa.Column) and item.primary_key]
    op.create_table(
        name, *items, sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}"), **OPTIONS, **options
    )


def _index(table: str, *columns: str) -> None:
    op.create_index("_".join(("ix", table, *columns)), table, list(columns))


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name="_".join(("uq", table, *columns)))


def _key(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, primary_key=True, autoincrement=False)


def _drawn(name: str) -> sa.Column[Any]:
    return sa.Column(name, COUNTER, primary_key=True, autoincrement=True)


def _set(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)


def _maybe(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=True)


def _inventory() -> None:
    _table("projects", _key("id"), _set("name"))
    _table(
        "hosts",
        _key("name"),
        _maybe("addresses", sa.JSON),
        _maybe("zone"),
        _maybe("rack"),
        _maybe("aggregates", sa.JSON),
        _maybe("bmc", sa.JSON),
        _maybe("interfaces", sa.JSON),
        _set("forced_down", sa.Boolean),
        _set("disabled", sa.Boolean),
        _maybe("disabled_reason", PROSE),
        _set("monitored", sa.Boolean),
        _set("agent", WORD),
        _set("revision", sa.BigInteger),
        _maybe("last_seen_ns", sa.BigInteger),
    )
    _table("switches", _key("name"), _maybe("uplinks", sa.JSON))
    _table(
        "servers",
        _key("id"),
        _set("name"),
        _set("project_id"),
        _set("host"),
        _set("vm_state", WORD),
        _set("power_state", WORD),
        _maybe("task_state"),
        _maybe("monitored", sa.Boolean),
        _maybe("metadata", sa.JSON),
        _maybe("addresses", sa.JSON),
        _set("revision", sa.BigInteger),
    )
    _index("servers", "host")
    _table(
        "ports",
        _key("id"),
        _set("project_id"),
        _set("name"),
        _maybe("server_id"),
        _maybe("host"),
        _maybe("network"),
        _maybe("physical_network"),
        _set("status", WORD),
        _maybe("addresses", sa.JSON),
        _maybe("data_plane_status", WORD),
        _set("revision", sa.BigInteger),
    )
    _table(
        "guests",
        _key("id"),
        _set("name"),
        _set("project_id"),
        _maybe("server_id"),
        _set("state", WORD),
    )


def _faults() -> None:
    _table(
        "faults",
        _key("id", ID),
        _set("identity", PROSE),
        _set("type"),
        _maybe("host"),
        _set("state", WORD),
        _set("opened_ns", sa.BigInteger),
        _set("updated_ns", sa.BigInteger),
        _maybe("closed_ns", sa.BigInteger),
        _set("record", sa.JSON),
    )
    _index("faults", "host", "opened_ns", "id")
    _index("faults", "opened_ns", "id")
    _index("faults", "state", "opened_ns", "id")
    _table(
        "causes",
        _drawn("sequence"),
        _set("kind", WORD),
        _set("resource"),
        _set("fault_id", ID),
        _set("wanted", WORD),
        _set("prior", WORD),
        _set("prior_power", WORD),
        _set("revision", sa.BigInteger),
        _set("awaiting_report", sa.Boolean),
        _unique("causes", "kind", "resource", "fault_id"),
    )
    _table("fault_marks", _key("fault_id", ID), _set("marks", sa.JSON))


def _alarms() -> None:
    _table(
        "alarms",
        _key("id"),
        _set("project_id"),
        _set("user_id"),
        _set("name"),
        _set("type", WORD),
        _set("description", PROSE),
        _set("enabled", sa.Boolean),
        _set("severity", WORD),
        _set("state", WORD),
        _set("state_reason", PROSE),
        _set("state_ns", sa.BigInteger),
        _set("updated_ns", sa.BigInteger),
        _set("repeat_actions", sa.Boolean),
        _set("rule", sa.JSON),
        _maybe("actions", sa.JSON),
        _maybe("time_constraints", sa.JSON),
        _maybe("resource_id"),
        _set("version", sa.BigInteger),
    )
    _index("alarms", "project_id", "updated_ns", "id")
    _index("alarms", "updated_ns", "id")
    _table(
        "alarm_history",
        _key("alarm_id"),
        _key("at_ns", sa.BigInteger),
        _key("version", sa.BigInteger),
        _key("kind", WORD),
        _set("project_id"),
        _set("user_id"),
        _set("detail", PROSE),
        sqlite_with_rowid=False,
    )
    _table("alarm_changes", _drawn("sequence"), _set("alarm_id"), sqlite_autoincrement=True)


def _outbox() -> None:
    _table(
        "outbox",
        _key("id", ID),
        _set("kind", WORD),
        _set("project_id"),
        _set("destination", PROSE),
        _set("ordering"),
        _set("payload", BYTES),
        _maybe("fault_id", ID),
        _set("attempt", sa.Integer),
        _set("next_ns", sa.BigInteger),
        _set("created_ns", sa.BigInteger),
        _set("state", WORD),
        _maybe("attempted_ns", sa.BigInteger),
        _maybe("outcome", PROSE),
        _maybe("status", sa.Integer),
        _maybe("lease_owner"),
        _maybe("lease_until_ns", sa.BigInteger),
    )
    _index("outbox", "project_id", "state", "created_ns", "id")
    _index("outbox", "state", "created_ns", "id")


def _accounts() -> None:
    _table(
        "webhook_secrets",
        _key("project_id"),
        _key("position", sa.Integer),
        _set("secret"),
        _set("created_ns", sa.BigInteger),
    )
    _table(
        "users",
        _key("id"),
        _set("name"),
        _set("password_hash"),
        _set("password_ns", sa.BigInteger),
        _set("enabled", sa.Boolean),
        _maybe("default_project_id"),
        _unique("users", "name"),
    )
    _table("assignments", _key("user_id"), _key("project_id"), _key("role", WORD))
    _table("revocations", _key("token_id"), _set("expires_ns", sa.BigInteger))
    _table(
        "credentials",
        _key("kind", WORD),
        _key("name"),
        _set("id"),
        _set("secret_sha256"),
        _set("created_ns", sa.BigInteger),
    )
    _table(
        "audit",
        _drawn("sequence"),
        _set("digest", ID),
        _set("at_ns", sa.BigInteger),
        _set("user_id"),
        _set("project_id"),
        _set("source"),
        _set("action"),
        _set("target", PROSE),
        _set("detail", PROSE),
        _unique("audit", "digest"),
    )
