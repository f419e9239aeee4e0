"""PostgreSQL and MariaDB as this product uses them: drivers, sessions, deadlines, their errors.

A session is set up the same whatever the server's defaults are: UTC, READ COMMITTED, strict
values, and a deadline for locks, statements and forgotten transactions. A server that is silent
is given up on by the client, too: sockets are probed, and every answer has its deadline.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from sqlalchemy import URL, Engine, create_engine, event, exc

from faultwire.domain.errors import Invalid
from faultwire.store.literals import Many, quoted
from faultwire.store.settings import Settings

DRIVERS: Mapping[str, str] = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mariadb+pymysql",
    "mariadb": "mariadb+pymysql",
    # By its own name the dialect says so where the server is no MariaDB.
    "mysql+pymysql": "mariadb+pymysql",
}
"""What a URL without a driver means, and other names for ours."""

OLDEST: Mapping[str, tuple[int, int]] = {"postgresql": (13, 0), "mariadb": (10, 6)}
"""The oldest release of each server that the statements are written for."""

GRACE_SECONDS = 3
"""How much later than the server's own deadline the client stops to wait for an answer."""

KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

COLLATION = "utf8mb4_nopad_bin"
"""Texts are told apart as Python does: by case, accent and every space."""

SQL_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE"


def dumps(value: object) -> str:
    """Return JSON text."""
    return orjson.dumps(value).decode()


_DIALECT: Mapping[str, Mapping[str, Any]] = {
    "postgresql": {"use_native_hstore": False},
    # Values by position, which is what `statements` counts on.
    "mariadb": {"paramstyle": "format"},
}

OPTIONS: Mapping[str, Any] = {
    "json_serializer": dumps,
    "json_deserializer": orjson.loads,
    # Rows hold secrets, and errors are logged.
    "hide_parameters": True,
}
"""What every engine is made with."""


def engine_of_server(url: URL, settings: Settings) -> Engine:
    """Return an engine for a database server; connects to nothing yet."""
    kind = url.get_backend_name()
    arguments, prepare = _KINDS[kind](settings)
    engine = create_engine(
        url,
        connect_args=arguments,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.lock_seconds,
        pool_pre_ping=True,
        pool_use_lifo=True,
        isolation_level="READ COMMITTED",
        **_DIALECT[kind],
        **OPTIONS,
    )
    if kind == "postgresql":
        event.listen(engine, "do_connect", _bounded(settings))
    else:
        event.listen(engine, "do_connect", _sharing)
    event.listen(engine, "connect", prepare)
    event.listen(engine, "connect", _young_enough(engine))
    return engine


def _young_enough(engine: Engine) -> Callable[..., None]:
    def check(*_: object) -> None:
        dialect = engine.dialect
        oldest, found = OLDEST[dialect.name], dialect.server_version_info
        if found and tuple(found[:2]) < oldest:
            raise Invalid(
                "[database] connection",
                f"{dialect.name} {'.'.join(map(str, found))} is too old:"
                f" {'.'.join(map(str, oldest))} or newer is needed",
            )

    return check


# ---------------------------------------------------------------- PostgreSQL


_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)


def _postgresql(settings: Settings) -> tuple[dict[str, Any], Callable[..., None]]:
    milliseconds = {
        "lock_timeout": settings.lock_seconds,
        "statement_timeout": settings.statement_seconds,
        # A process that is stopped within a transaction must not hold its locks for ever.
        "idle_in_transaction_session_timeout": settings.statement_seconds,
    }
    told = "; ".join(
        (
            *(f"SET {name} = {int(value * 1000)}" for name, value in milliseconds.items()),
            "SET timezone = 'UTC'",
            "SET client_min_messages = 'warning'",
            "SET bytea_output = 'hex'",
            _DURABLE,
        )
    )

    def prepare(connection: Any, _: object) -> None:
        # Not as options of the connection: a pooler between refuses those.
        connection.autocommit = True
        try:
            connection.execute(told)
        finally:
            connection.autocommit = False

    arguments = {
        "connect_timeout": settings.connect_seconds,
        "client_encoding": "utf8",
        "application_name": "faultwire",
        "tcp_user_timeout": settings.connect_seconds * 1000,
        **KEEPALIVE,
    }
    return arguments, prepare


