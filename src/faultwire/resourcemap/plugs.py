"""Ports by all that they are asked by, networks, and which hosts hang on which switch."""

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any

from faultwire.domain import changes, network_changes
from faultwire.domain.ids import HostName, NetworkId, PortId, ProjectId, ServerId, SubnetId
from faultwire.domain.networks import Network, Subnet
from faultwire.domain.resources import Host, HostEntry, Port, Server

Names = dict[PortId, None]
"""Ids in the order in which they came, any of which may leave in constant time."""


class _By:
    """Ports by one of their attributes; those for which it is None are left out."""

    __slots__ = ("_key", "_names")

    def __init__(self, key: Callable[[Port], str | None]) -> None:
        self._key = key
        self._names: dict[str, Names] = {}

    def put(self, old: Port | None, new: Port) -> None:
        key = self._key(new)
        if old is not None:
            if self._key(old) == key:
                return
            self.drop(old)
        if key is not None:
            self._names.setdefault(key, {})[new.id] = None

    def drop(self, port: Port) -> None:
        key = self._key(port)
        if key is None:
            return
        names = self._names[key]
        del names[port.id]
        if not names:
            del self._names[key]

    def of(self, key: str) -> Iterable[PortId]:
        return self._names.get(key, ())


class PlugMap:
    """Implements `ports.networks.Plugs`; a part of the map, written by its appliers alone."""

    def __init__(
        self,
        server: Callable[[ServerId], Server | None],
        entry: Callable[[HostName], HostEntry | None],
    ) -> None:
        """Take where servers and hosts are looked up; start empty."""
        self._server = server
        self._entry = entry
        self._ports: dict[PortId, Port] = {}
        self._by_server = _By(attrgetter("server"))
        self._by_host = _By(attrgetter("host"))
        self._by_network = _By(attrgetter("network"))
        self._by_project = _By(attrgetter("project"))
        self._by_status = _By(attrgetter("data_plane_status"))
        self._indexes = (
            self._by_server,
            self._by_host,
            self._by_network,
            self._by_project,
            self._by_status,
        )
        self._wired: dict[str, dict[HostName, None]] = {}
        self._networks: dict[NetworkId, Network] = {}
        self._subnets: dict[SubnetId, Subnet] = {}
        self._within: dict[str, dict[SubnetId, None]] = {}
        self.appliers: dict[type, Callable[[Any], None]] = {
            changes.PortsSaved: self._ports_saved,
            changes.PortsRemoved: self._ports_removed,
            network_changes.NetworksSaved: lambda c: self._networks.update(
                (one.id, one) for one in c.networks
            ),
            network_changes.NetworksRemoved: self._networks_removed,
            network_changes.SubnetsSaved: self._subnets_saved,
            network_changes.SubnetsRemoved: lambda c: self._subnets_removed(c.subnets),
        }

    def __len__(self) -> int:
        """Return how many ports there are."""
        return len(self._ports)

    def port(self, port: PortId) -> Port | None:
        """Return a port by id."""
        return self._ports.get(port)

    def place(self, port: Port) -> HostName | None:
        """Return the host that a port is on: its server's, or else the one it is bound to."""
        server = self._server(port.server) if port.server is not None else None
        return (server.host or None) if server is not None else port.host

    def ports_of(self, server: ServerId) -> tuple[Port, ...]:
        """Return the ports of a server."""
        return tuple([self._ports[port] for port in self._by_server.of(server)])

    def ports_on(self, host: HostName) -> tuple[Port, ...]:
        """Return the ports whose place is a host."""
        entry, found = self._entry(host), dict[PortId, Port]()
        for server in entry.servers if entry else ():
            found.update((port.id, port) for port in self.ports_of(server.id))
        for name in self._by_host.of(host):
            port = self._ports[name]
            if name not in found and self.place(port) == host:
                found[name] = port
        return tuple(found.values())

    def ports_in(self, network: str) -> tuple[Port, ...]:
        """Return the ports of a network."""
        return self._these(self._by_network.of(network))

    def ports_owned(self, project: ProjectId) -> tuple[Port, ...]:
        """Return the ports of a project."""
        return self._these(self._by_project.of(project))

    def ports_marked(self, status: str) -> tuple[Port, ...]:
        """Return the ports of a data-plane status that is not None."""
        return self._these(self._by_status.of(status))

    def ports(self) -> Iterator[Port]:
        """Return all ports."""
        return iter(self._ports.values())

    def wired(self, switch: str) -> tuple[HostName, ...]:
        """Return the hosts that have an interface on a switch."""
        return tuple(self._wired.get(switch, ()))

    def physical_network(self, port: Port) -> str | None:
        """Return where a port leaves its host: its own word, or else its network's."""
        if port.physical_network or port.network is None:
            return port.physical_network or None
        network = self._networks.get(NetworkId(port.network))
        return network.physical_network if network is not None else None

    def network(self, network: NetworkId) -> Network | None:
        """Return a network by id."""
        return self._networks.get(network)

    def networks(self) -> Iterator[Network]:
        """Return all networks."""
        return iter(self._networks.values())

    def subnet(self, subnet: SubnetId) -> Subnet | None:
        """Return a subnet by id."""
        return self._subnets.get(subnet)

    def subnets(self) -> Iterator[Subnet]:
        """Return all subnets."""
        return iter(self._subnets.values())

    def subnets_in(self, network: str) -> tuple[Subnet, ...]:
        """Return the subnets of a network."""
        return tuple([self._subnets[name] for name in self._within.get(network, ())])

    def rewired(self, old: Host | None, new: Host | None) -> None:
        """Note that a host came, changed its interfaces, or went."""
        before, after = _switches(old), _switches(new)
        host = new or old
        if host is None or before == after:
            return
        for switch in before - after:
            left = self._wired[switch]
            del left[host.name]
            if not left:
                del self._wired[switch]
        for switch in after - before:
            self._wired.setdefault(switch, {})[host.name] = None

    def _these(self, names: Iterable[PortId]) -> tuple[Port, ...]:
        return tuple(map(self._ports.__getitem__, names))

    def _ports_saved(self, change: changes.PortsSaved) -> None:
        for port in change.ports:
            old = self._ports.get(port.id)
            self._ports[port.id] = port
            for index in self._indexes:
                index.put(old, port)

    def _ports_removed(self, change: changes.PortsRemoved) -> None:
        for name in change.ports:
            port = self._ports.pop(name, None)
            if port is not None:
                for index in self._indexes:
                    index.drop(port)

    def _networks_removed(self, change: network_changes.NetworksRemoved) -> None:
        for name in change.networks:
            self._networks.pop(name, None)
            self._subnets_removed(tuple(self._within.get(name, ())))

    def _subnets_saved(self, change: network_changes.SubnetsSaved) -> None:
        for subnet in change.subnets:
            self._subnets[subnet.id] = subnet
            self._within.setdefault(subnet.network, {})[subnet.id] = None

    def _subnets_removed(self, names: Iterable[SubnetId]) -> None:
        for name in names:
            subnet = self._subnets.pop(name, None)
            if subnet is None:
                continue
            left = self._within[subnet.network]
            del left[name]
            if not left:
                del self._within[subnet.network]


def _switches(host: Host | None) -> set[str]:
    if host is None:
        return set()
    return {one.switch for one in host.interfaces if one.switch is not None}
