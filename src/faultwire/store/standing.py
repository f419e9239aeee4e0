"""What an operator wants to know of the database at one look."""

from sqlalchemy import Engine, func, select

from faultwire.domain.alarms import DeliveryState
from faultwire.domain.standing import COUNTED, LATELY_NS, Owed
from faultwire.store import schema
from faultwire.store.engine import translated

_KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB", "mariadb": "MariaDB"}
_DEAD_AFTER_NS = 2 * 86_400_000_000_000
"""A delivery that died lately was queued in this time: the index is by when it was queued."""


class StoredStanding:
    """Reads few rows, whatever the database holds; any thread, a connection for each call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.kind = _KINDS.get(engine.dialect.name, engine.dialect.name)

    def owed(self, now_ns: int) -> Owed:
        """Return what is owed at that wall time; raises Unavailable."""
        table = schema.outbox.c
        pending = table.state == DeliveryState.PENDING.value
        dead = (
            table.state == DeliveryState.DEAD.value,
            table.created_ns >= now_ns - _DEAD_AFTER_NS,
            table.attempted_ns >= now_ns - LATELY_NS,
        )
        waiting = select(table.id).where(pending).limit(COUNTED).subquery()
        died = select(table.id).where(*dead).limit(COUNTED).subquery()
        oldest = select(table.created_ns).where(pending).order_by(table.created_ns).limit(1)
        with translated(), self._engine.connect() as connection:
            return Owed(
                connection.execute(select(func.count()).select_from(waiting)).scalar_one(),
                connection.execute(oldest).scalar_one_or_none(),
                connection.execute(select(func.count()).select_from(died)).scalar_one(),
            )
