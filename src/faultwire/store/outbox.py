"""The outbox as its senders read it: what each commit queued, in the order of the commits."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Engine, and_, or_, select

from faultwire.domain.alarms import Delivery, DeliveryState
from faultwire.store import alarm_rows, schema
from faultwire.store.engine import translated

_C = schema.outbox.c
_DELIVERY = (
    _C.id,
    _C.kind,
    _C.project_id,
    _C.destination,
    _C.ordering,
    _C.payload,
    _C.fault_id,
    _C.attempt,
    _C.next_ns,
    _C.created_ns,
)


@dataclass(frozen=True, slots=True, order=True)
class Queued:
    """How far a sender has read: commit, time and id of the last delivery."""

    seq: int = 0
    created_ns: int = 0
    id: str = ""


class StoredOutbox:
    """Reads what was queued lately; any thread, each call on a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def after(
        self, place: Queued, shares: Collection[int], limit: int
    ) -> tuple[Queued, tuple[Delivery, ...]]:
        """Return owed deliveries of these shares queued after a place, and the place reached.

        In the order of the commits, at most `limit`; nothing that was committed before the call
        is left out. Raises Unavailable.
        """
        later = or_(
            _C.seq > place.seq,
            and_(_C.seq == place.seq, _C.created_ns > place.created_ns),
            and_(_C.seq == place.seq, _C.created_ns == place.created_ns, _C.id > place.id),
        )
        wanted = (
            select(*_DELIVERY, _C.seq)
            .where(
                _C.share.in_(sorted(shares)),
                _C.seq >= place.seq,
                later,
                _C.state == DeliveryState.PENDING.value,
            )
            .order_by(_C.seq, _C.created_ns, _C.id)
            .limit(limit)
        )
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(wanted).all()
        if rows:
            last = rows[-1]
            place = Queued(last.seq, last.created_ns, last.id)
        return place, tuple(alarm_rows.delivery_of(tuple(row[:-1])) for row in rows)
