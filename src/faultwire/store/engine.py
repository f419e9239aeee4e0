"""Engines: how a database is reached, what it promises, and its errors in our own words.

All that is true of SQLite alone stands here. Other databases take the same code path with their
own defaults.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

from faultwire.domain.errors import Broken, Conflict, FaultwireError, Invalid, Unavailable

BUSY_SECONDS = 2.0
"""How long a statement waits for a locked database before it answers Unavailable."""

FILE_NAME = "faultwire.sqlite"
OPTION = "database.connection"

POOL_SIZE = 6
"""The writer's permanent connection, four reader threads, and one to spare."""

_BEGIN = "faultwire_begin"
"""Execution option: the statement that begins a transaction, empty for none."""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # A commit that was answered survives power loss, not only the end of the process.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32768",
    # A checkpoint runs inside some commit: a host of 1,000 servers must not pay for it each time.
    "PRAGMA wal_autocheckpoint = 8192",
    "PRAGMA journal_size_limit = 67108864",
)


def engine_in_folder(folder: Path, *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """Return an engine for the SQLite database of a state folder; both are made when missing.

    A folder that is made is the owner's alone (0700); the database always is (0600).
    """
    with translated():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = URL.create("sqlite", database=str(folder / FILE_NAME))
    return engine_from_url(url, busy_seconds=busy_seconds)


def engine_from_url(url: str | URL, *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """Return an engine for a database URL; connects to nothing yet.

    Raises Invalid for a URL that cannot be read, a driver that is not installed, and an SQLite
    database that would live in memory only.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed, busy_seconds)
        return create_engine(parsed, pool_pre_ping=True, **_OPTIONS)
    except exc.ArgumentError as error:
        raise Invalid(OPTION, f"not a database URL that is understood: {error}") from error
    except ModuleNotFoundError as error:
        raise Invalid(OPTION, f"the driver {error.name} is not installed") from error


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()


_OPTIONS: dict[str, Any] = {
    "pool_size": POOL_SIZE,
    "json_serializer": _dumps,
    "json_deserializer": orjson.loads,
    # Rows hold secrets, and errors are logged.
    "hide_parameters": True,
}


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    if url.database in {None, "", ":memory:"}:
        raise Invalid(OPTION, "an SQLite database in memory keeps nothing: name a file")
    path = Path(str(url.database))
    engine = create_engine(
        url,
        # No transaction is begun behind our back: _begin says when, and of which kind.
        connect_args={
            "timeout": busy_seconds,
            "check_same_thread": False,
            "isolation_level": None,
            "cached_statements": 512,
        },
        pool_timeout=busy_seconds,
        **_OPTIONS,
    )

    @event.listens_for(engine, "do_connect")
    def _keep_private(*_: object) -> None:
        """SQLite gives its companions (-wal, -shm) the mode of the database file."""
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)

    @event.listens_for(engine, "connect")
    def _prepare(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get(_BEGIN, "BEGIN")
        if statement:
            connection.exec_driver_sql(statement)

    return engine


def writing(engine: Engine) -> Connection:
    """Return a connection whose transactions write; the caller closes it.

    On SQLite they take the lock first, so that none fails halfway for want of it.
    """
    return engine.connect().execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})


def tidy(engine: Engine) -> None:
    """Do now what some commit would have to do later; a call every second or so, on any thread.

    On SQLite it copies the write-ahead log into the database: a commit that finds the log too
    long does so itself and takes twice its time. Cheap where there is nothing to do. Raises
    Unavailable.
    """
    if engine.dialect.name != "sqlite":
        return
    with translated(), engine.connect().execution_options(**{_BEGIN: ""}) as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")


_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[FaultwireError]], ...] = (
    (exc.IntegrityError, Conflict),
    ((exc.ProgrammingError, exc.NotSupportedError), Broken),
    ((exc.DBAPIError, exc.TimeoutError, OSError), Unavailable),
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the database and its driver raise into our own errors, here and nowhere else.

    IntegrityError is Conflict; a value that no column takes is Invalid; a statement that cannot
    be is Broken; all else (locked, full, I/O, no connection) is Unavailable.
    """
    try:
        yield
    except (exc.DataError, OverflowError, UnicodeEncodeError, orjson.JSONEncodeError) as error:
        raise Invalid("", f"a value cannot be stored: {_reason(error)}") from error
    except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
        ours = next(ours for foreign, ours in _KINDS if isinstance(error, foreign))
        raise ours(f"the database refuses: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return the driver's own words, without the statement and its values."""
    return str(error.orig) if isinstance(error, exc.DBAPIError) else str(error)
