"""Every Protocol on one page: the seams between what we decide and what we touch.

Store ports are synchronous and are called on a thread of their own; wire ports are asynchronous.
Nothing here has an implementation; doubles that pass the same contract suites are in `testing`.
The ports of agents' sessions, the readers of alarms and remote calls are on pages beside:
`ports.agents`, `ports.alarms`, `ports.rpc`. They are named here too.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from faultwire.domain.accounts import (
    Assignment,
    AuditFilter,
    AuditRecord,
    Caller,
    Credential,
    CredentialKind,
    Role,
    User,
    WebhookSecret,
)
from faultwire.domain.alarms import Attempt, Delivery, DeliveryState
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.changes import Change
from faultwire.domain.commands import Command
from faultwire.domain.decided import Deciding, Fired, Realised, Work
from faultwire.domain.events import Event
from faultwire.domain.faults import Fault, FaultState
from faultwire.domain.ids import (
    DeliveryId,
    FaultId,
    GuestId,
    HostName,
    PortId,
    ProjectId,
    ServerId,
    UserId,
)
from faultwire.domain.instants import Instant
from faultwire.domain.plans import Plan
from faultwire.domain.remote_acts import RemoteProgress
from faultwire.domain.resources import (
    Evacuation,
    Guest,
    Host,
    HostEntry,
    Port,
    Project,
    Server,
    Switch,
)
from faultwire.domain.samples import Sample
from faultwire.ports.agents import AgentSession as AgentSession
from faultwire.ports.agents import AgentSessions as AgentSessions
from faultwire.ports.agents import AgentWire as AgentWire
from faultwire.ports.agents import Elsewhere as Elsewhere
from faultwire.ports.alarms import AlarmStore as AlarmStore
from faultwire.ports.alarms import SampleStore as SampleStore
from faultwire.ports.alarms import SubscriptionStore as SubscriptionStore
from faultwire.ports.buses import Bus as Bus
from faultwire.ports.guards import Judge as Judge
from faultwire.ports.networks import Plugs as Plugs
from faultwire.ports.pings import Pinger as Pinger
from faultwire.ports.rpc import PeerVersions as PeerVersions
from faultwire.ports.rpc import RpcClient as RpcClient
from faultwire.ports.rpc import RpcServer as RpcServer

C_contra = TypeVar("C_contra", contravariant=True)
T = TypeVar("T")


class Clock(Protocol):
    """The only source of time; both readings belong to this machine."""

    def wall_ns(self) -> int:
        """Return nanoseconds since the Unix epoch; it may jump."""

    def mono_ns(self) -> int:
        """Return monotonic nanoseconds; it never goes back."""

    def instant(self) -> Instant:
        """Return both readings, taken together."""

    async def sleep(self, seconds: float) -> None:
        """Wait; cancellation ends the wait at once."""


class Inventory(Protocol):
    """The map of resources, read on the event loop; values are immutable."""

    def entry(self, host: HostName) -> HostEntry | None:
        """Return a host with its servers, by exact name, in constant time."""

    def host(self, host: HostName) -> Host | None:
        """Return a host alone, by exact name, in constant time."""

    def match_host(self, name: str) -> tuple[HostName, ...]:
        """Return the exact host, else all whose short name equals the given short name (D21)."""

    def server(self, server: ServerId) -> Server | None:
        """Return a server by id, in constant time."""

    def servers_of(self, project: ProjectId) -> tuple[Server, ...]:
        """Return a project's servers, in a time that grows with their number alone."""

    def evacuated(self, host: HostName) -> tuple[Evacuation, ...]:
        """Return the evacuations from a host whose old copies nobody confirmed to be gone."""

    @property
    def plugs(self) -> Plugs:
        """Ports by place, owner and network, networks, and which hosts hang on which switch."""

    def port(self, port: PortId) -> Port | None:
        """Return a port by id."""

    def ports_of(self, server: ServerId) -> tuple[Port, ...]:
        """Return the ports of a server, in constant time per port."""

    def guest(self, guest: GuestId) -> Guest | None:
        """Return a guest by id."""

    def hosts(self) -> Iterable[Host]:
        """Return all hosts in order of name; the caller must not await while it iterates."""

    def servers(self) -> Iterable[Server]:
        """Return all servers, host by host."""

    def ports(self) -> Iterable[Port]:
        """Return all ports."""

    def guests(self) -> Iterable[Guest]:
        """Return all guests."""

    def switches(self) -> Iterable[Switch]:
        """Return all switches."""

    def counts(self) -> Mapping[str, int]:
        """Return how many there are, by kind (hosts, servers, ports, guests, switches)."""


