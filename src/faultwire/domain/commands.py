"""Every request for a change, one frozen value each; all of them pass through the one lane."""

from collections.abc import Mapping
from dataclasses import dataclass

from faultwire.domain.accounts import (
    Actor,
    Assignment,
    AuditRecord,
    Credential,
    Revocation,
    User,
    WebhookSecret,
)
from faultwire.domain.alarms import Alarm, AlarmState, Delivery, DeliveryState, Quota
from faultwire.domain.changes import Change
from faultwire.domain.computing import ServerCommand
from faultwire.domain.enrolment import Disenrol
from faultwire.domain.events import Event
from faultwire.domain.faults import Evidence, FaultState, Report
from faultwire.domain.fencing import FencingCommand
from faultwire.domain.guard_commands import GuardCommand
from faultwire.domain.guest_commands import GuestCommand
from faultwire.domain.ids import (
    AlarmId,
    FaultId,
    HostName,
    ProjectId,
    ServerId,
    SubscriptionId,
    UserId,
)
from faultwire.domain.network_commands import NetworkCommand
from faultwire.domain.notices import TakeNotices
from faultwire.domain.remote_acts import RemoteCommand
from faultwire.domain.resources import InventoryDocument, Project
from faultwire.domain.services import ServiceCommand
from faultwire.domain.shares import OwedEvents
from faultwire.domain.signals import SignalCommand
from faultwire.domain.states import AgentState
from faultwire.domain.subscriptions import ForgetWatches, Subscription
from faultwire.domain.vantage_changes import TellSeats


@dataclass(frozen=True, slots=True)
class ReportFaults:
    """Take these reports, all or none, in order; answers a `FaultAnswer` for each."""

    reports: tuple[Report, ...]
    actor: Actor


@dataclass(frozen=True, slots=True)
class FaultAnswer:
    """The fault that a report opened, joined or closed."""

    id: FaultId
    state: FaultState


@dataclass(frozen=True, slots=True)
class CloseFault:
    """An operator closes a fault (D20); answers a `FaultAnswer`, raises NotFound or Conflict."""

    fault_id: FaultId
    actor: Actor


@dataclass(frozen=True, slots=True)
class RetryUnmatched:
    """Hosts or servers appeared: look at the faults that waited for them (D22)."""


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """An agent came, went, or reports another set of running servers (None: no news of them)."""

    host: HostName
    state: AgentState
    running: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class HostAnswered:
    """A host that a monitor of ours held dead answers it again (D20); answers None."""

    host: HostName
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class HostsWatched:
    """A monitor of ours reported for hosts: they are monitored from now on (D24); answers None."""

    hosts: tuple[HostName, ...]


@dataclass(frozen=True, slots=True)
class InstanceAnswered:
    """A server whose silence a monitor of ours reported answers it again; answers None."""

    server: ServerId
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class ImportInventory:
    """Make the map equal to the document (`replace`) or add it; answers an `ImportSummary`.

    Raises Invalid for references that lead nowhere, Conflict where more than a tenth of what is
    there would go and `force` is false. `dry_run` answers the same and changes nothing. `text`
    is the document as it came, compressed and cut up, where it is large enough to be kept.
    """

    document: InventoryDocument
    replace: bool
    actor: Actor
    force: bool = False
    dry_run: bool = False
    text: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """Counts per kind of resource: (added, changed, removed)."""

    counts: tuple[tuple[str, int, int, int], ...]
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ImportPart:
    """Take part of a document that was checked whole and is kept until all of it is done.

    Whole hosts with everything on them, projects by id; or names of what goes. Answers None.
    The last part has the summary of the whole, for the audit record. Raises Invalid for the name
    of a project that another one took meanwhile.
    """

    document: InventoryDocument
    removed: tuple[Change, ...]
    actor: Actor
    summary: ImportSummary | None = None


@dataclass(frozen=True, slots=True)
class SaveAlarm:
    """Create (`new`) or replace an alarm; answers the alarm as stored.

    A replacement keeps state and state times unless `set_state` is true and the state another
    one. `seen` is the time of the state that the caller knew, as Aodh writes it: where it is not
    that of the present state, somebody moved the alarm since and the present state stays.
    `secret` is kept as the project's signing secret if the project has none yet.
    """

    alarm: Alarm
    new: bool
    actor: Actor
    secret: WebhookSecret
    set_state: bool = False
    seen: str | None = None


@dataclass(frozen=True, slots=True)
class SetAlarmState:
    """A user sets the state by hand; runs no actions (Aodh's rule); answers the new state."""

    alarm_id: AlarmId
    state: AlarmState
    actor: Actor


@dataclass(frozen=True, slots=True)
class RemoveAlarm:
    """Delete an alarm with its history; deliveries already owed still go out."""

    alarm_id: AlarmId
    actor: Actor


