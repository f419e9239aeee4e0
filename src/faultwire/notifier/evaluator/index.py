"""Alarms in memory, found by project, event type and one equality condition.

The cost of an event depends on the alarms that match it, not on the alarms that exist. Of each
alarm there is its value and one small entry for each clause; what alarms have in common is a
`Shape` that they share.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from faultwire.domain import changes
from faultwire.domain.alarms import Alarm
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.rules import (
    Clause,
    CompositeRule,
    Condition,
    EventRule,
    PrometheusRule,
    ThresholdRule,
)
from faultwire.notifier.evaluator.rules import Shape, Trait, conditions_of, shape_of

PERIODIC = (ThresholdRule, PrometheusRule, CompositeRule)
"""Types of rules that are looked at now and then, and by no event."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One clause of one alarm, as it stands in the index; the conditions are the alarm's."""

    alarm: AlarmId
    shape: Shape
    raising: bool


_Entries = dict[tuple[AlarmId, bool], Entry]


class _Slot:
    """The clauses of one project for one event type, or all those with wildcards.

    What few clauses are found by is mostly found by one alone: that stands there itself.
    """

    __slots__ = ("keyed", "rest")

    def __init__(self) -> None:
        self.keyed: dict[str, dict[str, Entry | _Entries]] = {}
        self.rest: _Entries = {}

    def add(self, entry: Entry, key: tuple[str, str] | None) -> None:
        if key is None:
            self.rest[entry.alarm, entry.raising] = entry
            return
        table = self.keyed.setdefault(key[0], {})
        before = table.setdefault(key[1], entry)
        if before is entry:
            return
        if isinstance(before, Entry):
            before = table[key[1]] = {(before.alarm, before.raising): before}
        before[entry.alarm, entry.raising] = entry

    def candidates(self, traits: Mapping[str, Trait]) -> Iterator[Entry]:
        for name, table in self.keyed.items():
            found = table.get(str(traits[name])) if name in traits else None
            if isinstance(found, Entry):
                yield found
            elif found:
                yield from found.values()
        yield from self.rest.values()

    def remove(self, alarm: AlarmId, key: tuple[str, str] | None, *, raising: bool) -> bool:
        """Remove an entry and whatever became empty with it; whether nothing is left."""
        if key is None:
            del self.rest[alarm, raising]
        else:
            table = self.keyed[key[0]]
            found = table[key[1]]
            if not isinstance(found, Entry):
                del found[alarm, raising]
            if isinstance(found, Entry) or not found:
                del table[key[1]]
            if not table:
                del self.keyed[key[0]]
        return not self.rest and not self.keyed


