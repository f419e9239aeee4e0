"""Decisions on alarms: create, replace, set by hand, delete, and rotate signing secrets."""

import json
from collections.abc import Callable
from dataclasses import replace

from faultwire.domain.accounts import Actor, AuditRecord, WebhookSecret
from faultwire.domain.alarms import Alarm, Transition
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
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.notifier.evaluator.rules import compile_clause
from faultwire.ports import View

Secrets = Callable[[ProjectId], tuple[WebhookSecret, ...]]


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

    def __init__(self, index: AlarmIndex, secrets: Secrets) -> None:
        """Take the index and the projects' secrets, both only read."""
        self._index = index
        self._secrets = secrets

    def decide(self, command: SaveAlarm, view: View, now: Instant) -> Deciding:
        """Answer the alarm as stored; a project without a signing secret gets one with it."""
        del view
        yield None
        alarm = command.alarm
        compile_clause(alarm.rule.raises, alarm.resource_id, "event_rule.query")
        if alarm.rule.clears is not None:
            compile_clause(alarm.rule.clears, alarm.resource_id, "event_rule.clear.query")
        if command.new:
            if self._index.get(alarm.id) is not None:
                message = f"Alarm {alarm.id} exists"
                raise Conflict(message)
            saved = replace(alarm, version=1, state_ns=now.wall_ns, updated_ns=now.wall_ns)
        else:
            saved = _replaced(_standing(self._index, alarm.id), command, now)
        changes: list[Change] = [
            AlarmsSaved((saved,)),
            HistoryAdded(
                saved.id,
                saved.project,
                UserId(command.actor.user),
                "creation" if command.new else "rule change",
                _detail(saved),
                now.wall_ns,
            ),
        ]
        if not self._secrets(saved.project):
            changes.append(SecretsSaved(saved.project, (command.secret,)))
        action = "alarm.create" if command.new else "alarm.update"
        changes.extend(_audited(command.actor, action, saved, now))
        return Decided(answer=saved, changes=tuple(changes))


def _replaced(before: Alarm, command: SaveAlarm, now: Instant) -> Alarm:
    """Keep what a replacement may not touch; the state moves only when it is given."""
    alarm = replace(command.alarm, version=before.version + 1, updated_ns=now.wall_ns)
    if command.set_state:
        return replace(alarm, state_ns=now.wall_ns)
    return replace(
        alarm,
        state=before.state,
        state_reason=before.state_reason,
        state_ns=before.state_ns,
    )


def _detail(alarm: Alarm) -> str:
    return json.dumps(
        {
            "name": alarm.name,
            "description": alarm.description,
            "type": alarm.type,
            "enabled": alarm.enabled,
            "severity": alarm.severity,
            "state": alarm.state.value,
            "repeat_actions": alarm.repeat_actions,
            "alarm_actions": alarm.alarm_actions,
            "ok_actions": alarm.ok_actions,
            "insufficient_data_actions": alarm.insufficient_data_actions,
        }
    )


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
            "Manually set via API",
            now.wall_ns,
            alarm.version + 1,
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
