"""Several processes on one database: order of commits, journal, members, shares of work."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NAME = sa.String(255)
ID = sa.String(64)
WORD = sa.String(32)
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
    """Make and fill the new tables; the way back is a backup."""
    _checkpoints()
    op.drop_table("alarm_changes")
    op.add_column("outbox", sa.Column("share", sa.Integer, nullable=False, server_default="0"))
    op.add_column("outbox", sa.Column("seq", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("ix_outbox_share_seq_created_ns", "outbox", ["share", "seq", "created_ns"])
    op.create_index("ix_alarm_history_at_ns", "alarm_history", ["at_ns"])
    _order()
    _work()
    _room()


def _checkpoints() -> None:
    _table("checkpoints", _key("fault_id", ID), _key("origin", ID), _set("marks", sa.JSON))
    op.execute(
        "INSERT INTO checkpoints (fault_id, origin, marks)"
        " SELECT fault_id, '', marks FROM fault_marks"
    )
    op.drop_table("fault_marks")


def _order() -> None:
    _table(
        "commits",
        _key("id", sa.Integer),
        _set("seq", sa.BigInteger),
        _set("decisions", sa.BigInteger),
        _set("alarm_edits", sa.BigInteger),
    )
    op.execute("INSERT INTO commits (id, seq, decisions, alarm_edits) VALUES (1, 0, 0, 0)")
    _table(
        "journal",
        _key("seq", sa.BigInteger),
        _key("part", sa.Integer),
        _set("topic", WORD),
        _set("origin", ID),
        _set("decisions", sa.BigInteger),
        _set("alarm_edits", sa.BigInteger),
        _set("written_ns", sa.BigInteger),
        _set("payload", BYTES),
    )


def _work() -> None:
    _table(
        "owed_events",
        _key("seq", sa.BigInteger),
        _key("share", sa.Integer),
        _set("payload", BYTES),
    )
    _table(
        "members",
        _key("id", ID),
        _set("role", WORD),
        _set("name"),
        _set("address"),
        _set("started_ns", sa.BigInteger),
        _set("beats", sa.BigInteger),
    )
    _table(
        "shares",
        _key("kind", WORD),
        _key("number", sa.Integer),
        sa.Column("owner", ID, nullable=True),
        _set("epoch", sa.BigInteger),
    )
    _table("imports", _key("id", ID), _key("part", sa.Integer), _set("payload", BYTES))
    _table("agent_sessions", _key("host", NAME), _set("member", ID), _set("session", ID))
    _table("shared_keys", _key("name", WORD), _set("value"))


def _room() -> None:
    """Leave room on PostgreSQL's pages: a change of state then touches no index."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE servers SET (fillfactor = 50)")
        op.execute("ALTER TABLE alarms SET (fillfactor = 60)")


def _table(name: str, *columns: sa.Column[Any]) -> None:
    keys = [column.name for column in columns if column.primary_key]
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}"), **OPTIONS)


def _key(name: str, type_: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, primary_key=True, autoincrement=False)


def _set(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)
