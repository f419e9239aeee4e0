"""Pages of a table that is read newest first, without counting what came before."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, or_

from faultwire.domain.errors import NotFound


def newest_first(
    connection: Connection,
    statement: Select[Any],
    *,
    by: str,
    marker: str | None,
    limit: int | None,
) -> Select[Any]:
    """Return the statement for the page after `marker`, ordered by column `by`, then id.

    The statement selects from one table and holds its filters: a marker that they leave out is
    NotFound, as one that does not exist.
    """
    (table,) = statement.get_final_froms()
    if not isinstance(table, Table):
        raise TypeError("only a table is read in pages")
    page = statement.order_by(table.c[by].desc(), table.c.id.desc())
    if marker is not None:
        page = page.where(_older(connection, statement, table, by, marker))
    return page if limit is None else page.limit(max(limit, 0))


def _older(
    connection: Connection, statement: Select[Any], table: Table, by: str, marker: str
) -> ColumnElement[bool]:
    place = statement.with_only_columns(table.c[by]).where(table.c.id == marker)
    found = connection.execute(place).scalar_one_or_none()
    if found is None:
        raise NotFound(f"marker {marker} is not in this list")
    # The first term bounds the range of the index; a comparison of pairs would not everywhere.
    return and_(table.c[by] <= found, or_(table.c[by] < found, table.c.id < marker))
