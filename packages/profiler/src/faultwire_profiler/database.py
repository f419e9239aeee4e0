"""Profiles in any database, to be listed and compared later (S77).

It need not be the server's: the tables have names of their own and a schema of their own, which
is brought up to date whenever the database is opened.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    exc,
    func,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects import mysql

_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
"""What serves a URL that names no driver, where it is installed; otherwise SQLAlchemy chooses."""

_METADATA = MetaData()
_LONG_TEXT = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

_SCHEMA = Table("faultwire_profile_schema", _METADATA, Column("version", Integer, nullable=False))
_RUNS = Table(
    "faultwire_profile_runs",
    _METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("label", String(255), nullable=False, index=True),
    Column("stored_ns", BigInteger, nullable=False),
    Column("fault", String(255), nullable=False),
    Column("host", String(255), nullable=False),
    Column("servers", Integer),
    Column("verdict", String(16), nullable=False),
    Column("law_ms", Float),
    Column("total_ms", Float),
    Column("document", _LONG_TEXT, nullable=False),
)


class DatabaseError(Exception):
    """A database that cannot be used, or a value that it does not take; the text says why."""


def _first(connection: Connection) -> None:
    _RUNS.create(connection)


_STEPS: tuple[Callable[[Connection], None], ...] = (_first,)
"""What brings the schema from each version to the next; the version is their number."""


@dataclass(frozen=True, slots=True)
class StoredSet:
    """What a label holds: how many runs, when the last was stored, and the law's figures."""

    label: str
    runs: int
    last_ns: int
    missed: int
    law_ms_mean: float | None
    law_ms_max: float | None


class StoredProfiles:
    """Runs of the profiler by label; for one thread.

    Raises DatabaseError for a URL that is none or of a database without a driver here, for a
    schema newer than this one, for values that do not fit, and for all that the database refuses.
    """

    def __init__(self, url: str) -> None:
        """Open a database, SQLAlchemy's URL, and bring the schema up to date."""
        self._engine = _engine(url)
        try:
            with _translated(), self._engine.begin() as connection:
                _upgrade(connection)
        except DatabaseError:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def add(self, label: str, runs: Sequence[Mapping[str, Any]], now_ns: int) -> int:
        """Store runs as `collection.merged_to_json` has them; return how many."""
        if not 0 < len(label) <= 255:
            raise DatabaseError("label: must have 1 to 255 characters")
        rows = [_row(label, run, now_ns) for run in runs]
        if rows:
            with _translated(), self._engine.begin() as connection:
                connection.execute(insert(_RUNS), rows)
        return len(rows)

    def runs(self, label: str) -> list[dict[str, Any]]:
        """Return the runs of a label in the order in which they were stored."""
        query = select(_RUNS.c.document).where(_RUNS.c.label == label).order_by(_RUNS.c.id)
        with _translated(), self._engine.connect() as connection:
            return [json.loads(document) for (document,) in connection.execute(query)]

    def labels(self) -> tuple[StoredSet, ...]:
        """Return what is stored, by label."""
        missed = func.sum((_RUNS.c.verdict == "missed").cast(Integer))
        query = (
            select(
                _RUNS.c.label,
                func.count(),
                func.max(_RUNS.c.stored_ns),
                missed,
                func.avg(_RUNS.c.law_ms),
                func.max(_RUNS.c.law_ms),
            )
            .group_by(_RUNS.c.label)
            .order_by(_RUNS.c.label)
        )
        with _translated(), self._engine.connect() as connection:
            found = connection.execute(query).all()
        return tuple(
            StoredSet(row[0], row[1], row[2], int(row[3]), row[4], row[5]) for row in found
        )


def _row(label: str, run: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
    profile = run["profile"]
    return {
        "label": label,
        "stored_ns": now_ns,
        "fault": run["id"][:255],
        "host": run["host"][:255],
        "servers": run["servers"],
        "verdict": profile["law"]["verdict"],
        "law_ms": profile["law"]["ms"],
        "total_ms": profile["total"]["ms"],
        "document": json.dumps(run, ensure_ascii=False, separators=(",", ":")),
    }


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        driver = _DRIVERS.get(parsed.drivername, "")
        if driver and find_spec(driver):
            parsed = parsed.set(drivername=f"{parsed.drivername}+{driver}")
        return create_engine(parsed)
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise DatabaseError(f"database: none that can be reached from here: {error}") from None


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the database and its driver raise into our own error, without the statement."""
    try:
        yield
    except (exc.SQLAlchemyError, OSError, OverflowError, UnicodeEncodeError) as error:
        orig = error.orig if isinstance(error, exc.DBAPIError) else None
        lines = (line.strip() for line in str(orig or error).splitlines())
        raise DatabaseError("database: " + "; ".join(line for line in lines if line)) from error


def _upgrade(connection: Connection) -> None:
    version = 0
    if inspect(connection).has_table(_SCHEMA.name):
        version = connection.execute(select(_SCHEMA.c.version)).scalar_one_or_none() or 0
    else:
        _SCHEMA.create(connection)
    if version > len(_STEPS):
        raise DatabaseError(
            f"database: its profiles are of version {version}, newer than this program"
        )
    for step in _STEPS[version:]:
        step(connection)
    if version == 0:
        connection.execute(insert(_SCHEMA), {"version": len(_STEPS)})
    elif version < len(_STEPS):
        connection.execute(update(_SCHEMA).values(version=len(_STEPS)))
