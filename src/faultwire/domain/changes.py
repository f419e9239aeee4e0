"""Changes: what one commit makes true, as values that the store writes and the memory applies.

Every change names the whole new value, so that applying it twice is harmless. The store has one
writer per type and every in-memory index one applier per type it cares for.
"""

from dataclasses import dataclass

from faultwire.domain.accounts import (
    Assignment,
    AuditRecord,
    Credential,
    Revocation,
    User,
    WebhookSecret,
)
from faultwire.domain.alarms import Alarm, Delivery, DeliveryState, Quota, Transition
from faultwire.domain.causes import Cause
from faultwire.domain.enrolment import CredentialsRemoved
from faultwire.domain.events import Event
from faultwire.domain.faults import Fault
from faultwire.domain.guard_changes import GuardChange
from faultwire.domain.guest_changes import GuestChange
from faultwire.domain.ids import (
    AlarmId,
    HostName,
    PortId,
    ProjectId,
    ServerId,
    SubscriptionId,
    UserId,
)
from faultwire.domain.network_changes import NetworkChange
from faultwire.domain.remote_acts import RemoteChange
from faultwire.domain.resources import Evacuation, Host, Port, Project, Server, Switch
from faultwire.domain.services import OwedStatus
from faultwire.domain.signals import SignalChange
from faultwire.domain.subscriptions import Subscription, Watch, WatchesForgotten
from faultwire.domain.vantage_changes import SeatsTold


@dataclass(frozen=True, slots=True)
class ProjectsSaved:
    """Projects that are new or changed."""

    projects: tuple[Project, ...]


@dataclass(frozen=True, slots=True)
class ProjectsRemoved:
    """Projects that are gone, with their assignments, secrets, quotas and subscriptions."""

    projects: tuple[ProjectId, ...]


@dataclass(frozen=True, slots=True)
class HostsSaved:
    """Hosts that are new or changed."""

    hosts: tuple[Host, ...]


@dataclass(frozen=True, slots=True)
class HostsRemoved:
    """Hosts that are gone, with their agents' credentials and causes; no server stands there."""

    hosts: tuple[HostName, ...]


@dataclass(frozen=True, slots=True)
class RunningReported:
    """The servers that a host's agent says run there; memory only, agents repeat it at will."""

    host: HostName
    running: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class SwitchesSaved:
    """Switches that are new or changed."""

    switches: tuple[Switch, ...]


@dataclass(frozen=True, slots=True)
class SwitchesRemoved:
    """Switches that are gone."""

    switches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServersSaved:
    """Servers that are new or changed in any attribute, their host included."""

    servers: tuple[Server, ...]


@dataclass(frozen=True, slots=True)
class ServersMoved:
    """Servers of one host whose states and revision changed and nothing else: the hot path."""

    host: HostName
    servers: tuple[Server, ...]


@dataclass(frozen=True, slots=True)
class ServersRemoved:
    """Servers that are gone, with their causes."""

    servers: tuple[ServerId, ...]


@dataclass(frozen=True, slots=True)
class EvacuationsSaved:
    """Servers that left a dead host, and whose old copies nobody confirmed to be gone (D17)."""

    evacuations: tuple[Evacuation, ...]


@dataclass(frozen=True, slots=True)
class EvacuationsRemoved:
    """Evacuations whose old copies are known to be gone."""

    evacuations: tuple[Evacuation, ...]


@dataclass(frozen=True, slots=True)
class StatusesOwed:
    """Changes of host_status that owners have yet to hear of, or have heard of in part (D19)."""

    statuses: tuple[OwedStatus, ...]


@dataclass(frozen=True, slots=True)
class StatusesTold:
    """Changes of host_status that all owners have heard of, by id."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PortsSaved:
    """Ports that are new or changed."""

    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True)
class PortsRemoved:
    """Ports that are gone."""

    ports: tuple[PortId, ...]


@dataclass(frozen=True, slots=True)
class FaultsSaved:
    """Faults that are new or changed, whole."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class CausesSaved:
    """Causes that are new or changed."""

    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class CausesRemoved:
    """Causes that are over."""

    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class AlarmsSaved:
    """Alarms that are new, or replaced by their owner, state included."""

    alarms: tuple[Alarm, ...]


