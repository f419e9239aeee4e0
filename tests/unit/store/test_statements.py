"""Statements for many rows: their texts, their parts, and the words of each database."""

from typing import Any

import pytest
from sqlalchemy.dialects import mysql, sqlite

from faultwire.store import engine as servers
from faultwire.store import ledger, writers
from faultwire.store.literals import Listed, Rows, Whens, quoted
from faultwire.store.running import (
    MOST_IN_ARRAYS,
    MOST_ROWS,
    InArrays,
    InCases,
    Prepared,
    _parts,
    prepared,
)
from faultwire.store.schema import causes, hosts, outbox, users
from faultwire.store.statements import Statement, adding, changing, removing, saving

KINDS = {
    "saving": saving(hosts, leave=("last_seen_ns",)),
    "saving by": saving(causes, by=("kind", "resource", "fault_id"), leave=("sequence",)),
    "keeping": saving(users, keep=True),
    "adding": adding(causes, leave=("sequence",)),
    "changing": changing(hosts, ("agent", "revision"), by="name"),
    "removing": removing(hosts, "name"),
    "removing by more": removing(causes, "kind", "resource"),
    "settling": writers.SETTLE,
}
each_kind = pytest.mark.parametrize("statement", KINDS.values(), ids=KINDS)


class Driver:
    """Takes what a connection is told to execute."""

    rowcount = 7

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def exec_driver_sql(self, text: str, values: Any) -> "Driver":
        """Note the text and the values; the result is told by the driver itself."""
        self.told.append((text, values))
        return self


@each_kind
@pytest.mark.parametrize("dialect", [sqlite.dialect(), mysql.dialect()], ids=lambda d: d.name)
@pytest.mark.parametrize("rows", [1, 2, 3, 8, MOST_ROWS])
def test_a_long_text_is_what_the_compiler_makes(
    statement: Statement, dialect: Any, rows: int
) -> None:
    """The text for many rows, made from those for one and two, is the compiler's own."""
    prepared = Prepared(statement, dialect)
    assert prepared.text(rows) == prepared._compiled(rows)


@each_kind
@pytest.mark.parametrize("dialect", [sqlite.dialect(), mysql.dialect()], ids=lambda d: d.name)
def test_values_stand_in_the_order_of_the_text(statement: Statement, dialect: Any) -> None:
    """Row by row and name by name is the order in which the text asks for values."""
    compiled = statement.build(3, dialect.name).compile(dialect=dialect, for_executemany=True)
    expected = [f"{name}_m{row}" for row in range(3) for name in statement.names]
    assert compiled.positiontup == expected


POSTGRESQL = servers.engine_from_url("postgresql://nobody@nowhere/none").dialect


@each_kind
def test_postgresql_takes_a_column_as_one_array(statement: Statement) -> None:
    """Whatever the number of rows the text is one, and each value stands under its name."""
    driver = Driver()
    rows = [tuple(f"{name}-{row}" for name in statement.names) for row in range(3)]
    met = prepared(statement, POSTGRESQL)(driver, rows)
    ((text, values),) = driver.told
    assert met == driver.rowcount
    assert values == {name: [row[at] for row in rows] for at, name in enumerate(statement.names)}
    # Sent as bytes, and as no type that would cut a long text silently.
    assert all(f"%({name})b::" in text for name in values)
    assert "VARCHAR" not in text.split("SELECT")[-1]


def test_postgresql_gets_many_rows_in_parts() -> None:
    """A batch without end would hold the interpreter while it is packed."""
    driver = Driver()
    rows = [(f"h-{number}",) for number in range(MOST_IN_ARRAYS + 1)]
    assert prepared(removing(hosts, "name"), POSTGRESQL)(driver, rows) == 2 * driver.rowcount
    assert [len(values["name"]) for _, values in driver.told] == [MOST_IN_ARRAYS, 1]


MARIADB = servers.engine_from_url("mariadb://nobody@nowhere/none").dialect


def test_mariadb_changes_rows_by_their_keys() -> None:
    """What all rows get is said once, the rest for each key; what a row was is asked likewise."""
    change = changing(outbox, ("state", "attempt"), by="id", was=("state", "created_ns"))
    driver = Driver()
    rows = [("failed", 1, "pending", 5, "a"), ("failed", 2, "pending", 6, "b")]
    assert prepared(change, MARIADB)(driver, rows) == driver.rowcount
    ((text, values),) = driver.told
    assert text == (
        "UPDATE outbox FORCE INDEX (PRIMARY) SET state = %s,"
        " attempt = CASE id %s END"
        " WHERE state = %s AND created_ns = CASE id %s END AND id IN (%s)"
    )
    keys = ("a", "b")
    assert values == ("failed", Whens(keys, (1, 2)), "pending", Whens(keys, (5, 6)), Listed(keys))


