"""Alarms, their history and their deliveries as stored, for reading."""

from typing import Any

from sqlalchemy import Engine, and_, or_, select

from faultwire.domain.alarms import Alarm, Delivery, DeliveryState
from faultwire.domain.changes import HistoryAdded
from faultwire.domain.errors import NotFound
from faultwire.domain.ids import AlarmId, DeliveryId, ProjectId
from faultwire.domain.queries import HistoryLine, Query
from faultwire.domain.shares import ALL_SHARES
from faultwire.store import alarm_rows, paging, schema, searching
from faultwire.store.engine import translated

Found = tuple[Delivery, DeliveryState, str, int | None]

_OUTBOX = schema.outbox.c
_DELIVERY = [
    _OUTBOX.id,
    _OUTBOX.kind,
    _OUTBOX.project_id,
    _OUTBOX.destination,
    _OUTBOX.ordering,
    _OUTBOX.payload,
    _OUTBOX.fault_id,
    _OUTBOX.attempt,
    _OUTBOX.next_ns,
    _OUTBOX.created_ns,
]
_ENTRIES = [column for column in schema.alarm_history.columns if column.name != "version"]


class StoredAlarms:
    """Implements `ports.AlarmStore`; any thread, each call on a connection of its own.

    Every method raises Unavailable where the database does not answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def alarm(self, alarm: AlarmId) -> Alarm:
        """Return one alarm; raises NotFound."""
        table = schema.alarms
        with translated(), self._engine.connect() as connection:
            row = connection.execute(select(table).where(table.c.id == alarm)).one_or_none()
        if row is None:
            raise NotFound(f"no alarm {alarm}")
        texts: dict[str, str] = {}
        return alarm_rows.alarm_of(tuple(row), texts.setdefault)

    def alarms(
        self, *, project: ProjectId | None, limit: int | None, marker: str | None
    ) -> tuple[Alarm, ...]:
        """Return alarms, last changed by their owner first, at most `limit`.

        `marker` is the id of the last alarm of the page before; NotFound if this list lacks it.
        """
        found = select(schema.alarms)
        if project is not None:
            found = found.where(schema.alarms.c.project_id == project)
        texts: dict[str, str] = {}
        with translated(), self._engine.connect() as connection:
            page = paging.newest_first(
                connection, found, by="updated_ns", marker=marker, limit=limit
            )
            rows = connection.execute(page)
            return tuple(alarm_rows.alarm_of(tuple(row), texts.setdefault) for row in rows)

    def search_alarms(self, query: Query) -> tuple[Alarm, ...]:
        """Return the alarms that are asked for."""
        return searching.alarms(self._engine, query)

    def search_history(self, query: Query) -> tuple[HistoryLine, ...]:
        """Return the lines of history that are asked for."""
        return searching.history(self._engine, query)

    def history(self, alarm: AlarmId, *, limit: int) -> tuple[HistoryAdded, ...]:
        """Return the history of an alarm, newest first, transitions included; empty if none.

        A transition of an evaluator has the kind ``state transition`` and no user.
        """
        table = schema.alarm_history
        entries = (
            select(*_ENTRIES)
            .where(table.c.alarm_id == alarm)
            .order_by(table.c.at_ns.desc(), table.c.version.desc(), table.c.kind.desc())
            .limit(max(limit, 0))
        )
        with translated(), self._engine.connect() as connection:
            return tuple(alarm_rows.history_of(tuple(row)) for row in connection.execute(entries))

    def deliveries(
        self,
        *,
        project: ProjectId | None,
        state: DeliveryState | None,
        limit: int,
        marker: str | None,
    ) -> tuple[Found, ...]:
        """Return deliveries, newest first, with state, last outcome and last HTTP status.

        `marker` is the id of the last delivery of the page before; NotFound if this list lacks
        it.
        """
        wanted = select(*_DELIVERY, _OUTBOX.state, _OUTBOX.outcome, _OUTBOX.status)
        if project is not None:
            wanted = wanted.where(_OUTBOX.project_id == project)
        if state is not None:
            wanted = wanted.where(_OUTBOX.state == state.value)
        with translated(), self._engine.connect() as connection:
            page = paging.newest_first(
                connection, wanted, by="created_ns", marker=marker, limit=limit
            )
            return tuple(_found(row) for row in connection.execute(page))

    def delivery(self, delivery: DeliveryId) -> Found:
        """Return one delivery as `deliveries` does; raises NotFound."""
        wanted = select(*_DELIVERY, _OUTBOX.state, _OUTBOX.outcome, _OUTBOX.status)
        with translated(), self._engine.connect() as connection:
            row = connection.execute(wanted.where(_OUTBOX.id == delivery)).one_or_none()
        if row is None:
            raise NotFound(f"no delivery {delivery}")
        return _found(row)

    def pending(
        self,
        *,
        project: ProjectId | None,
        after: tuple[int, str] | None,
        limit: int,
        shares: frozenset[int] | None = None,
    ) -> tuple[Delivery, ...]:
        """Return owed deliveries, oldest first, after (created_ns, id), at most `limit`.

        With `shares`, those of these shares alone.
        """
        owed = select(*_DELIVERY).where(_OUTBOX.state == DeliveryState.PENDING.value)
        if shares is not None and shares != ALL_SHARES:
            owed = owed.where(_OUTBOX.share.in_(sorted(shares)))
        if project is not None:
            owed = owed.where(_OUTBOX.project_id == project)
        if after is not None:
            created_ns, delivery = after
            # The first term bounds the range of the index.
            owed = owed.where(
                and_(
                    _OUTBOX.created_ns >= created_ns,
                    or_(_OUTBOX.created_ns > created_ns, _OUTBOX.id > delivery),
                )
            )
        oldest_first = owed.order_by(_OUTBOX.created_ns, _OUTBOX.id).limit(max(limit, 0))
        with translated(), self._engine.connect() as connection:
            return tuple(
                alarm_rows.delivery_of(tuple(row)) for row in connection.execute(oldest_first)
            )


def _found(row: Any) -> Found:
    *delivery, state, outcome, status = row
    return alarm_rows.delivery_of(tuple(delivery)), DeliveryState(state), outcome or "", status
