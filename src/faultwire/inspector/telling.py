"""The administrators' own events: a fault was raised, a fault was cleared."""

from faultwire.domain.changes import FaultsSaved
from faultwire.domain.decided import Decided
from faultwire.domain.events import FAULT_CLEARED, FAULT_RAISED, Event
from faultwire.domain.faults import HOST_DOWN, Fault, Severity
from faultwire.domain.ids import ADMINISTRATORS, derived
from faultwire.domain.instants import Instant


def raised(fault: Fault, detected: Instant, now: Instant) -> Decided:
    """Save a fault that was opened and tell the administrators."""
    return _told(fault, FAULT_RAISED, fault.type.severity, now, detected)


def cleared(fault: Fault, now: Instant) -> Decided:
    """Save a fault that was closed and tell the administrators."""
    return _told(fault, FAULT_CLEARED, Severity.CLEARED, now, None)


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
