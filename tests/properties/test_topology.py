"""Ports down are those that the topology says, whatever happened in whatever order (S84-S86).

The model is naive: for each port it looks at every link of its host, follows every path of
uplinks to a switch without any, and asks of each element whether a fault is open on it.
"""

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from faultwire.domain.causes import ResourceKind
from faultwire.domain.changes import PortsRemoved
from faultwire.domain.commands import CloseFault, ImportInventory
from faultwire.domain.ids import HostName, PortId, ProjectId
from faultwire.domain.network_commands import RecheckPorts, UpdatePort
from faultwire.domain.resources import (
    Host,
    Interface,
    InventoryDocument,
    Port,
    Project,
    Switch,
    SwitchUplink,
)
from faultwire.testing.chain import ACTOR, InProcess

HOSTS = tuple(HostName(name) for name in ("h1", "h2"))
NETWORKS = ("physnet1", "physnet2")
LEAVES, SPINES = ("leaf1", "leaf2"), ("spine1", "spine2")
PORTS = tuple(PortId(f"port-{number}") for number in range(6))
SWITCHES = (*LEAVES, *SPINES)

hosts, ports = st.sampled_from(HOSTS), st.sampled_from(PORTS)
names = st.sampled_from(["eth0", "eth1", "eth2", "bond0"])
switches = st.sampled_from(SWITCHES)
switch_ports = st.sampled_from(["1", "2", "3"])
interfaces = st.lists(
    st.builds(
        Interface,
        st.sampled_from(["eth0", "eth1", "eth2"]),
        st.sampled_from([None, "bond0"]),
        st.sampled_from([None, *NETWORKS]),
        st.sampled_from([None, *LEAVES]),
        switch_ports,
    ),
    max_size=3,
    unique_by=lambda one: one.name,
)
uplinks = st.lists(
    st.builds(SwitchUplink, st.sampled_from(SPINES), switch_ports), max_size=2, unique=True
)


