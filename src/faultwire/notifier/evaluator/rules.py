"""Compiled rules: conditions cast once, compared without ever raising (S20, S51)."""

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from faultwire.domain.alarms import Clause, Condition, Operator
from faultwire.domain.errors import Invalid

Trait = str | int | float
Test = Callable[[Mapping[str, Trait]], bool]

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

STATE, SHUTDOWN = "state", "shutdown"
"""A vm_state that Nova does not have: as a condition on the state it means power_state (D12)."""


def compile_condition(condition: Condition, path: str = "query") -> Test:
    """Return a test over traits; raises Invalid where the condition could never be evaluated.

    A trait that is missing or cannot be cast makes `ne` true and everything else false.
    """
    if not condition.field.startswith(TRAIT_PREFIX) or condition.field == TRAIT_PREFIX:
        raise Invalid(f"{path}.field", "only traits.<name> can be evaluated")
    cast = CASTS.get(condition.type)
    if cast is None:
        raise Invalid(f"{path}.type", f"no such type: {condition.type}")
    try:
        wanted = cast(condition.value)
    except (ValueError, KeyError, OverflowError):
        reason = f"cannot convert {condition.value!r} to {condition.type}"
        raise Invalid(f"{path}.value", reason) from None
    name = condition.field.removeprefix(TRAIT_PREFIX)
    compare = _COMPARE[condition.op]
    missing = condition.op is Operator.NE

    def test(traits: Mapping[str, Trait]) -> bool:
        found = traits.get(name)
        if found is None:
            return missing
        try:
            return compare(cast(found), wanted)
        except (ValueError, KeyError, OverflowError):
            return missing

    if name == STATE and condition.op is Operator.EQ and wanted == SHUTDOWN:
        return lambda traits: test(traits) or traits.get("power_state") == SHUTDOWN
    return test


INDEXED = ("instance_id", "resource_id", "port_id", "guest_id", "fault_id")
"""Traits that tell alarms apart best, best first; any other is better than none."""


@dataclass(frozen=True, slots=True)
class CompiledClause:
    """An event type and tests that all must hold; `key` is one of them, taken by the index."""

    event_type: str
    pattern: re.Pattern[str] | None
    key: tuple[str, str] | None
    tests: tuple[Test, ...]
    query: tuple[Condition, ...]

    def matches(self, traits: Mapping[str, Trait]) -> bool:
        """Whether every condition holds; the event type was compared before."""
        return all(test(traits) for test in self.tests)


def compile_clause(
    clause: Clause, resource_id: str | None = None, path: str = "query"
) -> CompiledClause:
    """Return the compiled clause; `resource_id` is one more equality condition (S15, S21)."""
    query = clause.query
    if resource_id is not None:
        query = (
            *query,
            Condition("traits.resource_id", Operator.EQ, "string", resource_id),
        )
    tests = tuple(
        compile_condition(condition, f"{path}[{number}]") for number, condition in enumerate(query)
    )
    wild = any(sign in clause.event_type for sign in "*?[")
    pattern = re.compile(fnmatch.translate(clause.event_type)) if wild else None
    return CompiledClause(clause.event_type, pattern, _key_of(query), tests, clause.query)


def _key_of(query: tuple[Condition, ...]) -> tuple[str, str] | None:
    equal = {
        condition.field.removeprefix(TRAIT_PREFIX): condition.value
        for condition in query
        if condition.op is Operator.EQ and condition.type in {"", "string"}
    }
    if equal.get(STATE) == SHUTDOWN:
        # This one looks at two traits: a look-up by one of them would miss the other.
        del equal[STATE]
    name = next((name for name in (*INDEXED, *equal) if name in equal), None)
    return None if name is None else (name, equal[name])
