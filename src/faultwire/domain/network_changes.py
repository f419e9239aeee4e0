"""Changes of networks and subnets; those of ports stand with the others."""

from dataclasses import dataclass

from faultwire.domain.ids import NetworkId, SubnetId
from faultwire.domain.networks import Network, Subnet


@dataclass(frozen=True, slots=True)
class NetworksSaved:
    """Networks that are new or changed."""

    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class NetworksRemoved:
    """Networks that are gone, with their subnets."""

    networks: tuple[NetworkId, ...]


@dataclass(frozen=True, slots=True)
class SubnetsSaved:
    """Subnets that are new or changed."""

    subnets: tuple[Subnet, ...]


@dataclass(frozen=True, slots=True)
class SubnetsRemoved:
    """Subnets that are gone."""

    subnets: tuple[SubnetId, ...]


NetworkChange = NetworksSaved | NetworksRemoved | SubnetsSaved | SubnetsRemoved
