"""What each type of change writes: a table from type to writer, and the statements they use."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from faultwire.domain import (
    changes,
    fencing,
    guard_changes,
    guest_changes,
    network_changes,
    remote_acts,
    signals,
    vantage_changes,
)
from faultwire.domain.accounts import CredentialKind
from faultwire.domain.causes import ResourceKind
from faultwire.domain.enrolment import CredentialsRemoved
from faultwire.domain.errors import Broken
from faultwire.domain.guests import session_key
from faultwire.domain.subscriptions import WatchesForgotten
from faultwire.store import (
    account_rows,
    alarm_rows,
    guard_rows,
    inventory_rows,
    network_rows,
    remote_rows,
    schema,
    signal_rows,
    task_rows,
)
from faultwire.store.statements import Row, Statement, adding, changing, removing, saving

Run = Callable[[Statement, Sequence[Row]], int]
"""Runs a statement for rows within the transaction; returns how many rows it met."""

Writer = Callable[[Run, Any], None]

SETTLE = changing(
    schema.outbox,
    (
        "state",
        "attempt",
        "next_ns",
        "attempted_ns",
        "outcome",
        "status",
        "lease_owner",
        "lease_until_ns",
    ),
    by="id",
    # Final is final: another sender may have been done with it meanwhile. And what is owed anew
    # is not what was sent: a sender that was cut off for a while may come late.
    was=("state", "created_ns"),
)
MARK = saving(schema.checkpoints)
SEEN = changing(schema.hosts, ("last_seen_ns",), by="name")
HEARD = changing(schema.guests, ("last_heard_ns",), by="id")

_DELIVERY_LEFT = ("attempted_ns", "outcome", "status", "lease_owner", "lease_until_ns")
ADD_HISTORY = saving(schema.alarm_history, keep=True)
# A delivery that is known already may be settled: what came of it stays.
QUEUE = saving(schema.outbox, leave=_DELIVERY_LEFT, keep=True)
_REMOVE_CAUSE = removing(schema.causes, "kind", "resource", "fault_id")
_REMOVE_CAUSES = removing(schema.causes, "kind", "resource")
_REMOVE_CREDENTIAL = removing(schema.credentials, "kind", "name")
_REMOVE_SECRETS = removing(schema.webhook_secrets, "project_id")
_REMOVE_QUOTAS = removing(schema.quotas, "project_id")
# As new: its age, which is its order too, begins again.
REPLAY = changing(
    schema.outbox, ("state", "attempt", "next_ns", "created_ns", "seq"), by="id", was=("state",)
)
SAMPLE = saving(schema.samples)
_MOVED = ("vm_state", "power_state", "task_state", "revision", "updated_ns")
_SAVE_SECRET = saving(schema.webhook_secrets)
_SAVE_HOLD = saving(schema.hold)
_SAVE_SESSION = saving(schema.agent_sessions)


def _each(attribute: str, statement: Statement, row: Callable[[Any], Row]) -> Writer:
    """Return a writer that runs one statement for every item of a change."""
    items = attrgetter(attribute)

    def write(run: Run, change: Any) -> None:
        run(statement, [row(item) for item in items(change)])

    return write


def _all(*writers: Writer) -> Writer:
    """Return a writer that runs these in order."""

    def write(run: Run, change: Any) -> None:
        for writer in writers:
            writer(run, change)

    return write


def _name(item: str) -> Row:
    return (item,)


def _id(item: Any) -> Row:
    return (item.id,)


def _session(guest: str) -> Row:
    return (session_key(guest),)


def _nothing(run: Run, change: Any) -> None:
    """Write nothing: the change lives in memory only."""


def _secrets_saved(run: Run, change: changes.SecretsSaved) -> None:
    """All of a project's secrets at once: what is not listed is void."""
    run(_REMOVE_SECRETS, [(change.project,)])
    run(
        _SAVE_SECRET,
        [account_rows.secret_row(secret, index) for index, secret in enumerate(change.secrets)],
    )


def _credentials_removed(run: Run, change: CredentialsRemoved) -> None:
    run(_REMOVE_CREDENTIAL, [(change.kind.value, name) for name in change.names])


def _deliveries_replayed(run: Run, change: changes.DeliveriesReplayed) -> None:
    run(REPLAY, [alarm_rows.replayed_row(item, change.was) for item in change.deliveries])


def _session_moved(run: Run, change: changes.SessionMoved) -> None:
    run(_SAVE_SESSION, [(change.host, change.member, change.session)])


def _several_only(run: Run, change: Any) -> None:
    """Refuse: events are owed only where several processes share a database."""
    del run
    raise Broken(f"{type(change).__name__} in a ledger that is not shared")