class View(Inventory, Protocol):
    """What deciding code sees: the map, live faults and causes, with this commit's own changes."""

    def open_fault(self, identity: str) -> Fault | None:
        """Return the live fault of that identity (type and identifying details)."""

    def live_fault(self, fault: FaultId) -> Fault | None:
        """Return a live fault by id."""

    def unmatched(self) -> Iterable[Fault]:
        """Return the live faults that wait for their resource to appear."""

    def causes_of(self, kind: ResourceKind, resource: str) -> tuple[Cause, ...]:
        """Return what holds a resource, oldest first."""

    def causes_by(self, fault: FaultId) -> tuple[Cause, ...]:
        """Return what a fault holds."""

    def running(self, host: HostName) -> frozenset[str] | None:
        """Return the servers that the host's agent last reported; None if it reports none."""


class Decider(Protocol[C_contra]):
    """Decides on one type of command; pure."""

    def decide(self, command: C_contra, view: View, now: Instant) -> Deciding:
        """Return the decision in the making; raises an error of the tree to refuse."""


class Controller(Protocol):
    """Makes a plan true: as rows of this commit (embedded) or as acts owed to a cloud."""

    def realise(self, plan: Plan, view: View, now: Instant) -> Work[Realised]:
        """Return the rows and facts that follow from a plan; pure."""


class Evaluator(Protocol):
    """Finds the alarms that events touch; pure."""

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        """Return what fires, in the order of the events, without changing the index."""


class Scratch(View, Protocol):
    """A view that takes this commit's own changes before they are durable."""

    def absorb(self, changes: Iterable[Change]) -> None:
        """Lay changes over the map for the rest of this command."""


class Memory(Protocol):
    """Everything held in memory that follows the ledger."""

    def scratch(self) -> Scratch:
        """Return a fresh overlay for one command."""

    def apply(self, changes: Iterable[Change]) -> None:
        """Make committed changes visible; on the loop, in order, never fails."""

    def steps(self, changes: Iterable[Change]) -> Work[None]:
        """Do what `apply` does, as work in slices; a change of many values becomes several."""


class Ledger(Protocol):
    """One transaction for everything that one command changes; synchronous, one writer thread."""

    def commit(self, changes: Sequence[Change]) -> None:
        """Write all or nothing and return when it is durable; raises Unavailable, Conflict."""

    def when_written(self, call: Callable[[], None]) -> None:
        """Have a call made, on the writer's thread, whenever a commit waits only for the disk."""

    def settle(self, attempts: Sequence[Attempt]) -> None:
        """Record what came of deliveries, final ones excepted, in one transaction.

        Raises Unavailable.
        """

    def mark(self, rows: Sequence[tuple[FaultId, Mapping[str, object]]]) -> None:
        """Replace the stored checkpoints of faults; raises Unavailable."""

    def seen(self, hosts: Sequence[tuple[HostName, int]]) -> None:
        """Record when hosts were last heard (wall ns), in one batch; raises Unavailable."""

    def guests_heard(self, guests: Sequence[tuple[GuestId, int]]) -> None:
        """Record when guests were last heard (wall ns), in one batch; raises Unavailable."""

    def sample(self, samples: Sequence[Sample]) -> None:
        """Keep samples in one transaction; raises Unavailable."""


class Commit(Protocol):
    """The ledger as the lane sees it: awaited, run on the writer thread."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Return when it is durable; raises Unavailable."""


class Intake(Protocol):
    """The one lane: every change is a command, taken in order."""

    async def submit(self, command: Command) -> object:
        """Return the command's answer once it is durable and visible; raises to refuse."""


