"""The map and the holds against naive models that keep plain lists and search them."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from faultwire.domain import changes as c
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.faults import FAULT_TYPES, Fault, FaultState
from faultwire.domain.ids import FaultId, HostName, PortId, ServerId
from faultwire.domain.resources import Host, Port, Server
from faultwire.domain.states import NOVA_STATUS, VmState
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from tests import strategies as our

NAMES = [HostName(name) for name in ("a", "a.north", "a.south", "b.north", "10.0.0.1", "10.0.0.2")]
ASKED = [*NAMES, "a.west", "b", "b.west", "c", "10", "10.0.0.9", ""]
FAULTS = [FaultId(f"fault-{number}") for number in range(4)]
RESOURCES = [{"hostname": name} for name in ("a", "a.north", "x|interface=y")]


class MapMachine(RuleBasedStateMachine):
    """Any legal history of changes to hosts, servers and ports."""

    def __init__(self) -> None:
        super().__init__()
        self.map = ResourceMap()
        self.hosts: dict[HostName, Host] = {}
        self.servers: dict[ServerId, Server] = {}
        self.ports: dict[PortId, Port] = {}
        self.running: dict[HostName, frozenset[str]] = {}

    @rule(names=st.lists(st.sampled_from(NAMES), unique=True), revision=st.integers(0, 3))
    def save_hosts(self, names: list[HostName], revision: int) -> None:
        hosts = [Host(name, revision=revision) for name in names]
        self.hosts.update((host.name, host) for host in hosts)
        self.map.apply(c.HostsSaved(tuple(hosts)))

    @rule(names=st.lists(st.sampled_from(NAMES), unique=True))
    def remove_hosts(self, names: list[HostName]) -> None:
        used = {server.host for server in self.servers.values()}
        gone = [name for name in names if name not in used]
        for name in gone:
            self.hosts.pop(name, None)
            self.running.pop(name, None)
        self.map.apply(c.HostsRemoved(tuple(gone)))

    @rule(data=st.data())
    def save_servers(self, data: st.DataObject) -> None:
        standing_on = [*self.hosts, HostName("")]
        some = data.draw(st.lists(our.servers(standing_on), unique_by=lambda one: one.id))
        self.servers.update((server.id, server) for server in some)
        self.map.apply(c.ServersSaved(tuple(some)))

    @precondition(lambda self: self.servers)
    @rule(data=st.data(), status=our.statuses)
    def move_servers(self, data: st.DataObject, status: str) -> None:
        host = data.draw(st.sampled_from(sorted({s.host for s in self.servers.values()})))
        here = [server for server in self.servers.values() if server.host == host]
        some = data.draw(st.lists(st.sampled_from(here), unique_by=lambda one: one.id))
        moved = [server.in_state(*NOVA_STATUS[status]) for server in some]
        self.servers.update((server.id, server) for server in moved)
        self.map.apply(c.ServersMoved(host, tuple(moved)))

    @rule(names=st.lists(our.server_ids, unique=True, max_size=3))
    def remove_servers(self, names: list[ServerId]) -> None:
        for name in names:
            self.servers.pop(name, None)
        self.map.apply(c.ServersRemoved(tuple(names)))

    @rule(some=st.lists(our.ports, unique_by=lambda one: one.id))
    def save_ports(self, some: list[Port]) -> None:
        self.ports.update((port.id, port) for port in some)
        self.map.apply(c.PortsSaved(tuple(some)))

    @rule(names=st.lists(st.sampled_from([f"port-{n}" for n in range(5)]), unique=True))
    def remove_ports(self, names: list[PortId]) -> None:
        for name in names:
            self.ports.pop(name, None)
        self.map.apply(c.PortsRemoved(tuple(names)))

    @precondition(lambda self: self.hosts)
    @rule(data=st.data(), running=st.none() | st.frozensets(our.server_ids))
    def report_running(self, data: st.DataObject, running: frozenset[str] | None) -> None:
        host = data.draw(st.sampled_from(sorted(self.hosts)))
        self.running.pop(host, None)
        if running is not None:
            self.running[host] = running
        self.map.apply(c.RunningReported(host, running))

    @invariant()
    def hosts_and_servers_agree(self) -> None:
        assert list(self.map.hosts()) == [self.hosts[name] for name in sorted(self.hosts)]
        assert {s.id: s for s in self.map.servers()} == self.servers
        for name in NAMES:
            entry = self.map.entry(name)
            assert self.map.host(name) == self.hosts.get(name)
            assert (entry is None) == (name not in self.hosts)
            if entry is not None:
                here = {s.id: s for s in self.servers.values() if s.host == name}
                assert entry.host == self.hosts[name]
                assert {s.id: s for s in entry.servers} == here
                assert len(entry.servers) == len(here)
            assert self.map.running(name) == self.running.get(name)

    @invariant()
    def names_are_matched_as_a_search_would(self) -> None:
        for asked in ASKED:
            found = set(self.map.match_host(asked))
            if asked in self.hosts:
                assert found == {asked}
            elif asked[-1:].isdigit():
                assert found == set()
            else:
                short = asked.split(".")[0]
                assert found == {
                    name
                    for name in self.hosts
                    if name.split(".")[0] == short and not name[-1].isdigit()
                }

    @invariant()
    def ports_agree(self) -> None:
        assert {port.id: port for port in self.map.ports()} == self.ports
        for name in our.SERVERS:
            mine = {port.id: port for port in self.ports.values() if port.server == name}
            assert {port.id: port for port in self.map.ports_of(name)} == mine
        assert self.map.counts()["servers"] == len(self.servers)
        assert self.map.counts()["ports"] == len(self.ports)


def _fault(fault_id: FaultId, resource: dict[str, str], state: FaultState) -> Fault:
    return Fault(fault_id, FAULT_TYPES["compute.host.down"], resource, state, 1, 1)


class HoldsMachine(RuleBasedStateMachine):
    """Any legal history of faults and causes: no two live faults share an identity."""

    def __init__(self) -> None:
        super().__init__()
        self.holds = Holds()
        self.faults: dict[FaultId, Fault] = {}
        self.causes: dict[tuple[str, str, str], Cause] = {}

    @rule(
        name=st.sampled_from(FAULTS),
        resource=st.sampled_from(RESOURCES),
        state=st.sampled_from(FaultState),
    )
    def save_fault(self, name: FaultId, resource: dict[str, str], state: FaultState) -> None:
        fault = _fault(name, resource, state)
        others = {one.identity for one in self.faults.values() if one.id != name}
        if fault.live and fault.identity in others:
            return
        self.faults.pop(name, None)
        if fault.live:
            self.faults[name] = fault
        self.holds.apply(c.FaultsSaved((fault,)))

    @rule(
        name=st.sampled_from(FAULTS),
        resource=our.server_ids,
        revision=st.integers(0, 3),
        awaiting=st.booleans(),
    )
    def save_cause(self, name: FaultId, resource: ServerId, revision: int, awaiting: bool) -> None:
        cause = Cause(
            ResourceKind.SERVER,
            resource,
            name,
            VmState.ERROR,
            VmState.ACTIVE,
            "running",
            revision,
            awaiting,
        )
        for one in (cause, replace(cause, kind=ResourceKind.HOST)):
            self.causes[one.key] = one
            self.holds.apply(c.CausesSaved((one,)))

    @precondition(lambda self: self.causes)
    @rule(data=st.data())
    def remove_causes(self, data: st.DataObject) -> None:
        some = data.draw(
            st.lists(st.sampled_from(list(self.causes.values())), unique_by=lambda one: one.key)
        )
        for cause in some:
            del self.causes[cause.key]
        self.holds.apply(c.CausesRemoved((*some, *some)))

    @rule(names=st.lists(our.server_ids, unique=True, max_size=2), hosts=st.booleans())
    def remove_resources(self, names: list[ServerId], hosts: bool) -> None:
        kind = ResourceKind.HOST if hosts else ResourceKind.SERVER
        for key in [key for key in self.causes if key[0] == kind and key[1] in names]:
            del self.causes[key]
        gone = c.HostsRemoved if hosts else c.ServersRemoved
        self.holds.apply(gone(tuple(names)))

    @invariant()
    def faults_agree(self) -> None:
        assert {one.id: one for one in self.holds.live()} == self.faults
        waiting = {f.id for f in self.faults.values() if f.state is FaultState.UNMATCHED}
        assert {one.id for one in self.holds.unmatched()} == waiting
        by_identity = {one.identity: one for one in self.faults.values()}
        for resource in RESOURCES:
            identity = _fault(FAULTS[0], resource, FaultState.OPEN).identity
            assert self.holds.open_fault(identity) == by_identity.get(identity)
        for name in FAULTS:
            assert self.holds.live_fault(name) == self.faults.get(name)

    @invariant()
    def causes_agree(self) -> None:
        for kind in ResourceKind:
            for resource in our.SERVERS:
                mine = [c for c in self.causes.values() if c.key[:2] == (kind, resource)]
                assert sorted(self.holds.causes_of(kind, resource), key=str) == sorted(
                    mine, key=str
                )
        for name in FAULTS:
            mine = [cause for cause in self.causes.values() if cause.fault_id == name]
            assert sorted(self.holds.causes_by(name), key=str) == sorted(mine, key=str)


def test_the_map_equals_a_naive_one() -> None:
    """Look-ups in constant time find what a search through everything would (S1, S2, D21)."""
    run_state_machine_as_test(MapMachine)


def test_the_holds_equal_naive_ones() -> None:
    """Faults and causes are found as a search would find them, whatever happened before."""
    run_state_machine_as_test(HoldsMachine)