class TopologyMachine(RuleBasedStateMachine):
    """Any interleaving of faults, clears, moves, deletions and imports."""

    @initialize(
        wires=st.tuples(interfaces, interfaces),
        above=st.tuples(uplinks, uplinks),
        carried=st.tuples(*([st.sampled_from([None, *NETWORKS])] * len(PORTS))),
    )
    def start(
        self,
        wires: tuple[list[Interface], list[Interface]],
        above: tuple[list[SwitchUplink], list[SwitchUplink]],
        carried: tuple[str | None, ...],
    ) -> None:
        """Put three ports on each host."""
        self.product = InProcess()
        self.hosts = dict(zip(HOSTS, map(tuple, wires), strict=True))
        self.above = dict(zip(LEAVES, map(tuple, above), strict=True))
        self.open: dict[tuple[str, ...], str] = {}
        placed = zip(PORTS, (*HOSTS, *HOSTS, *HOSTS), carried, strict=True)
        self.ports = {name: (host, network) for name, host, network in placed}
        self.imported()

    def imported(self) -> None:
        document = InventoryDocument(
            projects=(Project(ProjectId("p"), "p"),),
            hosts=tuple(Host(name, interfaces=some) for name, some in self.hosts.items()),
            switches=tuple(Switch(name, self.above.get(name, ())) for name in SWITCHES),
            ports=tuple(
                Port(name, ProjectId("p"), host=host, physical_network=network)
                for name, (host, network) in self.ports.items()
            ),
        )
        self.product.run(ImportInventory(document, replace=False, actor=ACTOR))

    def say(self, kind: str, clear: str, *, down: bool, **resource: str) -> None:
        self.product.report(kind if down else clear, **resource)
        key = (kind, *sorted(resource.values()))
        if down:
            self.open[key] = kind
        else:
            self.open.pop(key, None)

    # ------------------------------------------------------------ faults

    @rule(host=hosts, name=names, down=st.booleans(), nic=st.booleans())
    def interface(self, host: HostName, name: str, down: bool, nic: bool) -> None:
        kinds = ("compute.host.nic.error", "compute.host.nic.ok")
        if not nic:
            kinds = ("network.link.down", "network.link.up")
        self.say(*kinds, down=down, hostname=host, interface=name)

    @rule(host=hosts, network=st.sampled_from(NETWORKS), down=st.booleans())
    def network(self, host: HostName, network: str, down: bool) -> None:
        kinds = ("network.link.down", "network.link.up")
        self.say(*kinds, down=down, hostname=host, physical_network=network)

    @rule(switch=switches, port=switch_ports, down=st.booleans())
    def switch_port(self, switch: str, port: str, down: bool) -> None:
        kinds = ("network.link.down", "network.link.up")
        self.say(*kinds, down=down, switch=switch, switch_port=port)

    @rule(switch=switches, down=st.booleans())
    def switch(self, switch: str, down: bool) -> None:
        self.say("network.switch.down", "network.switch.up", down=down, switch=switch)

    @rule(port=ports, down=st.booleans())
    def port(self, port: PortId, down: bool) -> None:
        if port in self.ports:
            self.say("network.port.down", "network.port.up", down=down, port_id=port)

    @rule()
    def restart(self) -> None:
        self.product = self.product.restart()

    # ------------------------------------------------------------ places

    @rule(port=ports, host=hosts)
    def move(self, port: PortId, host: HostName) -> None:
        if port in self.ports:
            self.ports[port] = (host, self.ports[port][1])
            self.product.run(UpdatePort(port, {"host": host}, None, ACTOR))

    @rule(port=ports)
    def delete(self, port: PortId) -> None:
        if port in self.ports and len(self.ports) > 3:
            del self.ports[port]
            self.product.commit(PortsRemoved((port,)))

    @rule(host=hosts, some=interfaces)
    def rewire(self, host: HostName, some: list[Interface]) -> None:
        self.hosts[host] = tuple(some)
        self.imported()

    @rule(leaf=st.sampled_from(LEAVES), some=uplinks)
    def recable(self, leaf: str, some: list[SwitchUplink]) -> None:
        self.above[leaf] = tuple(some)
        self.imported()

    # ------------------------------------------------------------ the naive model

    def broken(self, kind: str, *resource: str) -> bool:
        return (kind, *sorted(resource)) in self.open

    def reaches(self, switch: str) -> bool:
        """Whether some path leads from a switch to one without uplinks."""
        if self.broken("network.switch.down", switch):
            return False
        above = self.above.get(switch, ())
        return not above or any(
            not self.broken("network.link.down", one.switch, one.port) and self.reaches(one.switch)
            for one in above
        )

    def lives(self, host: HostName, one: Interface) -> bool:
        for name in (one.name, one.bond):
            for kind in ("compute.host.nic.error", "network.link.down"):
                if name is not None and self.broken(kind, host, name):
                    return False
        if one.switch is None:
            return True
        cut = self.broken("network.link.down", one.switch, one.switch_port or "")
        return not cut and self.reaches(one.switch)

    def ways(self, host: HostName, network: str | None) -> list[Interface]:
        def carries(one: Interface) -> set[str]:
            together = [
                other
                for other in self.hosts[host]
                if other is one or (one.bond is not None and other.bond == one.bond)
            ]
            return {other.physical_network for other in together if other.physical_network}

        some = list(self.hosts[host])
        if network is not None:
            return [one for one in some if network in carries(one)]
        return [one for one in some if not carries(one)] or some

    def cut_off(self) -> Iterator[PortId]:
        for name, (host, network) in self.ports.items():
            ways = self.ways(host, network)
            explicit = network is not None and self.broken("network.link.down", host, network)
            dead = bool(ways) and not any(self.lives(host, one) for one in ways)
            if explicit or dead or self.broken("network.port.down", name):
                yield name

    @invariant()
    def ports_are_down_as_the_topology_says(self) -> None:
        """No port more and none less; and those that are down are held."""
        if not hasattr(self, "product"):
            return
        inventory, holds = self.product.indexes.inventory, self.product.indexes.holds
        down = {one.id for one in inventory.ports() if one.data_plane_status == "DOWN"}
        assert down == set(self.cut_off())
        held = {one.id for one in inventory.ports() if holds.causes_of(ResourceKind.PORT, one.id)}
        assert held == down
        assert {one.status for one in inventory.ports()} <= {"ACTIVE"}

    @invariant()
    def what_is_stored_is_what_is_known(self) -> None:
        """The ledger has the ports and causes that memory has."""
        if hasattr(self, "product"):
            stored = self.product.ledger.load()
            known = {one.id: one for one in self.product.indexes.inventory.ports()}
            assert {one.id: one for one in stored.ports} == known
            assert set(stored.causes) == set(self.product.indexes.holds.causes())

    def teardown(self) -> None:
        """Close every fault: no port is down, and nothing is held."""
        if not hasattr(self, "product"):
            return
        for fault in tuple(self.product.indexes.holds.live()):
            self.product.run(CloseFault(fault.id, ACTOR))
        self.product.run(RecheckPorts())
        for port in self.product.indexes.inventory.ports():
            assert port.data_plane_status is None
            assert port.data_plane == replace(port.data_plane, reason="", before=None)
        assert self.product.ledger.load().causes == ()


def test_ports_down_equal_a_naive_recomputation() -> None:
    """After any history the ports that are down are those without a way (S84-S86, S108)."""
    run_state_machine_as_test(TopologyMachine)