def _bounded(settings: Settings) -> Callable[..., Any]:
    """Return what opens connections on which no answer is waited for without end."""
    import psycopg  # noqa: PLC0415 - the embedded database needs no driver
    from psycopg.abc import RV, PQGen  # noqa: PLC0415

    longest = settings.statement_seconds + GRACE_SECONDS

    class Bounded(psycopg.Connection[Any]):
        """A connection that closes itself where the server is silent for too long."""

        def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
            timeout = longest if timeout is None else timeout
            try:
                return super().wait(gen, interval, timeout)
            except psycopg.errors._WaitTimeout:  # noqa: SLF001 - it has no other name
                self.pgconn.finish()
                raise psycopg.OperationalError(f"no answer for {timeout} s") from None

    def connect(_: object, __: object, given: list[Any], named: dict[str, Any]) -> Any:
        return Bounded.connect(*given, **named)

    return connect


# ---------------------------------------------------------------- MariaDB


def _mariadb(settings: Settings) -> tuple[dict[str, Any], Callable[..., None]]:
    session = {
        "sql_mode": f"'{SQL_MODE}'",
        "time_zone": "'+00:00'",
        "innodb_lock_wait_timeout": max(1, round(settings.lock_seconds)),
        "lock_wait_timeout": max(1, round(settings.lock_seconds)),
        "max_statement_time": settings.statement_seconds,
        "idle_write_transaction_timeout": settings.statement_seconds,
        "autocommit": 0,
    }
    arguments = {
        "charset": "utf8mb4",
        # Values within a statement compare as the columns do.
        "collation": COLLATION,
        "connect_timeout": settings.connect_seconds,
        "read_timeout": settings.statement_seconds + GRACE_SECONDS,
        "write_timeout": settings.statement_seconds + GRACE_SECONDS,
        "init_command": f"SET SESSION {', '.join(f'{k} = {v}' for k, v in session.items())}",
        "program_name": "faultwire",
    }
    return arguments, lambda *_: None


def _sharing(_: object, __: object, values: list[Any], named: dict[str, Any]) -> object:
    return _connection_type()(*values, **named)


@functools.cache
def _connection_type() -> type[Any]:
    """Return PyMySQL's connection with two costs taken off.

    The driver reads the system's certificates even where no TLS was asked for: 20 ms and half a
    megabyte for every try at a server that is away. And it writes values one by one (`literals`).
    """
    from pymysql.connections import (  # type: ignore[import-untyped]  # noqa: PLC0415
        Connection,  # only where it is used
    )
    from pymysql.constants.SERVER_STATUS import (  # type: ignore[import-untyped]  # noqa: PLC0415
        SERVER_STATUS_NO_BACKSLASH_ESCAPES as NO_BACKSLASH_ESCAPES,
    )

    shared: list[Any] = []

    class Sharing(Connection):  # type: ignore[misc,unused-ignore]
        def escape(self, obj: object, mapping: Any = None) -> str:
            """Return a value, or many, as they stand in a statement."""
            if isinstance(obj, Many):
                plain = not self.server_status & NO_BACKSLASH_ESCAPES
                return obj.said(self.escape, quoted if plain else self.escape)
            if type(obj) is int:
                return str(obj)
            return str(super().escape(obj, mapping))

        def _create_ssl_ctx(self, sslp: Any) -> Any:
            if sslp:
                return super()._create_ssl_ctx(sslp)
            if not shared:
                shared.append(super()._create_ssl_ctx(sslp))
            return shared[0]

    return Sharing


_KINDS: Mapping[str, Callable[[Settings], tuple[dict[str, Any], Callable[..., None]]]] = {
    "postgresql": _postgresql,
    "mariadb": _mariadb,
}

