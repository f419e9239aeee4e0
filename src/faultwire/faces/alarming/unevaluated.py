"""Types of alarms that nobody evaluates here, read as Aodh does where they are stored; pure."""

from collections.abc import Callable, Mapping

from faultwire.domain.rules import Operator, UnevaluatedRule
from faultwire.faces.alarming.fields import (
    MANDATORY,
    TEXT_LIMIT,
    Body,
    choice,
    items,
    needed,
    number,
    only,
    whole,
    wrong,
)

Reader = Callable[[object, str], object]

METRICS_LIMIT = 100
_MOST = 2**31 - 1


def _text(value: object, name: str) -> str:
    return needed(value, name, TEXT_LIMIT)


def _texts(value: object, name: str) -> list[str]:
    if value is None:
        raise wrong(name, value, MANDATORY)
    found = items(value, name, METRICS_LIMIT)
    return [_text(item, f"{name}[{place}]") for place, item in enumerate(found)]


def _operator(value: object, name: str) -> str:
    return choice(value, name, tuple(one.value for one in Operator), Operator.EQ.value)


def _count(default: int) -> Reader:
    return lambda value, name: whole(value, name, _MOST, default=default)


_GNOCCHI: Mapping[str, Reader] = {
    "threshold": number,
    "comparison_operator": _operator,
    "aggregation_method": _text,
    "evaluation_periods": _count(1),
    "granularity": _count(60),
}

UNEVALUATED: Mapping[str, Mapping[str, Reader]] = {
    "gnocchi_resources_threshold": {
        **_GNOCCHI,
        "metric": _text,
        "resource_id": _text,
        "resource_type": _text,
    },
    "gnocchi_aggregation_by_metrics_threshold": {**_GNOCCHI, "metrics": _texts},
    "gnocchi_aggregation_by_resources_threshold": {
        **_GNOCCHI,
        "metric": _text,
        "query": _text,
        "resource_type": _text,
    },
    "loadbalancer_member_health": {
        "pool_id": _text,
        "stack_id": _text,
        "autoscaling_group_id": _text,
    },
}
"""The attributes of each type's rule, and how each is read."""


def unevaluated_of(rule: Body, kind: str, path: str) -> UnevaluatedRule:
    """Return the rule with Aodh's defaults; raises Invalid for what Aodh refuses."""
    readers = UNEVALUATED[kind]
    only(rule, readers, path)
    return UnevaluatedRule(
        {key: read(rule.get(key), f"{path}.{key}") for key, read in readers.items()}
    )
