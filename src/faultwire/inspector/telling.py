"""The administrators' own events: a fault was raised, a fault was cleared."""

from collections.abc import Mapping
from dataclasses import replace

from faultwire.domain.changes import FaultsSaved
from faultwire.domain.decided import Decided, Steps
from faultwire.domain.events import FAULT_CLEARED, FAULT_RAISED, Event
from faultwire.domain.faults import (
    EVIDENCE_KEPT,
    FAULT_TYPES,
    HOST_DOWN,
    Decision,
    Evidence,
    Fault,
    FaultState,
    Outcome,
    Severity,
    identity_of,
)
from faultwire.domain.ids import ADMINISTRATORS, FaultId, derived
from faultwire.domain.instants import Instant
from faultwire.ports import View

WHY = "administrators are told once; what is refused later is counted here"


def raised(fault: Fault, detected: Instant, now: Instant) -> Decided:
    """Save a fault that was opened and tell the administrators."""
    return _told(fault, FAULT_RAISED, fault.type.severity, now, detected)


def cleared(fault: Fault, now: Instant) -> Decided:
    """Save a fault that was closed and tell the administrators."""
    return _told(fault, FAULT_CLEARED, Severity.CLEARED, now, None)


def counted(
    kind: str,
    resource: Mapping[str, str],
    said: tuple[Evidence, ...],
    view: View,
    now: Instant,
) -> Steps[None]:
    """Open a fault of our own about things refused, or count them in the one that is open.

    `said` has one statement for each; administrators are told when it is opened.
    """
    known = view.open_fault(identity_of(kind, resource))
    if known is not None:
        evidence = (*known.evidence, *said)
        if len(evidence) > EVIDENCE_KEPT:
            evidence = (evidence[0], *evidence[1 - EVIDENCE_KEPT :])
        folded = replace(
            known, repeats=known.repeats + len(said), updated_ns=now.wall_ns, evidence=evidence
        )
        yield Decided(changes=(FaultsSaved((folded,)),))
        return
    opened = Fault(
        FaultId(derived(identity_of(kind, resource), now.wall_ns)),
        FAULT_TYPES[kind],
        resource,
        FaultState.OPEN,
        now.wall_ns,
        now.wall_ns,
        repeats=len(said) - 1,
        evidence=said[:EVIDENCE_KEPT],
        decisions=(Decision("refused", Outcome.APPLIED, WHY),),
    )
    yield raised(opened, now, now)


def _told(
    fault: Fault, event_type: str, severity: Severity, now: Instant, detected: Instant | None
) -> Decided:
    # A fault that holds its host says how the host stands; no other fault of that type is open.
    # One whose force-down was refused holds the host's servers alone.
    plan = fault.plan if fault.type.name == HOST_DOWN and fault.host is not None else None
    holds = plan is not None and plan.forced_down is not None
    event = Event(
        message_id=derived(event_type, fault.id, now.wall_ns),
        event_type=event_type,
        project=ADMINISTRATORS,
        generated_ns=now.wall_ns,
        traits={
            "fault_id": fault.id,
            "project_id": ADMINISTRATORS,
            "type": fault.type.name,
            "severity": severity.value,
            "resource": ",".join(f"{k}={v}" for k, v in sorted(fault.resource.items())),
        },
        host=fault.host,
        fault_id=fault.id if detected else None,
        severity=severity.value if holds else "",
    )
    marks = ((fault.id, detected),) if detected else ()
    return Decided(changes=(FaultsSaved((fault,)),), events=(event,), detected=marks)
