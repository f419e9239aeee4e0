"""Event alarms as memory keeps them: by the million, so what many have in common stands once.

Alarms that one script made for a thousand servers differ by their id, their name, the server, and
perhaps by description and URL. All else is a `Form` that they share: the rule with gaps where the
server's id stands, the severity. A `Kept` alarm is its form and what is its own; an `Alarm` is
made of the two whenever somebody asks for one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakValueDictionary

from faultwire.domain.alarms import Actions, Alarm, AlarmState, Transition
from faultwire.domain.ids import AlarmId
from faultwire.domain.making import maker
from faultwire.domain.rules import Clause, Condition, EventRule
from faultwire.notifier.evaluator.rules import (
    STATE,
    TRAIT_PREFIX,
    Shape,
    Trait,
    conditions_of,
    shape_of,
)

_STATE_FIELD = TRAIT_PREFIX + STATE

ACTIONS: Mapping[AlarmState, int] = {
    AlarmState.ALARM: 0,
    AlarmState.OK: 1,
    AlarmState.INSUFFICIENT_DATA: 2,
}
"""Place of a state's actions among those of a kept alarm."""

_alarm = maker(Alarm)
_rule, _clause, _condition = maker(EventRule), maker(Clause), maker(Condition)


@lru_cache(maxsize=4096)
def _actions(*actions: Actions) -> tuple[Actions, ...]:
    """Return equal actions as one value, as long as alarms that have them come close together."""
    return actions


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One clause of a form: how it is compared, where it is found, and whether it raises.

    `query` has the resource's condition too, `words` how each is told that the owner wrote;
    `gaps` says which of them take the alarm's value. `key` is the trait that the index finds the
    clause by and the value it must have, None for the alarm's.
    """

    shape: Shape
    query: tuple[Condition, ...]
    words: tuple[str, ...]
    gaps: tuple[bool, ...]
    raising: bool
    key: tuple[str, str | None] | None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Form:
    """What alarms have in common, as one of them has it; `value` stands in its gaps."""

    example: Alarm
    value: str
    sides: tuple[Side, ...]
    of_resource: bool


class Kept:
    """An alarm in the index; what its transitions change is changed in place."""

    __slots__ = (
        "actions",
        "description",
        "form",
        "id",
        "name",
        "project",
        "state",
        "state_ns",
        "state_reason",
        "updated_ns",
        "user",
        "value",
        "version",
    )

    def __init__(self, alarm: Alarm, form: Form, value: str) -> None:
        """Keep an alarm of a form, with the value that stands in its gaps."""
        self.id: AlarmId = alarm.id
        self.project = alarm.project
        self.user = alarm.user
        self.name = alarm.name
        self.description = alarm.description
        self.actions = _actions(
            alarm.alarm_actions, alarm.ok_actions, alarm.insufficient_data_actions
        )
        self.form = form
        self.value = value
        self.state: AlarmState = alarm.state
        self.state_reason = alarm.state_reason
        self.state_ns = state_ns = alarm.state_ns
        # Most alarms have not moved since they were made: one number stands for both then.
        self.updated_ns = state_ns if alarm.updated_ns == state_ns else alarm.updated_ns
        self.version = alarm.version

    def move(self, move: Transition) -> None:
        """Take a transition of its own."""
        self.state, self.state_reason = move.current, move.reason
        self.state_ns, self.version = move.at_ns, move.version

    def key(self, side: Side) -> tuple[str, str] | None:
        """Return the trait and the value that an event must have to meet a clause."""
        if side.key is None:
            return None
        name, value = side.key
        return name, self.value if value is None else value

    def meets(self, side: Side, traits: Mapping[str, Trait]) -> bool:
        """Whether every condition of a clause holds; the event type was compared before."""
        own = self.value
        for term, condition, gap in zip(side.shape.terms, side.query, side.gaps, strict=True):
            if not term(traits, own if gap else condition.value):
                return False
        return True

    def alarm(self) -> Alarm:
        """Return the alarm as it stands now."""
        form = self.form
        example = form.example
        return _alarm(
            self.id,
            self.project,
            self.user,
            self.name,
            example.type,
            example.rule if self.value == form.value else self._rule(),
            self.description,
            example.enabled,
            example.severity,
            self.state,
            self.state_reason,
            self.state_ns,
            self.updated_ns,
            example.repeat_actions,
            *self.actions,
            example.time_constraints,
            self.value if form.of_resource else example.resource_id,
            self.version,
        )

    def said(self, side: Side) -> str:
        """Return a clause's conditions in words, those that the alarm's owner wrote."""
        own = self.value
        words = [
            f"{word}{own if gap else condition.value}"
            for word, condition, gap in zip(side.words, side.query, side.gaps, strict=False)
        ]
        return ", ".join(words)

    def _rule(self) -> EventRule:
        clauses = [
            _clause(side.shape.event_type, tuple(self._query(side))) for side in self.form.sides
        ]
        return _rule(clauses[0], clauses[1] if len(clauses) > 1 else None)

    def _query(self, side: Side) -> Iterator[Condition]:
        for _, item, gap in zip(side.words, side.query, side.gaps, strict=False):
            yield _condition(item.field, item.op, item.type, self.value) if gap else item


class Forms:
    """The forms that are in use; one is forgotten with its last alarm."""

    def __init__(self) -> None:
        """Start with none."""
        self._forms: WeakValueDictionary[object, Form] = WeakValueDictionary()

    def __len__(self) -> int:
        """Return how many different forms are shared."""
        return len(self._forms)

    def keep(self, alarm: Alarm, rule: EventRule) -> Kept:
        """Return an alarm with that rule as it is kept."""
        raises = _Half(rule.raises, alarm.resource_id)
        clears = None if rule.clears is None else _Half(rule.clears, alarm.resource_id)
        value = raises.value()
        if alarm.time_constraints:
            # They are documents: what cannot be looked up is not shared.
            return Kept(alarm, _form(alarm, value, raises, clears), value)
        of_resource = bool(value) and alarm.resource_id == value
        name = (
            raises.name(value),
            None if clears is None else clears.name(value),
            None if of_resource else alarm.resource_id,
            of_resource,
            alarm.type,
            alarm.enabled,
            alarm.severity,
            alarm.repeat_actions,
        )
        form = self._forms.get(name)
        if form is None:
            form = self._forms[name] = _form(alarm, value, raises, clears)
        return Kept(alarm, form, value)


class _Half:
    """One clause of an alarm, with the shape that it has in common with others."""

    __slots__ = ("_own", "_query", "_shape")

    def __init__(self, clause: Clause, resource_id: str | None) -> None:
        self._own = len(clause.query)
        self._query = conditions_of(clause, resource_id)
        self._shape = shape_of(clause.event_type, self._query)

    def value(self) -> str:
        """Return the value that tells this alarm from others of its form; empty if none does.

        It is never that of a state: which values of it the index may look up by depends on them.
        """
        key = self._shape.key(self._query)
        return "" if key is None or key[0] == STATE else key[1]

    def name(self, value: str) -> object:
        """Return what equal clauses of a form have alike."""
        gaps = self._gaps(value)
        own = [None if gap else c.value for c, gap in zip(self._query, gaps, strict=True)]
        return self._shape, self._own, *own

    def side(self, value: str, *, raising: bool) -> Side:
        """Return it as a form has it."""
        key = self._shape.key(self._query)
        place: tuple[str, str | None] | None = key
        if key is not None and value and key[0] != STATE and key[1] == value:
            place = key[0], None
        words = tuple(f"{item.field} {item.op} " for item in self._query[: self._own])
        gaps = tuple(self._gaps(value))
        return Side(self._shape, self._query, words, gaps, raising, place)

    def _gaps(self, value: str) -> list[bool]:
        return [bool(value) and c.value == value and c.field != _STATE_FIELD for c in self._query]


def _form(alarm: Alarm, value: str, raises: _Half, clears: _Half | None) -> Form:
    sides = [raises.side(value, raising=True)]
    if clears is not None:
        sides.append(clears.side(value, raising=False))
    return Form(alarm, value, tuple(sides), bool(value) and alarm.resource_id == value)
