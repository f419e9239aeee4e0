"""Requests of the network face, and of what follows when ports or links changed their place."""

from collections.abc import Mapping
from dataclasses import dataclass

from faultwire.domain.accounts import Actor
from faultwire.domain.ids import HostName, NetworkId, PortId, SubnetId
from faultwire.domain.networks import Network, Subnet
from faultwire.domain.resources import Port


@dataclass(frozen=True, slots=True)
class CreatePorts:
    """Create ports, all or none; answers them as stored.

    An empty MAC address is made of the id; without addresses each IPv4 subnet of the network
    gives one. Raises NotFound for a network that is gone, Conflict for an id, MAC address or IP
    address that is taken.
    """

    ports: tuple[Port, ...]
    actor: Actor


@dataclass(frozen=True, slots=True)
class DataPlaneReport:
    """What somebody reports of a port's data plane; `source` names who does."""

    status: str | None
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class UpdatePort:
    """Change the named `fields` of a port, and what is reported of it; answers it as stored.

    `fields` are those of `Port` and `PortDetails`. Raises NotFound, and Stale where its revision
    is none of `if_revision` (None: any).
    """

    port: PortId
    fields: Mapping[str, object]
    report: DataPlaneReport | None
    actor: Actor
    if_revision: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class RemovePort:
    """Delete a port; raises NotFound, and Stale as `UpdatePort` does."""

    port: PortId
    actor: Actor
    if_revision: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class ReportDataPlane:
    """Report the data plane of many ports at once: of those named, or of all on a host.

    Answers a `PortReported` for each, in order. Raises NotFound for a host that is not there.
    """

    ports: tuple[PortId, ...]
    host: HostName | None
    report: DataPlaneReport
    actor: Actor


@dataclass(frozen=True, slots=True)
class PortReported:
    """What became of a report on one port: its status now, or why there is none."""

    port: PortId
    status: str | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class RecheckPorts:
    """Ports, servers or links changed their place: see what open faults hold now."""


@dataclass(frozen=True, slots=True)
class SaveNetwork:
    """Create (`new`) or change a network; answers it as stored.

    Only the named `fields` of one that is there are changed. Raises NotFound, Conflict, Stale.
    """

    network: Network
    new: bool
    actor: Actor
    fields: frozenset[str] = frozenset()
    if_revision: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class RemoveNetwork:
    """Delete a network with its subnets; raises NotFound, Conflict while it has ports, Stale."""

    network: NetworkId
    actor: Actor
    if_revision: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class SaveSubnet:
    """Create (`new`) or change a subnet; answers it as stored.

    Only the named `fields` of one that is there are changed. Raises NotFound for its network,
    Conflict where it overlaps with another one of that network, Stale.
    """

    subnet: Subnet
    new: bool
    actor: Actor
    fields: frozenset[str] = frozenset()
    if_revision: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class RemoveSubnet:
    """Delete a subnet; raises NotFound, Conflict while a port has an address of it, Stale."""

    subnet: SubnetId
    actor: Actor
    if_revision: frozenset[int] | None = None


NetworkCommand = (
    CreatePorts
    | UpdatePort
    | RemovePort
    | ReportDataPlane
    | RecheckPorts
    | SaveNetwork
    | RemoveNetwork
    | SaveSubnet
    | RemoveSubnet
)
