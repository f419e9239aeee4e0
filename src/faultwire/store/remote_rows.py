"""Remote acts and held events as rows, and back."""

from faultwire.domain.ids import FaultId
from faultwire.domain.remote_acts import HeldEvents, Phase, RemoteAct, RemoteKind, RemoteState
from faultwire.store import journal_codec
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
    )


def act_of(row: Row) -> RemoteAct:
    """Return the act of a row."""
    name, cloud, kind, target, wanted, fault, asked_ns, state, settled_ns, detail = row
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
    )


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
