"""What each type of change does to a store in memory: a table from type to function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Any

import orjson

from faultwire.domain import (
    changes,
    fencing,
    guard_changes,
    guest_changes,
    network_changes,
    signals,
)
from faultwire.domain import remote_acts as remote
from faultwire.domain.accounts import (
    Assignment,
    AuditRecord,
    Credential,
    CredentialKind,
    Revocation,
    User,
    WebhookSecret,
)
from faultwire.domain.alarms import Alarm, Delivery, DeliveryState, Quota, Transition
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.enrolment import CredentialsRemoved
from faultwire.domain.errors import Broken, Conflict
from faultwire.domain.faults import CLOUD_REFUSED, Fault
from faultwire.domain.guarding import Acted, Hold, Window
from faultwire.domain.ids import GuestId, HostName, UserId
from faultwire.domain.networks import Network, Subnet
from faultwire.domain.resources import Evacuation, Guest, Host, Port, Project, Server, Switch
from faultwire.domain.samples import Sample
from faultwire.domain.services import OwedStatus
from faultwire.domain.subscriptions import Subscription, Watch, WatchesForgotten
from faultwire.domain.tasks import Task
from faultwire.domain.vantage_changes import SeatsTold

Found = tuple[Delivery, DeliveryState, str, int | None]
"""A delivery with its state, last outcome and last HTTP status."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is stored, one dictionary a kind; replaced whole by each commit."""

    projects: dict[str, Project] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    last_seen: dict[HostName, int] = field(default_factory=dict)
    switches: dict[str, Switch] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    evacuations: dict[tuple[str, str], Evacuation] = field(default_factory=dict)
    owed_statuses: dict[str, OwedStatus] = field(default_factory=dict)
    hold: dict[str, Hold] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    acts: dict[str, Acted] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    guests: dict[str, Guest] = field(default_factory=dict)
    guests_heard: dict[GuestId, int] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    fencings: dict[str, fencing.Fencing] = field(default_factory=dict)
    unmapped: dict[str, signals.UnmappedAlert] = field(default_factory=dict)
    remote_acts: dict[str, remote.RemoteAct] = field(default_factory=dict)
    held: dict[str, remote.HeldEvents] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    subnets: dict[str, Subnet] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    causes: dict[tuple[str, str, str], Cause] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    history: dict[tuple[str, int, int, str], changes.HistoryAdded] = field(default_factory=dict)
    deliveries: dict[str, Found] = field(default_factory=dict)
    secrets: dict[str, tuple[WebhookSecret, ...]] = field(default_factory=dict)
    quotas: dict[tuple[str, str], Quota] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)
    samples: dict[tuple[str, str, str, int], Sample] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    assignments: dict[tuple[str, str, str], Assignment] = field(default_factory=dict)
    revocations: dict[str, Revocation] = field(default_factory=dict)
    credentials: dict[tuple[str, str], Credential] = field(default_factory=dict)
    audit: dict[AuditRecord, AuditRecord] = field(default_factory=dict)
    marks: dict[str, Mapping[str, object]] = field(default_factory=dict)

    def copy(self) -> "State":
        """Return a state that may be changed without changing this one."""
        return State(*(dict(getattr(self, item.name)) for item in fields(self)))


def apply(state: State, change: changes.Change) -> None:
    """Make a change in a state; raises Conflict for a user's name that is taken."""
    try:
        applier = _APPLIERS[type(change)]
    except KeyError:
        raise Broken(f"no writer for the change {type(change).__name__}") from None
    applier(state, change)


Applier = Callable[[State, Any], None]


def _put(kind: str, items: str, key: Callable[[Any], Any]) -> Applier:
    """Return what saves the items of a change under their keys."""

    def apply(state: State, change: Any) -> None:
        table = getattr(state, kind)
        for item in getattr(change, items):
            table[key(item)] = item

    return apply


def _drop(kind: str, items: str, within: Callable[[Any, Any], bool] | None = None) -> Applier:
    """Return what removes by key, or with `within` all entries whose (key, item) fit."""

    def apply(state: State, change: Any) -> None:
        table = getattr(state, kind)
        for item in getattr(change, items):
            if within is None:
                table.pop(item, None)
                continue
            for key in [key for key in table if within(key, item)]:
                del table[key]

    return apply


def _void_credentials(state: State, change: CredentialsRemoved) -> None:
    for name in change.names:
        state.credentials.pop((change.kind, name), None)


def _all(*appliers: Applier) -> Applier:
    def apply(state: State, change: Any) -> None:
        for applier in appliers:
            applier(state, change)

    return apply


def _hold_saved(state: State, change: guard_changes.HoldSaved) -> None:
    state.hold["all"] = change.hold


def _nothing(state: State, change: changes.Change) -> None:
    """Memory only: nothing is stored."""


def _servers_moved(state: State, change: changes.ServersMoved) -> None:
    for moved in change.servers:
        server = state.servers.get(moved.id)
        if server is not None:
            state.servers[moved.id] = replace(
                server,
                vm_state=moved.vm_state,
                power_state=moved.power_state,
                task_state=moved.task_state,
                revision=moved.revision,
                updated_ns=moved.updated_ns,
            )


