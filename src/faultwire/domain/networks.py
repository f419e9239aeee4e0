"""Networks, and what ports have besides their place: as clients of Neutron's API know them."""

from dataclasses import dataclass
from enum import StrEnum

from faultwire.domain.ids import NetworkId, ProjectId, SubnetId


class DataPlaneStatus(StrEnum):
    """What was reported of the plane below a port; None: nothing ever was (S87-S88, D7)."""

    ACTIVE = "ACTIVE"
    DOWN = "DOWN"


DOWN = DataPlaneStatus.DOWN.value
ACTIVE = DataPlaneStatus.ACTIVE.value


@dataclass(frozen=True, slots=True)
class Reported:
    """A data-plane status as somebody reported it; `since_ns` is 0 where nobody ever did."""

    status: str | None = None
    reason: str = ""
    source: str = ""
    since_ns: int = 0


@dataclass(frozen=True, slots=True)
class DataPlane:
    """Why a port has its data-plane status, who says so, and since when.

    `before` is what stood before faults took hold of the port: it returns when the last of them
    lets go. It is None where no fault holds the port, or somebody reported something since.
    """

    reason: str = ""
    source: str = ""
    since_ns: int = 0
    before: Reported | None = None


UNTOLD = DataPlane()
"""Of a port of which nothing was ever reported."""


@dataclass(frozen=True, slots=True)
class PortDetails:
    """What clients say of a port and no document of the inventory does."""

    description: str = ""
    mac_address: str = ""
    device_owner: str = ""
    vnic_type: str = "normal"
    admin_state_up: bool = True
    created_ns: int = 0
    updated_ns: int = 0


PLAIN = PortDetails()
"""Of a port that no client ever touched."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network; `physical_network` is where its ports leave a host, None where that is unsaid."""

    id: NetworkId
    project: ProjectId
    name: str = ""
    description: str = ""
    admin_state_up: bool = True
    shared: bool = False
    external: bool = False
    physical_network: str | None = None
    network_type: str | None = None
    segmentation_id: int | None = None
    mtu: int = 1500
    created_ns: int = 0
    updated_ns: int = 0
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Subnet:
    """A range of addresses of a network, by its CIDR."""

    id: SubnetId
    network: NetworkId
    project: ProjectId
    cidr: str
    name: str = ""
    description: str = ""
    gateway_ip: str | None = None
    enable_dhcp: bool = True
    created_ns: int = 0
    updated_ns: int = 0
    revision: int = 1

    @property
    def ip_version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.cidr else 4
