"""Statements that take many rows at once, said once for every database.

Two costs on the hot path are not SQL's. Preparing a statement: its text is made on first use and
kept. And handing the interpreter back: SQLite's driver does so for every row that it steps, and
waits for a busy event loop each time (1,000 rows one by one took 200 ms there, as one statement
12 ms). So a statement has the rows within its text, and is run for up to `MOST_ROWS` of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import UpdateBase

Row = tuple[Any, ...]

MOST_ROWS = 256
"""A power of two, below SQLite's limits of 500 terms of a union and 32,766 values."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement as meant, before any database's words.

    `names` is the order of the values in a row. Of rows that agree in the values at `key` the
    last one counts, as if they had been written one after the other; without a key all do.
    `build` makes it for a number of rows and the name of a dialect; value N of row I is bound
    as ``N_mI``.
    """

    names: tuple[str, ...]
    key: tuple[int, ...]
    build: Callable[[int, str], UpdateBase]


def saving(
    table: Table, *, by: Sequence[str] = (), leave: Sequence[str] = (), keep: bool = False
) -> Statement:
    """Insert a row, or set the one with the same key; with `keep`, the one that is there stays.

    `by` is the key (the primary key by default); columns in `leave` are neither given nor set.
    """
    key = tuple(by) or tuple(column.name for column in table.primary_key)
    names = _names(table, leave)
    rest = () if keep else tuple(name for name in names if name not in key)
    places = () if keep else _places(names, key)
    return Statement(
        names,
        places,
        lambda rows, dialect: _upsert(table, [dict.fromkeys(names)] * rows, key, rest, dialect),
    )


def adding(table: Table, *, leave: Sequence[str] = ()) -> Statement:
    """Insert a row that must be new."""
    names = _names(table, leave)
    key = tuple(column.name for column in table.primary_key if column.name in names)
    return Statement(
        names,
        _places(names, key),
        lambda rows, _: table.insert().values([dict.fromkeys(names)] * rows),
    )


def changing(table: Table, columns: Sequence[str], *, by: str) -> Statement:
    """Set columns of the row with that key, if it is there; a row has the key last."""
    names = (*columns, by)

    def row(index: int) -> Select[Any]:
        return select(*(_bound(table, name, index).label(f"new_{name}") for name in names))

    def build(rows: int, _: str) -> UpdateBase:
        first, *more = (row(index) for index in range(rows))
        given = (union_all(first, *more) if more else first).subquery("given")
        return (
            update(table)
            .where(table.c[by] == given.c[f"new_{by}"])
            .values({name: given.c[f"new_{name}"] for name in columns})
        )

    return Statement(names, (len(columns),), build)


def removing(table: Table, *by: str) -> Statement:
    """Delete the rows with that key."""

    def row(index: int) -> ColumnElement[bool]:
        return and_(*(table.c[name] == _bound(table, name, index) for name in by))

    return Statement(
        by,
        tuple(range(len(by))),
        lambda rows, _: delete(table).where(or_(*(row(index) for index in range(rows)))),
    )


def _names(table: Table, leave: Sequence[str]) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.name not in leave)


def _places(names: tuple[str, ...], key: Sequence[str]) -> tuple[int, ...]:
    return tuple(names.index(name) for name in key)


def _bound(table: Table, name: str, index: int) -> ColumnElement[Any]:
    return bindparam(f"{name}_m{index}", type_=table.c[name].type)


def _upsert(
    table: Table,
    values: list[dict[str, None]],
    key: Sequence[str],
    rest: Sequence[str],
    dialect: str,
) -> UpdateBase:
    """Return the one statement whose words differ between the databases."""
    if dialect in {"mysql", "mariadb"}:
        given = mysql.insert(table).values(values)
        # Setting a key to itself is how MariaDB leaves a row alone without hiding other errors.
        return given.on_duplicate_key_update(
            {name: given.inserted[name] for name in rest} or {key[0]: table.c[key[0]]}
        )
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    found = insert(table).values(values)
    if not rest:
        return found.on_conflict_do_nothing(index_elements=key)
    return found.on_conflict_do_update(
        index_elements=key, set_={name: found.excluded[name] for name in rest}
    )


class Prepared:
    """A statement in the words of one dialect, with its text for each number of rows."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        self._statement = statement
        self._dialect = dialect
        self._texts: dict[int, str] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run it for all rows in few steps; nothing for none."""
        for part in _parts(self._counting(rows)):
            connection.exec_driver_sql(self.text(len(part)), self._values(part))

    def text(self, rows: int) -> str:
        """Return the text for that many rows."""
        text = self._texts.get(rows)
        if text is None:
            text = self._texts[rows] = self._made(rows)
        return text

    def _made(self, rows: int) -> str:
        if rows <= 2 or not self._dialect.positional:
            return self._compiled(rows)
        # What the second row added to the text is what each further row adds: the compiler would
        # take 40 ms for as many rows as a first fault may need.
        one, two = self.text(1), self.text(2)
        both = zip(one, two, strict=False)
        place = next((at for at, (a, b) in enumerate(both) if a != b), len(one))
        added = two[place : place + len(two) - len(one)]
        return one[:place] + added * (rows - 1) + one[place:]

    def _compiled(self, rows: int) -> str:
        return str(
            self._statement.build(rows, self._dialect.name).compile(
                dialect=self._dialect,
                # No RETURNING is added for a number that nobody reads.
                for_executemany=True,
            )
        )

    def _counting(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Leave out the rows that a later one overrides: in one statement no order is promised."""
        key = self._statement.key
        if not key or len(rows) < 2:
            return rows
        return list({tuple(row[place] for place in key): row for row in rows}.values())

    def _values(self, rows: Sequence[Row]) -> Any:
        if self._dialect.positional:
            return tuple(chain.from_iterable(rows))
        return {
            f"{name}_m{index}": value
            for index, row in enumerate(rows)
            for name, value in zip(self._statement.names, row, strict=True)
        }


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Part rows into powers of two, so that a handful of texts serves every number of rows."""
    start, size = 0, MOST_ROWS
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size