@dataclass(frozen=True, slots=True)
class AlarmsRemoved:
    """Alarms that are gone, with their history."""

    alarms: tuple[AlarmId, ...]


@dataclass(frozen=True, slots=True)
class AlarmsMoved:
    """Transitions: the alarms' new states and one history row each: the hot path."""

    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class HistoryAdded:
    """A row of an alarm's history that is no transition of an evaluator.

    `kind` is Aodh's: creation, rule change, state transition, deletion; `detail` is JSON text.
    """

    alarm_id: AlarmId
    project: ProjectId
    user: UserId
    kind: str
    detail: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class DeliveriesQueued:
    """Rows of the outbox; they are owed from this commit on."""

    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class DeliveriesReplayed:
    """Deliveries that are over and owed again, as new; one that is not in state `was` stays."""

    deliveries: tuple[Delivery, ...]
    was: DeliveryState


@dataclass(frozen=True, slots=True)
class QuotasSaved:
    """Quotas that are new or changed."""

    quotas: tuple[Quota, ...]


@dataclass(frozen=True, slots=True)
class QuotasRemoved:
    """Projects that have the default quotas again."""

    projects: tuple[ProjectId, ...]


@dataclass(frozen=True, slots=True)
class SubscriptionsSaved:
    """Subscriptions that are new."""

    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True)
class SubscriptionsRemoved:
    """Subscriptions that are gone, with all they were told."""

    subscriptions: tuple[SubscriptionId, ...]


@dataclass(frozen=True, slots=True)
class WatchesMoved:
    """What subscribers are told of resources from now on; several of one are in order."""

    watches: tuple[Watch, ...]


@dataclass(frozen=True, slots=True)
class EventsOwed:
    """Events that an evaluator, of whichever process, has yet to look at."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class EventsTaken:
    """Owed events that this commit deals with, by (seq, share); they must still be owed."""

    keys: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SessionMoved:
    """The agent of a host has its session at a process (`member`); empty once it is over."""

    host: HostName
    member: str
    session: str


@dataclass(frozen=True, slots=True)
class SecretsSaved:
    """All signing secrets of one project, newest first; what is not listed is void."""

    project: ProjectId
    secrets: tuple[WebhookSecret, ...]


@dataclass(frozen=True, slots=True)
class UsersSaved:
    """Users that are new or changed."""

    users: tuple[User, ...]


@dataclass(frozen=True, slots=True)
class UsersRemoved:
    """Users that are gone, with their assignments."""

    users: tuple[UserId, ...]


@dataclass(frozen=True, slots=True)
class AssignmentsSaved:
    """Roles granted."""

    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class AssignmentsRemoved:
    """Roles taken away."""

    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class TokensRevoked:
    """Tokens that are void."""

    revocations: tuple[Revocation, ...]


@dataclass(frozen=True, slots=True)
class CredentialsSaved:
    """Credentials; one replaces another of the same kind and name."""

    credentials: tuple[Credential, ...]


@dataclass(frozen=True, slots=True)
class Audited:
    """Lines of the audit record."""

    records: tuple[AuditRecord, ...]


Change = (
    ProjectsSaved
    | ProjectsRemoved
    | HostsSaved
    | HostsRemoved
    | RunningReported
    | SwitchesSaved
    | SwitchesRemoved
    | ServersSaved
    | ServersMoved
    | ServersRemoved
    | EvacuationsSaved
    | EvacuationsRemoved
    | StatusesOwed
    | StatusesTold
    | PortsSaved
    | PortsRemoved
    | FaultsSaved
    | CausesSaved
    | CausesRemoved
    | AlarmsSaved
    | AlarmsRemoved
    | AlarmsMoved
    | HistoryAdded
    | DeliveriesQueued
    | DeliveriesReplayed
    | QuotasSaved
    | QuotasRemoved
    | SubscriptionsSaved
    | SubscriptionsRemoved
    | WatchesMoved
    | WatchesForgotten
    | EventsOwed
    | EventsTaken
    | SessionMoved
    | SecretsSaved
    | UsersSaved
    | UsersRemoved
    | AssignmentsSaved
    | AssignmentsRemoved
    | TokensRevoked
    | CredentialsSaved
    | CredentialsRemoved
    | Audited
    | NetworkChange
    | GuestChange
    | SeatsTold
    | SignalChange
    | GuardChange
    | RemoteChange
)
