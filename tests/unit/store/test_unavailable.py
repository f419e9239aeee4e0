"""A database that is locked, full or in trouble answers Unavailable and loses nothing."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from faultwire.domain import changes as c
from faultwire.domain.errors import Conflict, Invalid, Unavailable
from faultwire.domain.resources import Project, Server
from faultwire.store import Ledger, StoredAlarms, StoredFaults, load, upgrade
from faultwire.store.engine import FILE_NAME

FIRST = Project("p-1", "first")
SECOND = Project("p-2", "second")


@pytest.fixture
def engine(tmp_path: Path, with_schema: Callable[..., Engine]) -> Iterator[Engine]:
    """Give the engine of a database that has the first project; it waits 20 ms for a lock."""
    engine = with_schema(tmp_path, busy_seconds=0.02)
    ledger = Ledger(engine)
    ledger.commit([c.ProjectsSaved((FIRST,))])
    ledger.close()
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine: Engine) -> Iterator[Ledger]:
    """Give a ledger on that database."""
    ledger = Ledger(engine)
    yield ledger
    ledger.close()


@pytest.fixture
def intruder(tmp_path: Path, engine: Engine) -> Iterator[sqlite3.Connection]:
    """Give another process's connection to the same database."""
    connection = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    yield connection
    connection.close()


def test_a_locked_database_is_unavailable_and_works_afterwards(
    engine: Engine, ledger: Ledger, intruder: sqlite3.Connection
) -> None:
    """While another process writes, commits are refused whole; afterwards the same one works."""
    intruder.execute("BEGIN IMMEDIATE")
    for write in (
        lambda: ledger.commit([c.ProjectsSaved((SECOND,))]),
        lambda: ledger.seen([("compute-1", 1)]),
        lambda: ledger.mark([("f-1", {})]),
        ledger.warm,
    ):
        with pytest.raises(Unavailable, match="locked"):
            write()
    assert load(engine).projects == (FIRST,)
    intruder.execute("ROLLBACK")
    ledger.commit([c.ProjectsSaved((SECOND,))])
    assert load(engine).projects == (FIRST, SECOND)


def test_readers_go_on_while_another_writes(engine: Engine, intruder: sqlite3.Connection) -> None:
    """A lock of a writer delays no reader."""
    intruder.execute("BEGIN IMMEDIATE")
    assert load(engine).projects == (FIRST,)
    assert StoredAlarms(engine).alarms(project=None, limit=1, marker=None) == ()


def test_an_exclusive_lock_makes_everything_unavailable(
    engine: Engine, ledger: Ledger, intruder: sqlite3.Connection
) -> None:
    """A database that another process keeps to itself is told as such by every port."""
    engine.dispose()
    intruder.execute("PRAGMA locking_mode = EXCLUSIVE")
    intruder.execute("PRAGMA journal_mode = DELETE")
    intruder.execute("BEGIN EXCLUSIVE")
    faults, alarms = StoredFaults(engine), StoredAlarms(engine)
    for call in (
        lambda: ledger.commit([c.ProjectsSaved((SECOND,))]),
        lambda: load(engine),
        lambda: upgrade(engine),
        lambda: faults.fault("f"),
        lambda: faults.marks("f"),
        lambda: faults.audit(1),
        lambda: faults.faults(host=None, state=None, since_ns=None, limit=1, marker=None),
        lambda: alarms.alarm("a"),
        lambda: alarms.alarms(project=None, limit=1, marker=None),
        lambda: alarms.history("a", limit=1),
        lambda: alarms.deliveries(project=None, state=None, limit=1, marker=None),
        lambda: alarms.pending(project=None, after=None, limit=1),
    ):
        with pytest.raises(Unavailable):
            call()
    intruder.execute("ROLLBACK")
    intruder.close()
    ledger.commit([c.ProjectsSaved((SECOND,))])
    assert load(engine).projects == (FIRST, SECOND)


def test_a_full_disk_loses_nothing(engine: Engine, tmp_path: Path) -> None:
    """A commit that finds no room leaves no trace; what was committed stays, and room helps."""
    room = [0]

    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {room[0] or 10**6}")

    engine.dispose()
    room[0] = (tmp_path / FILE_NAME).stat().st_size // 4096 + 20
    event.listen(engine, "connect", limit)
    ledger = Ledger(engine)
    many = tuple(Server(f"vm-{number}", "x" * 200, "p-1", "h") for number in range(2000))
    for _ in range(2):
        with pytest.raises(Unavailable, match="full"):
            ledger.commit([c.ProjectsSaved((SECOND,)), c.ServersSaved(many)])
    assert load(engine).projects == (FIRST,)
    ledger.commit([c.ProjectsSaved((SECOND,))])
    ledger.close()
    engine.dispose()
    room[0] = 0
    ledger.commit([c.ServersSaved(many)])
    snapshot = load(engine)
    assert snapshot.projects == (FIRST, SECOND)
    assert len(snapshot.servers) == len(many)
    ledger.close()


def test_a_write_that_cannot_be_undone_costs_a_connection_only(
    engine: Engine, ledger: Ledger
) -> None:
    """A connection that breaks halfway is replaced: the next commit takes another one."""
    ledger.commit([c.ProjectsSaved((SECOND,))])
    broken = ledger._connection
    assert broken is not None
    broken.connection.driver_connection.execute("BEGIN")
    with pytest.raises(Unavailable):
        ledger.commit([c.ProjectsRemoved(("p-1",))])
    ledger.commit([c.ProjectsSaved((replace(SECOND, name="again"),))])
    assert load(engine).projects == (FIRST, replace(SECOND, name="again"))
    assert ledger._connection is not broken


@pytest.mark.parametrize("value", ["\ud800", 2**70])
def test_a_value_that_no_column_takes_is_invalid(
    engine: Engine, ledger: Ledger, value: object
) -> None:
    """Half a character or a number beyond 64 bits is refused, whole commit and all."""
    with pytest.raises(Invalid):
        ledger.commit([c.ProjectsSaved((SECOND,)), c.ProjectsSaved((Project("p-3", value),))])
    assert load(engine).projects == (FIRST,)
    ledger.commit([c.ProjectsSaved((SECOND,))])


def test_a_missing_value_is_a_conflict(engine: Engine, ledger: Ledger) -> None:
    """A value that must be there and is not refuses the commit."""
    with pytest.raises(Conflict):
        ledger.commit([c.ProjectsSaved((SECOND,)), c.ProjectsSaved((Project("p-3", None),))])
    assert load(engine).projects == (FIRST,)


def test_two_threads_take_turns(engine: Engine, ledger: Ledger) -> None:
    """Calls of several threads are one transaction each, one after the other."""
    start = threading.Barrier(4)

    def write(number: int) -> None:
        start.wait()
        for turn in range(10):
            ledger.commit([c.ProjectsSaved((Project(f"t-{number}-{turn}", "x"),))])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(load(engine).projects) == 41


def test_warming_leaves_no_trace(engine: Engine, ledger: Ledger) -> None:
    """The rehearsal of a fault is taken back whole, as often as it is held."""
    before = load(engine)
    ledger.warm()
    ledger.warm()
    assert load(engine) == before
    assert StoredFaults(engine).audit(9) == ()
    alarms = StoredAlarms(engine)
    assert alarms.pending(project=None, after=None, limit=9) == ()
    assert alarms.history("rehearsal-0", limit=9) == ()
    ledger.commit([c.ProjectsSaved((SECOND,))])
