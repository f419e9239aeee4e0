"""Engines: how a database is reached, what it promises, and its errors in our own words.

All that is true of SQLite alone stands here, of the servers in `servers`.
"""

import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

from faultwire.domain.errors import Broken, Conflict, FaultwireError, Invalid, Unavailable
from faultwire.store.servers import (
    DRIVERS,
    OLDEST,
    OPTIONS,
    engine_of_server,
    is_about_value,
    is_hopeless,
    is_transient,
    is_unreachable,
    words_of,
)
from faultwire.store.settings import Settings
from faultwire.telemetry.clock import SystemClock

log = logging.getLogger(__name__)

T = TypeVar("T")

DEFAULTS = Settings()

BUSY_SECONDS = DEFAULTS.lock_seconds
"""How long a statement waits for a locked database before it answers Unavailable."""

FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.25
LONGEST_START_PAUSE_SECONDS = 1.0
"""Between two tries of a transaction, or of a start; it doubles from one to the other."""

RETRY = "faultwire_retry_seconds"
"""Option of an engine: see `retrying`."""

PATIENCE = Settings(statement_seconds=3600, lock_seconds=60.0)
"""What holds for work that is done once: an upgrade, the reading of everything at start."""

FILE_NAME = "faultwire.sqlite"
OPTION = "[database] connection"

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


def engine_of(connection: str, folder: Path, settings: Settings | None = None) -> Engine:
    """Return an engine for `[database] connection`; connects to nothing yet.

    Empty is the embedded database of the state folder. `settings` are the rest of the section,
    the defaults without. Raises Invalid as `engine_from_url` does, Unavailable for a folder that
    cannot be made.
    """
    if connection:
        return engine_from_url(connection, settings)
    lock_seconds = (settings or Settings()).lock_seconds
    return engine_in_folder(folder, busy_seconds=lock_seconds)


def engine_in_folder(folder: Path, *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """Return an engine for the SQLite database of a state folder; both are made when missing.

    A folder that is made is the owner's alone (0700); the database always is (0600).
    """
    with translated():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = URL.create("sqlite", database=str(folder / FILE_NAME))
    return engine_from_url(url, Settings(lock_seconds=busy_seconds))


def engine_from_url(url: str | URL, settings: Settings | None = None) -> Engine:
    """Return an engine for a database URL; connects to nothing yet.

    A URL without a driver gets ours. Raises Invalid, without the URL, for one that cannot be
    read, a database or driver that is not supported, and an SQLite database that would live in
    memory only.
    """
    settings = settings or Settings()
    try:
        parsed = make_url(url)
        parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
        if parsed.drivername == "sqlite":
            return _sqlite(parsed, settings.lock_seconds)
        if parsed.drivername in DRIVERS.values():
            engine = engine_of_server(parsed, settings)
            engine.update_execution_options(**{RETRY: settings.retry_seconds})
            return engine
    except (exc.ArgumentError, ValueError) as error:
        # Whatever is said of a URL may quote it, with the password.
        raise Invalid(OPTION, "not a database URL that is understood") from error
    except ModuleNotFoundError as error:
        raise Invalid(OPTION, f"the driver {error.name} is not installed") from error
    known = ", ".join((*OLDEST, "sqlite"))
    raise Invalid(OPTION, f"no such kind of database: {parsed.drivername}; there are {known}")


def embedded_file(engine: Engine) -> Path | None:
    """Return the file of an SQLite database; None for a server."""
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name else None


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
        pool_size=POOL_SIZE,
        **OPTIONS,
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


@contextmanager
def patient(engine: Engine) -> Iterator[Engine]:
    """Give an engine on the same database whose statements may take an hour, until the end.

    For what is done once and reads or changes everything. An SQLite engine is given as it is.
    """
    if engine.dialect.name == "sqlite":
        yield engine
        return
    slow = engine_from_url(engine.url, PATIENCE)
    try:
        yield slow
    finally:
        slow.dispose()


@contextmanager
def of_one_moment(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose reads all see one moment, and may take their time."""
    with patient(engine) as slow, slow.connect() as connection:
        if slow.dialect.name == "sqlite":
            yield connection
        else:
            yield connection.execution_options(isolation_level="REPEATABLE READ")


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


def reach(engine: Engine, seconds: float) -> None:
    """Return once the database answers; it may take `seconds` to come up. Blocks.

    Raises Unavailable with the last reason, Invalid for options of the URL that the driver does
    not know, a server that is not supported, and wrong names and passwords.
    """
    waits, told = _Waits(seconds, LONGEST_START_PAUSE_SECONDS), False
    while True:
        try:
            with engine.connect():
                return
        except exc.DBAPIError as error:
            if is_hopeless(error) or isinstance(error, exc.ProgrammingError):
                raise Invalid(OPTION, f"the database refuses: {_reason(error)}") from error
            if seconds and not told and is_transient(error):
                log.warning("waiting for the database: %s", _reason(error))
                told = True
            if not is_transient(error) or not waits.wait():
                raise Unavailable(f"the database refuses: {_reason(error)}") from error
        except (exc.InvalidRequestError, TypeError, ValueError) as error:
            raise Invalid(OPTION, _one_line(str(error))) from error


def retrying(method: Callable[..., T]) -> Callable[..., T]:
    """Make a method that is one transaction survive what passes.

    After a deadlock, a lost connection, a restart or a fail-over the method is run anew from its
    start, until `[database] retry_seconds` of its object's `_engine` have passed; then the error
    goes through. A commit whose answer was lost may have been made: run twice, the method has to
    leave what running it once does, or refuse.
    """

    @functools.wraps(method)
    def call(self: Any, *args: Any, **named: Any) -> T:
        options = self._engine.get_execution_options()
        waits = _Waits(options.get(RETRY, DEFAULTS.retry_seconds), LONGEST_PAUSE_SECONDS)
        while True:
            try:
                return method(self, *args, **named)
            except Unavailable as error:
                if error.__cause__ is None or not is_transient(error.__cause__):
                    raise
                if not waits.wait():
                    raise

    return call


class _Waits:
    """Pauses between tries, each twice the one before, until a time has passed."""

    def __init__(self, seconds: float, longest_seconds: float) -> None:
        self._clock = SystemClock()
        self._until_ns = self._clock.mono_ns() + int(seconds * 1e9)
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._longest_seconds = longest_seconds

    def wait(self) -> bool:
        """Wait once and return true; false, at once, where it would take too long."""
        pause = self._pause_seconds
        if self._clock.mono_ns() + int(pause * 1e9) > self._until_ns:
            return False
        # A plain thread waits here; the event loop never does.
        threading.Event().wait(pause)
        self._pause_seconds = min(2 * pause, self._longest_seconds)
        return True


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
        if is_about_value(error):
            raise Invalid("", f"a value cannot be stored: {_reason(error)}") from error
        reason = f"the database refuses: {_reason(error)}"
        if is_unreachable(error):
            raise Unavailable("the database cannot be reached", reason) from error
        ours = next(ours for foreign, ours in _KINDS if isinstance(error, foreign))
        raise ours(reason) from error


def _reason(error: Exception) -> str:
    """Return the driver's own words on one line, without the statement and its values."""
    if not isinstance(error, exc.DBAPIError) or error.orig is None:
        return _one_line(str(error))
    return _one_line(words_of(error.orig))


def _one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
