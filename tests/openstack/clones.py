"""Servers by the thousand: rows of a real server multiplied in Nova's own tables.

A server through Nova's API takes a second; a clone takes a millisecond. Nova lists, shows, resets
and evacuates clones as it does their original. They have no allocation in Placement.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.openstack.minicloud import MiniCloud

TABLES = (
    ("nova", "instances", "uuid"),
    ("nova", "instance_extra", "instance_uuid"),
    ("nova", "instance_info_caches", "instance_uuid"),
    ("nova", "instance_system_metadata", "instance_uuid"),
    ("nova", "block_device_mapping", "instance_uuid"),
    ("nova_api", "instance_mappings", "instance_uuid"),
    ("nova_api", "request_specs", "instance_uuid"),
)
"""What Nova keeps of a server, and the column that names it."""

IDS = "nova.clones"
"""Ids of the clones that there are."""

PREFIX = "clone-"


@contextmanager
def clones(cloud: MiniCloud, server: str, host: str, count: int) -> Iterator[list[str]]:
    """Give the ids of so many clones of a server on a host; they are gone afterwards."""
    try:
        yield make(cloud, server, host, count)
    finally:
        remove(cloud)


def make(cloud: MiniCloud, server: str, host: str, count: int) -> list[str]:
    """Clone a server on a host; the host's node has its name, as the small cloud's have."""
    cloud.sql(f"CREATE OR REPLACE TABLE {IDS} (id CHAR(36) PRIMARY KEY, number INT)")
    cloud.sql(f"INSERT INTO {IDS} SELECT UUID(), seq FROM nova.seq_1_to_{count}")
    for schema, table, key in TABLES:
        own = {key: "c.id"}
        if table == "instances":
            own |= dict.fromkeys(("host", "node", "launched_on"), f"'{host}'")
            name = f"CONCAT('{PREFIX}{host}-', c.number)"
            own |= dict.fromkeys(("display_name", "hostname"), name)
        if table == "block_device_mapping":
            own["uuid"] = "UUID()"
        columns = _columns(cloud, schema, table)
        values = ", ".join(own.get(column, f"s.`{column}`") for column in columns)
        names = ", ".join(f"`{column}`" for column in columns)
        cloud.sql(
            f"INSERT INTO {schema}.{table} ({names}) SELECT {values} "
            f"FROM {schema}.{table} s, {IDS} c WHERE s.{key} = '{server}'"
        )
    return [str(row[0]) for row in cloud.sql(f"SELECT id FROM {IDS} ORDER BY number")]


def delete(cloud: MiniCloud, host: str) -> None:
    """Have the clones on a host be deleted servers, as Nova leaves them, and tell nobody."""
    cloud.sql(
        f"UPDATE nova.instances SET deleted = id, vm_state = 'deleted' WHERE host = '{host}' "
        f"AND uuid IN (SELECT id COLLATE utf8mb3_general_ci FROM {IDS})"
    )


def remove(cloud: MiniCloud) -> None:
    """Take away all clones, and what Nova wrote of them since."""
    mine = f"IN (SELECT id COLLATE utf8mb3_general_ci FROM {IDS})"
    actions = f"SELECT id FROM nova.instance_actions WHERE instance_uuid {mine}"
    cloud.sql(f"DELETE FROM nova.instance_actions_events WHERE action_id IN ({actions})")
    rows = cloud.sql(
        "SELECT table_schema, table_name FROM information_schema.columns "
        "WHERE column_name = 'instance_uuid' AND table_schema IN ('nova', 'nova_api')"
    )
    for schema, table in rows:
        cloud.sql(f"DELETE FROM {schema}.{table} WHERE instance_uuid {mine}")
    cloud.sql(f"DELETE FROM nova.instances WHERE uuid {mine}")
    cloud.sql(f"DROP TABLE {IDS}")


def _columns(cloud: MiniCloud, schema: str, table: str) -> list[str]:
    """Return the columns that a row is copied by: what the database makes itself is not."""
    rows = cloud.sql(
        "SELECT column_name FROM information_schema.columns WHERE column_name <> 'id' "
        f"AND table_schema = '{schema}' AND table_name = '{table}' "
        "AND extra NOT LIKE '%GENERATED%' ORDER BY ordinal_position"
    )
    return [str(row[0]) for row in rows]
