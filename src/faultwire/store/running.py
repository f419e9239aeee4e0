"""How statements of many rows are run on each database.

Two costs on the hot path are not SQL's. Preparing a statement: its text is made on first use and
kept. And handing the interpreter back: SQLite's driver does so for every row that it steps, and
waits for a busy event loop each time (1,000 rows one by one took 200 ms there, as one statement
12 ms). So a statement has the rows within its text, and is run for up to `MOST_ROWS` of them.

PostgreSQL has a better way: one array for each column, taken apart by the server. The text is the
same for any number of rows, the server plans it once, and the driver packs arrays in C (1,000
rows of 13 columns took 50 ms as text with values, 20 ms so). MariaDB changes rows by CASE.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Connection,
    Double,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from faultwire.store.literals import Listed, Rows, Whens
from faultwire.store.statements import WAS, Row, Statement

MOST_ROWS = 256
"""A power of two, below SQLite's limits of 500 terms of a union and 32,766 values."""

MOST_IN_ARRAYS = 2048
"""Rows whose values are packed at once: the driver holds the interpreter meanwhile."""


Runner = Callable[[Connection, Sequence[Row]], int]
"""Runs a statement for rows, in few steps; returns how many rows of the database it met."""


def prepared(statement: Statement, dialect: Dialect) -> Runner:
    """Return what runs a statement in the words of one dialect, and keeps what that needs."""
    if dialect.name == "postgresql":
        return InArrays(statement, dialect).run
    prepared = Prepared(statement, dialect)
    if dialect.name not in {"mysql", "mariadb"}:
        return prepared.run
    if statement.sets:
        return InCases(statement, dialect).run
    text, row = prepared.text(1), f"({', '.join(['%s'] * len(statement.names))})"
    if not text.startswith("INSERT") or text.count(row) != 1:
        return prepared.run
    return InRows(statement, text.replace(row, "%s")).run


class InArrays:
    """A statement for PostgreSQL: one text, one array for each column."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        self._statement = statement
        names = statement.names
        columns = [statement.table.c[name.removeprefix(WAS)] for name in names]
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


class InRows:
    """Rows that are inserted into MariaDB: one text, in which they stand as one value."""

    def __init__(self, statement: Statement, text: str) -> None:
        """Take an insert with one place for its rows."""
        self._statement = statement
        self.text = text

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Run it for all rows, nothing for none; return how many it met."""
        rows, met = _counting(self._statement, rows), 0
        for start in range(0, len(rows), MOST_ROWS):
            part = Rows(rows[start : start + MOST_ROWS])
            met += connection.exec_driver_sql(self.text, (part,)).rowcount
        return met


class InCases:
    """A change of rows for MariaDB: one table, the rows by their keys, and what each gets.

    What all rows get is said once, the rest as CASE. A change that joins the rows as a table of
    their own makes MariaDB write that table to a file, which takes it three times as long.
    """

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        """Take a change, whose rows have the key last."""
        quote = dialect.identifier_preparer.quote
        *names, by = statement.names
        self._statement = statement
        self._by = quote(by)
        self._sets = [quote(name) for name in statement.sets]
        self._was = [quote(name.removeprefix(WAS)) for name in names[len(statement.sets) :]]
        # Keys are few of a large table; a small one is never read as a whole for them either.
        table = quote(statement.table.name)
        # Names of our own; every value is bound.
        self._update = f"UPDATE {table} FORCE INDEX (PRIMARY) SET "  # noqa: S608

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Run it for all rows, nothing for none; return how many it met."""
        rows, met = _counting(self._statement, rows), 0
        for start in range(0, len(rows), MOST_ROWS):
            text, values = self.said(rows[start : start + MOST_ROWS])
            met += connection.exec_driver_sql(text, values).rowcount
        return met

    def said(self, rows: Sequence[Row]) -> tuple[str, Row]:
        """Return the text for rows, and the values that it asks for."""
        *columns, keys = zip(*rows, strict=True)
        values: list[Any] = []

        def equal(name: str, given: Row) -> str:
            if given.count(given[0]) == len(given):
                values.append(given[0])
                return f"{name} = %s"
            values.append(Whens(keys, given))
            return f"{name} = CASE {self._by} %s END"

        most = len(self._sets)
        sets = [equal(*one) for one in zip(self._sets, columns[:most], strict=True)]
        held = [equal(*one) for one in zip(self._was, columns[most:], strict=True)]
        held.append(f"{self._by} IN (%s)")
        text = f"{self._update}{', '.join(sets)} WHERE {' AND '.join(held)}"
        return text, (*values, Listed(keys))


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
