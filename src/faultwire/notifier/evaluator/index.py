"""Alarms in memory, found by project, event type and one equality condition.

The cost of an event depends on the alarms that match it, not on the alarms that exist. An event
alarm is kept as `kept` has it, and stands itself where its clauses are found.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from faultwire.domain import changes
from faultwire.domain.alarms import Alarm
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.rules import CompositeRule, EventRule, PrometheusRule, ThresholdRule
from faultwire.notifier.evaluator.kept import Forms, Kept, Side
from faultwire.notifier.evaluator.rules import Shape, Trait

PERIODIC = (ThresholdRule, PrometheusRule, CompositeRule)
"""Types of rules that are looked at now and then, and by no event."""

_Several = dict[AlarmId, Kept]


class _Slot:
    """The alarms of one project that have clauses for one event type, or any with wildcards.

    What few alarms are found by is mostly found by one alone: that stands there itself.
    """

    __slots__ = ("keyed", "rest")

    def __init__(self) -> None:
        self.keyed: dict[str, dict[str, Kept | _Several]] = {}
        self.rest: _Several = {}

    def add(self, kept: Kept, key: tuple[str, str] | None) -> None:
        if key is None:
            self.rest[kept.id] = kept
            return
        table = self.keyed.setdefault(key[0], {})
        before = table.setdefault(key[1], kept)
        if before is kept:
            return
        if isinstance(before, Kept):
            before = table[key[1]] = {before.id: before}
        before[kept.id] = kept

    def candidates(self, traits: Mapping[str, Trait]) -> Iterator[tuple[Kept, str | None]]:
        """Give the alarms that stand where the traits lead, and the trait's name (None: any)."""
        for name, table in self.keyed.items():
            found = table.get(str(traits[name])) if name in traits else None
            if isinstance(found, Kept):
                yield found, name
            elif found:
                for kept in found.values():
                    yield kept, name
        for kept in self.rest.values():
            yield kept, None

    def remove(self, kept: Kept, key: tuple[str, str] | None) -> bool:
        """Remove an alarm and whatever became empty with it; whether nothing is left.

        Two clauses may stand in one place: the second finds it empty.
        """
        if key is None:
            self.rest.pop(kept.id, None)
        elif key[0] in self.keyed:
            table = self.keyed[key[0]]
            found = table.get(key[1])
            if isinstance(found, dict):
                found.pop(kept.id, None)
            if found is kept or found == {}:
                del table[key[1]]
            if not table:
                del self.keyed[key[0]]
        return not self.rest and not self.keyed


class AlarmIndex:
    """All alarms; enabled ones are indexed. Written on the event loop alone."""

    def __init__(self) -> None:
        """Start empty; `apply` fills it."""
        self._alarms: dict[AlarmId, Alarm | Kept] = {}
        self._forms = Forms()
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
        found = self._alarms.get(alarm)
        return found.alarm() if isinstance(found, Kept) else found

    def severity(self, alarm: AlarmId) -> str:
        """Return how severe an alarm is, in Aodh's words; empty for one that is not there."""
        found = self._alarms.get(alarm)
        if found is None:
            return ""
        return found.form.example.severity if isinstance(found, Kept) else found.severity

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
    ) -> Iterator[tuple[Kept, Side]]:
        """Give each clause that an event meets: right project, type and conditions."""
        slot = self._exact.get((project, event_type))
        if slot is not None:
            for kept, name in slot.candidates(traits):
                for side in kept.form.sides:
                    shape = side.shape
                    if (
                        shape.event_type == event_type
                        and shape.pattern is None
                        and (side.key[0] if side.key else None) == name
                        and kept.meets(side, traits)
                    ):
                        yield kept, side
        slot = self._patterns.get(project)
        if slot is None:
            return
        for kept, name in slot.candidates(traits):
            for side in kept.form.sides:
                pattern = side.shape.pattern
                if (
                    pattern is not None
                    and (side.key[0] if side.key else None) == name
                    and pattern.match(event_type)
                    and kept.meets(side, traits)
                ):
                    yield kept, side

    def _saved(self, change: changes.AlarmsSaved) -> None:
        alarms, owned, owned_by = self._alarms, self._owned, self._owned_by
        for alarm in change.alarms:
            if alarm.id in alarms:
                self._forget(alarm.id)
            owned[alarm.project] = owned.get(alarm.project, 0) + 1
            owned_by[alarm.user] = owned_by.get(alarm.user, 0) + 1
            rule = alarm.rule
            if not isinstance(rule, EventRule):
                alarms[alarm.id] = alarm
                if alarm.enabled and isinstance(rule, PERIODIC):
                    self._periodic[alarm.id] = None
                continue
            kept = alarms[alarm.id] = self._forms.keep(alarm, rule)
            if alarm.enabled:
                for side in kept.form.sides:
                    slots, name = self._place(alarm.project, side.shape)
                    slot = slots.get(name)
                    if slot is None:
                        slot = slots[name] = _Slot()
                    slot.add(kept, kept.key(side))

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
        if isinstance(alarm, Alarm):
            self._periodic.pop(name, None)
        elif alarm.form.example.enabled:
            for side in alarm.form.sides:
                slots, place = self._place(alarm.project, side.shape)
                if place in slots and slots[place].remove(alarm, alarm.key(side)):
                    del slots[place]

    def _moved(self, change: changes.AlarmsMoved) -> None:
        alarms = self._alarms
        for move in change.transitions:
            alarm = alarms.get(move.alarm_id)
            if isinstance(alarm, Kept):
                alarm.move(move)
            elif alarm is not None:
                alarms[move.alarm_id] = alarm.moved(move)
