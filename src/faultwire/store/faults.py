"""Faults as stored, for reading."""

from collections.abc import Mapping
from typing import cast

from sqlalchemy import Engine, select

from faultwire.domain.accounts import AuditRecord
from faultwire.domain.errors import NotFound
from faultwire.domain.faults import Fault, FaultState
from faultwire.domain.ids import FaultId
from faultwire.store import account_rows, codec, paging, schema
from faultwire.store.engine import translated

_FAULTS = select(*(schema.faults.c[name] for name in codec.FAULT_COLUMNS))


class StoredFaults:
    """Implements `ports.FaultStore`; any thread, each call on a connection of its own.

    Every method raises Unavailable where the database does not answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def fault(self, fault: FaultId) -> Fault:
        """Return one fault; raises NotFound."""
        with translated(), self._engine.connect() as connection:
            row = connection.execute(_FAULTS.where(schema.faults.c.id == fault)).one_or_none()
        if row is None:
            raise NotFound(f"no fault {fault}")
        return codec.fault_of(tuple(row))

    def faults(
        self,
        *,
        host: str | None,
        state: FaultState | None,
        since_ns: int | None,
        limit: int,
        marker: str | None,
    ) -> tuple[Fault, ...]:
        """Return faults opened at `since_ns` or later, newest first, at most `limit`.

        `marker` is the id of the last fault of the page before; NotFound if this list lacks it.
        """
        table = schema.faults
        found = _FAULTS
        if host is not None:
            found = found.where(table.c.host == host)
        if state is not None:
            found = found.where(table.c.state == state.value)
        if since_ns is not None:
            found = found.where(table.c.opened_ns >= since_ns)
        with translated(), self._engine.connect() as connection:
            page = paging.newest_first(
                connection, found, by="opened_ns", marker=marker, limit=limit
            )
            return tuple(codec.fault_of(tuple(row)) for row in connection.execute(page))

    def marks(self, fault: FaultId) -> Mapping[str, object]:
        """Return the stored checkpoints of a fault; empty if there are none."""
        table = schema.fault_marks
        with translated(), self._engine.connect() as connection:
            marks = connection.execute(
                select(table.c.marks).where(table.c.fault_id == fault)
            ).scalar_one_or_none()
        return cast("Mapping[str, object]", marks or {})

    def audit(self, limit: int) -> tuple[AuditRecord, ...]:
        """Return the newest lines of the audit record, newest first."""
        table = schema.audit
        lines = select(*list(table.columns)[2:]).order_by(table.c.sequence.desc())
        with translated(), self._engine.connect() as connection:
            found = connection.execute(lines.limit(max(limit, 0)))
            return tuple(account_rows.audit_of(tuple(row)) for row in found)
