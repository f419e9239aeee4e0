"""The ledger of a database that several processes share: commits in one order, told to all.

Each process decides on what its memory holds. A commit is taken only if nothing that bears on
the decision was changed by another process since: the row `commits` is raised last of all, under
a condition, and held until the commit. So there is one order of commits, every process sees it,
and nobody holds a lock while anybody thinks (ADR 10).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Column, Connection, Engine, and_, func, insert, or_, select, update

from faultwire.domain import changes
from faultwire.domain.alarms import Transition
from faultwire.domain.changes import Change
from faultwire.domain.errors import Behind, Broken, Conflict
from faultwire.domain.shares import OwedEvents, share_of
from faultwire.domain.subscriptions import WatchesForgotten
from faultwire.store import alarm_rows, journal_codec, schema, writers
from faultwire.store.engine import retrying, translated
from faultwire.store.journal_codec import Topic
from faultwire.store.ledger import Ledger, writer_of
from faultwire.store.statements import adding, changing, removing

ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Place:
    """How far in the order of commits a memory has come."""

    seq: int = 0
    decisions: int = 0
    alarm_edits: int = 0


_EDITS = frozenset(
    {
        changes.AlarmsSaved,
        changes.AlarmsRemoved,
        changes.AlarmsMoved,
        changes.SubscriptionsSaved,
        changes.SubscriptionsRemoved,
        changes.WatchesMoved,
        WatchesForgotten,
        changes.ProjectsRemoved,
    }
)
"""What an evaluator must have seen of others before it commits."""

_LAST = frozenset({changes.DeliveriesQueued, changes.DeliveriesReplayed, changes.EventsOwed})
"""What is written under the number of the commit."""

PAYLOADS_AT_ONCE = 64
KEPT = 1000
"""Commits that the journal keeps at least."""

_C = schema.commits.c
_J = schema.journal.c
_HEADS = select(_J.seq, _J.part, _J.topic, _J.origin, _J.decisions, _J.alarm_edits).order_by(
    _J.seq, _J.part
)
_NUMBERS = select(_C.seq, _C.decisions, _C.alarm_edits).where(_C.id == 1)
_MOVE = changing(
    schema.alarms, ("state", "state_reason", "state_ns", "version"), by="id", was=("version",)
)
_HISTORY = writers.ADD_HISTORY
_QUEUE = writers.QUEUE
_OWE = adding(schema.owed_events)
_TAKE = removing(schema.owed_events, "seq", "share")


class SharedLedger(Ledger):
    """Implements `ports.Ledger`; `news` brings what the others committed. One thread.

    `wall_ns` reads the clock by which the journal is pruned.
    """

    def __init__(
        self,
        engine: Engine,
        origin: str,
        wall_ns: Callable[[], int],
        topics: frozenset[Topic] = journal_codec.EVERYTHING,
    ) -> None:
        """Write as `origin`; `topics` are those of which `news` tells."""
        super().__init__(engine, origin)
        self._topics = topics
        self._wall_ns = wall_ns
        self._place = Place()
        self._read = 0
        self._own: set[int] = set()

    def begin_at(self, place: Place) -> None:
        """Say from where on `news` must tell: a place that was read before memory was filled."""
        self._place, self._read = place, place.seq

    def place(self) -> Place:
        """Return the end of the order of commits as it is now."""
        with translated(), self._engine.connect() as connection:
            return Place(*connection.execute(_NUMBERS).one())

    @retrying
    def commit(self, items: Sequence[Change]) -> None:
        """Write the changes, all or none; raises Behind where memory has something to learn.

        After Behind, `news` tells it. Raises Unavailable, Conflict, Invalid as `Ledger` does.
        """
        work = [change for change in items if type(change) not in writers.MEMORY_ONLY]
        told = [change for change in items if type(change) not in journal_codec.LEFT_OUT]
        if not work and not told:
            return
        evaluation = _is_evaluation(work)
        payloads = journal_codec.written(told)
        with self._transaction() as run:
            connection = self._connected()
            self._still(connection, evaluation=evaluation)
            for change in work:
                if type(change) not in _LAST:
                    self._write(connection, run, change)
            place = self._number(connection, work, told, evaluation=evaluation)
            for change in work:
                if type(change) in _LAST:
                    _write_last(run, change, place.seq)
            self._tell(connection, place, payloads)
            self._announce()
        self._own.add(place.seq)
        if not evaluation:
            self._place = replace(place, seq=self._place.seq)

    def news(self) -> tuple[Change, ...]:
        """Return what others committed since the last call, in order; memory must take it all.

        A commit of our own whose answer was lost on the way is among it. Raises Unavailable;
        Broken where the journal no longer reaches back so far: then only a new start helps.
        """
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(_HEADS.where(_J.seq > self._read)).all()
            if rows and rows[0].seq != self._read + 1:
                raise Broken(
                    f"the journal begins at {rows[0].seq}, and {self._read} was the last that"
                    " was read"
                )
            wanted = [
                (row.seq, row.part)
                for row in rows
                if row.topic in self._topics
                and not (row.origin == self._origin and row.seq in self._own)
            ]
            payloads = _payloads(connection, wanted)
        found = [change for payload in payloads for change in journal_codec.read(payload)]
        if rows:
            last = rows[-1]
            self._read = last.seq
            self._place = Place(
                last.seq,
                max(last.decisions, self._place.decisions),
                max(last.alarm_edits, self._place.alarm_edits),
            )
        self._own = {seq for seq in self._own if seq > self._read}
        return tuple(found)

    def owed(self, shares: Sequence[int], limit: int) -> tuple[OwedEvents, ...]:
        """Return the oldest batches of events of these shares that wait for an evaluator."""
        table = schema.owed_events
        wanted = select(table).where(table.c.share.in_(shares)).order_by(table.c.seq).limit(limit)
        with translated(), self._engine.connect() as connection:
            return tuple(
                OwedEvents(seq, share, journal_codec.read_events(payload))
                for seq, share, payload in connection.execute(wanted)
            )

    def prune(self, before_ns: int, *, keep: int = KEPT, limit: int = 500) -> int:
        """Delete up to `limit` numbers of the journal written before; return how many rows went.

        The newest `keep` numbers stay whatever the clock says: it may have jumped.
        """
        table = schema.journal
        with translated(), self._engine.begin() as connection:
            old = select(func.max(_J.seq)).where(_J.written_ns < before_ns)
            last = connection.execute(old).scalar()
            ends = select(func.min(_J.seq), func.max(_J.seq))
            first, newest = connection.execute(ends).one()
            if last is None:
                return 0
            end = min(last, first + limit - 1, newest - keep)
            return connection.execute(table.delete().where(_J.seq <= end)).rowcount

    def _connected(self) -> Connection:
        if self._connection is None:
            raise Broken("a transaction without a connection")
        return self._connection

    def _still(self, connection: Connection, *, evaluation: bool) -> None:
        """Raise Behind early: what is written next would be in vain."""
        numbers = Place(*connection.execute(_NUMBERS).one())
        self._compare(numbers, evaluation=evaluation)

    def _compare(self, numbers: Place, *, evaluation: bool) -> None:
        if evaluation:
            behind = numbers.alarm_edits != self._place.alarm_edits
        else:
            behind = numbers.decisions != self._place.decisions
        if behind:
            raise Behind("another process has changed what was decided on")

    def _write(self, connection: Connection, run: writers.Run, change: Change) -> None:
        if isinstance(change, changes.AlarmsMoved):
            _move(run, change.transitions)
        elif isinstance(change, changes.EventsTaken):
            if run(_TAKE, list(change.keys)) != len(set(change.keys)):
                raise Conflict("another process has evaluated these events")
        else:
            if isinstance(change, changes.AlarmsSaved):
                _versions_hold(connection, schema.alarms.c.id, _alarms_before(change))
            elif isinstance(change, changes.WatchesMoved):
                _versions_hold(connection, schema.watches.c.alarm_id, _watches_before(change))
            writer_of(change)(run, change)

    def _number(
        self,
        connection: Connection,
        work: Sequence[Change],
        told: Sequence[Change],
        *,
        evaluation: bool,
    ) -> Place:
        """Take the next number, unless something came in between; held until the commit."""
        decided = int(bool(told) and not evaluation)
        edited = int(not evaluation and any(type(change) in _EDITS for change in work))
        condition = (
            _C.alarm_edits == self._place.alarm_edits
            if evaluation
            else _C.decisions == self._place.decisions
        )
        raised = (
            update(schema.commits)
            .where(_C.id == 1, condition)
            .values(
                seq=_C.seq + 1,
                decisions=_C.decisions + decided,
                alarm_edits=_C.alarm_edits + edited,
            )
        )
        if connection.execute(raised).rowcount != 1:
            raise Behind("another process has changed what was decided on")
        return Place(*connection.execute(_NUMBERS).one())

    def _tell(
        self, connection: Connection, place: Place, payloads: list[tuple[Topic, bytes]]
    ) -> None:
        now = self._wall_ns()
        rows = [
            {
                "seq": place.seq,
                "part": part,
                "topic": topic,
                "origin": self._origin,
                "decisions": place.decisions,
                "alarm_edits": place.alarm_edits,
                "written_ns": now,
                "payload": payload,
            }
            # Every number has a row, so that a reader sees whether one is missing.
            for part, (topic, payload) in enumerate(payloads or [("", b"")])
        ]
        connection.execute(insert(schema.journal), rows)


def _is_evaluation(work: Sequence[Change]) -> bool:
    """Return whether an evaluator decided: it bears on alarms that stand as it saw them alone.

    What a user did by hand names the user.
    """
    if any(type(change) is changes.EventsTaken for change in work):
        return True
    moves = [change for change in work if isinstance(change, changes.AlarmsMoved)]
    return (
        bool(moves)
        and all(isinstance(c, changes.AlarmsMoved | changes.DeliveriesQueued) for c in work)
        and not any(move.user for change in moves for move in change.transitions)
    )


def _payloads(connection: Connection, wanted: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """Return payloads of the journal in their order, already read when this returns."""
    found: list[bytes] = []
    for start in range(0, len(wanted), PAYLOADS_AT_ONCE):
        part = wanted[start : start + PAYLOADS_AT_ONCE]
        rows = (
            select(_J.payload)
            .where(or_(*(and_(_J.seq == seq, _J.part == number) for seq, number in part)))
            .order_by(_J.seq, _J.part)
        )
        found.extend(connection.execute(rows).scalars())
    return iter(found)


def _write_last(run: writers.Run, change: Change, seq: int) -> None:
    if isinstance(change, changes.DeliveriesQueued):
        run(_QUEUE, [alarm_rows.delivery_row(item, seq) for item in change.deliveries])
    elif isinstance(change, changes.DeliveriesReplayed):
        rows = [alarm_rows.replayed_row(item, change.was, seq) for item in change.deliveries]
        run(writers.REPLAY, rows)
    elif isinstance(change, changes.EventsOwed):
        by_share: dict[int, list[Any]] = {}
        for event in change.events:
            by_share.setdefault(share_of(event.project), []).append(event)
        run(
            _OWE,
            [
                (seq, share, journal_codec.written_events(events))
                for share, events in sorted(by_share.items())
            ],
        )


def _move(run: writers.Run, transitions: Sequence[Transition]) -> None:
    """Move alarms that stand as the evaluator saw them; several moves of one are one step."""
    first: dict[str, int] = {}
    last: dict[str, Transition] = {}
    for move in transitions:
        first.setdefault(move.alarm_id, move.version - 1)
        last[move.alarm_id] = move
    rows = []
    for move in last.values():
        *values, alarm = alarm_rows.moved_alarm_row(move)
        rows.append((*values, first[alarm], alarm))
    if run(_MOVE, rows) != len(rows):
        raise Behind("another process has changed an alarm")
    run(_HISTORY, [alarm_rows.transition_row(move) for move in transitions])


def _alarms_before(change: changes.AlarmsSaved) -> dict[str, int]:
    return {alarm.id: alarm.version - 1 for alarm in change.alarms}


def _watches_before(change: changes.WatchesMoved) -> dict[str, int]:
    before: dict[str, int] = {}
    for watch in change.watches:
        before.setdefault(watch.alarm, watch.version - 1)
    return before


def _versions_hold(connection: Connection, key: Column[Any], before: dict[str, int]) -> None:
    """Raise Behind unless each row, by its key, has the version that the decision saw; 0: none."""
    version = key.table.c.version
    names = list(before)
    for start in range(0, len(names), ROWS_AT_ONCE):
        part = names[start : start + ROWS_AT_ONCE]
        wanted = select(key, version).where(key.in_(part)).with_for_update()
        versions = dict(connection.execute(wanted).tuples().all())
        if any(versions.get(name, 0) != before[name] for name in part):
            raise Behind("another process has changed an alarm")
