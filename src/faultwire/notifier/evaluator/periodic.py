"""Periodic alarms: what their rules came to, and what moves because of it (D18); pure."""

from collections.abc import Sequence

from faultwire.domain.alarms import Alarm, AlarmState, Delivery, Transition
from faultwire.domain.changes import AlarmsMoved, Change, DeliveriesQueued
from faultwire.domain.commands import MoveAlarms, Verdict
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import ADMINISTRATORS, AlarmId
from faultwire.domain.instants import Instant
from faultwire.domain.rules import (
    CompositeRule,
    PeriodicRule,
    PrometheusRule,
)
from faultwire.notifier.evaluator import composite
from faultwire.notifier.evaluator.deliveries import actions_of, body_of, deliveries_of
from faultwire.notifier.evaluator.index import PERIODIC, AlarmIndex
from faultwire.notifier.evaluator.promql import restricted
from faultwire.notifier.evaluator.thresholds import Outcome
from faultwire.ports import View

SLICE = 32
"""Verdicts looked at between two breathing points."""


def check_prometheus(alarm: Alarm, label: str, *, configured: bool) -> None:
    """Refuse queries to Prometheus that could never be asked for this alarm.

    `label` tells projects apart there. Raises Invalid with the field's path.
    """
    if isinstance(alarm.rule, PrometheusRule | CompositeRule):
        _check(alarm.rule, f"{alarm.type}_rule", alarm, label, configured=configured)


def _check(rule: PeriodicRule, path: str, alarm: Alarm, label: str, *, configured: bool) -> None:
    if isinstance(rule, CompositeRule):
        for place, one in enumerate(rule.rules):
            where = f"{path}.{rule.joint.value}[{place}]"
            _check(one, where, alarm, label, configured=configured)
    elif isinstance(rule, PrometheusRule):
        if not configured:
            raise Invalid(f"{path}.query", "no Prometheus server is known: [prometheus] url")
        if alarm.project != ADMINISTRATORS:
            restricted(rule.promql, label, alarm.project, f"{path}.query")


def verdict(alarm: Alarm, outcomes: Sequence[Outcome]) -> Verdict | None:
    """Return what becomes of an alarm whose leaves came to these outcomes; None for nothing.

    An alarm with `repeat_actions` is told again what it is, once it is ok or alarm and has
    actions for it. Outcomes are in the order of `composite.leaves`.
    """
    if isinstance(alarm.rule, CompositeRule):
        return _of_composite(alarm, alarm.rule, outcomes)
    outcome = outcomes[0]
    state = outcome.state
    if state is None:
        unknown = alarm.state is AlarmState.INSUFFICIENT_DATA
        state = outcome.trending if unknown else alarm.state
    if state is None or not _tells(alarm, state):
        return None
    reason, data = _said(outcome, alarm.state, state)
    return Verdict(alarm.id, alarm.version, state, reason, data)


def _of_composite(
    alarm: Alarm, rule: CompositeRule, outcomes: Sequence[Outcome]
) -> Verdict | None:
    states = [composite.settled(outcome, alarm.state) for outcome in outcomes]
    state = composite.joined(rule, iter(states))
    if not _tells(alarm, state):
        return None
    reason, data = composite.told(rule, states, (alarm.state, state))
    return Verdict(alarm.id, alarm.version, state, reason, data)


def _tells(alarm: Alarm, state: AlarmState) -> bool:
    if state is not alarm.state:
        return True
    repeats = alarm.repeat_actions and state is not AlarmState.INSUFFICIENT_DATA
    return repeats and bool(actions_of(alarm, state))


def _said(
    outcome: Outcome, previous: AlarmState, state: AlarmState
) -> tuple[str, dict[str, object]]:
    """Return reason and reason data as Aodh words them."""
    recent = outcome.values[-1] if outcome.values else None
    if state is AlarmState.INSUFFICIENT_DATA:
        reason = outcome.fault or f"{outcome.expected} datapoints are unknown"
        return reason, _data("unknown", outcome.expected, recent)
    inside = state is AlarmState.OK
    disposition = "inside" if inside else "outside"
    count = len(outcome.values) - outcome.outside if inside else outcome.outside
    verb = "Remaining as" if previous is state else "Transition to"
    reason = (
        f"{verb} {state.value} due to {count} samples {disposition} threshold, "
        f"most recent: {recent}"
    )
    return reason, _data(disposition, count, recent)


def _data(disposition: str, count: int, recent: float | None) -> dict[str, object]:
    return {
        "type": "threshold",
        "disposition": disposition,
        "count": count,
        "most_recent": recent,
    }


class MoveDecider:
    """Moves alarms as their periodic rules say."""

    def __init__(self, index: AlarmIndex) -> None:
        """Take the index, only read."""
        self._index = index

    def decide(self, command: MoveAlarms, view: View, now: Instant) -> Deciding:
        """Answer how many moved: those that are still as they were when they were judged."""
        del view
        moved: dict[AlarmId, Transition] = {}
        deliveries: list[Delivery] = []
        for number, item in enumerate(command.verdicts):
            if number % SLICE == 0:
                yield None
            alarm = self._index.get(item.alarm)
            if alarm is None or alarm.id in moved or not _stands(alarm, item):
                continue
            move = Transition(
                alarm.id,
                alarm.project,
                alarm.state,
                item.state,
                item.reason,
                now.wall_ns,
                alarm.version + 1,
            )
            moved[alarm.id] = move
            actions = actions_of(alarm, item.state)
            if actions:
                body = body_of(alarm.name, alarm.severity, move, item.reason_data)
                deliveries += deliveries_of(move, body, actions, before=len(deliveries))
        changes: list[Change] = []
        if moved:
            changes.append(AlarmsMoved(tuple(moved.values())))
        if deliveries:
            changes.append(DeliveriesQueued(tuple(deliveries)))
        return Decided(answer=len(moved), changes=tuple(changes))


def _stands(alarm: Alarm, item: Verdict) -> bool:
    """Whether an alarm is as it was judged: a verdict on an older one says nothing of it."""
    return alarm.version == item.version and alarm.enabled and isinstance(alarm.rule, PERIODIC)
