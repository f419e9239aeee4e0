"""What errors of the drivers mean: what passes, what never will, and what may be shown."""

import psycopg
import pymysql
import pytest
from sqlalchemy import exc

from faultwire.domain.errors import Conflict, Unavailable
from faultwire.store import engine, servers
from faultwire.store.settings import Settings

PASSING = [
    psycopg.errors.DeadlockDetected("deadlock"),
    psycopg.errors.SerializationFailure("again"),
    psycopg.errors.AdminShutdown("terminating"),
    psycopg.errors.CannotConnectNow("starting up"),
    psycopg.errors.ReadOnlySqlTransaction("a standby"),
    psycopg.errors.ConnectionFailure("08006"),
    psycopg.OperationalError("connection refused"),
    pymysql.OperationalError(1213, "Deadlock found"),
    pymysql.OperationalError(1205, "Lock wait timeout exceeded"),
    pymysql.OperationalError(1047, "WSREP has not yet prepared node"),
    pymysql.OperationalError(2003, "Can't connect"),
    pymysql.OperationalError(2006, "gone away"),
    pymysql.OperationalError(2013, "Lost connection"),
    pymysql.OperationalError(1290, "running with --read-only"),
]
STAYING = [
    psycopg.errors.QueryCanceled("statement timeout"),
    psycopg.errors.LockNotAvailable("lock timeout"),
    psycopg.errors.DiskFull("no space"),
    psycopg.errors.UndefinedTable("no such table"),
    pymysql.OperationalError(1045, "Access denied"),
    pymysql.OperationalError(1969, "max_statement_time exceeded"),
    pymysql.OperationalError(1021, "Disk full"),
    pymysql.ProgrammingError(1146, "no such table"),
    ValueError("not of a driver"),
]


def wrapped(error: Exception, *, lost: bool = False) -> exc.DBAPIError:
    """Return an error of a driver as SQLAlchemy raises it."""
    kinds = {"ProgrammingError": exc.ProgrammingError, "UndefinedTable": exc.ProgrammingError}
    kind = kinds.get(type(error).__name__, exc.OperationalError)
    return kind("SELECT", {}, error, connection_invalidated=lost)


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_passes_is_known(error: Exception) -> None:
    """Deadlocks, lost connections, restarts and fail-overs are worth another try."""
    assert servers.is_transient(wrapped(error))


@pytest.mark.parametrize("error", STAYING, ids=lambda error: type(error).__name__)
def test_what_stays_is_known(error: Exception) -> None:
    """What would only fail again, or was waited for already, goes to the caller."""
    assert not servers.is_transient(wrapped(error))
    assert not servers.is_transient(error)


def test_a_lost_connection_passes_whatever_was_said() -> None:
    """The driver knows that the connection is gone."""
    assert servers.is_transient(wrapped(pymysql.InterfaceError("(0, '')"), lost=True))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            pymysql.IntegrityError(1062, "Duplicate entry 'it''s for key x' for key 'uq_a'"),
            "Duplicate entry for key 'uq_a'",
        ),
        (
            pymysql.DataError(1366, "Incorrect string value: '\\xF0' for column `a`.`b` at row 1"),
            "Incorrect string value: for column `a`.`b` at row 1",
        ),
        (pymysql.OperationalError(2003, "Can't connect"), "Can't connect"),
        (psycopg.OperationalError("refused\n\tIs it running?"), "refused\n\tIs it running?"),
        (ValueError("plain"), "plain"),
    ],
)
def test_words_are_without_values(error: Exception, words: str) -> None:
    """What the server says is kept, what was to be written is not."""
    assert servers.words_of(error) == words


@pytest.mark.parametrize(
    "error",
    [
        pymysql.OperationalError(1045, "Access denied"),
        pymysql.OperationalError(1049, "Unknown database"),
        psycopg.OperationalError('FATAL:  password authentication failed for user "x"'),
        psycopg.OperationalError('FATAL:  database "x" does not exist'),
    ],
)
def test_what_no_wait_helps_is_known(error: Exception) -> None:
    """A start does not wait half a minute for a wrong name or password."""
    assert servers.is_hopeless(wrapped(error))
    assert not servers.is_hopeless(wrapped(pymysql.OperationalError(2003, "refused")))
    assert not servers.is_hopeless(wrapped(psycopg.OperationalError("Connection refused")))


class Worker:
    """Fails as often as it is told, then returns."""

    def __init__(self, seconds: float, *failures: Exception) -> None:
        self._engine = engine.engine_from_url(
            "postgresql://nobody@nowhere/none", Settings(retry_seconds=seconds)
        )
        self.failures = list(failures)
        self.calls = 0

    @engine.retrying
    def work(self, value: int, *, more: int) -> int:
        """Return the sum, in the end."""
        self.calls += 1
        if self.failures:
            with engine.translated():
                raise self.failures.pop(0)
        return value + more


def test_a_method_is_run_until_it_works() -> None:
    """Arguments and result go through, and every passing failure is another run."""
    worker = Worker(60.0, wrapped(PASSING[0]), wrapped(PASSING[7], lost=True))
    assert (worker.work(1, more=2), worker.calls) == (3, 3)


@pytest.mark.parametrize(
    ("failure", "seconds", "ours"),
    [
        (wrapped(PASSING[0]), 0.0, Unavailable),
        (wrapped(STAYING[0]), 60.0, Unavailable),
        (exc.IntegrityError("", {}, Exception("taken")), 60.0, Conflict),
    ],
)
def test_what_does_not_pass_goes_to_the_caller(
    failure: Exception, seconds: float, ours: type[Exception]
) -> None:
    """Without time left, or without hope, the first failure is the last."""
    worker = Worker(seconds, failure)
    with pytest.raises(ours):
        worker.work(1, more=2)
    assert worker.calls == 1


def test_time_is_bounded() -> None:
    """A failure that does not end is given up on, after several tries."""
    worker = Worker(0.2, *[wrapped(PASSING[0])] * 1000)
    with pytest.raises(Unavailable):
        worker.work(1, more=2)
    assert 2 < worker.calls < 100
