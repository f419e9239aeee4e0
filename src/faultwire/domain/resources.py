"""Resources of a cloud as frozen values; a change is a new value with a higher revision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from faultwire.domain.ids import GuestId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.networks import PLAIN, UNTOLD, DataPlane, PortDetails
from faultwire.domain.states import (
    SILENT_AGENTS,
    AgentState,
    HostStatus,
    PowerState,
    Precedence,
    VmState,
    host_status,
)

NO_METADATA: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant: the owner of servers, ports, guests and alarms."""

    id: ProjectId
    name: str


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of a host."""

    name: str
    bond: str | None = None
    physical_network: str | None = None
    switch: str | None = None
    switch_port: str | None = None


@dataclass(frozen=True, slots=True)
class Bmc:
    """How to reach the management controller of a host; `password` is never shown."""

    url: str
    username: str
    password: str = field(repr=False)
    system: str | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """A compute host and its nova-compute service.

    `monitored` is true once any monitor or agent reported for it (D24). `revision` grows with
    every force-down, its end, and an operator's word on either, and with nothing else. In
    `maintenance` its servers show MAINTENANCE while its service stays enabled (S132).
    """

    name: HostName
    addresses: tuple[str, ...] = ()
    zone: str | None = None
    rack: str | None = None
    aggregates: tuple[str, ...] = ()
    bmc: Bmc | None = None
    interfaces: tuple[Interface, ...] = ()
    forced_down: bool = False
    disabled: bool = False
    disabled_reason: str | None = None
    monitored: bool = False
    agent: AgentState = AgentState.NEVER
    revision: int = 0
    maintenance: bool = False

    @property
    def alive(self) -> bool:
        """Whether it reports, or never did and nobody knows better (D24)."""
        return self.agent not in SILENT_AGENTS

    @property
    def up(self) -> bool:
        """State of its nova-compute service: forced down overrides reports (S175)."""
        return self.alive and not self.forced_down

    @property
    def status(self) -> HostStatus:
        """What owners see, by Nova's own precedence."""
        return self.status_by(Precedence.DEFAULT)

    def status_by(self, precedence: Precedence) -> HostStatus:
        """Return what owners see (D1)."""
        return host_status(
            alive=self.alive,
            forced_down=self.forced_down,
            disabled=self.disabled or self.maintenance,
            precedence=precedence,
        )


@dataclass(frozen=True, slots=True)
class SwitchUplink:
    """One uplink of a switch, by the switch and port at its other end."""

    switch: str
    port: str


@dataclass(frozen=True, slots=True)
class Switch:
    """A physical switch of the data plane."""

    name: str
    uplinks: tuple[SwitchUplink, ...] = ()


@dataclass(frozen=True, slots=True)
class Particulars:
    """What clients ask of a server and no fault ever changes; servers that are alike share one.

    `flavor` and `image` are ids, empty where nobody said any. `user` made the server.
    """

    created_ns: int = 0
    user: str = ""
    flavor: str = ""
    image: str = ""
    description: str | None = None
    key_name: str | None = None
    locked: bool = False
    locked_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """A virtual server; `host` is the empty name when it has none.

    `updated_ns` is when it last changed, 0 if it never did since it was made or imported.
    """

    id: ServerId
    name: str
    project: ProjectId
    host: HostName
    vm_state: VmState = VmState.ACTIVE
    power_state: PowerState = PowerState.RUNNING
    task_state: str | None = None
    monitored: bool | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    addresses: tuple[str, ...] = ()
    revision: int = 0
    updated_ns: int = 0
    about: Particulars | None = None

    def of_project(self, project: ProjectId) -> "Server":
        """Return this server as another project's."""
        return Server(
            self.id,
            self.name,
            project,
            self.host,
            self.vm_state,
            self.power_state,
            self.task_state,
            self.monitored,
            self.metadata,
            self.addresses,
            self.revision,
            self.updated_ns,
            self.about,
        )

    def in_state(self, vm_state: VmState, power_state: PowerState, at_ns: int = 0) -> "Server":
        """Return this server in another state since `at_ns`, with no task, one revision later."""
        return Server(
            self.id,
            self.name,
            self.project,
            self.host,
            vm_state,
            power_state,
            None,
            self.monitored,
            self.metadata,
            self.addresses,
            self.revision + 1,
            at_ns or self.updated_ns,
            self.about,
        )


@dataclass(frozen=True, slots=True)
class Evacuation:
    """A server that left its host while that was down: its old copy may still be there (D17)."""

    host: HostName
    server: ServerId
    target: HostName
    at_ns: int


@dataclass(frozen=True, slots=True)
class Port:
    """A network port; `host` is where it is bound, by its server when it has one.

    `server` may be a device that the map does not have. `network` is the id of a network, or any
    text that a document gave. `data_plane` tells why `data_plane_status` is what it is (D7).
    """

    id: PortId
    project: ProjectId
    name: str = ""
    server: ServerId | None = None
    host: HostName | None = None
    network: str | None = None
    physical_network: str | None = None
    status: str = "ACTIVE"
    addresses: tuple[str, ...] = ()
    data_plane_status: str | None = None
    revision: int = 0
    data_plane: DataPlane = UNTOLD
    details: PortDetails = PLAIN


@dataclass(frozen=True, slots=True)
class Guest:
    """A database guest and the server it lives in.

    `state` is ``"down"`` while a fault holds it. `agent` is what we know of its guest agent,
    `version` the version in which that takes calls, `service_status` what it last said of its
    database (Trove's words); both empty before the first word.
    """

    id: GuestId
    name: str
    project: ProjectId
    server: ServerId | None = None
    state: str = "up"
    agent: AgentState = AgentState.NEVER
    version: str = ""
    service_status: str = ""


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A host with everything that stands on it: what the inspector gets, as one value."""

    host: Host
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True, slots=True)
class InventoryDocument:
    """The whole document of `inventory import`, checked for shape (D21, interfaces.md).

    `statuses` holds the ids of those servers whose document named a status.
    """

    projects: tuple[Project, ...] = ()
    hosts: tuple[Host, ...] = ()
    switches: tuple[Switch, ...] = ()
    servers: tuple[Server, ...] = ()
    ports: tuple[Port, ...] = ()
    guests: tuple[Guest, ...] = ()
    statuses: frozenset[ServerId] = frozenset()
