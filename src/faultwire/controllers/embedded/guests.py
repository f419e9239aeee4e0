"""Makes plans for guests true, and tells owners how their guests stand."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from faultwire.domain.causes import Cause, ResourceKind, standing
from faultwire.domain.changes import CausesRemoved, CausesSaved, Change
from faultwire.domain.decided import Realised, Work
from faultwire.domain.events import GUEST_UPDATE, Event
from faultwire.domain.faults import Fault, PlanRecord, Severity
from faultwire.domain.guest_changes import GuestsSaved
from faultwire.domain.ids import ADMINISTRATORS, FaultId, GuestId, ProjectId, derived
from faultwire.domain.instants import Instant
from faultwire.domain.plans import GuestPlan
from faultwire.domain.resources import Guest
from faultwire.ports import View

DOWN, UP = "down", "up"
SLICE = 64
"""Causes looked at between two breathing points."""


def realise(plan: GuestPlan, view: View, now: Instant) -> Work[Realised]:
    """Return the rows and facts of a plan; its owner hears of every fault, once."""
    yield
    guest, fault = plan.guest, plan.fault
    record = PlanRecord(plan.rule, fault.host)
    if guest is None:
        return Realised(record=record)
    held = view.causes_of(ResourceKind.GUEST, guest.id)
    others = tuple(cause for cause in held if cause.fault_id != fault.id)
    changes: list[Change] = []
    if plan.raised:
        mine = Cause(ResourceKind.GUEST, guest.id, fault.id, DOWN, UP)
        changes.append(CausesSaved((mine,)))
        severity = _worst((*others, mine), fault, view)
    else:
        changes.append(CausesRemoved(tuple(c for c in held if c.fault_id == fault.id)))
        severity = standing(others, view.live_fault)
    after = replace(guest, state=DOWN if plan.raised or others else UP)
    if after != guest:
        changes.append(GuestsSaved((after,)))
    event = guest_update(guest, after, fault.id, severity, view, now)
    event = replace(event, fault_id=fault.id if plan.raised else None, host=fault.host)
    changed = int(after != guest)
    return Realised(tuple(changes), (event,), replace(record, changed=changed))


def _worst(held: Iterable[Cause], fault: Fault, view: View) -> Severity:
    return standing(held, lambda one: fault if one == fault.id else view.live_fault(one))


def guest_update(
    before: Guest,
    after: Guest,
    fault_id: FaultId,
    severity: Severity,
    view: View,
    now: Instant,
) -> Event:
    """Tell a guest's owner how it stands, and how it did."""
    server = view.server(after.server) if after.server is not None else None
    return Event(
        derived(GUEST_UPDATE, after.id, fault_id, after.state, now.wall_ns),
        GUEST_UPDATE,
        after.project,
        now.wall_ns,
        {
            "guest_id": after.id,
            "resource_id": after.id,
            "project_id": after.project,
            "state": after.state,
            "old_state": before.state,
            "fault_id": fault_id,
        },
        severity=severity.value,
        metadata=server.metadata if server is not None and server.metadata else None,
    )


def present(
    causes: Iterable[Cause], project: ProjectId, view: View, now: Instant
) -> Iterator[Event | None]:
    """Tell each guest of a project that is down now, as if it had just become so."""
    seen: set[str] = set()
    for number, cause in enumerate(causes, 1):
        if number % SLICE == 0:
            yield None
        if cause.kind is not ResourceKind.GUEST or cause.resource in seen:
            continue
        seen.add(cause.resource)
        guest = view.guest(GuestId(cause.resource))
        if guest is not None and project in {ADMINISTRATORS, guest.project}:
            severity = standing(view.causes_of(ResourceKind.GUEST, guest.id), view.live_fault)
            yield guest_update(guest, guest, cause.fault_id, severity, view, now)