@dataclass(frozen=True, slots=True)
class SetQuota:
    """Set a project's quota, or (None) give it the default ones again; answers None."""

    project: ProjectId
    quota: Quota | None
    actor: Actor


@dataclass(frozen=True, slots=True)
class TakeEvents:
    """Evaluate events that came from outside; answers how many there were."""

    events: tuple[Event, ...]
    actor: Actor


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a periodic rule came to, for an alarm as it stood at `version`.

    `reason_data` goes into the webhook as it is. An alarm that changed meanwhile is left alone.
    """

    alarm: AlarmId
    version: int
    state: AlarmState
    reason: str
    reason_data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class MoveAlarms:
    """Move alarms as their periodic rules say; answers how many moved."""

    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class ReplayDelivery:
    """Send a delivery again that is over, under its id; answers it as it is owed now.

    `delivery` and its final state, `was`, are as they were read. Where somebody was faster,
    nothing changes.
    """

    delivery: Delivery
    was: DeliveryState
    actor: Actor


@dataclass(frozen=True, slots=True)
class SaveSubscription:
    """Create a subscription; answers it as stored, with how many troubles were told at once.

    `secret` is kept as the project's signing secret if the project has none yet. Raises OverQuota
    where the project has `limit` subscriptions already.
    """

    subscription: Subscription
    actor: Actor
    secret: WebhookSecret
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveSubscription:
    """Delete a subscription; deliveries already owed still go out."""

    subscription_id: SubscriptionId
    actor: Actor


@dataclass(frozen=True, slots=True)
class RotateSecret:
    """Add a signing secret; the one before stays valid, older ones go."""

    secret: WebhookSecret
    actor: Actor


@dataclass(frozen=True, slots=True)
class SaveUser:
    """Create (`new`) or change a user; answers the user as stored.

    Only the named `fields` of an existing user are changed (none named: all), so that two
    changes at once do not undo each other. `password_ns` is the decider's to set. Raises
    Conflict where the name is taken and for the last administrator.
    """

    user: User
    new: bool
    actor: Actor
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RemoveUser:
    """Delete a user with its assignments; raises Conflict for the last administrator."""

    user_id: UserId
    actor: Actor


@dataclass(frozen=True, slots=True)
class SaveProject:
    """Create (`new`) or rename a project; raises Conflict where the name is taken."""

    project: Project
    new: bool
    actor: Actor


@dataclass(frozen=True, slots=True)
class RemoveProject:
    """Delete a project; raises Conflict while it owns servers, ports, guests or alarms."""

    project_id: ProjectId
    actor: Actor


@dataclass(frozen=True, slots=True)
class SetAssignment:
    """Grant (`granted`) or take away a role; taking what was not there is NotFound."""

    assignment: Assignment
    granted: bool
    actor: Actor


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """Make a token void from now on."""

    revocation: Revocation
    actor: Actor


@dataclass(frozen=True, slots=True)
class Enrol:
    """Keep a credential; an agent's host is created if the map lacks it.

    A credential of the same kind and name is replaced: enrolling again locks the old one out.
    """

    credential: Credential
    actor: Actor


@dataclass(frozen=True, slots=True)
class NoteRefusals:
    """Keep lines of the audit record on what was refused, which no other command brings."""

    records: tuple[AuditRecord, ...]


@dataclass(frozen=True, slots=True)
class EvaluateOwed:
    """Evaluate events that earlier commits left to evaluators, in the order of the batches."""

    batches: tuple[OwedEvents, ...]


@dataclass(frozen=True, slots=True)
class MoveSession:
    """An agent has its session at a process now, or (empty session) no longer.

    Answers True, or False where the last (member, session) known is none of `instead_of`.
    """

    host: HostName
    member: str
    session: str
    instead_of: tuple[tuple[str, str], ...]


Command = (
    ReportFaults
    | CloseFault
    | RetryUnmatched
    | AgentChanged
    | HostAnswered
    | HostsWatched
    | InstanceAnswered
    | ImportInventory
    | ImportPart
    | SaveAlarm
    | SetAlarmState
    | RemoveAlarm
    | SetQuota
    | TakeEvents
    | TakeNotices
    | MoveAlarms
    | ReplayDelivery
    | SaveSubscription
    | RemoveSubscription
    | ForgetWatches
    | RotateSecret
    | SaveUser
    | RemoveUser
    | SaveProject
    | RemoveProject
    | SetAssignment
    | RevokeToken
    | Enrol
    | Disenrol
    | NoteRefusals
    | EvaluateOwed
    | MoveSession
    | TellSeats
    | GuestCommand
    | NetworkCommand
    | GuardCommand
    | RemoteCommand
    | ServerCommand
    | ServiceCommand
    | FencingCommand
    | SignalCommand
)
