"""The embedded controller: rows and facts of one plan."""

from dataclasses import replace
from typing import TypeVar

import pytest

from faultwire.controllers.embedded.compute import SLICE, EmbeddedController
from faultwire.domain import changes as c
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.decided import Realised, Work
from faultwire.domain.events import EVENT_KINDS, INSTANCE_UPDATE, SERVICE_UPDATE, Event
from faultwire.domain.faults import FAULT_TYPES, Fault, FaultState
from faultwire.domain.ids import ADMINISTRATORS, FaultId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.plans import ClearPlan, RaisePlan, ReturnPlan, ServerStep
from faultwire.domain.resources import Host, Port, Server
from faultwire.domain.states import AgentState, PowerState, VmState
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.scratch import MapScratch

T = TypeVar("T")
NOW = Instant(5_000, 5)
H1, H2 = HostName("h1"), HostName("h2")
HOST = Host(H1)
FAULT = Fault(
    FaultId("f1"),
    FAULT_TYPES["compute.host.down"],
    {"hostname": H1},
    FaultState.OPEN,
    1,
    1,
    host=H1,
)


def finished(work: Work[T]) -> tuple[T, int]:
    """Return the result of pure work and the number of breathing points."""
    breaths = 0
    while True:
        try:
            next(work)
            breaths += 1
        except StopIteration as stop:
            return stop.value, breaths


def server(number: int, host: HostName = H1) -> Server:
    """Return a running server."""
    return Server(ServerId(f"vm{number}"), f"name-{number}", ProjectId(f"p{number}"), host)


def world(*changes: c.Change, host: Host = HOST, servers: int = 2) -> MapScratch:
    """Return a view of a host with servers, and what else is there."""
    index, holds = ResourceMap(), Holds()
    first = (c.HostsSaved((host,)), c.ServersSaved(tuple(map(server, range(servers)))))
    for change in (*first, *changes):
        index.apply(change)
        holds.apply(change)
    return MapScratch(index, holds)


def plan_of(view: MapScratch) -> RaisePlan:
    """Return the plan of a host that is down."""
    entry = view.entry(H1)
    assert entry is not None
    steps = tuple(ServerStep(one, VmState.ERROR) for one in entry.servers)
    return RaisePlan(FAULT, "host down", H1, True, steps)


def realised(view: MapScratch, plan: RaisePlan | ClearPlan | ReturnPlan) -> Realised:
    """Make a plan true in a view."""
    result, _ = finished(EmbeddedController().realise(plan, view, NOW))
    view.absorb(result.changes)
    return result


def test_one_event_for_each_server_and_one_for_the_service() -> None:
    """A plan tells each owner once and the administrators of the service (S47, D6)."""
    view = world()
    result = realised(view, plan_of(view))
    assert [(e.event_type, e.project) for e in result.events] == [
        (SERVICE_UPDATE, ADMINISTRATORS),
        (INSTANCE_UPDATE, "p0"),
        (INSTANCE_UPDATE, "p1"),
    ]
    assert {e.fault_id for e in result.events} == {FAULT.id}
    assert {e.host for e in result.events} == {H1}
    assert len({e.message_id for e in result.events}) == 3
    assert [type(change) for change in result.changes] == [
        c.HostsSaved,
        c.ServersMoved,
        c.CausesSaved,
    ]
    cleared = realised(view, ClearPlan(FAULT, H1, True, None))
    assert [(e.event_type, e.project) for e in cleared.events] == [
        (SERVICE_UPDATE, ADMINISTRATORS),
        (INSTANCE_UPDATE, "p0"),
        (INSTANCE_UPDATE, "p1"),
    ]
    assert {e.fault_id for e in cleared.events} == {None}
    assert {e.traits["correlation_id"] for e in cleared.events[1:]} == {FAULT.id}
    assert not {e.message_id for e in result.events} & {e.message_id for e in cleared.events}


def _told(*statuses: str | None) -> Event:
    ports = [
        Port(PortId(f"port{n}"), ProjectId("p0"), server=ServerId("vm0"), data_plane_status=status)
        for n, status in enumerate(statuses)
    ]
    view = world(c.PortsSaved(tuple(ports)), servers=1)
    return realised(view, plan_of(view)).events[1]


@pytest.mark.parametrize(
    ("statuses", "status", "down"),
    [
        ((), "", 0),
        ((None,), "", 0),
        ((None, "ACTIVE"), "ACTIVE", 0),
        (("ACTIVE", "DOWN", None), "DOWN", 1),
        (("DOWN", "DOWN"), "DOWN", 2),
    ],
)
def test_an_owner_is_told_of_the_data_plane(
    statuses: tuple[str | None, ...], status: str, down: int
) -> None:
    """A server's data plane is as good as its worst port's (interfaces, D7)."""
    traits = _told(*statuses).traits
    assert (traits["data_plane_status"], traits["ports_down"]) == (status, down)
    assert set(traits) == EVENT_KINDS[INSTANCE_UPDATE].traits