class FaultStore(Protocol):
    """Faults as stored, for reading; synchronous, any reader thread."""

    def fault(self, fault: FaultId) -> Fault:
        """Return one fault; raises NotFound."""

    def faults(
        self,
        *,
        host: str | None,
        state: FaultState | None,
        since_ns: int | None,
        limit: int,
        marker: str | None,
    ) -> tuple[Fault, ...]:
        """Return faults, newest first, at most `limit`, after `marker`; raises NotFound for it."""

    def marks(self, fault: FaultId) -> Mapping[str, object]:
        """Return the checkpoints that this process stored, as `profiler` wrote them, or none."""

    def marks_elsewhere(self, fault: FaultId) -> tuple[tuple[str, Mapping[str, object]], ...]:
        """Return the checkpoints that other processes stored, each with its origin."""

    def remote(self, fault: FaultId) -> tuple[RemoteProgress, ...]:
        """Return how far what clouds are asked for a fault is, by kind; those that there are."""

    def audit(
        self, limit: int, wanted: AuditFilter | None = None, marker: str | None = None
    ) -> tuple[AuditRecord, ...]:
        """Return lines of the audit record, newest first, after the line of id `marker`."""


class Outbox(Protocol):
    """The sender's end of the outbox."""

    def expect(self, deliveries: Sequence[Delivery]) -> None:
        """Hear what the commit under way will owe if it succeeds; never blocks, never fails."""

    def wake(self, deliveries: Iterable[Delivery]) -> None:
        """Take deliveries that have just become owed; never blocks, never fails."""


class Directory(Protocol):
    """Users, projects, roles and credentials, in memory, read on the event loop."""

    def user(self, user: UserId) -> User | None:
        """Return a user by id."""

    def user_named(self, name: str) -> User | None:
        """Return a user by name in the default domain."""

    def users(self) -> Iterable[User]:
        """Return all users in order of name."""

    def project(self, project: ProjectId) -> Project | None:
        """Return a project by id."""

    def project_named(self, name: str) -> Project | None:
        """Return a project by name in the default domain."""

    def projects(self) -> Iterable[Project]:
        """Return all projects in order of name."""

    def roles(self, user: UserId, project: ProjectId) -> frozenset[Role]:
        """Return the roles a user holds in a project, implied ones included."""

    def granted(self, user: UserId, project: ProjectId) -> frozenset[Role]:
        """Return the roles granted to a user in a project, without implied ones."""

    def projects_of(self, user: UserId) -> tuple[Project, ...]:
        """Return the projects in which a user holds a role, in order of name."""

    def assignments(self) -> Iterable[Assignment]:
        """Return all grants, without implied roles."""

    def revoked(self, token_id: str) -> bool:
        """Return whether a token was revoked."""

    def credential(self, kind: CredentialKind, name: str) -> Credential | None:
        """Return the credential bound to a name."""

    def secrets(self, project: ProjectId) -> tuple[WebhookSecret, ...]:
        """Return a project's valid signing secrets, newest first; empty if it has none."""


class Authenticator(Protocol):
    """Turns what a request carries into a caller; in memory, no I/O, cheap when cached."""

    def token(self, token: str) -> Caller:
        """Return the caller of an X-Auth-Token; raises Unauthenticated."""

    def bound(self, credential: str) -> Caller:
        """Return the caller of ``X-Faultwire-Credential: KIND/NAME:SECRET``; Unauthenticated."""


class TokenReader(Protocol):
    """Asks a Keystone that is not ours who shows a token; remembers the answer."""

    async def caller(self, token: str) -> Caller:
        """Return the caller of an X-Auth-Token; raises Unauthenticated, Unavailable."""


class Enforcer(Protocol):
    """Policy: named rules with defaults, changeable by a policy file."""

    def allowed(self, rule: str, caller: Caller, project: ProjectId | None = None) -> bool:
        """Return whether a caller may do what the rule names to something of that project."""

    def enforce(self, rule: str, caller: Caller, project: ProjectId | None = None) -> None:
        """Raise Forbidden, naming the rule, unless it is allowed."""


class Probe(Protocol):
    """Marks of the profiler; costs about a microsecond and never fails."""

    def mark(
        self,
        fault: FaultId,
        point: str,
        first: Instant,
        last: Instant | None = None,
        count: int = 1,
        source: str = "faultwire",
    ) -> None:
        """Note that a checkpoint (T00..T10) of a fault was passed, `count` times."""


class Meter(Protocol):
    """Metrics; names are documented, labels never name a project or a resource."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add a duration to a histogram."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""


Reader = Callable[..., Awaitable[object]]
"""Runs a synchronous read of the store on a reader thread: ``await read(store.fault, id)``."""

Breathe = Callable[[], Awaitable[None]]
"""Lets the event loop serve everybody else once."""

FinishedDelivery = tuple[DeliveryId, DeliveryState]
