"""Servers that leave a dead host of a cloud that is not ours, and what is asked beside."""

import asyncio
from dataclasses import replace

import pytest

from faultwire.app.remote import RemoteActing
from faultwire.controllers.openstack.settings import Settings
from faultwire.domain import changes as c
from faultwire.domain.accounts import Actor
from faultwire.domain.computing import EvacuateServer
from faultwire.domain.errors import Conflict, Invalid, NotFound, Refused
from faultwire.domain.fencing import FencingTerms
from faultwire.domain.guarding import Sign
from faultwire.domain.ids import HostName, ProjectId, ServerId
from faultwire.domain.remote_acts import (
    Notify,
    RemoteAct,
    RemoteActsSaved,
    RemoteKind,
    RemoteState,
    SettleRemoteActs,
    Standing,
    disabled_for,
)
from faultwire.domain.resources import Host, Project, Server
from faultwire.domain.services import ChangeService
from faultwire.domain.states import VmState
from faultwire.telemetry.clock import SystemClock
from faultwire.testing.chain import InProcess
from faultwire.testing.clouds import FakeCloud

H1, H2 = HostName("h1"), HostName("h2")
VM = ServerId("vm0")
OWNER = ProjectId("p1")
ADMIN = Actor("admin")
DOWN, UP = "compute.host.down", "compute.host.up"


def product(servers: int = 1, *, state: VmState = VmState.ACTIVE, **options: object) -> InProcess:
    """Return a product beside a cloud of two hosts, servers on the first."""
    made = InProcess(notify=Notify.IMMEDIATELY, **options)  # type: ignore[arg-type]
    names = [ServerId(f"vm{n}") for n in range(servers)]
    made.commit(
        c.ProjectsSaved((Project(OWNER, "one"),)),
        c.HostsSaved((Host(H1), Host(H2))),
        c.ServersSaved(tuple(Server(name, name, OWNER, H1, state) for name in names)),
    )
    return made


def cloud_of(servers: int = 1, **options: object) -> FakeCloud:
    """Return the cloud as it was before."""
    names = [f"vm{n}" for n in range(servers)]
    made = FakeCloud({"h1": False, "h2": False}, dict.fromkeys(names, "active"), **options)  # type: ignore[arg-type]
    made.places.update(dict.fromkeys(names, "h1"))
    return made


def leave(made: InProcess, server: str = VM, target: HostName | None = None) -> object:
    """Ask for an evacuation."""
    return made.run(EvacuateServer(ServerId(server), ADMIN, target))


def owed(made: InProcess) -> list[tuple[RemoteKind, str, str]]:
    """Return what is owed, as kind, target and wanted."""
    return [(act.kind, act.target, act.wanted) for act in made.indexes.remote.owed()]


def saved(made: InProcess, kind: RemoteKind) -> list[RemoteAct]:
    """Return the acts of a kind that were ever stored."""
    return [act for act in made.ledger._state.remote_acts.values() if act.kind is kind]


def place(made: InProcess, server: ServerId = VM) -> tuple[str, VmState]:
    """Return where the map has a server, and in which state."""
    found = made.indexes.inventory.server(server)
    assert found is not None
    return found.host, found.vm_state


