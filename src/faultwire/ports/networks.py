"""What is plugged in where: ports by place, owner and network, and hosts by switch."""

from collections.abc import Iterable
from typing import Protocol

from faultwire.domain.ids import HostName, NetworkId, PortId, ProjectId, ServerId, SubnetId
from faultwire.domain.networks import Network, Subnet
from faultwire.domain.resources import Port


class Plugs(Protocol):
    """Ports and networks, read on the event loop; each call costs what it returns."""

    def port(self, port: PortId) -> Port | None:
        """Return a port by id."""

    def place(self, port: Port) -> HostName | None:
        """Return the host that a port is on: its server's, or else the one it is bound to."""

    def ports_of(self, server: ServerId) -> tuple[Port, ...]:
        """Return the ports of a server."""

    def ports_on(self, host: HostName) -> tuple[Port, ...]:
        """Return the ports whose place is a host."""

    def ports_in(self, network: str) -> tuple[Port, ...]:
        """Return the ports of a network."""

    def ports_owned(self, project: ProjectId) -> tuple[Port, ...]:
        """Return the ports of a project."""

    def ports_marked(self, status: str) -> tuple[Port, ...]:
        """Return the ports of a data-plane status that is not None."""

    def ports(self) -> Iterable[Port]:
        """Return all ports; the caller must not await while it iterates."""

    def wired(self, switch: str) -> tuple[HostName, ...]:
        """Return the hosts that have an interface on a switch."""

    def physical_network(self, port: Port) -> str | None:
        """Return where a port leaves its host: its own word, or else its network's."""

    def network(self, network: NetworkId) -> Network | None:
        """Return a network by id."""

    def networks(self) -> Iterable[Network]:
        """Return all networks."""

    def subnet(self, subnet: SubnetId) -> Subnet | None:
        """Return a subnet by id."""

    def subnets(self) -> Iterable[Subnet]:
        """Return all subnets."""

    def subnets_in(self, network: str) -> tuple[Subnet, ...]:
        """Return the subnets of a network."""