# ---------------------------------------------------------------- errors that pass

_PASSING_STATES = frozenset(
    {
        "40001",  # could not serialise
        "40P01",  # deadlock
        "57P01",  # the administrator ended the session
        "57P02",  # another session crashed the server
        "57P03",  # the server starts or ends
        "57P05",  # the session was idle for too long
        "25P03",  # so was the transaction
        "25006",  # this one is a standby now
        "53300",  # too many connections
    }
)
_PASSING_CODES = frozenset(
    {
        1020,  # the record has changed since it was read
        1040,  # too many connections
        1047,  # galera: this node is not part of the cluster
        1053,  # the server ends
        1205,  # the lock was not had in time
        1213,  # deadlock; galera: the commit met another node's
        1290,  # this one only reads now
        1792,  # so does this transaction
        1836,  # so does this server
        1927,  # the connection was ended
    }
)


def is_transient(error: BaseException) -> bool:
    """Return whether the same transaction may well succeed a moment later, on a new connection.

    So after a deadlock, a lost connection, a restart and a fail-over; never for SQLite, whose
    statements have waited already.
    """
    if not isinstance(error, exc.DBAPIError) or error.orig is None:
        return False
    driver = type(error.orig).__module__.split(".")[0]
    if driver == "sqlite3":
        return False
    if error.connection_invalidated:
        return True
    if driver == "psycopg":
        state = getattr(error.orig, "sqlstate", None)
        if state is None:
            # No answer of a server: it could not be reached, or not in time.
            return isinstance(error, exc.OperationalError)
        return state in _PASSING_STATES or state.startswith("08")
    code = error.orig.args[0] if error.orig.args else None
    return code in _PASSING_CODES or (isinstance(code, int) and 2000 <= code < 2100)


def is_about_value(error: BaseException) -> bool:
    """Return whether a value is refused that no column takes, said by MariaDB in other words."""
    orig = getattr(error, "orig", None)
    # A check failed: the only ones that there are say that JSON is JSON, at most 32 levels deep.
    return orig is not None and bool(orig.args) and orig.args[0] == _CHECK_FAILED


_CHECK_FAILED = 4025


def is_unreachable(error: BaseException) -> bool:
    """Return whether no server answered at all, or none that let us in.

    What the driver says of that names the server's address and our account.
    """
    if not isinstance(error, exc.DBAPIError) or error.orig is None:
        return False
    driver = type(error.orig).__module__.split(".")[0]
    if driver == "psycopg":
        return getattr(error.orig, "sqlstate", None) is None and isinstance(
            error, exc.OperationalError
        )
    code = error.orig.args[0] if error.orig.args else None
    return driver == "pymysql" and code in _UNREACHABLE_CODES


_UNREACHABLE_CODES = frozenset({1040, 1044, 1045, 1049, 1129, 1130, 1698, *range(2000, 2100)})


def is_hopeless(error: exc.DBAPIError) -> bool:
    """Return whether no wait helps who cannot connect: the name or the password is wrong."""
    code = error.orig.args[0] if error.orig is not None and error.orig.args else None
    if isinstance(code, int):
        return code in {1044, 1045, 1049, 1698}
    # PostgreSQL's driver gives the reason of a failed connection as text alone.
    text = str(error.orig)
    return any(
        said in text
        for said in ("authentication failed", "does not exist", "no pg_hba.conf entry")
    )


_VALUE = re.compile(
    r"^(Duplicate entry|Incorrect \w+ value:?) .* (for (?:key|column) .*)$", re.DOTALL
)


def words_of(error: BaseException) -> str:
    """Return what the server says of an error, without the values that met with it."""
    said = getattr(getattr(error, "diag", None), "message_primary", None)
    if said:
        return str(said)
    if len(error.args) == 2 and isinstance(error.args[0], int):
        return _VALUE.sub(r"\1 \2", str(error.args[1]))
    return str(error)