def run(made: InProcess, cloud: FakeCloud, **settings: object) -> None:
    """Do what is owed until nothing is."""

    async def work() -> None:
        acting = RemoteActing(
            made, made.indexes.remote, {"east": cloud},
            Settings(clouds=("east",), **settings),  # type: ignore[arg-type]
            SystemClock(), inventory=made.indexes.inventory,
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


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look soon."""
    monkeypatch.setattr("faultwire.app.leaving.FIRST_LOOK", 0.01)
    monkeypatch.setattr("faultwire.app.remote.FIRST_RETRY", 0.01)


def test_an_evacuation_is_asked_of_the_cloud_and_the_map_learns_where_it_went() -> None:
    """Nothing moves until the cloud says where the server is; then it runs there, unheld."""
    made, cloud = product(3), cloud_of(3)
    fault = made.report(DOWN, hostname=H1).id
    for name in ("vm0", "vm1", "vm2"):
        leave(made, name)
    assert place(made) == ("h1", VmState.ERROR)
    run(made, cloud)
    assert set(cloud.places.values()) == {"h2"}
    assert {place(made, ServerId(f"vm{n}")) for n in range(3)} == {("h2", VmState.ACTIVE)}
    # The reset of each was overtaken by its evacuation, and was not asked for.
    assert not [one for one in cloud.asked if one[0] == "reset_state"]
    found = {one.kind: one for one in made.ledger.remote(fault)}
    assert (found[RemoteKind.EVACUATE].done, found[RemoteKind.RESET_STATE].void) == (3, 3)
    assert not made.indexes.inventory.evacuated(H1)
    made.report(UP, hostname=H1)
    assert owed(made) == [(RemoteKind.LET_UP, "h1", "")]


def test_who_asks_twice_has_it_asked_of_the_cloud_once() -> None:
    """A task that begins again finds its servers leaving already."""
    made = product()
    made.report(DOWN, hostname=H1)
    leave(made)
    leave(made)
    assert len(saved(made, RemoteKind.EVACUATE)) == 1


def test_a_cloud_that_thinks_the_host_alive_is_asked_again() -> None:
    """`Still in use` is no refusal: the force-down may be on its way."""
    made, cloud = product(), cloud_of()
    made.report(DOWN, hostname=H1)
    settled = [replace(act, state=RemoteState.DONE) for act in made.indexes.remote.owed()]
    made.run(SettleRemoteActs(tuple(settled)))
    leave(made)
    asked: list[str] = []

    def later(request: tuple[str, ...]) -> None:
        asked.append(request[0])
        if asked.count("evacuate") == 3:
            cloud.hosts["h1"] = True

    cloud.before = later
    run(made, cloud)
    assert (asked.count("evacuate"), place(made)) == (3, ("h2", VmState.ACTIVE))


def test_what_an_ended_process_had_asked_for_is_not_asked_as_if_new() -> None:
    """A cloud that builds it already refuses; once it stands elsewhere the act is over."""
    made, cloud = product(), cloud_of(slow=True)
    made.report(DOWN, hostname=H1)
    leave(made)
    cloud.leaving["vm0"] = ""
    looks: list[str] = []

    def later(request: tuple[str, ...]) -> None:
        looks.append(request[0])
        if looks.count("evacuate") == 2 and "vm0" in cloud.leaving:
            cloud.arrive("vm0")

    cloud.before = later
    run(made, cloud)
    assert place(made) == ("h2", VmState.ACTIVE)
    assert saved(made, RemoteKind.EVACUATE)[0].state is RemoteState.DONE


def test_a_server_that_finds_no_host_is_said_to_and_gets_its_state() -> None:
    """The cloud's own words are kept; the state that the evacuation had overtaken is set."""
    made, cloud = product(), cloud_of(stuck={"vm0"})
    fault = made.report(DOWN, hostname=H1).id
    leave(made)
    run(made, cloud)
    assert place(made) == ("h1", VmState.ERROR)
    assert "No valid host" in made.indexes.remote.stayed("vm0")
    assert cloud.asked[-1] == ("reset_state", "vm0", "error")
    (row,) = [one for one in made.ledger.remote(fault) if one.kind is RemoteKind.EVACUATE]
    assert (row.failed, "No valid host" in row.error) == (1, True)


class SaysWhereLate(FakeCloud):
    """As Nova at the end of an evacuation: that it is active first, and then where."""

    looks = 0
    most = 2

    async def standing(self, server: str) -> Standing:
        """Be active on the old host for so many looks."""
        found = await super().standing(server)
        self.looks += 1
        return replace(found, host="h1") if self.looks <= self.most else found


@pytest.mark.parametrize(("most", "state"), [(2, RemoteState.DONE), (9, RemoteState.FAILED)])
def test_a_server_that_is_active_before_it_is_elsewhere_is_looked_at_again(
    most: int, state: RemoteState
) -> None:
    """Twice it may be so; one that stays there with nothing under way has not left."""
    made, plain = product(), cloud_of()
    cloud = SaysWhereLate(plain.hosts, plain.servers, plain.ports, plain.places)
    cloud.most = most
    made.report(DOWN, hostname=H1)
    leave(made)
    run(made, cloud)
    (act,) = saved(made, RemoteKind.EVACUATE)
    assert act.state is state, act.detail
    assert cloud.looks == 3


def test_the_end_of_a_fault_does_not_disturb_who_is_leaving() -> None:
    """No state is reset of a server that the cloud builds elsewhere."""
    made = product(2)
    made.report(DOWN, hostname=H1)
    leave(made)
    made.report(UP, hostname=H1)
    assert (RemoteKind.RESET_STATE, "vm0", "active") not in owed(made)
    assert (RemoteKind.RESET_STATE, "vm1", "active") in owed(made)
    (act,) = saved(made, RemoteKind.EVACUATE)
    made.run(SettleRemoteActs((replace(act, state=RemoteState.FAILED, detail="no"),)))
    assert (RemoteKind.RESET_STATE, "vm0", "active") in owed(made)


def test_a_stopped_server_stays_off_and_is_stopped_again_where_it_stays() -> None:
    """What was off before the fault is brought up off, or given back off (D20)."""
    made = product(2, state=VmState.STOPPED)
    made.report(DOWN, hostname=H1)
    leave(made)
    assert (RemoteKind.EVACUATE, "vm0", "stopped") in owed(made)
    made.report(UP, hostname=H1)
    assert (RemoteKind.RESET_STATE, "vm1", "stopped") in owed(made)


@pytest.mark.parametrize(
    ("target", "error"),
    [(HostName("h9"), NotFound), (H1, Invalid)],
)
def test_a_target_that_cannot_be_is_refused(target: HostName, error: type[Refused]) -> None:
    """An unknown host, and the one it is to leave."""
    made = product()
    made.report(DOWN, hostname=H1)
    with pytest.raises(error):
        leave(made, target=target)


def test_a_host_that_is_up_is_left_by_nobody() -> None:
    """Nova's own words, before Nova is asked."""
    with pytest.raises(Invalid, match="still in use"):
        leave(product())


def test_guards_and_proofs_bind_here_as_they_do_alone() -> None:
    """The guard's word, and no proof of power-off: both refuse, and nothing is owed (D23)."""
    made = product(fencing=FencingTerms(driver=True, automatic=False, require_proof=True))
    made.report(DOWN, hostname=H1)
    with pytest.raises(Conflict, match="no proof"):
        leave(made)
    made.signs[H1] = (Sign("icmp", "it answers probes"),)
    with pytest.raises(Conflict, match="vantage"):
        leave(made)
    assert not saved(made, RemoteKind.EVACUATE)
    made.signs.clear()
    made.run(EvacuateServer(VM, ADMIN, no_fence=True))
    assert len(saved(made, RemoteKind.EVACUATE)) == 1


def test_a_service_is_disabled_with_its_force_down_and_enabled_with_its_end() -> None:
    """One request each, with a reason that says whose it is."""
    made, cloud = product(disable=True), cloud_of()
    fault = made.report(DOWN, hostname=H1).id
    run(made, cloud)
    assert cloud.asked[0] == ("force_down", "h1", disabled_for(fault))
    host = made.indexes.inventory.host(H1)
    assert host is not None
    assert (host.disabled, host.disabled_reason) == (True, disabled_for(fault))
    made.report(UP, hostname=H1)
    run(made, cloud)
    assert cloud.disabled == {}
    assert not made.indexes.inventory.host(H1).disabled  # type: ignore[union-attr]


@pytest.mark.parametrize("before", [True, False])
def test_a_service_that_somebody_else_disabled_stays_so(before: bool) -> None:
    """Before the fault or during it: what is not ours is not taken back."""
    made, cloud = product(disable=True), cloud_of()
    mine = ChangeService(H1, ADMIN, disabled=True, reason="new disks")
    if before:
        made.run(mine)
    made.report(DOWN, hostname=H1)
    if not before:
        made.run(mine)
    run(made, cloud)
    made.report(UP, hostname=H1)
    assert (RemoteKind.LET_UP, "h1", "") in owed(made)
    assert made.indexes.inventory.host(H1).disabled_reason == "new disks"  # type: ignore[union-attr]


def test_a_neutron_that_is_away_holds_up_nothing_else() -> None:
    """Lanes are apart: all workers of one may wait for it while the other goes on."""
    made, cloud = product(2), cloud_of(2)
    gate = asyncio.Event()
    ports = [RemoteAct(f"p{n}", "east", RemoteKind.MARK_PORT, f"port{n}", "DOWN", None, n)
             for n in range(40)]  # fmt: skip

    class Hung(FakeCloud):
        async def mark_port(self, port: str, status: str) -> str:
            del port, status
            await gate.wait()
            return ""

    hung = Hung(cloud.hosts, cloud.servers, {}, cloud.places)

    def after(request: tuple[str, ...]) -> None:
        if request == ("reset_state", "vm1", "error"):
            gate.set()

    hung.before = after
    made.commit(RemoteActsSaved(tuple(ports)))
    made.report(DOWN, hostname=H1)
    run(made, hung)
    assert hung.servers == {"vm0": "error", "vm1": "error"}


def test_a_cloud_without_port_statuses_is_not_asked() -> None:
    """Our own record has them; the act is over, and says why nobody was asked."""
    made, cloud = product(), cloud_of()
    cloud.ports = None
    act = RemoteAct("p", "east", RemoteKind.MARK_PORT, "port", "DOWN", None, 1)
    made.commit(RemoteActsSaved((act,)))
    run(made, cloud)
    (over,) = saved(made, RemoteKind.MARK_PORT)
    assert (over.state, over.detail) == (RemoteState.DONE, "no data plane status")
    assert cloud.asked == []


def test_why_a_cloud_refuses_is_known_while_it_is_asked_again() -> None:
    """The fault's record says what stands in the way before it is over."""
    made, cloud = product(0), cloud_of(0)
    fault = made.report(DOWN, hostname=H1).id
    made.report(UP, hostname=H1)
    cloud.hosts["h1"] = True
    cloud.old_copies.add("h1")
    seen: list[str] = []

    def later(request: tuple[str, ...]) -> None:
        del request
        if len(cloud.asked) == 3:
            seen.extend(one.error for one in made.ledger.remote(fault))
            cloud.old_copies.clear()

    cloud.before = later
    run(made, cloud)
    assert any("evacuation migration records" in one for one in seen)
    assert cloud.hosts["h1"] is False
