"""Statements that take many rows at once, said once for every database.

Two costs on the hot path are not SQL's. Preparing a statement: its text is made on first use and
kept. And handing the interpreter back: SQLite's driver does so for every row that it steps, and
waits for a busy event loop each time (1,000 rows one by one took 200 ms there, as one statement
12 ms). So a statement has the rows within its text, and is run for up to `MOST_ROWS` of them.

PostgreSQL has a better way: one array for each column, taken apart by the server. The text is the
same for any number of rows, the server plans it once, and the driver packs arrays in C (1,000
rows of 13 columns took 50 ms as text with values, 20 ms so).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

Row = tuple[Any, ...]

MOST_ROWS = 256
"""A power of two, below SQLite's limits of 500 terms of a union and 32,766 values."""

MOST_IN_ARRAYS = 2048
"""Rows whose values are packed at once: the driver holds the interpreter meanwhile."""


_WAS = "was_"


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement as meant, before any database's words.

    `names` is the order of the values in a row. Of rows that agree in the values at `key` the
    last one counts, as if they had been written one after the other; without a key all do.
    `build` makes it for a number of rows and the name of a dialect; value N of row I is bound
    as ``N_mI``. `build_given` makes it for rows that another table gives, in columns of these
    names and with the types of `table`, for PostgreSQL.
    """

    table: Table
    names: tuple[str, ...]
    key: tuple[int, ...]
    build: Callable[[int, str], UpdateBase]
    build_given: Callable[[FromClause], UpdateBase]


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

    def build_given(given: FromClause) -> UpdateBase:
        return _or_set(_insert_given(table, names, given), key, rest)

    return Statement(
        table,
        names,
        places,
        lambda rows, dialect: _upsert(table, [dict.fromkeys(names)] * rows, key, rest, dialect),
        build_given,
    )


def adding(table: Table, *, leave: Sequence[str] = ()) -> Statement:
    """Insert a row that must be new."""
    names = _names(table, leave)
    key = tuple(column.name for column in table.primary_key if column.name in names)
    return Statement(
        table,
        names,
        _places(names, key),
        lambda rows, _: table.insert().values([dict.fromkeys(names)] * rows),
        lambda given: _insert_given(table, names, given),
    )


def changing(
    table: Table, columns: Sequence[str], *, by: str, was: Sequence[str] = ()
) -> Statement:
    """Set columns of the row with that key, if it is there; a row has the key last.

    With `was`, a row that holds another value in one of these columns than the one given is left
    alone; the values stand before the key.
    """
    names = (*columns, *(f"{_WAS}{name}" for name in was), by)

    def row(index: int) -> Select[Any]:
        return select(*(_bound(table, name, index).label(name) for name in names))

    def build(rows: int, _: str) -> UpdateBase:
        first, *more = (row(index) for index in range(rows))
        return build_given((union_all(first, *more) if more else first).subquery("given"))

    def build_given(given: FromClause) -> UpdateBase:
        held = and_(
            table.c[by] == given.c[by],
            *(table.c[name] == given.c[f"{_WAS}{name}"] for name in was),
        )
        return update(table).where(held).values({name: given.c[name] for name in columns})

    return Statement(table, names, (len(names) - 1,), build, build_given)


def removing(table: Table, *by: str) -> Statement:
    """Delete the rows with that key."""

    def row(index: int) -> ColumnElement[bool]:
        return and_(*(table.c[name] == _bound(table, name, index) for name in by))

    return Statement(
        table,
        by,
        tuple(range(len(by))),
        lambda rows, _: delete(table).where(or_(*(row(index) for index in range(rows)))),
        lambda given: delete(table).where(*(table.c[name] == given.c[name] for name in by)),
    )


def _names(table: Table, leave: Sequence[str]) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.name not in leave)


def _places(names: tuple[str, ...], key: Sequence[str]) -> tuple[int, ...]:
    return tuple(names.index(name) for name in key)


def _bound(table: Table, name: str, index: int) -> ColumnElement[Any]:
    return bindparam(f"{name}_m{index}", type_=table.c[name.removeprefix(_WAS)].type)


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
    return _or_set(sqlite.insert(table).values(values), key, rest)


def _insert_given(table: Table, names: Sequence[str], given: FromClause) -> postgresql.Insert:
    return postgresql.insert(table).from_select(
        list(names), select(*(given.c[name] for name in names))
    )


def _or_set(
    insert: postgresql.Insert | sqlite.Insert, key: Sequence[str], rest: Sequence[str]
) -> UpdateBase:
    """Say what becomes of a row whose key is there: what SQLite and PostgreSQL say alike."""
    if not rest:
        return insert.on_conflict_do_nothing(index_elements=key)
    return insert.on_conflict_do_update(
        index_elements=key, set_={name: insert.excluded[name] for name in rest}
    )


Runner = Callable[[Connection, Sequence[Row]], int]
"""Runs a statement for rows, in few steps; returns how many rows of the database it met."""


def prepared(statement: Statement, dialect: Dialect) -> Runner:
    """Return what runs a statement in the words of one dialect, and keeps what that needs."""
    made = InArrays if dialect.name == "postgresql" else Prepared
    return made(statement, dialect).run


class InArrays:
    """A statement for PostgreSQL: one text, one array for each column."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        self._statement = statement
        names = statement.names
        columns = [statement.table.c[name.removeprefix(_WAS)] for name in names]
        arrays = func.unnest(
            *(
                bindparam(name, type_=postgresql.ARRAY(_in_array(column.type)))
                for name, column in zip(names, columns, strict=True)
            )
        )
        rows = arrays.table_valued(*names, name="rows").render_derived()
        given = select(
            *(
                # Of a text is made what the column holds; a length is never silently cut.
                (
                    cast(rows.c[name], JSON) if isinstance(column.type, JSON) else rows.c[name]
                ).label(name)
                for name, column in zip(names, columns, strict=True)
            )
        ).subquery("given")
        text = str(statement.build_given(given).compile(dialect=dialect, for_executemany=True))
        # The driver packs what is to be sent as bytes in C, what is to be sent as text in Python.
        self.text = text.replace(")s::", ")b::")

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Run it for all rows; nothing for none; return how many it met."""
        rows, met = _counting(self._statement, rows), 0
        for start in range(0, len(rows), MOST_IN_ARRAYS):
            columns = zip(*rows[start : start + MOST_IN_ARRAYS], strict=True)
            values = dict(zip(self._statement.names, map(list, columns), strict=True))
            met += connection.exec_driver_sql(self.text, values).rowcount
        return met


def _in_array(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the widest type of the kind of a column's: what is too much the column refuses."""
    for kind, widest in (
        (Boolean, Boolean()),
        (Integer, BigInteger()),
        (Double, Double()),
        (LargeBinary, type_),
    ):
        if isinstance(type_, kind):
            return widest
    return Text()


class Prepared:
    """A statement in the words of one dialect, with its text for each number of rows."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        self._statement = statement
        self._dialect = dialect
        self._texts: dict[int, str] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Run it for all rows in few steps, nothing for none; return how many it met."""
        return sum(
            connection.exec_driver_sql(
                self.text(len(part)), tuple(chain.from_iterable(part))
            ).rowcount
            for part in _parts(_counting(self._statement, rows))
        )

    def text(self, rows: int) -> str:
        """Return the text for that many rows."""
        text = self._texts.get(rows)
        if text is None:
            text = self._texts[rows] = self._made(rows)
        return text

    def _made(self, rows: int) -> str:
        if rows <= 2:
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


def _counting(statement: Statement, rows: Sequence[Row]) -> Sequence[Row]:
    """Leave out the rows that a later one overrides: in one statement no order is promised."""
    key = statement.key
    if not key or len(rows) < 2:
        return rows
    return list({tuple(row[place] for place in key): row for row in rows}.values())


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Part rows into powers of two, so that a handful of texts serves every number of rows."""
    start, size = 0, MOST_ROWS
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size
