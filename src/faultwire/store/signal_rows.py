"""Records of fencing and unmapped alerts, as rows and back; as `inventory_rows` has it."""

from dataclasses import asdict
from typing import Any

from faultwire.domain.fencing import Fencing, FencingState, Power, PowerProof
from faultwire.domain.signals import UnmappedAlert
from faultwire.store.codec import text
from faultwire.store.statements import Row


def fencing_row(one: Fencing) -> Row:
    """Return a row of fencings."""
    return (
        one.host,
        one.id,
        one.wanted.value,
        one.state.value,
        one.why,
        one.asked_ns,
        one.fault,
        one.asked_by,
        one.holder,
        one.attempt,
        one.error,
        one.settled_ns,
        None if one.proof is None else text(asdict(one.proof)),
    )


def fencing_of(row: Row) -> Fencing:
    """Return the record of a row."""
    (host, name, wanted, state, why, asked_ns, fault, *rest, proof) = row
    asked_by, holder, attempt, error, settled_ns = rest
    return Fencing(
        name,
        host,
        Power(wanted),
        FencingState(state),
        why,
        asked_ns,
        fault,
        asked_by,
        holder,
        attempt,
        error,
        settled_ns,
        None if proof is None else _proof_of(proof),
    )


def _proof_of(record: dict[str, Any]) -> PowerProof:
    return PowerProof(**{**record, "power": Power(record["power"])})


def unmapped_row(one: UnmappedAlert) -> Row:
    """Return a row of unmapped_alerts."""
    labels = text(dict(one.labels))
    return (
        one.id,
        one.source,
        one.name,
        labels,
        one.firing,
        one.why,
        one.count,
        one.first_ns,
        one.last_ns,
    )


def unmapped_of(row: Row) -> UnmappedAlert:
    """Return the alert of a row."""
    (name, source, called, labels, firing, *rest) = row
    return UnmappedAlert(name, source, called, labels, bool(firing), *rest)
