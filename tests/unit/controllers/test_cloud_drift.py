"""Where a map and a cloud disagree, and what is made of it (S1-S3)."""

from dataclasses import replace

from faultwire.controllers.openstack.drift import Drift, Known, Missing, Touched, compare
from faultwire.controllers.openstack.naming import Naming, names
from faultwire.controllers.openstack.snapshot import Snapshot
from faultwire.domain import changes as c
from faultwire.domain.faults import ACTS_REFUSED
from faultwire.domain.ids import HostName, PortId, ProjectId, ServerId
from faultwire.domain.notices import PortNotice, ServerNotice, ServiceNotice, TakeNotices
from faultwire.domain.remote_acts import Notify, RemoteAct, RemoteKind
from faultwire.domain.resources import Host, Port, Server
from faultwire.domain.states import VmState
from faultwire.inspector.guard_settings import Settings as GuardSettings
from faultwire.resourcemap.index import ResourceMap
from faultwire.testing.chain import ACTOR, InProcess

OWNER = "p1"
SERVER = ServerNotice("vm1", OWNER, "one", "h1", VmState.ACTIVE, {})
PORT = PortNotice("port1", OWNER, "", "vm1", "h1", "net1", "ACTIVE", ("10.0.0.1",))
SERVICE = ServiceNotice("h1", False, False, None)
FOUND = Snapshot((SERVICE,), (SERVER,), (PORT,))


def known(host: str = "h1") -> ResourceMap:
    """Return a map that says what the snapshot says."""
    made = ResourceMap()
    for change in (
        c.HostsSaved((Host(HostName(host)),)),
        c.ServersSaved((Server(ServerId("vm1"), "one", ProjectId(OWNER), HostName(host)),)),
        c.PortsSaved(
            (
                Port(
                    PortId("port1"), ProjectId(OWNER), server=ServerId("vm1"),
                    host=HostName(host), network="net1", addresses=("10.0.0.1",),
                ),
            )
        ),
    ):  # fmt: skip
        made.apply(change)
    return made


def drift(
    found: Snapshot = FOUND,
    inventory: ResourceMap | None = None,
    owed: RemoteAct | None = None,
    naming: Naming = Naming(),  # noqa: B008
    touched: Touched | None = None,
    elsewhere: tuple[str, ...] = (),
) -> Drift:
    """Compare a look with a map."""
    against = Known(
        known() if inventory is None else inventory,
        lambda about: owed if owed is not None and owed.about == about else None,
        naming,
        touched or Touched(),
        lambda one: one in elsewhere,
    )
    steps = compare(found, against)
    (made,) = [step for step in steps if step is not None]
    return made


def test_where_both_agree_nothing_is_told() -> None:
    """A look that finds what the map has is no drift."""
    assert drift() == Drift((), (), Missing())


def test_an_empty_map_is_told_all() -> None:
    """The first look brings hosts, servers and ports, in this order."""
    assert drift(inventory=ResourceMap()).notices == (SERVICE, SERVER, PORT)


def test_what_differs_is_told_whole() -> None:
    """A server that moved, changed its state, its name or its owner is told of."""
    for other in (
        replace(SERVER, host="h2"),
        replace(SERVER, vm_state=VmState.ERROR),
        replace(SERVER, name="two"),
        replace(SERVER, project="p2"),
        replace(SERVER, metadata={"key": "value"}),
    ):
        assert drift(replace(FOUND, servers=(other,))).notices == (other,)
    moved = replace(PORT, host="h2")
    assert drift(replace(FOUND, ports=(moved,))).notices == (moved,)


def test_a_host_is_put_where_it_belongs() -> None:
    """Zone, rack and aggregates are told where they differ; what nobody says is no difference."""
    placed = replace(SERVICE, zone="az1", rack=None, aggregates=("fast", "racks-r2"))
    found = replace(FOUND, services=(placed,))
    assert drift(found).notices == (placed,)
    inventory = known()
    host = Host(HostName("h1"), zone="az1", rack="r9", aggregates=("fast", "racks-r2"))
    inventory.apply(c.HostsSaved((host,)))
    assert drift(found, inventory).notices == ()
    moved = replace(placed, rack="r2")
    assert drift(replace(FOUND, services=(moved,)), inventory).notices == (moved,)


def test_guards_count_by_what_the_cloud_says() -> None:
    """The hosts of an aggregate are limited together, once the map knows of it (S1)."""
    made = InProcess(
        notify=Notify.IMMEDIATELY,
        guards=GuardSettings(domains=("aggregate",), limit_hosts=1, limit_fraction=0.2),
    )
    hosts = [f"h{n}" for n in range(6)]
    inside = [ServiceNotice(name, zone="az1", aggregates=("r2",)) for name in hosts[:4]]
    outside = [ServiceNotice(name, zone="az1", aggregates=()) for name in hosts[4:]]
    made.run(TakeNotices((*inside, *outside), (), ACTOR))
    for name in hosts:
        made.report("compute.host.down", hostname=name)
    asked = [act.target for act in made.indexes.remote.owed()]
    assert asked == ["h0", "h4", "h5"]
    refused = [one for one in made.indexes.holds.live() if one.type.name == ACTS_REFUSED]
    assert [one.resource for one in refused] == [{"guard": "limit"}]
    assert refused[0].repeats == 2