def _evacuations_removed(state: State, change: changes.EvacuationsRemoved) -> None:
    for item in change.evacuations:
        state.evacuations.pop(_left(item), None)


def _left(item: Evacuation) -> tuple[str, str]:
    return item.host, item.server


def _networks_removed(state: State, change: network_changes.NetworksRemoved) -> None:
    for name in change.networks:
        state.networks.pop(name, None)
        for key in [key for key, subnet in state.subnets.items() if subnet.network == name]:
            del state.subnets[key]


def _causes_removed(state: State, change: changes.CausesRemoved) -> None:
    for cause in change.causes:
        state.causes.pop(cause.key, None)


def _alarms_moved(state: State, change: changes.AlarmsMoved) -> None:
    for move in change.transitions:
        alarm = state.alarms.get(move.alarm_id)
        if alarm is not None:
            state.alarms[move.alarm_id] = replace(
                alarm,
                state=move.current,
                state_reason=move.reason,
                state_ns=move.at_ns,
                version=move.version,
            )
        _tell(state, move.version, _told(move))


def _told(move: Transition) -> changes.HistoryAdded:
    why = "state_reason" if move.user else "transition_reason"
    detail = orjson.dumps({"state": move.current.value, why: move.reason})
    return changes.HistoryAdded(
        move.alarm_id,
        move.project,
        UserId(move.user),
        "state transition",
        detail.decode(),
        move.at_ns,
    )


def _tell(state: State, version: int, row: changes.HistoryAdded) -> None:
    state.history.setdefault((row.alarm_id, row.at_ns, version, row.kind), row)


def _history_added(state: State, change: changes.HistoryAdded) -> None:
    _tell(state, 0, change)


def _deliveries_queued(state: State, change: changes.DeliveriesQueued) -> None:
    for delivery in change.deliveries:
        state.deliveries.setdefault(delivery.id, (delivery, DeliveryState.PENDING, "", None))


def _deliveries_replayed(state: State, change: changes.DeliveriesReplayed) -> None:
    for delivery in change.deliveries:
        found = state.deliveries.get(delivery.id)
        if found is not None and found[1] is change.was:
            _, _, outcome, status = found
            again = replace(delivery, attempt=0)
            state.deliveries[delivery.id] = again, DeliveryState.PENDING, outcome, status


def _owned_dropped(state: State, change: changes.ProjectsRemoved) -> None:
    for table in (state.subscriptions, state.watches):
        owned: Mapping[str, Any] = table
        for key in [key for key, item in owned.items() if item.project in change.projects]:
            table.pop(key)


def _subscriptions_removed(state: State, change: changes.SubscriptionsRemoved) -> None:
    for name in change.subscriptions:
        state.subscriptions.pop(name, None)
        for key in [key for key, watch in state.watches.items() if watch.subscription == name]:
            del state.watches[key]


def _watches_forgotten(state: State, change: WatchesForgotten) -> None:
    for watch in change.watches:
        kept = state.watches.get(watch.alarm)
        if kept is not None and kept.version == watch.version:
            del state.watches[watch.alarm]


def _secrets_saved(state: State, change: changes.SecretsSaved) -> None:
    state.secrets[change.project] = change.secrets


def _users_saved(state: State, change: changes.UsersSaved) -> None:
    state.users.update((user.id, user) for user in change.users)
    names = [user.name for user in state.users.values()]
    if len(names) != len(set(names)):
        raise Conflict("the name of a user is taken")


def _granted(item: Assignment) -> tuple[str, str, str]:
    return item.user, item.project, item.role.value


def _assignments_removed(state: State, change: changes.AssignmentsRemoved) -> None:
    for item in change.assignments:
        state.assignments.pop(_granted(item), None)


def _audited(state: State, change: changes.Audited) -> None:
    for record in change.records:
        state.audit.setdefault(record, record)


_ID = attrgetter("id")
_NAME = attrgetter("name")

