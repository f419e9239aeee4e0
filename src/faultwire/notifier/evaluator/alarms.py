"""Decisions on alarms: create, replace, set by hand, delete, and rotate signing secrets."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson

from faultwire.domain.accounts import Actor, AuditRecord, WebhookSecret
from faultwire.domain.alarms import Alarm, AlarmState, Transition
from faultwire.domain.aodh import alarm_document, changed, naive
from faultwire.domain.changes import (
    AlarmsMoved,
    AlarmsRemoved,
    AlarmsSaved,
    Audited,
    Change,
    HistoryAdded,
    SecretsSaved,
)
from faultwire.domain.commands import RemoveAlarm, SaveAlarm, SetAlarmState
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import Conflict, NotFound
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.instants import Instant
from faultwire.domain.rules import EventRule, UnevaluatedRule
from faultwire.notifier.evaluator.constraints import check_all
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.notifier.evaluator.rules import compile_clause
from faultwire.ports import View

Secrets = Callable[[ProjectId], tuple[WebhookSecret, ...]]

CheckRule = Callable[[Alarm], None]
"""Raises Invalid, naming the field, for a rule that could never be evaluated here."""

BY_API = "Manually set via API"
NOT_EVALUATED = "Not evaluated here: alarms of this type are only kept"
NOT_YET = "Not evaluated yet"


def _standing(index: AlarmIndex, alarm_id: AlarmId) -> Alarm:
    alarm = index.get(alarm_id)
    if alarm is None:
        message = f"Alarm {alarm_id} not found"
        raise NotFound(message)
    return alarm


def _audited(actor: Actor, action: str, alarm: Alarm, now: Instant) -> tuple[Audited, ...]:
    """Return a line on what somebody did to an alarm of another project; none for one's own.

    What a project does to its own alarms is in their history.
    """
    if actor.project == alarm.project:
        return ()
    detail = f"{alarm.name} of project {alarm.project or '(none)'}"
    return (Audited((AuditRecord(now.wall_ns, actor, action, alarm.id, detail),)),)


class SaveAlarmDecider:
    """Creates and replaces; a rule that could never be evaluated is refused (Invalid)."""

    def __init__(
        self, index: AlarmIndex, secrets: Secrets, check_rule: CheckRule | None = None
    ) -> None:
        """Take the index and the projects' secrets, both only read."""
        self._index = index
        self._check_rule = check_rule
        self._secrets = secrets

    def decide(self, command: SaveAlarm, view: View, now: Instant) -> Deciding:
        """Answer the alarm as stored; a project without a signing secret gets one with it."""
        del view
        yield None
        alarm = command.alarm
        _check(alarm)
        if self._check_rule is not None:
            self._check_rule(alarm)
        if command.new:
            if self._index.get(alarm.id) is not None:
                message = f"Alarm {alarm.id} exists"
                raise Conflict(message)
            saved = _created(alarm, now)
            row = _row(saved, command.actor, "creation", alarm_document(saved), now)
        else:
            before = _standing(self._index, alarm.id)
            saved = _replaced(before, command, now)
            row = _row(saved, command.actor, "rule change", changed(before, saved), now)
        changes: list[Change] = [AlarmsSaved((saved,)), *row]
        if not self._secrets(saved.project):
            changes.append(SecretsSaved(saved.project, (command.secret,)))
        action = "alarm.create" if command.new else "alarm.update"
        changes.extend(_audited(command.actor, action, saved, now))
        return Decided(answer=saved, changes=tuple(changes))


def _check(alarm: Alarm) -> None:
    """Raise Invalid, naming the field, for what could never be evaluated."""
    if isinstance(alarm.rule, EventRule):
        key = f"{alarm.type}_rule"
        compile_clause(alarm.rule.raises, alarm.resource_id, f"{key}.query")
        if alarm.rule.clears is not None:
            compile_clause(alarm.rule.clears, alarm.resource_id, f"{key}.clear.query")
    check_all(alarm.time_constraints)


def _created(alarm: Alarm, now: Instant) -> Alarm:
    reason = NOT_EVALUATED if isinstance(alarm.rule, UnevaluatedRule) else alarm.state_reason
    return replace(
        alarm, version=1, state_ns=now.wall_ns, updated_ns=now.wall_ns, state_reason=reason
    )


def _replaced(before: Alarm, command: SaveAlarm, now: Instant) -> Alarm:
    """Keep what a replacement may not touch; the state moves only when it is given.

    Clients read an alarm and send all of it back. A state that they merely repeat, with its own
    older time, must not undo a transition that came between.
    """
    alarm = replace(command.alarm, version=before.version + 1, updated_ns=now.wall_ns)
    known = command.seen in {None, naive(before.state_ns)}
    if command.set_state and known and alarm.state is not before.state:
        return replace(alarm, state_reason=BY_API, state_ns=now.wall_ns)
    alarm = replace(
        alarm,
        state=before.state,
        state_reason=before.state_reason,
        state_ns=before.state_ns,
    )
    was, unevaluated = (isinstance(one.rule, UnevaluatedRule) for one in (before, alarm))
    if unevaluated and not was:
        # What its old rule came to says nothing of the new one.
        state = AlarmState.INSUFFICIENT_DATA
        return replace(alarm, state=state, state_reason=NOT_EVALUATED, state_ns=now.wall_ns)
    if was and not unevaluated and before.state_reason == NOT_EVALUATED:
        return replace(alarm, state_reason=NOT_YET)
    return alarm


def _row(
    alarm: Alarm, actor: Actor, kind: str, detail: Mapping[str, object], now: Instant
) -> tuple[HistoryAdded, ...]:
    """Return the line of an alarm's history, as Aodh writes it; none where nothing changed."""
    if not detail:
        return ()
    text = orjson.dumps(detail).decode()
    user = UserId(actor.user)
    return (HistoryAdded(alarm.id, alarm.project, user, kind, text, now.wall_ns),)


class SetStateDecider:
    """Sets a state by hand; as in Aodh, no action runs."""

    def __init__(self, index: AlarmIndex) -> None:
        """Take the index, only read."""
        self._index = index

    def decide(self, command: SetAlarmState, view: View, now: Instant) -> Deciding:
        """Answer the new state."""
        del view
        yield None
        alarm = _standing(self._index, command.alarm_id)
        move = Transition(
            alarm.id,
            alarm.project,
            alarm.state,
            command.state,
            BY_API,
            now.wall_ns,
            alarm.version + 1,
            command.actor.user,
        )
        line = _audited(command.actor, f"alarm.state.{command.state.name.lower()}", alarm, now)
        return Decided(answer=command.state, changes=(AlarmsMoved((move,)), *line))


class RemoveAlarmDecider:
    """Deletes an alarm; what is owed already still goes out."""

    def __init__(self, index: AlarmIndex) -> None:
        """Take the index, only read."""
        self._index = index

    def decide(self, command: RemoveAlarm, view: View, now: Instant) -> Deciding:
        """Answer None."""
        del view
        yield None
        alarm = _standing(self._index, command.alarm_id)
        line = _audited(command.actor, "alarm.delete", alarm, now)
        return Decided(changes=(AlarmsRemoved((alarm.id,)), *line))
