"""One command's ports: those of the map, with this command's own changes laid over them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from faultwire.domain import changes
from faultwire.domain.ids import HostName, NetworkId, PortId, ProjectId, ServerId, SubnetId
from faultwire.domain.networks import Network, Subnet
from faultwire.domain.resources import Port, Server
from faultwire.resourcemap.plugs import PlugMap


class PlugScratch:
    """An overlay; implements `ports.networks.Plugs`. It lives for one command.

    Laid over are ports by id, by server and by host: what deciding on faults asks for. The other
    look-ups answer as the map does.
    """

    def __init__(self, base: PlugMap, server: Callable[[ServerId], Server | None]) -> None:
        """Take the map's part, and where servers are looked up with this command's changes."""
        self._base = base
        self._server = server
        self._news: dict[PortId, Port | None] = {}
        # Those that are on another server or host than in the map.
        self._replugged: dict[PortId, Port] = {}
        self.layers: dict[type, Callable[[Any], None]] = {
            changes.PortsSaved: self._saved,
            changes.PortsRemoved: lambda c: self._removed(c.ports),
        }

    def port(self, port: PortId) -> Port | None:
        """Return a port by id."""
        return self._news[port] if port in self._news else self._base.port(port)

    def place(self, port: Port) -> HostName | None:
        """Return the host that a port is on."""
        server = self._server(port.server) if port.server is not None else None
        return (server.host or None) if server is not None else port.host

    def ports_of(self, server: ServerId) -> tuple[Port, ...]:
        """Return the ports of a server."""
        base = self._base.ports_of(server)
        if not self._news:
            return base
        stay = [one for one in self._fresh(base) if one.server == server]
        known = {one.id for one in stay}
        came = [one for one in self._replugged.values() if one.server == server]
        return (*stay, *(one for one in came if one.id not in known))

    def ports_on(self, host: HostName) -> tuple[Port, ...]:
        """Return the ports whose place is a host."""
        base = self._base.ports_on(host)
        if not self._news:
            return base
        stay = [one for one in self._fresh(base) if self.place(one) == host]
        known = {one.id for one in stay}
        came = [one for one in self._replugged.values() if self.place(one) == host]
        return (*stay, *(one for one in came if one.id not in known))

    def ports_in(self, network: str) -> tuple[Port, ...]:
        """Return the ports of a network in the map."""
        return self._base.ports_in(network)

    def ports_owned(self, project: ProjectId) -> tuple[Port, ...]:
        """Return the ports of a project in the map."""
        return self._base.ports_owned(project)

    def ports_marked(self, status: str) -> tuple[Port, ...]:
        """Return the ports of a data-plane status in the map."""
        return self._base.ports_marked(status)

    def ports(self) -> Iterator[Port]:
        """Return all ports of the map."""
        return self._base.ports()

    def wired(self, switch: str) -> tuple[HostName, ...]:
        """Return the hosts that have an interface on a switch."""
        return self._base.wired(switch)

    def physical_network(self, port: Port) -> str | None:
        """Return where a port leaves its host."""
        return self._base.physical_network(port)

    def network(self, network: NetworkId) -> Network | None:
        """Return a network by id."""
        return self._base.network(network)

    def networks(self) -> Iterator[Network]:
        """Return all networks of the map."""
        return self._base.networks()

    def subnet(self, subnet: SubnetId) -> Subnet | None:
        """Return a subnet by id."""
        return self._base.subnet(subnet)

    def subnets(self) -> Iterator[Subnet]:
        """Return all subnets of the map."""
        return self._base.subnets()

    def subnets_in(self, network: str) -> tuple[Subnet, ...]:
        """Return the subnets of a network."""
        return self._base.subnets_in(network)

    def _fresh(self, ports: Iterable[Port]) -> Iterator[Port]:
        for one in ports:
            now = self._news.get(one.id, one)
            if now is not None:
                yield now

    def _saved(self, change: changes.PortsSaved) -> None:
        for port in change.ports:
            self._news[port.id] = port
            base = self._base.port(port.id)
            if base is None or (base.server, base.host) != (port.server, port.host):
                self._replugged[port.id] = port
            else:
                self._replugged.pop(port.id, None)

    def _removed(self, names: Iterable[PortId]) -> None:
        for name in names:
            self._news[name] = None
            self._replugged.pop(name, None)
