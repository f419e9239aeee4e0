"""Alarms in memory, found by project, event type and one equality condition.

The cost of an event depends on the alarms that match it, not on the alarms that exist.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from faultwire.domain import changes
from faultwire.domain.alarms import Alarm, AlarmState
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
    """The clauses of one project for one event type."""

    __slots__ = ("keyed", "rest")

    def __init__(self) -> None:
        self.keyed: dict[str, dict[str, _Entries]] = {}
        self.rest: _Entries = {}

    def home(self, key: tuple[str, str] | None) -> _Entries:
        if key is None:
            return self.rest
        return self.keyed.setdefault(key[0], {}).setdefault(key[1], {})

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
            self.rest.pop(name, None)
        else:
            table = self.keyed.get(key[0], {})
            home = table.get(key[1], {})
            home.pop(name, None)
            if not home:
                table.pop(key[1], None)
            if not table:
                self.keyed.pop(key[0], None)
        return not self.rest and not self.keyed


class AlarmIndex:
    """All alarms; enabled ones are indexed. Written on the event loop alone."""

    def __init__(self) -> None:
        """Start empty; `apply` fills it."""
        self._alarms: dict[AlarmId, Standing] = {}
        self._exact: dict[tuple[ProjectId, str], _Slot] = {}
        self._patterns: dict[ProjectId, _Entries] = {}
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
        for entry in self._patterns.get(project, {}).values():
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
                    self._home(entry)[alarm.id, entry.raising] = entry

    def _home(self, entry: Entry) -> _Entries:
        project = entry.standing.alarm.project
        if entry.clause.pattern is not None:
            return self._patterns.setdefault(project, {})
        slot = self._exact.setdefault((project, entry.clause.event_type), _Slot())
        return slot.home(entry.clause.key)

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
            if entry.clause.pattern is not None:
                home = self._patterns[project]
                home.pop((alarm, entry.raising), None)
                if not home:
                    del self._patterns[project]
                continue
            key = (project, entry.clause.event_type)
            slot = self._exact.get(key)
            if slot is not None and slot.remove(entry):
                del self._exact[key]

    def _moved(self, change: changes.AlarmsMoved) -> None:
        for move in change.transitions:
            standing = self._alarms.get(move.alarm_id)
            if standing is not None:
                standing.alarm = replace(
                    standing.alarm,
                    state=AlarmState(move.current),
                    state_reason=move.reason,
                    state_ns=move.at_ns,
                    version=move.version,
                )


def _entries(standing: Standing) -> Iterator[Entry]:
    yield Entry(standing, standing.raises, raising=True)
    if standing.clears is not None:
        yield Entry(standing, standing.clears, raising=False)
