"""JSON schemas of this face's bodies, for its OpenAPI page."""

from typing import Any

from faultwire.faces.alarming.actions import ACTIONS
from faultwire.faces.alarming.composite import DEPTH_LIMIT, RULES_LIMIT
from faultwire.faces.alarming.constraints import CONSTRAINTS_LIMIT, LONGEST_S
from faultwire.faces.alarming.fields import NAME_LIMIT, TEXT_LIMIT
from faultwire.faces.alarming.rules import (
    EVENT_TYPES,
    OPERATORS,
    PERIODS_LIMIT,
    PROMQL_LIMIT,
    QUERY_LIMIT,
    RESOURCE_FIELDS,
    STATISTICS,
    WINDOW_S,
    types_of,
)
from faultwire.faces.alarming.shape import SEVERITIES, STATES, rule_key
from faultwire.faces.alarming.unevaluated import UNEVALUATED

_TEXT = {"type": "string", "maxLength": TEXT_LIMIT}
_NULLABLE = {"type": ["string", "null"], "maxLength": TEXT_LIMIT}
_CONDITION: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["field", "value"],
    "properties": {
        "field": {"type": "string", "pattern": r"^traits\..", "maxLength": NAME_LIMIT},
        "op": {"type": "string", "enum": [*OPERATORS, ""]},
        "type": {
            "type": "string",
            "enum": ["string", "integer", "float", "boolean", "datetime", ""],
        },
        "value": _TEXT,
    },
}
_CLAUSE: dict[str, Any] = {
    "event_type": {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT},
    "query": {"type": "array", "maxItems": QUERY_LIMIT, "items": _CONDITION},
}
_EVENT: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **_CLAUSE,
        "clear": {"type": "object", "additionalProperties": False, "properties": _CLAUSE},
    },
}

_COMPARED: dict[str, Any] = {
    "threshold": {"type": "number"},
    "comparison_operator": {"type": "string", "enum": list(OPERATORS), "default": "eq"},
}
_NARROWED: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["field", "value"],
    "properties": {
        "field": {"type": "string", "enum": list(RESOURCE_FIELDS)},
        "op": {"type": "string", "enum": ["eq", ""]},
        "type": {"type": "string", "enum": ["string", ""]},
        "value": {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT},
    },
}
_THRESHOLD: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["meter_name", "threshold"],
    "properties": {
        "meter_name": {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT},
        **_COMPARED,
        "statistic": {"type": "string", "enum": list(STATISTICS), "default": "avg"},
        "period": {"type": "integer", "minimum": 1, "maximum": WINDOW_S, "default": 60},
        "evaluation_periods": {
            "type": "integer",
            "minimum": 1,
            "maximum": PERIODS_LIMIT,
            "default": 1,
        },
        "query": {"type": "array", "maxItems": 1, "items": _NARROWED},
        "exclude_outliers": {"type": "boolean", "enum": [False]},
    },
}
_PROMETHEUS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["query", "threshold"],
    "properties": {
        "query": {"type": "string", "minLength": 1, "maxLength": PROMQL_LIMIT},
        **_COMPARED,
    },
}
_PARTS: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": RULES_LIMIT,
    "items": {"type": "object"},
}
_COMPOSITE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "description": (
        "Items are rules with a `type`, threshold or prometheus, or composite themselves, "
        f"at most {DEPTH_LIMIT} deep."
    ),
    "properties": {"and": _PARTS, "or": _PARTS},
}
_KEPT: dict[str, Any] = {
    "type": "object",
    "description": "Taken only with [alarming] accept_unsupported_types, and never evaluated.",
}
_CONSTRAINT: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "start", "duration"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT},
        "description": _NULLABLE,
        "start": {"type": "string", "description": "A cron expression of five fields."},
        "duration": {"type": "integer", "minimum": 0, "maximum": LONGEST_S},
        "timezone": {"type": "string", "description": "A name as Europe/Ljubljana; empty: UTC."},
    },
}

ALARM: dict[str, Any] = {
    "type": "object",
    "required": ["name", "type"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT},
        "description": _NULLABLE,
        "type": {"type": "string", "enum": list(types_of(unevaluated=True))},
        **dict.fromkeys(map(rule_key, EVENT_TYPES), _EVENT),
        "threshold_rule": _THRESHOLD,
        "prometheus_rule": _PROMETHEUS,
        "composite_rule": _COMPOSITE,
        **dict.fromkeys(map(rule_key, UNEVALUATED), _KEPT),
        "enabled": {"type": "boolean", "default": True},
        "severity": {"type": "string", "enum": list(SEVERITIES), "default": "low"},
        "state": {"type": "string", "enum": list(STATES)},
        "repeat_actions": {"type": "boolean", "default": False},
        **{
            kind: {"type": ["array", "null"], "items": {"type": "string", "format": "uri"}}
            for kind in ACTIONS
        },
        "time_constraints": {
            "type": ["array", "null"],
            "maxItems": CONSTRAINTS_LIMIT,
            "items": _CONSTRAINT,
        },
        "project_id": _NULLABLE,
        "user_id": _NULLABLE,
        "resource_id": _NULLABLE,
    },
}
"""An alarm as it is created or replaced."""

STATE: dict[str, Any] = {"type": "string", "enum": list(STATES)}
"""The state of an alarm, a bare JSON string."""
