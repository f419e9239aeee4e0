"""What a cloud refuses for good, and evacuations that a guard refuses: recorded and told once."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from faultwire.domain import changes as c
from faultwire.domain.acts import ActKind
from faultwire.domain.computing import EvacuateServer
from faultwire.domain.deeds import of, undone
from faultwire.domain.errors import Conflict, Forbidden
from faultwire.domain.events import FAULT_CLEARED, FAULT_RAISED
from faultwire.domain.explaining import explain
from faultwire.domain.faults import ACTS_REFUSED, CLOUD_REFUSED, Fault
from faultwire.domain.guard_commands import ActOnFault, SetHold
from faultwire.domain.ids import FaultId, ServerId
from faultwire.domain.remote_acts import RemoteKind, RemoteState, SettleRemoteActs
from faultwire.domain.resources import Host, Project, Server
from faultwire.testing.chain import InProcess
from faultwire.testing.clouds import FakeCloud
from tests.unit.controllers.test_cloud_leaving import (
    ADMIN,
    DOWN,
    H1,
    H2,
    OWNER,
    UP,
    VM,
    cloud_of,
    leave,
    product,
    run,
    saved,
)


def refusing(cloud: FakeCloud, *some: str) -> set[str]:
    """Have a cloud refuse acts by name or target; what is taken out of the set is granted."""
    refused = set(some)

    def before(request: tuple[str, ...]) -> None:
        if refused & set(request):
            raise Forbidden("Policy doesn't allow it")

    cloud.before = before
    return refused


def told(made: InProcess, kind: str = CLOUD_REFUSED) -> list[Fault]:
    """Return the open faults of ours that tell of refusals."""
    return list(made.indexes.holds.live_of((kind,)))


def heard(made: InProcess, event: str, kind: str = CLOUD_REFUSED) -> list[str]:
    """Return which faults of a type administrators heard of, in order."""
    mine = (one for one in made.events if one.event_type == event)
    return [str(one.traits["resource"]) for one in mine if one.traits["type"] == kind]


def settle(made: InProcess, state: RemoteState, targets: Collection[str]) -> None:
    """Say how what is owed on these came out."""
    over = [act for act in made.indexes.remote.owed() if act.target in targets]
    made.run(SettleRemoteActs(tuple(replace(act, state=state, detail="no") for act in over)))


def act(made: InProcess, fault: str) -> None:
    """Have it done at an administrator's word, a while later."""
    made.clock.advance(60)
    made.run(ActOnFault(FaultId(fault), ADMIN))


def test_administrators_hear_once_of_each_kind_that_is_refused() -> None:
    """One fault for the host and one for all its servers; its evidence has the cloud's words."""
    made, cloud = product(40), cloud_of(40)
    refusing(cloud, "force_down", "reset_state")
    fault = made.report(DOWN, hostname=H1).id
    run(made, cloud)
    kinds = {one.resource["act"]: one for one in told(made)}
    assert set(kinds) == {"force_down", "reset_state"}
    assert {one.resource["fault"] for one in told(made)} == {fault}
    assert [kinds[name].repeats for name in ("force_down", "reset_state")] == [0, 39]
    (said,) = kinds["force_down"].evidence
    assert said.reporter == "east"
    assert said.details == {"target": "h1", "words": "Policy doesn't allow it"}
    assert len(kinds["reset_state"].evidence) == 20
    assert sorted(heard(made, FAULT_RAISED)) == [
        f"act={kind},fault={fault}" for kind in ("force_down", "reset_state")
    ]


def test_the_end_of_its_fault_ends_what_tells_of_refusals() -> None:
    """Nobody needs the force-down any more; to let the host up is another matter."""
    made, cloud = product(2), cloud_of(2)
    refusing(cloud, "force_down", "let_up")
    fault = made.report(DOWN, hostname=H1).id
    run(made, cloud)
    made.report(UP, hostname=H1)
    assert told(made) == []
    assert heard(made, FAULT_CLEARED) == [f"act=force_down,fault={fault}"]
    run(made, cloud)
    (left,) = told(made)
    assert left.resource == {"fault": fault, "act": "let_up"}


def test_what_is_mended_is_asked_again_and_told_to_be_over() -> None:
    """`faultwire act` has refused acts asked once more; granted, they are no trouble."""
    made, cloud = product(3), cloud_of(3)
    refused = refusing(cloud, "force_down", "vm1")
    fault = made.report(DOWN, hostname=H1).id
    run(made, cloud)
    assert len(told(made)) == 2
    refused.clear()
    act(made, fault)
    assert {one.target for one in made.indexes.remote.owed()} == {"h1", "vm1"}
    run(made, cloud)
    assert (cloud.hosts["h1"], set(cloud.servers.values())) == (True, {"error"})
    assert told(made) == []
    assert len(heard(made, FAULT_CLEARED)) == 2
    states = [one.state for one in saved(made, RemoteKind.FORCE_DOWN)]
    assert states == [RemoteState.VOID, RemoteState.DONE]
    with pytest.raises(Conflict, match="nothing was refused"):
        act(made, fault)


