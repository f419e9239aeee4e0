"""What a cloud that is not ours is owed by a plan, and when owners hear of it (S5-S7)."""

import asyncio
from dataclasses import replace

import pytest

from faultwire.app.remote import RemoteActing
from faultwire.controllers.openstack.settings import Settings
from faultwire.domain import changes as c
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import FaultId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.remote_acts import (
    Notify,
    ReleaseHeld,
    RemoteAct,
    RemoteActsSaved,
    RemoteKind,
    RemoteState,
    SettleRemoteActs,
)
from faultwire.domain.resources import Host, Port, Project, Server
from faultwire.domain.states import VmState
from faultwire.telemetry.clock import SystemClock
from faultwire.testing.chain import InProcess
from faultwire.testing.clouds import FakeCloud

H1 = HostName("h1")
OWNER = ProjectId("p1")
DOWN, UP = "compute.host.down", "compute.host.up"


def product(notify: Notify = Notify.IMMEDIATELY, servers: int = 2) -> InProcess:
    """Return a product beside a cloud whose host has servers."""
    made = InProcess(notify=notify)
    found = [
        c.ProjectsSaved((Project(OWNER, "one"),)),
        c.HostsSaved((Host(H1),)),
        c.ServersSaved(
            tuple(Server(ServerId(f"vm{n}"), f"vm{n}", OWNER, H1) for n in range(servers))
        ),
        c.PortsSaved((Port(PortId("port1"), OWNER, server=ServerId("vm0"), host=H1),)),
    ]
    made.commit(*found)
    return made


def owed(made: InProcess) -> list[tuple[RemoteKind, str, str]]:
    """Return what is owed, as kind, target and wanted."""
    return [(act.kind, act.target, act.wanted) for act in made.indexes.remote.owed()]


def settle(made: InProcess, *kinds: RemoteKind) -> None:
    """Say that acts of these kinds are done."""
    over = [act for act in made.indexes.remote.owed() if act.kind in kinds]
    made.run(SettleRemoteActs(tuple(replace(act, state=RemoteState.DONE) for act in over)))


def told(made: InProcess) -> list[str]:
    """Return the servers whose owners were told, in order."""
    return [str(one.traits["instance_id"]) for one in made.events if one.project]


def test_a_dead_host_owes_the_cloud_one_request_and_one_for_each_server() -> None:
    """Force-down of the host and a state for each server are owed in the commit of the fault."""
    made = product()
    made.report(DOWN, hostname=H1)
    assert owed(made) == [
        (RemoteKind.FORCE_DOWN, "h1", ""),
        (RemoteKind.RESET_STATE, "vm0", "error"),
        (RemoteKind.RESET_STATE, "vm1", "error"),
    ]
    assert told(made) == ["vm0", "vm1"]
    assert {act.id for act in made.ledger.load().remote_acts} == {
        act.id for act in made.indexes.remote.owed()
    }


def test_the_end_of_a_fault_takes_the_place_of_what_is_still_owed() -> None:
    """Of two acts on one thing the later one alone is meant; the other is void."""
    made = product()
    made.report(DOWN, hostname=H1)
    made.report(UP, hostname=H1)
    assert owed(made) == [
        (RemoteKind.LET_UP, "h1", ""),
        (RemoteKind.RESET_STATE, "vm0", "active"),
        (RemoteKind.RESET_STATE, "vm1", "active"),
    ]
    assert len(made.ledger.load().remote_acts) == 3


def test_a_server_in_error_before_is_left_alone() -> None:
    """S119's states are not touched in the cloud either."""
    made = product(servers=1)
    change = c.ServersMoved(H1, (replace(made.indexes.inventory.entry(H1).servers[0],  # type: ignore[union-attr]
                                         vm_state=VmState.ERROR),))  # fmt: skip
    made.commit(change)
    made.report(DOWN, hostname=H1)
    assert owed(made) == [(RemoteKind.FORCE_DOWN, "h1", "")]


def test_ports_of_a_dead_switch_are_marked() -> None:
    """Each port that a fault holds is owed its data plane status."""
    made = product()
    made.report("network.port.down", port_id="port1")
    assert (RemoteKind.MARK_PORT, "port1", "DOWN") in owed(made)
    settle(made, *RemoteKind)
    made.report("network.port.up", port_id="port1")
    assert owed(made) == [(RemoteKind.MARK_PORT, "port1", "")]


@pytest.mark.parametrize(
    ("notify", "first", "second"),
    [
        (Notify.AFTER_HOST_DOWN, ["vm0", "vm1"], ["vm0", "vm1"]),
        (Notify.AFTER_STATES, [], ["vm0", "vm1"]),
    ],
)
def test_owners_hear_of_it_once_the_cloud_has_done_its_part(
    notify: Notify, first: list[str], second: list[str]
) -> None:
    """By the setting: after the host's one request, or after all states too (S5, S6)."""
    made = product(notify)
    made.report(DOWN, hostname=H1)
    assert told(made) == []
    assert len(made.ledger.load().held) == 1
    settle(made, RemoteKind.FORCE_DOWN)
    assert told(made) == first
    settle(made, RemoteKind.RESET_STATE)
    assert told(made) == second
    assert made.ledger.load().held == ()


def test_a_cloud_that_does_not_answer_silences_nobody() -> None:
    """Events that have waited for long enough go out whatever is owed."""
    made = product(Notify.AFTER_STATES)
    made.report(DOWN, hostname=H1)
    made.run(ReleaseHeld(made.clock.wall_ns()))
    assert told(made) == []
    made.run(ReleaseHeld(made.clock.wall_ns() + 1))
    assert told(made) == ["vm0", "vm1"]


