"""Subscriptions as stored, for reading."""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, Row, func, select

from faultwire.domain.errors import NotFound
from faultwire.domain.faults import Severity
from faultwire.domain.ids import ProjectId, SubscriptionId
from faultwire.domain.subscriptions import Subscription
from faultwire.store import alarm_rows, paging, schema
from faultwire.store.engine import translated

Found = tuple[Subscription, int]


class StoredSubscriptions:
    """Implements `ports.SubscriptionStore`; any thread, each call on a connection of its own.

    Every method raises Unavailable where the database does not answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def subscription(self, subscription: SubscriptionId) -> Found:
        """Return one, with how many troubles its owner knows of now; raises NotFound."""
        table = schema.subscriptions
        with translated(), self._engine.connect() as connection:
            wanted = select(table).where(table.c.id == subscription)
            found = _counted(connection, connection.execute(wanted).all())
        if not found:
            raise NotFound(f"no subscription {subscription}")
        return found[0]

    def subscriptions(
        self, *, project: ProjectId | None, limit: int, marker: str | None
    ) -> tuple[Found, ...]:
        """Return them newest first, at most `limit`, each with its troubles.

        `marker` is the id of the last one of the page before; NotFound if this list lacks it.
        """
        wanted = select(schema.subscriptions)
        if project is not None:
            wanted = wanted.where(schema.subscriptions.c.project_id == project)
        with translated(), self._engine.connect() as connection:
            page = paging.newest_first(
                connection, wanted, by="created_ns", marker=marker, limit=limit
            )
            return _counted(connection, connection.execute(page).all())


def _counted(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> tuple[Found, ...]:
    items = [alarm_rows.subscription_of(tuple(row)) for row in rows]
    watches = schema.watches.c
    stand = (
        select(watches.subscription_id, func.count())
        .where(watches.subscription_id.in_([item.id for item in items]))
        .where(watches.severity != Severity.CLEARED.value)
        .group_by(watches.subscription_id)
    )
    counts = dict(connection.execute(stand).tuples().all()) if items else {}
    return tuple((item, counts.get(item.id, 0)) for item in items)
