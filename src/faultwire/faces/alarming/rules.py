"""Rules of alarms as Aodh writes them, to the domain; what is never evaluated is refused; pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.domain.rules import (
    Clause,
    Condition,
    EventRule,
    Operator,
    PrometheusRule,
    Rule,
    Statistic,
    ThresholdRule,
)
from faultwire.faces.alarming.composite import composite_of
from faultwire.faces.alarming.fields import (
    MANDATORY,
    NAME_LIMIT,
    TEXT_LIMIT,
    Body,
    boolean,
    choice,
    clean,
    items,
    needed,
    number,
    only,
    table,
    whole,
    wrong,
)
from faultwire.faces.alarming.unevaluated import UNEVALUATED, unevaluated_of

EVENT_TYPES = ("event", "notification")
"""Spellings of the one type that events are compared with (D11)."""

QUERY_LIMIT, PROMQL_LIMIT = 50, 4096
STARS_LIMIT = 8
"""Stars of an event type: each may begin anywhere in what it is compared with."""
PERIODS_LIMIT = 100
WINDOW_S = 604_800
"""A week: what a threshold alarm may look back on."""

OPERATORS = tuple(operator.value for operator in Operator)
STATISTICS = tuple(statistic.value for statistic in Statistic)
RESOURCE_FIELDS = ("resource_id", "resource")
"""Both of Ceilometer's names of what a sample was taken of."""

_FIELD = re.compile(r"[a-zA-Z.',0-9_-]+")
_QUERY_KEYS = ("field", "op", "type", "value")
_THRESHOLD_KEYS = (
    "meter_name",
    "threshold",
    "comparison_operator",
    "statistic",
    "period",
    "evaluation_periods",
    "query",
    "exclude_outliers",
)
_PROMETHEUS_KEYS = ("query", "threshold", "comparison_operator")


def types_of(*, unevaluated: bool) -> tuple[str, ...]:
    """Return the types of alarms that are taken, all of them with `unevaluated`."""
    return (*_READERS, *UNEVALUATED) if unevaluated else tuple(_READERS)


def rule_of(value: object, kind: str, path: str) -> Rule:
    """Return the rule of a type that `types_of` knows; raises Invalid and nothing else.

    Whether the conditions of an event rule can be evaluated is checked by who decides.
    """
    rule = table(value, path)
    if kind in UNEVALUATED:
        return unevaluated_of(rule, kind, path)
    return _READERS[kind](rule, path)


def described(rule: Rule, kind: str) -> str:
    """Return the description of an alarm that brings none."""
    if isinstance(rule, EventRule):
        return f"Alarm when {rule.raises.event_type} event occurred."
    if isinstance(rule, ThresholdRule):
        return (
            f"Alarm when {rule.meter} is {rule.comparison.value} a {rule.statistic.value} "
            f"of {rule.threshold} over {rule.period_s} seconds"
        )
    return f"{kind} alarm rule"


# ---------------------------------------------------------------- events


def _event(rule: Body, path: str) -> EventRule:
    only(rule, ("event_type", "query", "clear"), path)
    raises = _clause(rule, path, "*")
    if rule.get("clear") is None:
        return EventRule(raises)
    clear = table(rule["clear"], f"{path}.clear")
    only(clear, ("event_type", "query"), f"{path}.clear")
    return EventRule(raises, _clause(clear, f"{path}.clear", raises.event_type))


def _clause(rule: Body, path: str, default: str) -> Clause:
    event_type = rule.get("event_type")
    if event_type is None:
        event_type = default
    name = f"{path}.event_type"
    if not isinstance(event_type, str) or not 0 < len(event_type) <= NAME_LIMIT:
        raise wrong(name, event_type, f"It must be text of 1 to {NAME_LIMIT}.")
    if event_type.count("*") > STARS_LIMIT:
        raise wrong(name, event_type, f"At most {STARS_LIMIT} stars.")
    return Clause(clean(event_type, name), _query(rule, path))


def _query(rule: Body, path: str) -> tuple[Condition, ...]:
    found = items(rule.get("query"), f"{path}.query", QUERY_LIMIT)
    return tuple(_condition(item, f"{path}.query[{n}]") for n, item in enumerate(found))


def _condition(value: object, path: str) -> Condition:
    item = table(value, path)
    only(item, _QUERY_KEYS, path)
    field = item.get("field")
    if not isinstance(field, str) or not 0 < len(field) <= NAME_LIMIT:
        raise wrong(f"{path}.field", field, MANDATORY)
    if not _FIELD.fullmatch(field):
        sentence = "Query value or traits invalid: letters, digits and . ' , _ - alone are taken."
        raise wrong(f"{path}.field", clean(field, f"{path}.field"), sentence)
    op = item.get("op")
    op = choice(None if op == "" else op, f"{path}.op", OPERATORS, Operator.EQ.value)
    kind = item.get("type")
    kind = "" if kind is None else kind
    if not isinstance(kind, str) or len(kind) > NAME_LIMIT:
        raise wrong(f"{path}.type", kind, "It must be text.")
    return Condition(field, Operator(op), kind, _as_text(item.get("value"), f"{path}.value"))