def test_no_end_is_told_before_its_beginning() -> None:
    """A fault that ends while its owners wait is told from its beginning, in order."""
    made = product(Notify.AFTER_STATES, servers=1)
    made.report(DOWN, hostname=H1)
    made.report(UP, hostname=H1)
    states = [one.traits["state"] for one in made.events if one.project]
    assert states == ["error", "active"]
    settle(made, *RemoteKind)
    assert len([one for one in made.events if one.project]) == 2


def test_an_act_that_is_over_stays_over() -> None:
    """A result that comes late for a void act changes nothing."""
    made = product(servers=1)
    made.report(DOWN, hostname=H1)
    late = [replace(act, state=RemoteState.DONE) for act in made.indexes.remote.owed()]
    made.report(UP, hostname=H1)
    before = owed(made)
    made.run(SettleRemoteActs(tuple(late)))
    assert owed(made) == before


def building(made: InProcess, state: VmState = VmState.BUILDING) -> Server:
    """Have the map say that a server is being built, or in another state."""
    server = Server(ServerId("vm0"), "vm0", OWNER, H1, vm_state=state)
    made.commit(c.ServersSaved((server,)))
    return server


def test_what_was_built_meanwhile_is_given_back() -> None:
    """A server that the map still has as building is looked at before it is reset."""
    made, cloud = product(), cloud_of(2)
    building(made)
    made.report(DOWN, hostname=H1)
    run(made, cloud)
    assert ("standing", "vm0") in cloud.asked
    assert ("standing", "vm1") not in cloud.asked
    assert set(cloud.servers.values()) == {"error"}
    made.report(UP, hostname=H1)
    run(made, cloud)
    assert set(cloud.servers.values()) == {"active"}
    last = {one.traits["instance_id"]: one.traits["state"] for one in made.events if one.project}
    assert last == {"vm0": "active", "vm1": "active"}


def test_what_was_not_built_stays_in_error() -> None:
    """As Nova has it for a server whose host died under its build."""
    made, cloud = product(), cloud_of(2)
    cloud.servers["vm0"] = "building"
    building(made)
    made.report(DOWN, hostname=H1)
    run(made, cloud)
    made.report(UP, hostname=H1)
    run(made, cloud)
    assert cloud.servers == {"vm0": "error", "vm1": "active"}


@pytest.mark.parametrize("state", [VmState.BUILDING, VmState.PAUSED])
def test_an_end_takes_back_what_is_owed_and_cannot_be_undone(state: VmState) -> None:
    """A reset that is not done yet is not asked for any more, whatever the server returns to."""
    made = product(servers=1)
    building(made, state)
    made.report(DOWN, hostname=H1)
    assert (RemoteKind.RESET_STATE, "vm0", "error") in owed(made)
    made.report(UP, hostname=H1)
    assert owed(made) == [(RemoteKind.LET_UP, "h1", "")]


def run(made: InProcess, cloud: FakeCloud) -> None:
    """Do what is owed until nothing is."""

    async def work() -> None:
        acting = RemoteActing(
            made, made.indexes.remote, {"east": cloud}, Settings(clouds=("east",)), SystemClock(),
            inventory=made.indexes.inventory,
        )  # fmt: skip
        made.memory.follow(acting.follow)
        over = asyncio.Event()
        made.memory.follow(lambda _: None if len(made.indexes.remote) else over.set())
        task = asyncio.create_task(acting.run())
        async with asyncio.timeout(60):
            await over.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(work())


def cloud_of(servers: int) -> FakeCloud:
    """Return the cloud as it was before."""
    return FakeCloud({"h1": False}, {f"vm{n}": "active" for n in range(servers)}, {"port1": ""})


def test_acts_are_done_the_hosts_first_and_none_twice() -> None:
    """The host's request precedes all states; each thing is asked for once."""
    made, cloud = product(servers=40), cloud_of(40)
    made.report(DOWN, hostname=H1)
    run(made, cloud)
    assert cloud.asked[0] == ("force_down", "h1")
    assert len(cloud.asked) == len(set(cloud.asked)) == 41
    assert cloud.hosts == {"h1": True}
    assert set(cloud.servers.values()) == {"error"}


def test_what_a_cloud_cannot_do_now_is_asked_again() -> None:
    """Requests that fail for now are tried until they are granted; none is lost."""
    made, cloud = product(servers=10), cloud_of(10)
    refused: set[tuple[str, ...]] = set()

    def once(request: tuple[str, ...]) -> None:
        if request not in refused:
            refused.add(request)
            raise Unavailable("not now")

    cloud.before = once
    made.report(DOWN, hostname=H1)
    run(made, cloud)
    assert cloud.hosts == {"h1": True}
    assert set(cloud.servers.values()) == {"error"}
    assert len(cloud.asked) == 22


def test_a_server_that_is_gone_holds_up_no_other() -> None:
    """What the cloud does not have needs nothing any more, is recorded, and the rest goes on."""
    made, cloud = product(servers=3), cloud_of(3)
    del cloud.servers["vm1"]
    made.report(DOWN, hostname=H1)
    run(made, cloud)
    assert cloud.servers == {"vm0": "error", "vm2": "error"}
    saved = {act.target: act for act in made.ledger._state.remote_acts.values()}
    assert saved["vm1"].state is RemoteState.VOID
    assert "not here" in saved["vm1"].detail


def test_of_a_cloud_that_is_configured_no_more_acts_fail() -> None:
    """An act that nobody can do is over, and says why."""
    made = product(servers=1)
    act = RemoteAct("a", "west", RemoteKind.RESET_STATE, "vm0", "error", FaultId("f"), 1)
    made.commit(RemoteActsSaved((act,)))
    run(made, cloud_of(1))
    saved = made.ledger._state.remote_acts["a"]
    assert (saved.state, "west" in saved.detail) == (RemoteState.FAILED, True)
