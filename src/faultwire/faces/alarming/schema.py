"""JSON schemas of this face's bodies, for its OpenAPI page."""

from typing import Any

from faultwire.faces.alarming.shape import (
    ACTIONS,
    NAME_LIMIT,
    QUERY_LIMIT,
    SEVERITIES,
    STATES,
    TEXT_LIMIT,
    TYPES,
)

_TEXT = {"type": "string", "maxLength": TEXT_LIMIT}
_NULLABLE = {"type": ["string", "null"], "maxLength": TEXT_LIMIT}
_CONDITION: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["field", "value"],
    "properties": {
        "field": {"type": "string", "pattern": r"^traits\..", "maxLength": NAME_LIMIT},
        "op": {"type": "string", "enum": ["lt", "le", "eq", "ne", "ge", "gt", ""]},
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
_RULE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **_CLAUSE,
        "clear": {"type": "object", "additionalProperties": False, "properties": _CLAUSE},
    },
}

ALARM: dict[str, Any] = {
    "type": "object",
    "required": ["name", "type"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT},
        "description": _NULLABLE,
        "type": {"type": "string", "enum": list(TYPES)},
        **dict.fromkeys(TYPES.values(), _RULE),
        "enabled": {"type": "boolean", "default": True},
        "severity": {"type": "string", "enum": list(SEVERITIES), "default": "low"},
        "state": {"type": "string", "enum": list(STATES)},
        "repeat_actions": {"type": "boolean", "default": False},
        **{
            kind: {"type": ["array", "null"], "items": {"type": "string", "format": "uri"}}
            for kind in ACTIONS
        },
        "project_id": _NULLABLE,
        "user_id": _NULLABLE,
        "resource_id": _NULLABLE,
    },
}
"""An alarm as it is created or replaced."""

STATE: dict[str, Any] = {"type": "string", "enum": list(STATES)}
"""The state of an alarm, a bare JSON string."""
