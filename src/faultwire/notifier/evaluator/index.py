"""Alarms in memory, found by project, event type and one equality condition.

The cost of an event depends on the alarms that match it, not on the alarms that exist.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from faultwire.domain import changes
from faultwire.domain.alarms import Alarm
from faultwire.domain.ids import AlarmId, ProjectId
from faultwire.notifier.evaluator.rules import CompiledClause, Trait, compile_clause


@dataclass(slots=True)
class Standing:
    """One alarm as the evaluator needs it; `alarm` is replaced when it moves."""

    alarm: Alarm
    raises: CompiledClause
    clears: CompiledClause | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One clause of one alarm, as it stands in the index."""

    standing: Standing
    clause: CompiledClause
    raising: bool


_Entries = dict[tuple[AlarmId, bool], Entry]


class _Slot:
    """The clauses of one project for one event type, or all those with wildcards."""

    __slots__ = ("keyed", "rest")

    def __init__(self) -> None:
        self.keyed: dict[str, dict[str, _Entries]] = {}
        self.rest: _Entries = {}

    def add(self, entry: Entry) -> None:
        key = entry.clause.key
        home = self.rest
        if key is not None:
            home = self.keyed.setdefault(key[0], {}).setdefault(key[1], {})
        home[entry.standing.alarm.id, entry.raising] = entry

    def candidates(self, traits: Mapping[str, Trait]) -> Iterator[Entry]:
        for name, table in self.keyed.items():
            found = table.get(str(traits[name])) if name in traits else None
            if found:
                yield from found.values()
        yield from self.rest.values()

    def remove(self, entry: Entry) -> bool:
        """Remove an entry and whatever became empty with it; whether nothing is left."""
        name = (entry.standing.alarm.id, entry.raising)
        key = entry.clause.key
        if key is None:
            del self.rest[name]
        else:
            table = self.keyed[key[0]]
            del table[key[1]][name]
            if not table[key[1]]:
                del table[key[1]]
            if not table:
                del self.keyed[key[0]]
        return not self.rest and not self.keyed


class AlarmIndex:
    """All alarms; enabled ones are indexed. Written on the event loop alone."""

    def __init__(self) -> None:
        """Start empty; `apply` fills it."""
        self._alarms: dict[AlarmId, Standing] = {}
        self._exact: dict[tuple[ProjectId, str], _Slot] = {}
        self._patterns: dict[ProjectId, _Slot] = {}
        self._owned: dict[ProjectId, int] = {}
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
        standing = self._alarms.get(alarm)
        return standing.alarm if standing else None

    def owned(self, project: ProjectId) -> int:
        """Return how many alarms a project has, in constant time."""
        return self._owned.get(project, 0)

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
            pattern = entry.clause.pattern
            if pattern is not None and pattern.match(event_type):
                yield entry

    def _saved(self, change: changes.AlarmsSaved) -> None:
        for alarm in change.alarms:
            self._forget(alarm.id)
            rule = alarm.rule
            raises = compile_clause(rule.raises, alarm.resource_id)
            clears = compile_clause(rule.clears, alarm.resource_id) if rule.clears else None
            standing = Standing(alarm, raises, clears)
            self._alarms[alarm.id] = standing
            self._owned[alarm.project] = self._owned.get(alarm.project, 0) + 1
            if alarm.enabled:
                for entry in _entries(standing):
                    slots, name = self._place(entry)
                    slots.setdefault(name, _Slot()).add(entry)

    def _place(self, entry: Entry) -> tuple[dict[Any, _Slot], object]:
        """Return the table in which a clause stands, and the name of its slot there."""
        project = entry.standing.alarm.project
        if entry.clause.pattern is not None:
            return self._patterns, project
        return self._exact, (project, entry.clause.event_type)

    def _removed(self, change: changes.AlarmsRemoved) -> None:
        for alarm in change.alarms:
            self._forget(alarm)

    def _forget(self, alarm: AlarmId) -> None:
        standing = self._alarms.pop(alarm, None)
        if standing is None:
            return
        project = standing.alarm.project
        self._owned[project] -= 1
        if not self._owned[project]:
            del self._owned[project]
        if not standing.alarm.enabled:
            return
        for entry in _entries(standing):
            slots, name = self._place(entry)
            if slots[name].remove(entry):
                del slots[name]

    def _moved(self, change: changes.AlarmsMoved) -> None:
        for move in change.transitions:
            standing = self._alarms.get(move.alarm_id)
            if standing is not None:
                standing.alarm = standing.alarm.moved(move)


def _entries(standing: Standing) -> Iterator[Entry]:
    yield Entry(standing, standing.raises, raising=True)
    if standing.clears is not None:
        yield Entry(standing, standing.clears, raising=False)
