"""Compiled rules: what many of them have in common is compiled once (S20, S51).

A million alarms ask for a handful of things, each for its own resource. A `Shape` is a rule
without its values; the values stay where they are, in the alarm.
"""

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.domain.rules import Clause, Condition, Operator

Trait = str | int | float
Test = Callable[[Mapping[str, Trait]], bool]
Term = Callable[[Mapping[str, Trait], str], bool]
"""Whether traits meet a condition with that value; never raises."""

TRAIT_PREFIX = "traits."

_COMPARE: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.GE: operator.ge,
    Operator.GT: operator.gt,
}

_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _boolean(value: object) -> bool:
    return _TRUTHS[str(value).strip().lower()]


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _integer(value: object) -> int:
    return value if type(value) is int else int(str(value))


CASTS: Mapping[str, Callable[[object], object]] = {
    "": str,
    "string": str,
    "integer": _integer,
    "float": lambda value: float(str(value)),
    "boolean": _boolean,
    "datetime": _moment,
}
"""Types a condition may name, and how its value and the trait are cast."""

TEXTS = frozenset({"", "string"})
"""Types that need no cast of the value: it is text."""

STATE, SHUTDOWN = "state", "shutdown"
"""A vm_state that Nova does not have: as a condition on the state it means power_state (D12)."""


def compile_condition(condition: Condition, path: str = "query") -> Test:
    """Return a test over traits; raises Invalid where the condition could never be evaluated.

    A trait that is missing or cannot be cast makes `ne` true and everything else false.
    """
    if not condition.field.startswith(TRAIT_PREFIX) or condition.field == TRAIT_PREFIX:
        reason = "Query value or traits invalid: only traits.<name> can be evaluated"
        raise Invalid(f"{path}.field", reason)
    cast = CASTS.get(condition.type)
    if cast is None:
        known = ", ".join(kind for kind in CASTS if kind)
        reason = (
            f"The data type {condition.type[:100]} is not supported. Those supported are: {known}."
        )
        raise Invalid(f"{path}.type", reason)
    try:
        cast(condition.value)
    except (ValueError, KeyError, OverflowError):
        reason = (
            f"Unable to convert the value {condition.value[:100]} "
            f"to the expected data type {condition.type}."
        )
        raise Invalid(f"{path}.value", reason) from None
    term = _term(condition.field, condition.op, condition.type)
    return lambda traits: term(traits, condition.value)


def _term(field: str, op: Operator, kind: str) -> Term:
    name = field.removeprefix(TRAIT_PREFIX)
    compare = _COMPARE[op]
    missing = op is Operator.NE
    if kind not in TEXTS:
        return _cast_term(name, compare, CASTS[kind], missing=missing)

    def of_text(traits: Mapping[str, Trait], wanted: str) -> bool:
        found = traits.get(name)
        return missing if found is None else compare(str(found), wanted)

    if name != STATE or op is not Operator.EQ:
        return of_text

    def of_state(traits: Mapping[str, Trait], wanted: str) -> bool:
        met = of_text(traits, wanted)
        return met or (wanted == SHUTDOWN and traits.get("power_state") == SHUTDOWN)

    return of_state


def _cast_term(
    name: str,
    compare: Callable[[Any, Any], bool],
    cast: Callable[[object], object],
    *,
    missing: bool,
) -> Term:
    def of_value(traits: Mapping[str, Trait], wanted: str) -> bool:
        found = traits.get(name)
        if found is None:
            return missing
        try:
            return compare(cast(found), cast(wanted))
        except (ValueError, KeyError, OverflowError):
            return missing

    return of_value


INDEXED = ("instance_id", "resource_id", "port_id", "guest_id", "fault_id")
"""Traits that tell alarms apart best, best first; any other is better than none."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """An event type and conditions without their values.

    `keys` are the places of conditions that the index may take, best first, with their traits.
    """

    event_type: str
    pattern: re.Pattern[str] | None
    terms: tuple[Term, ...]
    keys: tuple[tuple[str, int], ...]

    def key(self, query: Sequence[Condition]) -> tuple[str, str] | None:
        """Return the trait and the value that an event must have to meet these conditions."""
        for name, place in self.keys:
            value = query[place].value
            # That one looks at two traits: a look-up by one of them would miss the other.
            if name != STATE or value != SHUTDOWN:
                return name, value
        return None

    def matches(self, query: Sequence[Condition], traits: Mapping[str, Trait]) -> bool:
        """Whether every condition holds; the event type was compared before."""
        for term, condition in zip(self.terms, query, strict=True):
            if not term(traits, condition.value):
                return False
        return True


@dataclass(frozen=True, slots=True)
class CompiledClause:
    """A shape with the conditions of one clause."""

    shape: Shape
    query: tuple[Condition, ...]

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """What event types match, where the clause has wildcards."""
        return self.shape.pattern

    @property
    def key(self) -> tuple[str, str] | None:
        """One of the conditions, taken by the index."""
        return self.shape.key(self.query)

    def matches(self, traits: Mapping[str, Trait]) -> bool:
        """Whether every condition holds; the event type was compared before."""
        return self.shape.matches(self.query, traits)


def compile_clause(
    clause: Clause, resource_id: str | None = None, path: str = "query"
) -> CompiledClause:
    """Return the compiled clause; `resource_id` is one more equality condition (S15, S21).

    Raises Invalid with the path of a condition that could never be evaluated.
    """
    query = conditions_of(clause, resource_id)
    for number, condition in enumerate(query):
        compile_condition(condition, f"{path}[{number}]")
    return CompiledClause(shape_of(clause.event_type, query), query)


def conditions_of(clause: Clause, resource_id: str | None) -> tuple[Condition, ...]:
    """Return all that an event must meet beside its type."""
    if resource_id is None:
        return clause.query
    return (*clause.query, Condition("traits.resource_id", Operator.EQ, "string", resource_id))


def shape_of(event_type: str, query: Sequence[Condition]) -> Shape:
    """Return the shape of conditions that `compile_clause` accepted; equal ones share it."""
    parts = [event_type]
    for condition in query:
        # By `_value_`: reading `value`, or hashing the member, runs Python code.
        parts += condition.field, condition.op._value_, condition.type
    return _shape(*parts)


@lru_cache(maxsize=4096)
def _shape(event_type: str, *parts: str) -> Shape:
    conditions = tuple(zip(parts[::3], map(Operator, parts[1::3]), parts[2::3], strict=True))
    wild = any(sign in event_type for sign in "*?[")
    return Shape(
        event_type,
        re.compile(fnmatch.translate(event_type)) if wild else None,
        tuple(_term(*condition) for condition in conditions),
        _keys(conditions),
    )


def _keys(conditions: Sequence[tuple[str, Operator, str]]) -> tuple[tuple[str, int], ...]:
    equal = {
        field.removeprefix(TRAIT_PREFIX): place
        for place, (field, op, kind) in enumerate(conditions)
        if op is Operator.EQ and kind in TEXTS
    }
    names = dict.fromkeys(name for name in (*INDEXED, *equal) if name in equal)
    return tuple((name, equal[name]) for name in names)
