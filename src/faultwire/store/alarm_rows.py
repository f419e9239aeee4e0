"""Faults, causes, alarms and what they owe, as rows and back; the form is `inventory_rows`'."""

from faultwire.domain.alarms import (
    Alarm,
    AlarmState,
    Attempt,
    Delivery,
    DeliveryState,
    Quota,
    Transition,
)
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.changes import HistoryAdded
from faultwire.domain.faults import Fault
from faultwire.domain.samples import Sample
from faultwire.domain.shares import share_of
from faultwire.domain.subscriptions import Filter, Subscription, Watch
from faultwire.store import codec
from faultwire.store.codec import text, text_or_none
from faultwire.store.inventory_rows import Share
from faultwire.store.statements import Row

STATE_TRANSITION = "state transition"

_ALARM_STATES = {state.value: state for state in AlarmState}


def fault_row(fault: Fault) -> Row:
    """Return a row of faults."""
    return (
        fault.id,
        fault.identity,
        fault.type.name,
        fault.host,
        fault.state._value_,
        fault.opened_ns,
        fault.updated_ns,
        fault.closed_ns,
        text(codec.fault_record(fault)),
    )


def cause_row(cause: Cause) -> Row:
    """Return a row of causes, without its sequence."""
    return (
        cause.kind._value_,
        cause.resource,
        cause.fault_id,
        cause.wanted,
        cause.prior,
        cause.prior_power,
        cause.revision,
        cause.awaiting_report,
    )


def cause_of(row: Row) -> Cause:
    """Return the cause of a row."""
    _, kind, *rest = row
    return Cause(ResourceKind(kind), *rest)


def alarm_row(alarm: Alarm) -> Row:
    """Return a row of alarms."""
    return (
        alarm.id,
        alarm.project,
        alarm.user,
        alarm.name,
        alarm.type,
        alarm.description,
        alarm.enabled,
        alarm.severity,
        alarm.state._value_,
        alarm.state_reason,
        alarm.state_ns,
        alarm.updated_ns,
        alarm.repeat_actions,
        text(codec.rule_record(alarm.rule)),
        text_or_none(
            codec.actions_record(
                alarm.alarm_actions, alarm.ok_actions, alarm.insufficient_data_actions
            )
        ),
        text_or_none([dict(item) for item in alarm.time_constraints]),
        alarm.resource_id,
        alarm.version,
    )


def alarm_of(row: Row, share: Share) -> Alarm:
    """Return the alarm of a row."""
    alarm, project, user, name, type_, description, enabled, severity, state, *rest = row
    reason, state_ns, updated_ns, repeat, rule, actions, constraints, resource_id, version = rest
    alarm_actions, ok_actions, insufficient_data_actions = codec.actions_of(actions)
    return Alarm(
        alarm,
        share(project, project),  # type: ignore[arg-type]
        share(user, user),  # type: ignore[arg-type]
        name,
        share(type_, type_),
        codec.rule_of(rule),
        description,
        enabled,
        share(severity, severity),
        _ALARM_STATES[state],
        share(reason, reason),
        state_ns,
        updated_ns,
        repeat,
        alarm_actions,
        ok_actions,
        insufficient_data_actions,
        tuple(constraints) if constraints else (),
        resource_id,
        version,
    )


def moved_alarm_row(move: Transition) -> Row:
    """Return (state, state_reason, state_ns, version, by id)."""
    return move.current._value_, move.reason, move.at_ns, move.version, move.alarm_id


def transition_row(move: Transition) -> Row:
    """Return a transition as a row of history, its detail in the form of Aodh's evaluator."""
    return (
        move.alarm_id,
        move.at_ns,
        move.version,
        STATE_TRANSITION,
        move.project,
        move.user,
        text({"state": move.current._value_, reason_key(move): move.reason}),
    )


def reason_key(move: Transition) -> str:
    """Return under which name Aodh tells why: by hand, or by an evaluator."""
    return "state_reason" if move.user else "transition_reason"


def history_row(change: HistoryAdded) -> Row:
    """Return a row of history that no evaluator made."""
    return (
        change.alarm_id,
        change.at_ns,
        0,
        change.kind,
        change.project,
        change.user,
        change.detail,
    )


def history_of(row: Row) -> HistoryAdded:
    """Return a row of history, transitions included, without its version."""
    alarm_id, at_ns, kind, project, user, detail = row
    return HistoryAdded(alarm_id, project, user, kind, detail, at_ns)


def delivery_row(delivery: Delivery, seq: int = 0) -> Row:
    """Return a row of the outbox: owed, untried, leased by nobody, queued by commit `seq`."""
    return (
        delivery.id,
        delivery.kind,
        delivery.project,
        delivery.url,
        delivery.ordering,
        delivery.body,
        delivery.fault_id,
        delivery.attempt,
        delivery.next_ns,
        delivery.created_ns,
        DeliveryState.PENDING.value,
        share_of(delivery.project, delivery.url),
        seq,
    )


def delivery_of(row: Row) -> Delivery:
    """Return the delivery of the first ten columns of the outbox."""
    delivery, kind, project, url, ordering, body, fault_id, attempt, next_ns, created_ns = row
    return Delivery(
        delivery, project, url, ordering, body, created_ns, fault_id, kind, attempt, next_ns
    )


def replayed_row(delivery: Delivery, was: DeliveryState, seq: int = 0) -> Row:
    """Return (state, attempt, next_ns, created_ns, seq, was, by id)."""
    return (
        DeliveryState.PENDING.value,
        0,
        delivery.next_ns,
        delivery.created_ns,
        seq,
        was._value_,
        delivery.id,
    )


def quota_row(quota: Quota) -> Row:
    """Return a row of quotas."""
    return quota.project, quota.resource, quota.limit


def quota_of(row: Row) -> Quota:
    """Return the quota of a row."""
    return Quota(*row)


def subscription_row(item: Subscription) -> Row:
    """Return a row of subscriptions."""
    wanted = item.filter
    return (
        item.id,
        item.project,
        item.user,
        item.name,
        item.callback,
        text(
            {
                "kinds": wanted.kinds,
                "severities": wanted.severities,
                "event_types": wanted.event_types,
                "metadata": dict(wanted.metadata),
            }
        ),
        item.created_ns,
    )


def subscription_of(row: Row) -> Subscription:
    """Return the subscription of a row."""
    subscription, project, user, name, callback, wanted, created_ns = row
    read = Filter(
        tuple(wanted["kinds"]),
        tuple(wanted["severities"]),
        tuple(wanted["event_types"]),
        wanted["metadata"],
    )
    return Subscription(subscription, project, user, name, callback, read, created_ns)


def watch_row(watch: Watch) -> Row:
    """Return a row of watches."""
    return (
        watch.alarm,
        watch.subscription,
        watch.project,
        watch.kind,
        watch.resource,
        watch.severity,
        watch.version,
        watch.at_ns,
    )


def watch_of(row: Row) -> Watch:
    """Return the watch of a row."""
    return Watch(*row)


def sample_row(sample: Sample) -> Row:
    """Return a row of samples."""
    return sample.meter, sample.project, sample.resource, sample.at_ns, sample.value


def attempt_row(attempt: Attempt) -> Row:
    """Return (state, attempt, next_ns, attempted_ns, outcome, status, no lease, was, by id).

    What it was is pending, and as old as what was sent.
    """
    return (
        attempt.state._value_,
        attempt.attempt,
        attempt.next_ns,
        attempt.at_ns,
        attempt.outcome,
        attempt.status,
        None,
        None,
        DeliveryState.PENDING.value,
        attempt.created_ns,
        attempt.delivery_id,
    )