class AlarmIndex:
    """All alarms; enabled ones are indexed. Written on the event loop alone."""

    def __init__(self) -> None:
        """Start empty; `apply` fills it."""
        self._alarms: dict[AlarmId, Alarm] = {}
        self._exact: dict[tuple[ProjectId, str], _Slot] = {}
        self._patterns: dict[ProjectId, _Slot] = {}
        self._owned: dict[ProjectId, int] = {}
        self._owned_by: dict[UserId, int] = {}
        self._periodic: dict[AlarmId, None] = {}
        self._appliers: dict[type, Callable[[Any], None]] = {
            changes.AlarmsSaved: self._saved,
            changes.AlarmsRemoved: self._removed,
            changes.AlarmsMoved: self._moved,
        }

    def __len__(self) -> int:
        """Return how many alarms there are, disabled ones included."""
        return len(self._alarms)

    def apply(self, change: changes.Change) -> None:
        """Take one committed change; types that do not concern alarms are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def get(self, alarm: AlarmId) -> Alarm | None:
        """Return an alarm as it stands now."""
        return self._alarms.get(alarm)

    def owned(self, project: ProjectId) -> int:
        """Return how many alarms a project has, in constant time."""
        return self._owned.get(project, 0)

    def owned_by(self, user: UserId) -> int:
        """Return how many alarms are a user's, in constant time."""
        return self._owned_by.get(user, 0)

    def periodic(self) -> Iterator[AlarmId]:
        """Give the enabled alarms that are evaluated now and then."""
        return iter(self._periodic)

    def candidates(
        self, project: ProjectId, event_type: str, traits: Mapping[str, Trait]
    ) -> Iterator[Entry]:
        """Return the clauses that an event may touch: right project, type and key."""
        slot = self._exact.get((project, event_type))
        if slot is not None:
            yield from slot.candidates(traits)
        slot = self._patterns.get(project)
        if slot is None:
            return
        for entry in slot.candidates(traits):
            pattern = entry.shape.pattern
            if pattern is not None and pattern.match(event_type):
                yield entry

    def touched(
        self, entry: Entry, traits: Mapping[str, Trait]
    ) -> tuple[Alarm, tuple[Condition, ...]] | None:
        """Return the alarm of a candidate and its clause's query, if all conditions hold."""
        alarm = self._alarms[entry.alarm]
        rule = alarm.rule
        if not isinstance(rule, EventRule):
            return None
        clause = rule.raises if entry.raising else rule.clears
        if clause is None:
            return None
        query = conditions_of(clause, alarm.resource_id)
        return (alarm, clause.query) if entry.shape.matches(query, traits) else None

    def _saved(self, change: changes.AlarmsSaved) -> None:
        alarms, owned, owned_by = self._alarms, self._owned, self._owned_by
        for alarm in change.alarms:
            if alarm.id in alarms:
                self._forget(alarm.id)
            alarms[alarm.id] = alarm
            owned[alarm.project] = owned.get(alarm.project, 0) + 1
            owned_by[alarm.user] = owned_by.get(alarm.user, 0) + 1
            if alarm.enabled:
                if isinstance(alarm.rule, PERIODIC):
                    self._periodic[alarm.id] = None
                for shape, query, raising in _clauses(alarm):
                    slots, name = self._place(alarm.project, shape)
                    slot = slots.get(name)
                    if slot is None:
                        slot = slots[name] = _Slot()
                    slot.add(Entry(alarm.id, shape, raising), shape.key(query))

    def _place(self, project: ProjectId, shape: Shape) -> tuple[dict[Any, _Slot], object]:
        """Return the table in which a clause stands, and the name of its slot there."""
        if shape.pattern is not None:
            return self._patterns, project
        return self._exact, (project, shape.event_type)

    def _removed(self, change: changes.AlarmsRemoved) -> None:
        for alarm in change.alarms:
            self._forget(alarm)

    def _forget(self, name: AlarmId) -> None:
        alarm = self._alarms.pop(name, None)
        if alarm is None:
            return
        self._owned[alarm.project] -= 1
        if not self._owned[alarm.project]:
            del self._owned[alarm.project]
        self._owned_by[alarm.user] -= 1
        if not self._owned_by[alarm.user]:
            del self._owned_by[alarm.user]
        if not alarm.enabled:
            return
        self._periodic.pop(name, None)
        for shape, query, raising in _clauses(alarm):
            slots, place = self._place(alarm.project, shape)
            if slots[place].remove(name, shape.key(query), raising=raising):
                del slots[place]

    def _moved(self, change: changes.AlarmsMoved) -> None:
        alarms = self._alarms
        for move in change.transitions:
            alarm = alarms.get(move.alarm_id)
            if alarm is not None:
                alarms[move.alarm_id] = alarm.moved(move)


_Standing = tuple[Shape, tuple[Condition, ...], bool]


def _clauses(alarm: Alarm) -> list[_Standing]:
    """Return each clause of an alarm: its shape, its conditions, whether it raises."""
    rule = alarm.rule
    if not isinstance(rule, EventRule):
        return []
    if rule.clears is None:
        return [_clause(rule.raises, alarm.resource_id, raising=True)]
    return [
        _clause(rule.raises, alarm.resource_id, raising=True),
        _clause(rule.clears, alarm.resource_id, raising=False),
    ]


def _clause(clause: Clause, resource_id: str | None, *, raising: bool) -> _Standing:
    query = conditions_of(clause, resource_id)
    return shape_of(clause.event_type, query), query, raising
