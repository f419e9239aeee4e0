"""The ledger: everything that one command changes, in one transaction."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from faultwire.domain.alarms import Attempt
from faultwire.domain.changes import Change
from faultwire.domain.errors import Broken
from faultwire.domain.ids import FaultId, GuestId, HostName
from faultwire.domain.samples import Sample
from faultwire.store import alarm_rows, codec, rehearsal, writers
from faultwire.store.engine import retrying, translated, writing
from faultwire.store.running import Runner, prepared
from faultwire.store.statements import Row, Statement


class Ledger:
    """Implements `ports.Ledger` on an engine, over one permanent connection.

    Every call is one transaction: durable when it returns, without a trace when it raises, and
    the ledger may be used again either way. Calls are meant for one thread; those of several
    wait for each other.
    """

    def __init__(self, engine: Engine, origin: str = "") -> None:
        """Write through an engine; `origin` names this process where it is not alone."""
        self._engine = engine
        self._origin = origin
        self._connection: Connection | None = None
        self._prepared: dict[Statement, Runner] = {}
        self._lock = threading.Lock()
        self._written: Callable[[], None] | None = None

    @retrying
    def commit(self, changes: Sequence[Change]) -> None:
        """Write the changes in their order, all or none.

        Raises Unavailable, Conflict, Invalid for a value that no column takes.
        """
        work = [
            (writer_of(change), change)
            for change in changes
            if type(change) not in writers.MEMORY_ONLY
        ]
        if not work:
            return
        with self._transaction() as run:
            for write, change in work:
                write(run, change)
            self._announce()

    def when_written(self, call: Callable[[], None]) -> None:
        """Have a call made, on the writer's thread, whenever a commit is written but not durable.

        It must not fail. After an error on the way it is made again, or nothing was committed.
        """
        self._written = call

    def settle(self, attempts: Sequence[Attempt]) -> None:
        """Record what came of deliveries; a lease on them ends. One that was final stays so."""
        self._batch(writers.SETTLE, [alarm_rows.attempt_row(attempt) for attempt in attempts])

    def mark(self, rows: Sequence[tuple[FaultId, Mapping[str, object]]]) -> None:
        """Replace the checkpoints of faults that this process stored."""
        with translated():
            marks = [(fault, self._origin, codec.text(dict(marks))) for fault, marks in rows]
        self._batch(writers.MARK, marks)

    def seen(self, hosts: Sequence[tuple[HostName, int]]) -> None:
        """Record when hosts were last heard (wall ns); a host that is gone is left out."""
        self._batch(writers.SEEN, [(seen_ns, host) for host, seen_ns in hosts])

    def guests_heard(self, guests: Sequence[tuple[GuestId, int]]) -> None:
        """Record when guests were last heard (wall ns); a guest that is gone is left out."""
        self._batch(writers.HEARD, [(heard_ns, guest) for guest, heard_ns in guests])

    def sample(self, samples: Sequence[Sample]) -> None:
        """Keep samples; of two of one meter, resource and moment the later one counts."""
        self._batch(writers.SAMPLE, [alarm_rows.sample_row(sample) for sample in samples])

    def warm(self) -> None:
        """Prepare what a first fault needs: write rows of every hot kind and take them back.

        Worth a call at start, before anybody waits: it takes off that fault what its statements
        cost the first time. Leaves no trace. Raises Unavailable.
        """
        with suppress(_TakenBack), self._transaction() as run:
            for change in rehearsal.hot_changes():
                writer_of(change)(run, change)
            run(writers.SETTLE, [alarm_rows.attempt_row(item) for item in rehearsal.attempts()])
            raise _TakenBack

    def close(self) -> None:
        """Give the connection back; the ledger may be used again, which takes a new one."""
        with self._lock:
            self._drop()

    @retrying
    def _batch(self, statement: Statement, rows: Sequence[Row]) -> None:
        if rows:
            with self._transaction() as run:
                run(statement, rows)

    def _announce(self) -> None:
        if self._written is not None:
            self._written()

    @contextmanager
    def _transaction(self) -> Iterator[writers.Run]:
        with self._lock, translated():
            connection = self._writer()
            try:
                with connection.begin():
                    yield self._runner(connection)
            except IntegrityError:
                raise
            except DBAPIError:
                # Whether it could roll back is unknown: never trust this connection again.
                self._drop(broken=True)
                raise

    def _runner(self, connection: Connection) -> writers.Run:
        def run(statement: Statement, rows: Sequence[Row]) -> int:
            runner = self._prepared.get(statement)
            if runner is None:
                runner = self._prepared[statement] = prepared(statement, connection.dialect)
            return runner(connection, rows)

        return run

    def _writer(self) -> Connection:
        if self._connection is None:
            self._connection = writing(self._engine)
        return self._connection

    def _drop(self, *, broken: bool = False) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if broken:
            connection.invalidate()
        connection.close()


class _TakenBack(Exception):
    """Rolls a rehearsal back."""


def writer_of(change: Change) -> writers.Writer:
    """Return what writes a change; a missing one is a defect."""
    try:
        return writers.WRITERS[type(change)]
    except KeyError:
        raise Broken(f"no writer for the change {type(change).__name__}") from None