def test_mariadb_gets_many_changes_in_parts() -> None:
    """A text has so many rows at most; of rows with one key the last is written."""
    driver = Driver()
    change = InCases(changing(hosts, ("revision",), by="name"), MARIADB)
    rows = [(1, f"h-{number}") for number in range(MOST_ROWS + 1)]
    assert change.run(driver, [(0, "h-0"), *rows]) == 2 * driver.rowcount
    assert [len(values[1].values) for _, values in driver.told] == [MOST_ROWS, 1]
    assert driver.told[1][1] == (1, Listed((f"h-{MOST_ROWS}",)))


@each_kind
def test_mariadb_gets_rows_as_one_value(statement: Statement) -> None:
    """An insert has one text for any number of rows, in which they have one place."""
    driver = Driver()
    rows = [tuple(f"{name}-{row}" for name in statement.names) for row in range(MOST_ROWS + 1)]
    prepared(statement, MARIADB)(driver, rows)
    inserts = "INSERT" in driver.told[0][0]
    assert inserts == (not statement.sets and "DELETE" not in driver.told[0][0])
    if inserts:
        first, last = driver.told
        assert first[0] == last[0]
        assert first[0].count("%s") == 1
        assert (*first[1][0].rows, *last[1][0].rows) == tuple(rows)


def _by_driver(value: object) -> str:
    return f"<{value!r}>"


def test_columns_are_written_at_once() -> None:
    """Texts are quoted, the rest is the driver's; what is the same in all rows is made once."""
    rows = Rows([("it's", 1, None, "c\\"), ("b", 2, None, 'd"'), ("\x00%s", 3, None, "")])
    assert rows.said(_by_driver, quoted) == (
        "('it''s', <1>, <None>, 'c\\\\'), ('b', <2>, <None>, 'd\"'), ('\x00%s', <3>, <None>, '')"
    )
    assert Rows([("a", "b")] * 2).said(_by_driver, quoted) == "(<'a'>, <'b'>), (<'a'>, <'b'>)"
    assert Listed(("a", 1)).said(_by_driver, quoted) == "<'a'>, <1>"
    assert Whens(("a", "b"), (1, None)).said(_by_driver, quoted) == (
        "WHEN 'a' THEN <1> WHEN 'b' THEN <None>"
    )


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        (sqlite.dialect(), "ON CONFLICT (id) DO"),
        (mysql.dialect(), "ON DUPLICATE KEY UPDATE"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_an_upsert_is_said_in_the_databases_words(dialect: Any, words: str) -> None:
    """Saving and keeping have their own words in each database, and none asks for rows back."""
    for statement in (saving(users), saving(users, keep=True)):
        text = Prepared(statement, dialect).text(2)
        assert words in text
        assert "RETURNING" not in text
        text = InArrays(statement, POSTGRESQL).text
        assert "ON CONFLICT (id) DO" in text
        assert "RETURNING" not in text


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 1000, 1003])
def test_rows_are_parted_into_few_sizes(count: int) -> None:
    """All rows in order, in parts whose sizes are powers of two within the limit."""
    parts = list(_parts([(number,) for number in range(count)]))
    assert [row for part in parts for row in part] == [(number,) for number in range(count)]
    assert all(len(part) <= MOST_ROWS and len(part).bit_count() == 1 for part in parts)


def test_of_rows_with_one_key_the_last_is_written() -> None:
    """One statement names a key once: which of two rows wins is not left to the database."""
    driver = Driver()
    Prepared(changing(hosts, ("revision",), by="name"), sqlite.dialect()).run(
        driver, [(1, "a"), (2, "b"), (3, "a")]
    )
    assert [values for _, values in driver.told] == [(3, "a", 2, "b")]


def test_no_rows_are_no_statement() -> None:
    """Nothing is sent for nothing."""
    driver = Driver()
    Prepared(removing(hosts, "name"), sqlite.dialect()).run(driver, [])
    assert driver.told == []


def test_a_rehearsal_needs_a_text_of_every_size() -> None:
    """After warming no number of rows of the hot path needs a text that is not there."""
    sizes = [len(part) for part in _parts(ledger.rehearsal.attempts())]
    assert sizes == [MOST_ROWS >> place for place in range(MOST_ROWS.bit_length())]
