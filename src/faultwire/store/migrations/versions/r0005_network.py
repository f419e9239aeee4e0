"""The network face: networks, subnets, why ports have their data-plane status."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
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
    """Add the columns and make the new tables; the way back is a backup."""
    op.add_column("ports", sa.Column("data_plane", sa.JSON, nullable=True))
    op.add_column("ports", sa.Column("details", sa.JSON, nullable=True))
    _table(
        "networks",
        _set("project_id"),
        _set("name"),
        _set("description", PROSE),
        _set("admin_state_up", sa.Boolean),
        _set("shared", sa.Boolean),
        _set("external", sa.Boolean),
        _maybe("physical_network"),
        _maybe("network_type", WORD),
        _maybe("segmentation_id", sa.Integer),
        _set("mtu", sa.Integer),
        _set("created_ns", sa.BigInteger),
        _set("updated_ns", sa.BigInteger),
        _set("revision", sa.BigInteger),
    )
    _table(
        "subnets",
        _set("network_id"),
        _set("project_id"),
        _set("cidr", ID),
        _set("name"),
        _set("description", PROSE),
        _maybe("gateway_ip", ID),
        _set("enable_dhcp", sa.Boolean),
        _set("created_ns", sa.BigInteger),
        _set("updated_ns", sa.BigInteger),
        _set("revision", sa.BigInteger),
    )


def _table(name: str, *columns: sa.Column[Any]) -> None:
    key = sa.PrimaryKeyConstraint("id", name=f"pk_{name}")
    op.create_table(name, sa.Column("id", NAME, autoincrement=False), *columns, key, **OPTIONS)


def _set(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)


def _maybe(name: str, type_: Any = NAME) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=True)