def test_it_is_over_once_the_last_one_is() -> None:
    """Of three servers two are granted: it goes on; the third one is gone: it is over."""
    made = product(3)
    made.report(DOWN, hostname=H1)
    names = {"vm0", "vm1", "vm2"}
    settle(made, RemoteState.FAILED, names)
    (open_,) = told(made)
    # The fault that tells of it may be named as well.
    act(made, open_.id)
    settle(made, RemoteState.DONE, {"vm0", "vm1"})
    assert [one.id for one in told(made)] == [open_.id]
    settle(made, RemoteState.FAILED, {"vm2"})
    assert told(made)[0].repeats == 3
    act(made, open_.id)
    settle(made, RemoteState.VOID, {"vm2"})
    assert told(made) == []


def test_what_was_refused_is_known_after_a_restart() -> None:
    """Only as long as a fault tells of it."""
    made = product(2)
    fault = made.report(DOWN, hostname=H1).id
    settle(made, RemoteState.FAILED, {"vm0", "vm1"})
    key = fault, RemoteKind.RESET_STATE
    assert made.indexes.remote.refusals(key) == 2
    assert made.restart().indexes.remote.refusals(key) == 2
    made.report(UP, hostname=H1)
    assert made.indexes.remote.refusals(key) == 0
    assert made.restart().indexes.remote.refusals(key) == 0


def test_a_hold_binds_what_is_asked_again() -> None:
    """While acts are held no cloud is asked for what it refused before."""
    made = product(1)
    fault = made.report(DOWN, hostname=H1).id
    settle(made, RemoteState.FAILED, {"h1"})
    settle(made, RemoteState.DONE, {"vm0"})
    made.run(SetHold(held=True, reason="r2", actor=ADMIN))
    with pytest.raises(Conflict, match="hold"):
        act(made, fault)
    assert made.indexes.remote.owed() == ()


def test_an_evacuation_that_fails_is_no_matter_of_its_servers_state() -> None:
    """The server gets its state, and the failure stands until it has left after all."""
    made, cloud = product(), cloud_of(stuck={"vm0"})
    fault = made.report(DOWN, hostname=H1).id
    leave(made)
    run(made, cloud)
    assert cloud.asked[-1] == ("reset_state", "vm0", "error")
    assert [one.resource for one in told(made)] == [{"fault": fault, "act": "evacuate"}]
    cloud.stuck.clear()
    made.clock.advance(60)
    leave(made)
    run(made, cloud)
    assert told(made) == []


def test_an_evacuation_that_a_guard_refuses_is_in_the_record() -> None:
    """By which guard and why; administrators hear once, and its owner's words are the same."""
    made = product(3)
    fault = made.report(DOWN, hostname=H1).id
    made.run(SetHold(held=True, reason="r2", actor=ADMIN))
    for name in ("vm0", "vm1", "vm2"):
        with pytest.raises(Conflict, match="guard hold"):
            leave(made, name)
    record = made.fault(FaultId(fault))
    assert undone(record, ActKind.EVACUATE) == "hold"
    assert sum(one.name == "act.evacuate" for one in record.decisions) == 1
    assert "start its servers elsewhere (hold)" in explain(record).summary
    (alarm,) = told(made, ACTS_REFUSED)
    assert (alarm.resource, alarm.repeats) == ({"guard": "hold"}, 0)
    assert alarm.evidence[0].details["act"] == "evacuate"
    assert heard(made, FAULT_RAISED, ACTS_REFUSED) == ["guard=hold"]
    made.run(SetHold(held=False, reason="", actor=ADMIN))
    leave(made)
    assert undone(made.fault(FaultId(fault)), ActKind.EVACUATE) is None


def test_it_is_so_where_the_store_is_our_own() -> None:
    """Alone, a refused evacuation is recorded too, and nothing else of it happens."""
    made = InProcess()
    server = Server(VM, "vm0", OWNER, H1)
    made.commit(
        c.ProjectsSaved((Project(OWNER, "one"),)),
        c.HostsSaved((Host(H1), Host(H2))),
        c.ServersSaved((server,)),
    )
    fault = made.report(DOWN, hostname=H1).id
    made.run(SetHold(held=True, reason="r2", actor=ADMIN))
    with pytest.raises(Conflict, match="guard hold"):
        made.run(EvacuateServer(VM, ADMIN))
    assert of(made.fault(FaultId(fault)))[ActKind.EVACUATE].why.startswith("hold: ")
    made.run(SetHold(held=False, reason="", actor=ADMIN))
    made.run(EvacuateServer(VM, ADMIN))
    moved = made.indexes.inventory.server(ServerId("vm0"))
    assert moved is not None
    assert moved.host == "h2"
