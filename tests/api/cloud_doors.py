"""What stands around the faces in process: callers, doors, agents that never come, an outbox."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from faultwire.domain.accounts import Caller, CredentialKind, Role
from faultwire.domain.agents import AgentStatus
from faultwire.domain.alarms import Delivery
from faultwire.domain.changes import Change
from faultwire.domain.errors import Broken, Unauthenticated
from faultwire.domain.ids import HostName, ProjectId, UserId
from faultwire.domain.standing import Owed, Process
from faultwire.domain.vantage import MonitorStatus
from faultwire.faces.fault.monitors import MonitorPorts
from faultwire.faces.fault.ports import error_body
from faultwire.policy.enforcer import PolicyEnforcer
from faultwire.ports import AgentSession
from faultwire.ports.monitors import MonitorSession
from faultwire.testing.store import MemoryLedger

ADMIN_PROJECT, DEMO, OTHER = ProjectId("p-admin"), ProjectId("p-demo"), ProjectId("p-other")


def _caller(name: str, project: ProjectId, *roles: Role) -> Caller:
    return Caller(UserId(f"u-{name}"), name, project, project, frozenset(roles))


CALLERS = {
    "admin": _caller("admin", ADMIN_PROJECT, Role.ADMIN, Role.MEMBER, Role.READER),
    "service": _caller("service", ADMIN_PROJECT, Role.SERVICE),
    "member": _caller("member", DEMO, Role.MEMBER, Role.READER),
    "reader": _caller("reader", DEMO, Role.READER),
    "stranger": _caller("stranger", OTHER, Role.MEMBER, Role.READER),
    "nobody": _caller("nobody", ProjectId("")),
    "integrator": _caller("integrator", ADMIN_PROJECT, Role.DATA_PLANE_INTEGRATOR),
    "probe": _caller("probe", DEMO, Role.MEMBER, Role.READER, Role.DATA_PLANE_INTEGRATOR),
}
"""Who has a token here; the token is the name."""

ENFORCER = PolicyEnforcer()


class Policy:
    """Implements `ports.Enforcer` by another one, which a test may exchange."""

    def __init__(self, inner: PolicyEnforcer) -> None:
        self.inner = inner

    def allowed(self, rule: str, caller: Caller, project: ProjectId | None = None) -> bool:
        return self.inner.allowed(rule, caller, project)

    def enforce(self, rule: str, caller: Caller, project: ProjectId | None = None) -> None:
        self.inner.enforce(rule, caller, project)


class Doors:
    """Implements `ports.Authenticator` for the callers above and for bound credentials."""

    def token(self, token: str) -> Caller:
        if token not in CALLERS:
            raise Unauthenticated("The request you have made requires authentication.")
        return CALLERS[token]

    def bound(self, credential: str) -> Caller:
        kind, _, rest = credential.partition("/")
        name, _, secret = rest.partition(":")
        if secret != "s3cret":
            raise Unauthenticated("no such credential")
        return Caller(UserId("c1"), name, ProjectId(""), kind=CredentialKind(kind), name=name)


DOCUMENT: dict[str, Any] = {
    "projects": [{"id": DEMO, "name": "demo"}, {"id": OTHER, "name": "other"}],
    "hosts": [{"name": "compute-1"}, {"name": "compute-2.example.org"}],
    "servers": [
        {"id": "vm-1", "name": "one", "project": "demo", "host": "compute-1"},
        {"id": "vm-2", "name": "two", "project": "other", "host": "compute-1"},
        {"id": "vm-3", "name": "three", "project": "demo", "host": "compute-2.example.org"},
    ],
}


@dataclass
class FixedStanding:
    """What the status looks at, as a test sets it."""

    kind: str = "SQLite"
    refuse: Exception | None = None
    unhealthy: str | None = None
    certificate_ns: int | None = None
    members: tuple[Process, ...] = (Process("serve", "cloud:1", "127.0.0.1:8779", 0),)
    found: Owed = field(default_factory=lambda: Owed(3, 1_700_000_000_000_000_000, 2))

    def owed(self, now_ns: int) -> Owed:
        if self.refuse is not None:
            raise self.refuse
        return self.found


class NoSessions:
    """Implements `ports.AgentSessions` where no agent ever comes."""

    def open(self, *_: object) -> AgentSession:
        raise Broken("no agent comes here")

    def status(self, host: HostName) -> AgentStatus | None:
        return None

    def statuses(self) -> Iterable[AgentStatus]:
        return ()


class NoMonitors:
    """Implements `ports.MonitorSessions` where no monitor ever comes."""

    def open(self, *_: object) -> MonitorSession:
        raise Broken("no monitor comes here")

    def statuses(self) -> Iterable[MonitorStatus]:
        return ()


def no_monitors(doors: Any, enforcer: Any, intake: Any, clock: Any) -> MonitorPorts:
    """Return the ports of a face to which no monitor ever comes."""
    return MonitorPorts(doors, enforcer, intake, clock, NoMonitors(), error_body, {}, 65_536)


@dataclass
class Commits:
    """Implements `ports.Commit` and `ports.Outbox` over a store in memory."""

    ledger: MemoryLedger
    owed: list[Delivery] = field(default_factory=list)

    async def commit(self, changes: Sequence[Change]) -> None:
        self.ledger.commit(changes)

    def expect(self, deliveries: Sequence[Delivery]) -> None:
        pass

    def wake(self, deliveries: Iterable[Delivery]) -> None:
        self.owed.extend(deliveries)
