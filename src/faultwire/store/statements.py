"""Statements that take many rows at once, said once for every database; `running` runs them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
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
from sqlalchemy.sql.dml import UpdateBase

Row = tuple[Any, ...]

WAS = "was_"
"""Stands before the name of a value that the row must still have."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement as meant, before any database's words.

    `names` is the order of the values in a row. Of rows that agree in the values at `key` the
    last one counts, as if they had been written one after the other; without a key all do.
    `build` makes it for a number of rows and the name of a dialect; value N of row I is bound
    as ``N_mI``. `build_given` makes it for rows that another table gives, in columns of these
    names and with the types of `table`, for PostgreSQL. `sets` are the columns that a change sets
    in a row that is there, for MariaDB; empty for every other kind.
    """

    table: Table
    names: tuple[str, ...]
    key: tuple[int, ...]
    build: Callable[[int, str], UpdateBase]
    build_given: Callable[[FromClause], UpdateBase]
    sets: tuple[str, ...] = ()


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
    names = (*columns, *(f"{WAS}{name}" for name in was), by)

    def row(index: int) -> Select[Any]:
        return select(*(_bound(table, name, index).label(name) for name in names))

    def build(rows: int, _: str) -> UpdateBase:
        first, *more = (row(index) for index in range(rows))
        return build_given((union_all(first, *more) if more else first).subquery("given"))

    def build_given(given: FromClause) -> UpdateBase:
        held = and_(
            table.c[by] == given.c[by],
            *(table.c[name] == given.c[f"{WAS}{name}"] for name in was),
        )
        return update(table).where(held).values({name: given.c[name] for name in columns})

    return Statement(table, names, (len(names) - 1,), build, build_given, tuple(columns))


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
    return bindparam(f"{name}_m{index}", type_=table.c[name.removeprefix(WAS)].type)


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
