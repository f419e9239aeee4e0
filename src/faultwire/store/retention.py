"""Removes what is over and old, a few rows at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    delete,
    func,
    or_,
    select,
    tuple_,
)

from faultwire.domain.alarms import DeliveryState
from faultwire.domain.faults import LIVE_STATES, FaultState
from faultwire.domain.remote_acts import RemoteState
from faultwire.domain.tasks import LIVE_TASKS
from faultwire.store import schema
from faultwire.store.engine import translated, writing
from faultwire.store.settings import Retention

BATCH = 500
"""Rows of one transaction: it is over before anybody waits for it."""

DAY_NS = 86_400_000_000_000

_LIVE = tuple(state.value for state in LIVE_STATES)
_FINAL = tuple(state.value for state in DeliveryState if state is not DeliveryState.PENDING)

Keys = Sequence[tuple[Any, ...]]


def expire(engine: Engine, settings: Retention, now_ns: int) -> dict[str, int]:
    """Remove up to `BATCH` rows of each kind, a transaction each; return how many went.

    A kind that returns `BATCH` may have more. Nothing live, owed, or of a live fault is touched,
    whatever its age. Raises Unavailable; what was removed until then stays so.
    """
    return {kind: remove(engine, kind, old(engine, kind, settings, now_ns)) for kind in EXPIRED}


def old(engine: Engine, kind: str, settings: Retention, now_ns: int) -> Keys:
    """Return the keys of up to `BATCH` rows of a kind that may go; holds no lock. Any thread."""
    _, days, chosen = EXPIRED[kind]
    kept_days = days(settings)
    if kept_days is None:
        return ()
    with translated(), engine.connect() as connection:
        return chosen(connection, now_ns - kept_days * DAY_NS)


def remove(engine: Engine, kind: str, keys: Keys) -> int:
    """Remove these rows in one transaction; return how many were there.

    With SQLite it belongs on the writer's thread: a commit beside it would find the database
    locked. With a server it may run anywhere but on the event loop.
    """
    if not keys:
        return 0
    table, _, _ = EXPIRED[kind]
    with translated(), writing(engine) as connection, connection.begin():
        if kind == "faults":
            marks = schema.checkpoints
            connection.execute(delete(marks).where(_among((marks.c.fault_id,), keys)))
        gone = delete(table).where(_among(tuple(table.primary_key), keys))
        return connection.execute(gone).rowcount


def _among(columns: Sequence[ColumnElement[Any]], keys: Keys) -> ColumnElement[bool]:
    if len(columns) == 1:
        return columns[0].in_([key for (key,) in keys])
    return tuple_(*columns).in_(keys)


def _rows(connection: Connection, wanted: Select[Any]) -> Keys:
    return [tuple(row) for row in connection.execute(wanted.limit(BATCH))]


def _faults(connection: Connection, before_ns: int) -> Keys:
    """Closed ones that hold nothing any more; the index on the time of opening bounds the look."""
    faults, causes = schema.faults.c, schema.causes.c
    old = select(faults.id).where(
        faults.state == FaultState.CLOSED.value,
        faults.opened_ns < before_ns,
        faults.closed_ns < before_ns,
    )
    found = _rows(connection, old.order_by(faults.opened_ns, faults.id))
    if not found:
        return found
    holding = select(causes.fault_id).where(_among((causes.fault_id,), found))
    held = set(connection.execute(holding.distinct()).scalars())
    return [key for key in found if key[0] not in held]


def _history(connection: Connection, before_ns: int) -> Keys:
    table = schema.alarm_history
    old = select(*table.primary_key).where(table.c.at_ns < before_ns)
    return _rows(connection, old.order_by(table.c.at_ns))


def _deliveries(connection: Connection, before_ns: int) -> Keys:
    outbox, faults = schema.outbox.c, schema.faults.c
    live = select(faults.id).where(faults.state.in_(_LIVE))
    old = select(outbox.id).where(
        outbox.state.in_(_FINAL),
        outbox.created_ns < before_ns,
        func.coalesce(outbox.attempted_ns, outbox.created_ns) < before_ns,
        or_(outbox.fault_id.is_(None), outbox.fault_id.not_in(live)),
    )
    return _rows(connection, old)


def _samples(connection: Connection, before_ns: int) -> Keys:
    table = schema.samples
    old = select(*table.primary_key).where(table.c.at_ns < before_ns)
    return _rows(connection, old.order_by(table.c.at_ns))


def _audit(connection: Connection, before_ns: int) -> Keys:
    """The oldest lines are those of the smallest numbers: none has to be looked for."""
    table = schema.audit
    oldest = select(table.c.sequence, table.c.at_ns).order_by(table.c.sequence).limit(BATCH)
    return [(number,) for number, at_ns in connection.execute(oldest) if at_ns < before_ns]


def _revocations(connection: Connection, before_ns: int) -> Keys:
    table = schema.revocations
    return _rows(connection, select(table.c.token_id).where(table.c.expires_ns < before_ns))


def _tasks(connection: Connection, before_ns: int) -> Keys:
    table = schema.tasks
    live = [state.value for state in LIVE_TASKS]
    old = select(table.c.id).where(table.c.updated_ns < before_ns, table.c.state.not_in(live))
    return _rows(connection, old)


def _remote_acts(connection: Connection, before_ns: int) -> Keys:
    """Those that are over, of faults that are over too."""
    table, faults = schema.remote_acts, schema.faults.c
    over = [state.value for state in RemoteState if state is not RemoteState.OWED]
    live = select(faults.id).where(faults.state.in_(_LIVE))
    old = select(table.c.id).where(
        table.c.state.in_(over),
        table.c.asked_ns < before_ns,
        table.c.settled_ns < before_ns,
        or_(table.c.fault_id.is_(None), table.c.fault_id.not_in(live)),
    )
    return _rows(connection, old)


def _acts(connection: Connection, before_ns: int) -> Keys:
    table = schema.acts
    old = select(table.c.id).where(table.c.at_ns < before_ns)
    return _rows(connection, old.order_by(table.c.at_ns))


def _kept(days: int) -> int | None:
    return days or None


EXPIRED: Mapping[
    str, tuple[Table, Callable[[Retention], int | None], Callable[[Connection, int], Keys]]
] = {
    "faults": (schema.faults, lambda kept: _kept(kept.faults_days), _faults),
    "history": (schema.alarm_history, lambda kept: _kept(kept.history_days), _history),
    "deliveries": (schema.outbox, lambda kept: _kept(kept.deliveries_days), _deliveries),
    "samples": (schema.samples, lambda kept: _kept(kept.samples_days), _samples),
    "audit": (schema.audit, lambda kept: _kept(kept.audit_days), _audit),
    "tasks": (schema.tasks, lambda kept: _kept(kept.tasks_days), _tasks),
    "remote_acts": (schema.remote_acts, lambda kept: _kept(kept.faults_days), _remote_acts),
    # No limit looks further back than a day.
    "acts": (schema.acts, lambda _: 1, _acts),
    # A token that has ended is void without its revocation.
    "revocations": (schema.revocations, lambda _: 0, _revocations),
}
"""What is removed: its table, the days that it is kept (None: for ever), and how it is found."""
