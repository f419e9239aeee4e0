"""The map, the holds and the overlay, where a property test would not look."""

import pytest

from faultwire.domain import changes as c
from faultwire.domain import guest_changes
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.faults import FAULT_TYPES, Fault, FaultState
from faultwire.domain.ids import FaultId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.resources import Guest, Host, Port, Server, Switch
from faultwire.domain.states import PowerState, VmState
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap, short_name
from faultwire.resourcemap.scratch import MapScratch

H1, H2 = HostName("h1"), HostName("h2")
VM = Server(ServerId("vm"), "web", ProjectId("p"), H1)
HOST_DOWN = FAULT_TYPES["compute.host.down"]


def fault(name: str, resource: str, state: FaultState = FaultState.OPEN) -> Fault:
    """Return a fault of a host by a name."""
    return Fault(FaultId(name), HOST_DOWN, {"hostname": resource}, state, 1, 1)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("compute-1", "compute-1"),
        ("compute-1.example.org", "compute-1"),
        ("192.0.2.1", "192.0.2.1"),
        ("rack.7", "rack.7"),
        ("", ""),
    ],
)
def test_short_names(name: str, short: str) -> None:
    """A name is cut at its first dot; an address is not a name (D21, S183)."""
    assert short_name(name) == short


def test_whoever_holds_an_entry_keeps_a_consistent_picture() -> None:
    """An entry is never changed, only replaced, whatever happens to its host and servers."""
    index = ResourceMap()
    index.apply(c.HostsSaved((Host(H1), Host(H2))))
    index.apply(c.ServersSaved((VM,)))
    held = index.entry(H1)
    index.apply(c.ServersMoved(H1, (VM.in_state(VmState.ERROR, PowerState.RUNNING),)))
    index.apply(c.ServersRemoved((VM.id,)))
    assert held is not None
    assert held.servers == (VM,)
    now = index.entry(H1)
    assert now is not None
    assert now.servers == ()


def test_switches_guests_and_ports_come_and_go() -> None:
    """What no rule looks at yet is found by its id and counted."""
    index = ResourceMap()
    guest = Guest("g", "db", ProjectId("p"), VM.id)  # type: ignore[arg-type]
    port = Port(PortId("port"), ProjectId("p"), server=VM.id)
    index.apply(c.SwitchesSaved((Switch("s1"), Switch("s2"))))
    index.apply(guest_changes.GuestsSaved((guest,)))
    index.apply(c.PortsSaved((port,)))
    assert (index.guest(guest.id), index.port(port.id)) == (guest, port)
    assert index.counts() == {"hosts": 0, "switches": 2, "servers": 0, "ports": 1, "guests": 1}
    index.apply(c.SwitchesRemoved(("s1", "none")))
    index.apply(guest_changes.GuestsRemoved((guest.id,)))
    index.apply(c.PortsRemoved((port.id, port.id)))
    assert list(index.switches()) == [Switch("s2")]
    assert [*index.guests(), *index.ports(), *index.ports_of(VM.id)] == []


def test_what_does_not_concern_an_index_is_passed_over() -> None:
    """Every follower is given every change."""
    for index in (ResourceMap(), Holds()):
        index.apply(c.AlarmsMoved(()))


def test_a_fault_that_was_found_is_not_known_by_its_old_name() -> None:
    """A waiting fault's short name is free once its host is found (D22)."""
    holds = Holds()
    holds.apply(c.FaultsSaved((fault("f1", "h", FaultState.UNMATCHED),)))
    found = fault("f1", "h.example.org")
    old_name = fault("x", "h").identity
    scratch = MapScratch(ResourceMap(), holds)
    scratch.absorb((c.FaultsSaved((found,)),))
    assert scratch.open_fault(old_name) is None
    assert scratch.open_fault(found.identity) == found
    holds.apply(c.FaultsSaved((found,)))
    assert holds.open_fault(old_name) is None
    holds.apply(c.FaultsSaved((fault("f1", "h.example.org", FaultState.CLOSED),)))
    assert holds.open_fault(old_name) is None
    assert holds.open_fault(found.identity) is None


def test_a_closed_fault_hides_no_open_one() -> None:
    """A record of a fault that was closed at once does not take the name of one that is open."""
    holds = Holds()
    opened, other = fault("f1", "h"), fault("f2", "h", FaultState.CLOSED)
    holds.apply(c.FaultsSaved((opened,)))
    scratch = MapScratch(ResourceMap(), holds)
    scratch.absorb((c.FaultsSaved((other,)),))
    holds.apply(c.FaultsSaved((other,)))
    assert scratch.open_fault(opened.identity) == holds.open_fault(opened.identity) == opened
    assert scratch.live_fault(other.id) is None


def test_the_overlay_shows_this_commands_own_changes() -> None:
    """Hosts, states, causes and lists are seen at once; the base is left alone."""
    index, holds = ResourceMap(), Holds()
    index.apply(c.HostsSaved((Host(H1),)))
    index.apply(c.ServersSaved((VM,)))
    kept = Cause(ResourceKind.SERVER, VM.id, FaultId("f1"), "error", "active", "running")
    holds.apply(c.CausesSaved((kept,)))
    scratch = MapScratch(index, holds)
    down = Host(H1, forced_down=True, revision=1)
    broken = VM.in_state(VmState.ERROR, PowerState.RUNNING)
    mine = Cause(ResourceKind.SERVER, VM.id, FaultId("f2"), "error", "active", "running", 1)
    scratch.absorb(
        (
            c.HostsSaved((down, Host(H2))),
            c.ServersMoved(H1, (broken,)),
            c.CausesRemoved((kept,)),
            c.CausesSaved((mine,)),
            c.RunningReported(H1, frozenset({VM.id})),
            c.Audited(()),
        )
    )
    entry = scratch.entry(H1)
    assert entry is not None
    assert (entry.host, entry.servers) == (down, (broken,))
    assert scratch.host(H2) == Host(H2)
    assert scratch.entry(H2) is not None
    assert scratch.match_host("h2") == (H2,)
    assert scratch.server(VM.id) == broken
    assert scratch.causes_of(ResourceKind.SERVER, VM.id) == (mine,)
    assert (scratch.causes_by(FaultId("f1")), scratch.causes_by(FaultId("f2"))) == ((), (mine,))
    assert scratch.running(H1) == {VM.id}
    assert (index.host(H2), index.server(VM.id), index.running(H1)) == (None, VM, None)
    assert holds.causes_by(FaultId("f1")) == (kept,)
