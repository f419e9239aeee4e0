"""Faults as stored, for reading."""

from collections.abc import Iterator, Mapping
from typing import cast

from sqlalchemy import ColumnElement, Engine, or_, select

from faultwire.domain.accounts import AuditFilter, AuditRecord
from faultwire.domain.errors import NotFound
from faultwire.domain.faults import Fault, FaultState
from faultwire.domain.ids import FaultId
from faultwire.domain.remote_acts import RemoteProgress
from faultwire.store import account_rows, codec, paging, remote_rows, schema
from faultwire.store.engine import translated

_FAULTS = select(*(schema.faults.c[name] for name in codec.FAULT_COLUMNS))


class StoredFaults:
    """Implements `ports.FaultStore`; any thread, each call on a connection of its own.

    Every method raises Unavailable where the database does not answer.
    """

    def __init__(self, engine: Engine, origin: str = "") -> None:
        """Read through an engine; `origin` names this process where it is not alone."""
        self._engine = engine
        self._origin = origin

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
        """Return the checkpoints of a fault that this process stored; empty if there are none."""
        table = schema.checkpoints
        mine = table.c.fault_id == fault, table.c.origin == self._origin
        with translated(), self._engine.connect() as connection:
            marks = connection.execute(select(table.c.marks).where(*mine)).scalar_one_or_none()
        return cast("Mapping[str, object]", marks or {})

    def marks_elsewhere(self, fault: FaultId) -> tuple[tuple[str, Mapping[str, object]], ...]:
        """Return the checkpoints that other processes stored, each with its origin."""
        table = schema.checkpoints
        others = table.c.fault_id == fault, table.c.origin != self._origin
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                select(table.c.origin, table.c.marks).where(*others).order_by(table.c.origin)
            )
            return tuple((origin, marks) for origin, marks in rows)

    def remote(self, fault: FaultId) -> tuple[RemoteProgress, ...]:
        """Return how far what clouds are asked for a fault is, by kind."""
        with translated(), self._engine.connect() as connection:
            return remote_rows.progress(connection, fault)

    def audit(
        self, limit: int, wanted: AuditFilter | None = None, marker: str | None = None
    ) -> tuple[AuditRecord, ...]:
        """Return lines of the audit record, newest first, at most `limit`.

        `marker` is the id of the last line of the page before; NotFound if there is no such line.
        """
        table = schema.audit
        lines = select(*list(table.columns)[2:]).order_by(table.c.sequence.desc())
        if wanted is not None:
            lines = lines.where(*_wanted(wanted))
        with translated(), self._engine.connect() as connection:
            if marker is not None:
                place = select(table.c.sequence).where(table.c.digest == marker)
                last = connection.execute(place).scalar_one_or_none()
                if last is None:
                    raise NotFound(f"marker {marker} is not in this list")
                lines = lines.where(table.c.sequence < last)
            found = connection.execute(lines.limit(max(limit, 0)))
            return tuple(account_rows.audit_of(tuple(row)) for row in found)


def _wanted(wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    table = schema.audit.c
    if wanted.action is not None:
        family = table.action.startswith(f"{wanted.action}.", autoescape=True)
        yield or_(table.action == wanted.action, family)
    if wanted.user is not None:
        yield table.user_id == wanted.user
    if wanted.target is not None:
        yield table.target == wanted.target
    if wanted.since_ns is not None:
        yield table.at_ns >= wanted.since_ns
    if wanted.until_ns is not None:
        yield table.at_ns < wanted.until_ns