_APPLIERS: Mapping[type, Applier] = {
    changes.ProjectsSaved: _put("projects", "projects", _ID),
    changes.ProjectsRemoved: _all(
        _drop("projects", "projects"),
        _drop("assignments", "projects", lambda key, project: key[1] == project),
        _drop("secrets", "projects"),
        _drop("quotas", "projects", lambda key, project: key[0] == project),
        _owned_dropped,
    ),
    changes.HostsSaved: _put("hosts", "hosts", _NAME),
    changes.HostsRemoved: _all(
        _drop("hosts", "hosts"),
        _drop("last_seen", "hosts"),
        _drop("credentials", "hosts", lambda key, host: key == (CredentialKind.AGENT, host)),
        _drop("causes", "hosts", lambda key, host: key[:2] == (ResourceKind.HOST, host)),
        _drop("evacuations", "hosts", lambda key, host: key[0] == host),
        _drop("fencings", "hosts"),
    ),
    changes.RunningReported: _nothing,
    SeatsTold: _nothing,
    changes.SwitchesSaved: _put("switches", "switches", _NAME),
    changes.SwitchesRemoved: _drop("switches", "switches"),
    changes.ServersSaved: _put("servers", "servers", _ID),
    changes.ServersMoved: _servers_moved,
    changes.ServersRemoved: _all(
        _drop("servers", "servers"),
        _drop("causes", "servers", lambda key, server: key[:2] == (ResourceKind.SERVER, server)),
    ),
    changes.EvacuationsSaved: _put("evacuations", "evacuations", _left),
    changes.EvacuationsRemoved: _evacuations_removed,
    changes.StatusesOwed: _put("owed_statuses", "statuses", _ID),
    changes.StatusesTold: _drop("owed_statuses", "ids"),
    fencing.FencingsSaved: _put("fencings", "fencings", attrgetter("host")),
    fencing.FencingsRemoved: _drop("fencings", "hosts"),
    remote.RemoteActsSaved: _put("remote_acts", "acts", _ID),
    remote.EventsHeld: _put("held", "held", _ID),
    remote.HeldReleased: _drop("held", "ids"),
    signals.UnmappedSaved: _put("unmapped", "alerts", _ID),
    signals.UnmappedRemoved: _drop("unmapped", "ids"),
    guard_changes.HoldSaved: _hold_saved,
    guard_changes.WindowsSaved: _put("windows", "windows", _ID),
    guard_changes.WindowsRemoved: _drop("windows", "windows"),
    guard_changes.ActsDone: _put("acts", "acts", _ID),
    guard_changes.ActsNoted: _nothing,
    changes.PortsSaved: _put("ports", "ports", _ID),
    changes.PortsRemoved: _all(
        _drop("ports", "ports"),
        _drop("causes", "ports", lambda key, port: key[:2] == (ResourceKind.PORT, port)),
    ),
    network_changes.NetworksSaved: _put("networks", "networks", _ID),
    network_changes.NetworksRemoved: _networks_removed,
    network_changes.SubnetsSaved: _put("subnets", "subnets", _ID),
    network_changes.SubnetsRemoved: _drop("subnets", "subnets"),
    guest_changes.GuestsSaved: _put("guests", "guests", _ID),
    guest_changes.GuestsRemoved: _all(
        _drop("guests", "guests"),
        _drop("guests_heard", "guests"),
        _drop("credentials", "guests", lambda key, guest: key == (CredentialKind.GUEST, guest)),
        _drop("causes", "guests", lambda key, guest: key[:2] == (ResourceKind.GUEST, guest)),
    ),
    guest_changes.TasksSaved: _put("tasks", "tasks", _ID),
    changes.FaultsSaved: _put("faults", "faults", _ID),
    changes.CausesSaved: _put("causes", "causes", attrgetter("key")),
    changes.CausesRemoved: _causes_removed,
    changes.AlarmsSaved: _put("alarms", "alarms", _ID),
    changes.AlarmsRemoved: _all(
        _drop("alarms", "alarms"),
        _drop("history", "alarms", lambda key, alarm: key[0] == alarm),
    ),
    changes.AlarmsMoved: _alarms_moved,
    changes.HistoryAdded: _history_added,
    changes.DeliveriesQueued: _deliveries_queued,
    changes.DeliveriesReplayed: _deliveries_replayed,
    changes.QuotasSaved: _put("quotas", "quotas", attrgetter("project", "resource")),
    changes.QuotasRemoved: _drop("quotas", "projects", lambda key, project: key[0] == project),
    changes.SubscriptionsSaved: _put("subscriptions", "subscriptions", _ID),
    changes.SubscriptionsRemoved: _subscriptions_removed,
    changes.WatchesMoved: _put("watches", "watches", attrgetter("alarm")),
    WatchesForgotten: _watches_forgotten,
    changes.SecretsSaved: _secrets_saved,
    changes.UsersSaved: _users_saved,
    changes.UsersRemoved: _all(
        _drop("users", "users"),
        _drop("assignments", "users", lambda key, user: key[0] == user),
    ),
    changes.AssignmentsSaved: _put("assignments", "assignments", _granted),
    changes.AssignmentsRemoved: _assignments_removed,
    changes.TokensRevoked: _put("revocations", "revocations", attrgetter("token_id")),
    changes.CredentialsSaved: _put("credentials", "credentials", attrgetter("kind", "name")),
    CredentialsRemoved: _void_credentials,
    changes.Audited: _audited,
}


def remote_acts(state: State) -> tuple[remote.RemoteAct, ...]:
    """Return what clouds are owed, and what they refused as far as an open fault says so."""
    live = (one for one in state.faults.values() if one.live and one.type.name == CLOUD_REFUSED)
    told = {one.resource["fault"] for one in live}
    acts = state.remote_acts.values()
    owed = [one for one in acts if one.state is remote.RemoteState.OWED]
    refused = [
        one
        for one in acts
        if one.state is remote.RemoteState.FAILED and (one.fault or remote.NO_FAULT) in told
    ]
    return (
        *sorted(owed, key=attrgetter("asked_ns", "id")),
        *sorted(refused, key=attrgetter("settled_ns", "id")),
    )