@pytest.mark.parametrize(
    ("agent", "disabled", "state"),
    [
        (AgentState.CONNECTED, False, "up"),
        (AgentState.CONNECTED, True, "up"),
        (AgentState.LOST, False, "down"),
        (AgentState.LOST, True, "down"),
    ],
)
def test_the_state_of_a_service_is_not_its_status(
    agent: AgentState, disabled: bool, state: str
) -> None:
    """A disabled service is up or down like any other (S117, S118)."""
    view = world(host=replace(HOST, agent=agent, disabled=disabled))
    down = realised(view, plan_of(view)).events[0].traits
    up = realised(view, ClearPlan(FAULT, H1, True, None)).events[0].traits
    assert (down["state"], up["state"]) == ("down", state)
    assert (down["forced_down"], up["forced_down"]) == ("True", "False")
    assert down["disabled"] == str(disabled)


def test_the_record_says_what_was_done() -> None:
    """Figures and exceptions, not a row per server."""
    broken = replace(server(1), vm_state=VmState.ERROR)
    view = world(c.ServersSaved((broken,)), servers=3)
    record = realised(view, plan_of(view)).record
    assert record is not None
    assert (record.servers, record.changed, record.untouched) == (3, 2, ("vm1",))
    assert record.forced_down is True
    forced = world(host=replace(HOST, forced_down=True))
    record = realised(forced, plan_of(forced)).record
    assert record is not None
    assert record.forced_down is False
    alone = realised(world(), RaisePlan(FAULT, "instance down", None, False, ())).record
    assert alone is not None
    assert alone.forced_down is None


def test_a_long_plan_is_worked_on_in_slices() -> None:
    """Others are served between slices, up and down (promise 3)."""
    view = world(servers=3 * SLICE)
    controller = EmbeddedController()
    result, breaths = finished(controller.realise(plan_of(view), view, NOW))
    assert breaths == 3
    view.absorb(result.changes)
    result, breaths = finished(
        controller.realise(ClearPlan(FAULT, H1, True, frozenset()), view, NOW)
    )
    assert breaths == 3
    view.absorb(result.changes)
    everything = frozenset(f"vm{number}" for number in range(3 * SLICE))
    _, breaths = finished(controller.realise(ReturnPlan(H1, everything), view, NOW))
    assert breaths == 3


def test_a_server_that_moved_is_told_the_status_of_where_it_is() -> None:
    """A cause follows its server; its owner hears of the host under it now."""
    cause = Cause(ResourceKind.SERVER, "vm0", FAULT.id, "error", "active", "running", 1)
    moved = replace(
        server(0, H2), vm_state=VmState.ERROR, power_state=PowerState.RUNNING, revision=1
    )
    there = Host(H2, agent=AgentState.LOST)
    view = world(c.HostsSaved((there,)), c.ServersSaved((moved,)), c.CausesSaved((cause,)))
    events = realised(view, ClearPlan(FAULT, H1, True, None)).events
    by_server = {e.traits["instance_id"]: e.traits for e in events}
    assert by_server["vm0"]["host_status"] == "UNKNOWN"
    assert by_server["vm0"]["state"] == "active"
    assert by_server["vm1"]["host_status"] == "UP"


def test_plans_of_what_is_gone_do_nothing() -> None:
    """A host that left the map since is no error."""
    view = MapScratch(ResourceMap(), Holds())
    assert realised(view, ClearPlan(FAULT, H1, True, None)) == Realised()
    assert realised(view, ReturnPlan(H1, frozenset({"vm0"}))) == Realised()
    raised = realised(view, RaisePlan(FAULT, "host down", H1, True, ()))
    assert (raised.changes, raised.events) == ((), ())


def test_what_waited_in_vain_is_let_go_silently() -> None:
    """What somebody else changed while it waited is not touched; subscribers alone are told."""
    waits = Cause(
        ResourceKind.SERVER, "vm0", FAULT.id, "error", "active", "running", 0, awaiting_report=True
    )
    changed = replace(server(0), vm_state=VmState.STOPPED, revision=5)
    view = world(c.ServersSaved((changed,)), c.CausesSaved((waits,)))
    result = realised(view, ReturnPlan(H1, frozenset({"vm0", "vm1"})))
    assert result.changes == (c.CausesRemoved((waits,)),)
    assert [(one.quiet, one.severity) for one in result.events] == [(True, "cleared")]
