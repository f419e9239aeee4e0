"""Remote acts and held events as rows, and back; how far they are."""

from sqlalchemy import Connection, func, select

from faultwire.domain.ids import FaultId
from faultwire.domain.remote_acts import (
    HeldEvents,
    Phase,
    RemoteAct,
    RemoteKind,
    RemoteProgress,
    RemoteState,
)
from faultwire.store import journal_codec, schema
from faultwire.store.statements import Row


def act_row(act: RemoteAct) -> Row:
    """Return a row of remote_acts."""
    return (
        act.id,
        act.cloud,
        act.kind.value,
        act.target,
        act.wanted,
        act.fault,
        act.asked_ns,
        act.state.value,
        act.settled_ns,
        act.detail,
        act.origin,
        act.place,
    )


def act_of(row: Row) -> RemoteAct:
    """Return the act of a row."""
    name, cloud, kind, target, wanted, fault, asked_ns, state, settled_ns, detail, *host = row
    return RemoteAct(
        name,
        cloud,
        RemoteKind(kind),
        target,
        wanted,
        FaultId(fault) if fault is not None else None,
        asked_ns,
        RemoteState(state),
        settled_ns,
        detail,
        *host,
    )


def progress(connection: Connection, fault: FaultId) -> tuple[RemoteProgress, ...]:
    """Return how far the acts of a fault are, a row for each kind that there is."""
    acts = schema.remote_acts.c
    counting = (
        select(acts.kind, acts.state, func.count())
        .where(acts.fault_id == fault)
        .group_by(acts.kind, acts.state)
    )
    counts: dict[str, dict[str, int]] = {}
    for kind, state, count in connection.execute(counting):
        counts.setdefault(kind, {})[state] = count
    refused = RemoteState.OWED.value, RemoteState.FAILED.value
    newest = (
        select(acts.detail)
        .where(acts.fault_id == fault, acts.state.in_(refused), acts.detail != "")
        .order_by(acts.settled_ns.desc(), acts.id)
        .limit(1)
    )
    found = []
    for kind in RemoteKind:
        if kind.value in counts:
            error = connection.execute(newest.where(acts.kind == kind.value)).scalar() or ""
            found.append(RemoteProgress(kind, error=error, **counts[kind.value]))
    return tuple(found)


def held_row(held: HeldEvents) -> Row:
    """Return a row of held_events."""
    phases = ",".join(held.phases)
    return (held.id, held.fault, phases, held.held_ns, journal_codec.written_events(held.events))


def held_of(row: Row) -> HeldEvents:
    """Return the held events of a row."""
    name, fault, phases, held_ns, payload = row
    return HeldEvents(
        name,
        FaultId(fault),
        tuple(Phase(one) for one in phases.split(",")),
        held_ns,
        journal_codec.read_events(payload),
    )
