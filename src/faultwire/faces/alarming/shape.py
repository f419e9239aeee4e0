"""Alarms as Aodh writes them, to the domain and back; pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from faultwire.domain.alarms import Alarm, AlarmState, Clause, Condition, EventRule, Operator
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import AlarmId, ProjectId, UserId

TYPES: Mapping[str, str] = {"event": "event_rule", "notification": "notification_rule"}
"""Spellings of the one type that is evaluated, and the key of each one's rule (D11)."""

SEVERITIES = ("low", "moderate", "critical")
ACTIONS = ("alarm_actions", "ok_actions", "insufficient_data_actions")
SERVER_SET = frozenset(
    {"alarm_id", "timestamp", "state_timestamp", "state_reason", "evaluate_timestamp"}
)
"""Attributes that a client may send back and that are not its to set."""

NAME_LIMIT, TEXT_LIMIT, QUERY_LIMIT = 255, 1024, 50
_QUERY_KEYS = frozenset({"field", "op", "type", "value"})
_NS = 1_000_000_000


def naive(wall_ns: int) -> str:
    """Return a time as Aodh writes it: UTC without saying so, microseconds."""
    moment = datetime.fromtimestamp(wall_ns // _NS, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_ns % _NS // 1000:06d}"


def to_json(alarm: Alarm) -> dict[str, Any]:
    """Return the whole alarm, under the spelling it was created with."""
    rule = alarm.rule
    shown: dict[str, Any] = {
        "event_type": rule.raises.event_type,
        "query": _query(rule.raises),
    }
    if rule.clears is not None:
        shown["clear"] = {"event_type": rule.clears.event_type, "query": _query(rule.clears)}
    body: dict[str, Any] = {
        "alarm_id": alarm.id,
        "name": alarm.name,
        "description": alarm.description,
        "enabled": alarm.enabled,
        "type": alarm.type,
        TYPES[alarm.type]: shown,
        "project_id": alarm.project,
        "user_id": alarm.user,
        "severity": alarm.severity,
        "state": alarm.state.value,
        "state_reason": alarm.state_reason,
        "state_timestamp": naive(alarm.state_ns),
        "timestamp": naive(alarm.updated_ns),
        "evaluate_timestamp": naive(alarm.state_ns),
        "repeat_actions": alarm.repeat_actions,
        "alarm_actions": list(alarm.alarm_actions),
        "ok_actions": list(alarm.ok_actions),
        "insufficient_data_actions": list(alarm.insufficient_data_actions),
        "time_constraints": [],
    }
    if alarm.type == "notification" or alarm.resource_id is not None:
        body["resource_id"] = alarm.resource_id
    return body


def _query(clause: Clause) -> list[dict[str, str]]:
    return [
        {"field": c.field, "op": c.op.value, "type": c.type, "value": c.value}
        for c in clause.query
    ]


def from_json(
    body: object, alarm_id: AlarmId, project: ProjectId, user: UserId, actions_limit: int
) -> tuple[Alarm, bool]:
    """Return the alarm that a body describes, and whether it names a state.

    Attributes that are left out have Aodh's defaults. Raises Invalid in Aodh's words. That rules
    can be evaluated and actions called is checked by others.
    """
    if not isinstance(body, dict):
        raise Invalid("", 'Missing argument: "data"')
    kind = body.get("type")
    if kind is None:
        raise _field("type", None, "Mandatory field missing.")
    if kind not in TYPES:
        raise _field("type", kind, "This server evaluates event and notification alarms.")
    _known(body, kind)
    rule = _rule(body, kind)
    state = body.get("state")
    alarm = Alarm(
        id=alarm_id,
        project=ProjectId(_text(body, "project_id", project) or ""),
        user=UserId(_text(body, "user_id", user) or ""),
        name=_name(body),
        type=kind,
        rule=rule,
        description=_text(body, "description", "")
        or f"Alarm when {rule.raises.event_type} event occurred.",
        enabled=_boolean(body, "enabled", default=True),
        severity=_choice(body, "severity", SEVERITIES, "low"),
        state=AlarmState(_choice(body, "state", tuple(AlarmState), "insufficient data")),
        repeat_actions=_boolean(body, "repeat_actions", default=False),
        alarm_actions=_actions(body, "alarm_actions", actions_limit),
        ok_actions=_actions(body, "ok_actions", actions_limit),
        insufficient_data_actions=_actions(body, "insufficient_data_actions", actions_limit),
        resource_id=_text(body, "resource_id", None),
    )
    return alarm, state is not None


_KEYS = frozenset(
    {
        "name",
        "description",
        "enabled",
        "type",
        "project_id",
        "user_id",
        "severity",
        "state",
        "repeat_actions",
        "time_constraints",
        "resource_id",
        *ACTIONS,
        *SERVER_SET,
    }
)


def _known(body: Mapping[str, Any], kind: str) -> None:
    for key, value in body.items():
        other = key.endswith("_rule") and key != TYPES[kind]
        if other and value is not None:
            text = f"{TYPES[kind]} and {key} cannot be set at the same time"
            raise Invalid("", text)
        if key not in _KEYS and key != TYPES[kind] and not other:
            raise Invalid("", f"Unknown attribute for argument data: {key}")
    if body.get("time_constraints"):
        raise _field("time_constraints", "...", "Time constraints are not evaluated here yet.")


def _rule(body: Mapping[str, Any], kind: str) -> EventRule:
    key = TYPES[kind]
    rule = body.get(key)
    if rule is None:
        raise Invalid("", f"{key} must be set for {kind} type alarm")
    if not isinstance(rule, dict):
        raise _field(key, rule, "It must be an object.")
    _only(rule, {"event_type", "query", "clear"}, key)
    raises = _clause(rule, key, "*")
    clear = rule.get("clear")
    if clear is None:
        return EventRule(raises)
    if not isinstance(clear, dict):
        raise _field(f"{key}.clear", clear, "It must be an object.")
    _only(clear, {"event_type", "query"}, f"{key}.clear")
    return EventRule(raises, _clause(clear, f"{key}.clear", raises.event_type))


def _only(value: Mapping[str, Any], keys: set[str], path: str) -> None:
    for key in value:
        if key not in keys:
            raise Invalid("", f"Unknown attribute for argument data.{path}: {key}")


def _clause(rule: Mapping[str, Any], path: str, default: str) -> Clause:
    event_type = rule.get("event_type", default)
    if not isinstance(event_type, str) or not 1 <= len(event_type) <= NAME_LIMIT:
        raise _field(f"{path}.event_type", event_type, "It must be text.")
    query = rule.get("query") or []
    if not isinstance(query, list):
        raise _field(f"{path}.query", query, "It must be a list.")
    if len(query) > QUERY_LIMIT:
        raise _field(f"{path}.query", f"{len(query)} items", f"At most {QUERY_LIMIT}.")
    return Clause(
        event_type,
        tuple(_condition(item, f"{path}.query[{n}]") for n, item in enumerate(query)),
    )


def _condition(item: object, path: str) -> Condition:
    if not isinstance(item, dict):
        raise _field(path, item, "It must be an object.")
    _only(item, set(_QUERY_KEYS), path)
    field, kind = item.get("field"), item.get("type", "") or ""
    if not isinstance(field, str) or not 1 <= len(field) <= NAME_LIMIT:
        raise _field(f"{path}.field", field, "Mandatory field missing.")
    op = item.get("op", "eq") or "eq"
    if op not in tuple(Operator):
        known = ", ".join(operator.value for operator in Operator)
        raise _field(f"{path}.op", op, f"Value should be one of: {known}")
    if not isinstance(kind, str):
        raise _field(f"{path}.type", kind, "It must be text.")
    value = item.get("value")
    if isinstance(value, bool | int | float):
        value = str(value)
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise _field(f"{path}.value", value, "Mandatory field missing.")
    return Condition(field, Operator(op), kind, value)


def _field(name: str, value: object, reason: str) -> Invalid:
    shown = str(value)[:100]
    return Invalid("", f"Invalid input for field/attribute {name}. Value: '{shown}'. {reason}")


def _name(body: Mapping[str, Any]) -> str:
    name = _text(body, "name", None)
    if not name:
        raise _field("name", name, "Mandatory field missing.")
    if len(name) > NAME_LIMIT:
        raise _field("name", name, f"At most {NAME_LIMIT} characters.")
    return name


def _text(body: Mapping[str, Any], key: str, default: str | None) -> str | None:
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise _field(key, value, f"It must be text of at most {TEXT_LIMIT} characters.")
    return value


def _boolean(body: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = body.get(key, default)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise _field(key, value, "It must be true or false.")


def _choice(body: Mapping[str, Any], key: str, known: tuple[str, ...], default: str) -> str:
    value = body.get(key)
    if value is None:
        return default
    if value not in known:
        raise _field(key, value, f"Value should be one of: {', '.join(map(str, known))}")
    return str(value)


def _actions(body: Mapping[str, Any], key: str, limit: int) -> tuple[str, ...]:
    value = body.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(url, str) for url in value):
        raise _field(key, value, "It must be a list of URLs.")
    urls = tuple(dict.fromkeys(value))
    if len(urls) > limit:
        raise _field(key, f"{len(urls)} actions", f"At most {limit}.")
    return urls