def _hold_saved(run: Run, change: guard_changes.HoldSaved) -> None:
    run(_SAVE_HOLD, [guard_rows.hold_row(change.hold)])


def _history_added(run: Run, change: changes.HistoryAdded) -> None:
    run(ADD_HISTORY, [alarm_rows.history_row(change)])


WRITERS: Mapping[type, Writer] = {
    changes.ProjectsSaved: _each("projects", saving(schema.projects), inventory_rows.project_row),
    changes.ProjectsRemoved: _all(
        _each("projects", removing(schema.projects, "id"), _name),
        _each("projects", removing(schema.assignments, "project_id"), _name),
        _each("projects", _REMOVE_SECRETS, _name),
        _each("projects", _REMOVE_QUOTAS, _name),
        _each("projects", removing(schema.subscriptions, "project_id"), _name),
        _each("projects", removing(schema.watches, "project_id"), _name),
    ),
    changes.HostsSaved: _each(
        "hosts", saving(schema.hosts, leave=("last_seen_ns",)), inventory_rows.host_row
    ),
    changes.HostsRemoved: _all(
        _each("hosts", removing(schema.hosts, "name"), _name),
        _each("hosts", _REMOVE_CREDENTIAL, lambda host: (CredentialKind.AGENT.value, host)),
        _each("hosts", _REMOVE_CAUSES, lambda host: (ResourceKind.HOST.value, host)),
        _each("hosts", removing(schema.agent_sessions, "host"), _name),
        _each("hosts", removing(schema.evacuations, "host"), _name),
        _each("hosts", removing(schema.fencings, "host"), _name),
    ),
    changes.RunningReported: _nothing,
    vantage_changes.SeatsTold: _nothing,
    changes.SwitchesSaved: _each("switches", saving(schema.switches), inventory_rows.switch_row),
    changes.SwitchesRemoved: _each("switches", removing(schema.switches, "name"), _name),
    changes.ServersSaved: _each("servers", saving(schema.servers), inventory_rows.server_row),
    changes.ServersMoved: _each(
        "servers",
        changing(schema.servers, _MOVED, by="id"),
        inventory_rows.moved_server_row,
    ),
    changes.ServersRemoved: _all(
        _each("servers", removing(schema.servers, "id"), _name),
        _each("servers", _REMOVE_CAUSES, lambda server: (ResourceKind.SERVER.value, server)),
    ),
    changes.EvacuationsSaved: _each(
        "evacuations", saving(schema.evacuations), inventory_rows.evacuation_row
    ),
    changes.EvacuationsRemoved: _each(
        "evacuations",
        removing(schema.evacuations, "host", "server_id"),
        inventory_rows.evacuation_key,
    ),
    changes.StatusesOwed: _each(
        "statuses", saving(schema.owed_statuses), inventory_rows.owed_status_row
    ),
    changes.StatusesTold: _each("ids", removing(schema.owed_statuses, "id"), _name),
    changes.PortsSaved: _each("ports", saving(schema.ports), inventory_rows.port_row),
    changes.PortsRemoved: _all(
        _each("ports", removing(schema.ports, "id"), _name),
        _each("ports", _REMOVE_CAUSES, lambda port: (ResourceKind.PORT.value, port)),
    ),
    network_changes.NetworksSaved: _each(
        "networks", saving(schema.networks), network_rows.network_row
    ),
    network_changes.NetworksRemoved: _all(
        _each("networks", removing(schema.networks, "id"), _name),
        _each("networks", removing(schema.subnets, "network_id"), _name),
    ),
    network_changes.SubnetsSaved: _each(
        "subnets", saving(schema.subnets), network_rows.subnet_row
    ),
    network_changes.SubnetsRemoved: _each("subnets", removing(schema.subnets, "id"), _name),
    guest_changes.GuestsSaved: _each(
        "guests", saving(schema.guests, leave=("last_heard_ns",)), inventory_rows.guest_row
    ),
    guest_changes.GuestsRemoved: _all(
        _each("guests", removing(schema.guests, "id"), _name),
        _each("guests", _REMOVE_CREDENTIAL, lambda guest: (CredentialKind.GUEST.value, guest)),
        _each("guests", _REMOVE_CAUSES, lambda guest: (ResourceKind.GUEST.value, guest)),
        _each("guests", removing(schema.agent_sessions, "host"), _session),
    ),
    guest_changes.TasksSaved: _each("tasks", saving(schema.tasks), task_rows.task_row),
    fencing.FencingsSaved: _each("fencings", saving(schema.fencings), signal_rows.fencing_row),
    fencing.FencingsRemoved: _each("hosts", removing(schema.fencings, "host"), _name),
    remote_acts.RemoteActsSaved: _each("acts", saving(schema.remote_acts), remote_rows.act_row),
    remote_acts.EventsHeld: _each("held", saving(schema.held_events), remote_rows.held_row),
    remote_acts.HeldReleased: _each("ids", removing(schema.held_events, "id"), _name),
    signals.UnmappedSaved: _each(
        "alerts", saving(schema.unmapped_alerts), signal_rows.unmapped_row
    ),
    signals.UnmappedRemoved: _each("ids", removing(schema.unmapped_alerts, "id"), _name),
    changes.FaultsSaved: _each("faults", saving(schema.faults), alarm_rows.fault_row),
    changes.CausesSaved: _each(
        "causes",
        saving(schema.causes, by=("kind", "resource", "fault_id"), leave=("sequence",)),
        alarm_rows.cause_row,
    ),
    changes.CausesRemoved: _each("causes", _REMOVE_CAUSE, attrgetter("key")),
    changes.AlarmsSaved: _each("alarms", saving(schema.alarms), alarm_rows.alarm_row),
    changes.AlarmsRemoved: _all(
        _each("alarms", removing(schema.alarms, "id"), _name),
        _each("alarms", removing(schema.alarm_history, "alarm_id"), _name),
    ),
    changes.AlarmsMoved: _all(
        _each(
            "transitions",
            changing(schema.alarms, ("state", "state_reason", "state_ns", "version"), by="id"),
            alarm_rows.moved_alarm_row,
        ),
        _each("transitions", ADD_HISTORY, alarm_rows.transition_row),
    ),
    changes.HistoryAdded: _history_added,
    changes.DeliveriesQueued: _each("deliveries", QUEUE, alarm_rows.delivery_row),
    changes.DeliveriesReplayed: _deliveries_replayed,
    changes.QuotasSaved: _each("quotas", saving(schema.quotas), alarm_rows.quota_row),
    changes.QuotasRemoved: _each("projects", _REMOVE_QUOTAS, _name),
    changes.SubscriptionsSaved: _each(
        "subscriptions", saving(schema.subscriptions), alarm_rows.subscription_row
    ),
    changes.SubscriptionsRemoved: _all(
        _each("subscriptions", removing(schema.subscriptions, "id"), _name),
        _each("subscriptions", removing(schema.watches, "subscription_id"), _name),
    ),
    changes.WatchesMoved: _each("watches", saving(schema.watches), alarm_rows.watch_row),
    WatchesForgotten: _each(
        "watches",
        removing(schema.watches, "alarm_id", "version"),
        attrgetter("alarm", "version"),
    ),
    changes.EventsOwed: _several_only,
    changes.EventsTaken: _several_only,
    changes.SessionMoved: _session_moved,
    changes.SecretsSaved: _secrets_saved,
    changes.UsersSaved: _all(
        # Out and in, not an upsert: MariaDB's would change whoever holds the name already.
        _each("users", removing(schema.users, "id"), _id),
        _each("users", adding(schema.users), account_rows.user_row),
    ),
    changes.UsersRemoved: _all(
        _each("users", removing(schema.users, "id"), _name),
        _each("users", removing(schema.assignments, "user_id"), _name),
    ),
    changes.AssignmentsSaved: _each(
        "assignments", saving(schema.assignments, keep=True), account_rows.assignment_row
    ),
    changes.AssignmentsRemoved: _each(
        "assignments",
        removing(schema.assignments, "user_id", "project_id", "role"),
        account_rows.assignment_row,
    ),
    changes.TokensRevoked: _each(
        "revocations", saving(schema.revocations), account_rows.revocation_row
    ),
    changes.CredentialsSaved: _each(
        "credentials", saving(schema.credentials), account_rows.credential_row
    ),
    CredentialsRemoved: _credentials_removed,
    guard_changes.HoldSaved: _hold_saved,
    guard_changes.WindowsSaved: _each("windows", saving(schema.windows), guard_rows.window_row),
    guard_changes.WindowsRemoved: _each("windows", removing(schema.windows, "id"), _name),
    guard_changes.ActsDone: _each("acts", saving(schema.acts), guard_rows.acted_row),
    guard_changes.ActsNoted: _nothing,
    changes.Audited: _each(
        "records",
        saving(schema.audit, by=("digest",), leave=("sequence",), keep=True),
        account_rows.audit_row,
    ),
}
"""One writer for each type of change; a test holds it against `domain.changes.Change`."""

MEMORY_ONLY = frozenset(
    {changes.RunningReported, guard_changes.ActsNoted, vantage_changes.SeatsTold}
)
"""Changes that need no transaction at all."""