def test_what_differs_and_would_be_told_of_is_named() -> None:
    """Coming, moving and states are told of by Nova; a name that changed is not."""
    assert drift(inventory=ResourceMap()).differed == (("server", "vm1"), ("port", "port1"))
    for other, named in (
        (replace(SERVER, host="h2"), (("server", "vm1"),)),
        (replace(SERVER, vm_state=VmState.ERROR), (("state", "vm1"),)),
        (replace(SERVER, name="two"), ()),
    ):
        assert drift(replace(FOUND, servers=(other,))).differed == named
    down = replace(FOUND, services=(replace(SERVICE, forced_down=True),))
    assert drift(down).differed == (("host", "h1"),)


def test_what_a_look_lacks_has_to_be_asked_for() -> None:
    """A list may lack what is there: nothing is gone yet. What just changed is not asked for."""
    empty = Snapshot((SERVICE,), (), ())
    found = drift(empty)
    assert found.notices == ()
    assert found.missing == Missing(frozenset({"vm1"}), frozenset({"port1"}))
    touched = Touched()
    touched.follow(c.ServersSaved(tuple(known().servers())))
    assert drift(empty, touched=touched).missing == Missing(ports=frozenset({"port1"}))


def test_what_is_on_no_host_is_asked_for_unless_another_cloud_may_have_it() -> None:
    """A shelved server that was deleted leaves the map too."""
    inventory = known("")
    empty = Snapshot((), (), ())
    everything = Missing(frozenset({"vm1"}), frozenset({"port1"}))
    assert drift(empty, inventory).missing == everything
    east = names(("east", "west"))["east"]
    assert drift(empty, inventory, naming=east).missing == everything
    theirs = ("vm1", "port1")
    assert drift(empty, inventory, naming=east, elsewhere=theirs).missing == Missing()


def test_what_a_cloud_is_owed_is_not_read_back() -> None:
    """The state of a server that is to be reset, and a host that is to be forced down, stay."""
    found = replace(
        FOUND,
        services=(replace(SERVICE, forced_down=True),),
        servers=(replace(SERVER, vm_state=VmState.ERROR),),
    )
    assert drift(found).services == (replace(SERVICE, forced_down=True),)
    reset = RemoteAct("a", "east", RemoteKind.RESET_STATE, "vm1", "active", None, 1)
    assert drift(found, owed=reset).notices == ()
    let_up = RemoteAct("a", "east", RemoteKind.LET_UP, "h1", "", None, 1)
    assert drift(found, owed=let_up).services == ()


def test_what_is_so_already_is_nobody_elses() -> None:
    """A disabled service of a host that a fault holds down is told without the force-down."""
    inventory = known()
    inventory.apply(c.HostsSaved((Host(HostName("h1"), forced_down=True),)))
    told = replace(SERVICE, forced_down=True, disabled=True, reason="mine")
    found = replace(FOUND, services=(told,))
    assert drift(found, inventory).services == (replace(told, forced_down=None),)
    held = Host(HostName("h1"), forced_down=True, disabled=True, disabled_reason="ours")
    inventory.apply(c.HostsSaved((held,)))
    assert drift(found, inventory).services == (replace(told, forced_down=None),)
    inventory.apply(c.HostsSaved((replace(held, disabled_reason="mine"),)))
    assert drift(found, inventory).services == ()


def test_what_changed_here_since_the_look_began_is_left_alone() -> None:
    """A look that is older than a change does not take it back; the next one decides."""
    touched = Touched()
    stale = replace(FOUND, servers=(replace(SERVER, vm_state=VmState.ERROR),))
    touched.follow(c.ServersMoved(HostName("h1"), known().entry(HostName("h1")).servers))  # type: ignore[union-attr]
    assert drift(stale, touched=touched) == Drift((), (), Missing())
    touched.begin()
    assert drift(stale, touched=touched).notices == stale.servers


def test_clouds_do_not_mix() -> None:
    """Each cloud's hosts bear its name; what one lacks says nothing of another's."""
    namings = names(("east", "west"))
    east, west = namings["east"], namings["west"]
    inventory = known("east/h1")
    assert drift(inventory=inventory, naming=east).notices == ()
    nothing = Snapshot((), (), ())
    assert drift(nothing, inventory, naming=west).missing == Missing()
    told = drift(inventory=ResourceMap(), naming=west).notices
    assert {one.host for one in told} == {"west/h1"}  # type: ignore[union-attr]


def test_an_id_that_two_clouds_have_stays_the_first_ones() -> None:
    """A cloud that is a copy of another has its ids: nothing of the other's map is moved."""
    west = names(("east", "west"))["west"]
    found = drift(inventory=known("east/h1"), naming=west)
    assert [one.host for one in found.notices] == ["west/h1"]  # type: ignore[union-attr]
    assert found.anothers == ("vm1", "port1")
    nowhere = replace(FOUND, services=(), servers=(replace(SERVER, host=""),), ports=())
    found = drift(nowhere, known(""), naming=west, elsewhere=("vm1",))
    assert (found.notices, found.anothers, found.nowhere) == ((), ("vm1",), {"vm1"})
