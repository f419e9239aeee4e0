"""Faults: what is known of them, and why what was done was done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.catalogue import ENTRIES
from faultwire.domain.fault_types import FaultType, Severity, worst
from faultwire.domain.ids import FaultId, HostName
from faultwire.domain.instants import Instant

__all__ = [
    "AGENT_DOWN",
    "CLEARING_TYPES",
    "CLOUD_REFUSED",
    "EVIDENCE_KEPT",
    "FAULT_TYPES",
    "FLAPPING",
    "HOST_DOWN",
    "HUNG",
    "INSTANCE_DOWN",
    "LINK_DOWN",
    "LIVE_STATES",
    "MONITOR_ISOLATED",
    "NIC_ERROR",
    "PORT_DOWN",
    "SWITCH_DOWN",
    "UNREACHABLE",
    "Decision",
    "Evidence",
    "Fault",
    "FaultState",
    "FaultType",
    "Outcome",
    "PlanRecord",
    "Report",
    "Severity",
    "identity_of",
    "worst",
]


class FaultState(StrEnum):
    """Life of a fault: UNMATCHED waits for its resource to appear in the map (D22)."""

    OPEN = "open"
    UNMATCHED = "unmatched"
    CLOSED = "closed"


LIVE_STATES = frozenset({FaultState.OPEN, FaultState.UNMATCHED})


HOST_DOWN = "compute.host.down"
HUNG = "compute.host.hung"
AGENT_DOWN = "compute.agent.down"
UNREACHABLE = "compute.host.unreachable"
FLAPPING = "compute.host.flapping"
MONITOR_ISOLATED = "monitor.isolated"
INSTANCE_DOWN = "compute.instance.down"
NIC_ERROR = "compute.host.nic.error"
LINK_DOWN = "network.link.down"
SWITCH_DOWN = "network.switch.down"
PORT_DOWN = "network.port.down"
ACTS_REFUSED = "faultwire.acts.refused"
CLOUD_REFUSED = "faultwire.cloud.refused"
GUEST_DOWN = "database.guest.down"

FAULT_TYPES: dict[str, FaultType] = {entry.type.name: entry.type for entry in ENTRIES}
"""Every fault type by its name: those of the catalogue, and no other."""

CLEARING_TYPES: dict[str, FaultType] = {row.clear: row for row in FAULT_TYPES.values()}
"""The same rows by the name of the event that clears them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one reporter said once: the ground on which a fault stands.

    `vote` is what the reporter holds the resource to be (``down``, ``up``); votes of several
    vantage points stand side by side. `reported_time` is the reporter's own clock, as text,
    shown and never computed with (D2). `details` is what the reporter sent.
    """

    source: str
    reporter: str
    vote: str
    received_ns: int
    reported_time: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """A signal turned into a statement about one resource: raised or cleared.

    `id` becomes the fault's id if this report opens one; the door that made the report drew it.
    `resource` maps the identifying details to their values. `detected` is T01.
    """

    id: FaultId
    type: FaultType
    raised: bool
    resource: Mapping[str, str]
    evidence: Evidence
    detected: Instant

    @property
    def identity(self) -> str:
        """Type and identifying details: two open faults never share it."""
        return identity_of(self.type.name, self.resource)


def identity_of(type_name: str, resource: Mapping[str, str]) -> str:
    """Return the key under which an open fault is known; no two resources share one."""
    parts = (f"{key}={_escaped(resource[key])}" for key in sorted(resource))
    return "|".join((type_name, *parts))


def _escaped(value: str) -> str:
    """Keep a value that holds the separator from passing for two details."""
    return value.replace("\\", "\\\\").replace("|", "\\|")


class Outcome(StrEnum):
    """What became of one rule or guard that was asked."""

    APPLIED = "applied"
    PASSED = "passed"
    SKIPPED = "skipped"
    VETOED = "vetoed"


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the decision record: who was asked, what came of it, and why."""

    name: str
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """What a plan did, kept with the fault: figures and exceptions, not a row per server."""

    rule: str
    host: HostName | None = None
    forced_down: bool | None = None
    servers: int = 0
    changed: int = 0
    untouched: tuple[str, ...] = ()
    ports: int = 0
    degraded: tuple[str, ...] = ()


EVIDENCE_KEPT = 20
"""Statements kept per fault: the first and the newest; `repeats` counts them all."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and its whole record; `host` is the host it is about, once matched."""

    id: FaultId
    type: FaultType
    resource: Mapping[str, str]
    state: FaultState
    opened_ns: int
    updated_ns: int
    host: HostName | None = None
    closed_ns: int | None = None
    closed_by: str | None = None
    repeats: int = 0
    evidence: tuple[Evidence, ...] = ()
    plan: PlanRecord | None = None
    decisions: tuple[Decision, ...] = ()

    @property
    def identity(self) -> str:
        """The key under which it is known while it is open."""
        return identity_of(self.type.name, self.resource)

    @property
    def live(self) -> bool:
        """Whether a repeat folds into it and a clear closes it."""
        return self.state in LIVE_STATES
