"""What events say of a resource's condition: by what still holds it, and its metadata."""

from dataclasses import replace

import pytest

from faultwire.controllers.embedded.present import present
from faultwire.domain import changes as c
from faultwire.domain.causes import Cause, ResourceKind, standing
from faultwire.domain.events import INSTANCE_UPDATE, SERVICE_UPDATE
from faultwire.domain.faults import FAULT_TYPES, FaultState, Severity, worst
from faultwire.domain.ids import ADMINISTRATORS, FaultId, ProjectId, ServerId
from faultwire.domain.plans import ClearPlan, RaisePlan, ServerStep
from faultwire.domain.states import VmState
from tests.unit.controllers.test_embedded import (
    FAULT,
    H1,
    H2,
    HOST,
    NOW,
    plan_of,
    realised,
    server,
    world,
)

MILD = replace(FAULT, id=FaultId("f2"), type=FAULT_TYPES["compute.host.unreachable"], host=H1)
"""A fault that stands beside the other; nothing here asks whether its type has a rule."""


def conditions(events: tuple[object, ...]) -> list[tuple[str, str]]:
    return [(one.event_type, one.severity) for one in events]  # type: ignore[attr-defined]


def test_the_worst_of_severities_is_the_first_in_x733s_order() -> None:
    """Critical before all, cleared after all, and for nothing at all."""
    order = list(Severity)
    for place, severity in enumerate(order):
        assert worst(order[place:]) is severity
        assert worst(reversed(order[place:])) is severity
    assert worst(()) is Severity.CLEARED


def test_a_cause_of_a_closed_fault_is_indeterminate() -> None:
    """It still holds the resource, and how bad is not known any more."""
    cause = Cause(ResourceKind.SERVER, "vm0", FAULT.id, "error", "active", "running")
    assert standing((cause,), {FAULT.id: FAULT}.get) is Severity.CRITICAL
    assert standing((cause,), {}.get) is Severity.INDETERMINATE
    assert standing((), {}.get) is Severity.CLEARED


@pytest.mark.parametrize("first", [FAULT, MILD])
def test_overlapping_faults_stand_for_the_worst(first: object) -> None:
    """With two faults on a server the worse one counts; with one gone, the other."""
    second = MILD if first is FAULT else FAULT
    view = world(servers=1)
    severities = []
    for fault in (first, second):
        plan = RaisePlan(fault, "r", None, False, (ServerStep(server(0), VmState.ERROR),))  # type: ignore[arg-type]
        severities.append(realised(view, plan).events[-1].severity)
        view.absorb((c.FaultsSaved((fault,)),))  # type: ignore[arg-type]
    for fault in (first, second):
        severities.append(realised(view, ClearPlan(fault, None, True, None)).events[-1].severity)  # type: ignore[arg-type]
        closed = replace(fault, state=FaultState.CLOSED)  # type: ignore[type-var]
        view.absorb((c.FaultsSaved((closed,)),))
    mild = MILD.type.severity.value
    worse_first = ["critical", "critical", mild, "cleared"]
    assert severities == (
        worse_first if first is FAULT else [mild, "critical", "critical", "cleared"]
    )


def test_a_host_and_all_of_its_servers_stand_as_bad_as_its_fault() -> None:
    """Also a server that the fault leaves alone (S119), and all are clear afterwards."""
    resized = replace(server(1), vm_state=VmState.RESIZED, metadata={"tier": "gold"})
    view = world(c.ServersSaved((resized,)))
    raised = realised(view, plan_of(view))
    critical = Severity.CRITICAL.value
    assert conditions(raised.events) == [
        (SERVICE_UPDATE, critical),
        (INSTANCE_UPDATE, critical),
        (INSTANCE_UPDATE, critical),
    ]
    assert [one.metadata for one in raised.events] == [None, None, {"tier": "gold"}]
    view.absorb((c.FaultsSaved((FAULT,)),))
    cleared = realised(view, ClearPlan(FAULT, H1, True, None))
    assert {one.severity for one in cleared.events} == {"cleared"}
    assert len(cleared.events) == 3


def test_the_present_is_told_by_project() -> None:
    """A tenant is told of its own servers, administrators of hosts and all servers."""
    view = world()
    realised(view, plan_of(view))
    view.absorb((c.FaultsSaved((FAULT,)),))

    def causes() -> list[Cause]:
        names = (ServerId("vm1"), ServerId("vm0"))
        held = [c for name in names for c in view.causes_of(ResourceKind.SERVER, name)]
        return [*held, *view.causes_of(ResourceKind.HOST, H1), *held]

    def told(project: str) -> list[tuple[str, str, str]]:
        return [
            (one.event_type, str(one.traits.get("instance_id", H1)), one.severity)
            for one in present(causes, ProjectId(project), view, NOW)
            if one is not None
        ]

    assert told("p0") == [(INSTANCE_UPDATE, "vm0", "critical")]
    assert told("nobody") == []
    assert told(ADMINISTRATORS) == [
        (INSTANCE_UPDATE, "vm1", "critical"),
        (INSTANCE_UPDATE, "vm0", "critical"),
        (SERVICE_UPDATE, H1, "critical"),
    ]
    assert {one.fault_id for one in present(causes, ADMINISTRATORS, view, NOW) if one} == {None}
    assert HOST.name != H2