def _as_text(value: object, name: str) -> str:
    """Return the value of a condition as text, which Aodh asks for; numbers and truths pass."""
    if value is None:
        raise wrong(name, value, MANDATORY)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 64):
        return str(value)
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise wrong(name, value, f"It must be text of at most {TEXT_LIMIT} characters.")
    return clean(value, name)


# ---------------------------------------------------------------- thresholds


def _threshold(rule: Body, path: str) -> ThresholdRule:
    only(rule, _THRESHOLD_KEYS, path)
    if boolean(rule.get("exclude_outliers"), f"{path}.exclude_outliers", default=False):
        sentence = "Outliers are not told apart here."
        raise wrong(f"{path}.exclude_outliers", "true", sentence)
    period_s = whole(rule.get("period"), f"{path}.period", WINDOW_S, default=60)
    name = f"{path}.evaluation_periods"
    periods = whole(rule.get("evaluation_periods"), name, PERIODS_LIMIT, default=1)
    if period_s * periods > WINDOW_S:
        sentence = f"All periods together must be at most {WINDOW_S} seconds."
        raise wrong(name, periods, sentence)
    return ThresholdRule(
        needed(rule.get("meter_name"), f"{path}.meter_name"),
        number(rule.get("threshold"), f"{path}.threshold"),
        _comparison(rule, path),
        Statistic(choice(rule.get("statistic"), f"{path}.statistic", STATISTICS, "avg")),
        period_s,
        periods,
        _narrowed(_query(rule, path), f"{path}.query"),
    )


def _narrowed(query: tuple[Condition, ...], path: str) -> tuple[Condition, ...]:
    """Return the query of a threshold; raises Invalid for all but one resource."""
    for place, item in enumerate(query):
        at = f"{path}[{place}]"
        if item.field not in RESOURCE_FIELDS:
            raise wrong(f"{at}.field", item.field, "Only resource_id is evaluated here.")
        if item.op is not Operator.EQ:
            raise wrong(f"{at}.op", item.op.value, "Only eq is evaluated here.")
        if item.type not in {"", "string"}:
            raise wrong(f"{at}.type", item.type, "Only string is evaluated here.")
        if not 0 < len(item.value) <= NAME_LIMIT:
            sentence = f"It must be text of 1 to {NAME_LIMIT} characters."
            raise wrong(f"{at}.value", item.value, sentence)
        if place:
            raise wrong(at, "{...}", "One resource only is evaluated here.")
    return query


def _comparison(rule: Body, path: str) -> Operator:
    value = rule.get("comparison_operator")
    return Operator(choice(value, f"{path}.comparison_operator", OPERATORS, Operator.EQ.value))


def _prometheus(rule: Body, path: str) -> PrometheusRule:
    only(rule, _PROMETHEUS_KEYS, path)
    promql = needed(rule.get("query"), f"{path}.query", PROMQL_LIMIT)
    if not promql.strip():
        raise wrong(f"{path}.query", promql, MANDATORY)
    threshold = number(rule.get("threshold"), f"{path}.threshold")
    return PrometheusRule(promql, threshold, _comparison(rule, path))


# ---------------------------------------------------------------- all of them

_PARTS: Mapping[str, Callable[[Body, str], ThresholdRule | PrometheusRule]] = {
    "threshold": _threshold,
    "prometheus": _prometheus,
}


def _part(value: Body, path: str) -> ThresholdRule | PrometheusRule:
    """Return a rule within a composite one, which says its type itself."""
    kind: Any = value.get("type")
    if kind is None:
        raise wrong(f"{path}.type", None, "type must be set in every rule")
    if not isinstance(kind, str) or kind not in _PARTS:
        known = ", ".join(_PARTS)
        raise wrong(f"{path}.type", kind, f"Unsupported sub-rule type, should be one of: {known}")
    return _PARTS[kind]({key: held for key, held in value.items() if key != "type"}, path)


_READERS: Mapping[str, Callable[[Body, str], Rule]] = {
    **dict.fromkeys(EVENT_TYPES, _event),
    **_PARTS,
    "composite": lambda rule, path: composite_of(rule, path, _part),
}


def missing(key: str, kind: str) -> Invalid:
    """Return Aodh's sentence on an alarm without the rule of its type."""
    return Invalid("", f"{key} must be set for {kind} type alarm")
