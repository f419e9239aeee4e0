"""Alarms as Aodh writes them, to the domain and back; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from faultwire.domain.alarms import Alarm, AlarmState, Clause, Condition, EventRule, Operator
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import AlarmId, ProjectId, UserId

TYPES: Mapping[str, str] = {"event": "event_rule", "notification": "notification_rule"}
"""Spellings of the one type that is evaluated, and the key of each one's rule (D11)."""

SEVERITIES = ("moderate", "low", "critical")
STATES = tuple(state.value for state in AlarmState)
ACTIONS = ("alarm_actions", "ok_actions", "insufficient_data_actions")
SERVER_SET = (
    "alarm_id",
    "timestamp",
    "state_timestamp",
    "state_reason",
    "evaluate_timestamp",
)
"""Attributes that a client may send back and that are not its to set."""

NAME_LIMIT, TEXT_LIMIT, QUERY_LIMIT = 255, 1024, 50
_SHOWN = 100
_QUERY_KEYS = ("field", "op", "type", "value")
_OPERATORS = tuple(operator.value for operator in Operator)
_KEYS = frozenset(
    (
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
    )
)
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Described:
    """What a body says: the alarm, whether it names a state, and the state time it repeats."""

    alarm: Alarm
    names_state: bool
    state_timestamp: str | None = None


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
) -> Described:
    """Return what a body describes; attributes that are left out have Aodh's defaults.

    `project` and `user` are the owner where the body names none. Raises Invalid, in Aodh's
    words, and nothing else. That rules can be evaluated and actions called is checked by others.
    """
    if not isinstance(body, dict):
        raise Invalid("", 'Missing argument: "data"')
    kind = body.get("type")
    if kind is None:
        raise wrong("type", None, "Mandatory field missing.")
    if not isinstance(kind, str) or kind not in TYPES:
        known = ", ".join(TYPES)
        raise wrong("type", kind, f"Value should be one of: {known}; no other is evaluated here.")
    _known(body, kind)
    rule = _rule(body, kind)
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
        state=AlarmState(_choice(body, "state", STATES, AlarmState.INSUFFICIENT_DATA.value)),
        repeat_actions=_boolean(body, "repeat_actions", default=False),
        alarm_actions=_actions(body, "alarm_actions", actions_limit),
        ok_actions=_actions(body, "ok_actions", actions_limit),
        insufficient_data_actions=_actions(body, "insufficient_data_actions", actions_limit),
        resource_id=_text(body, "resource_id", None) or None,
    )
    stamp = body.get("state_timestamp")
    return Described(
        alarm, body.get("state") is not None, stamp if isinstance(stamp, str) else None
    )


def _known(body: Mapping[str, Any], kind: str) -> None:
    for key, value in body.items():
        other = key.endswith("_rule") and key != TYPES[kind]
        if other and value is not None:
            text = f"{TYPES[kind]} and {key[:_SHOWN]} cannot be set at the same time"
            raise Invalid("", text)
        if key not in _KEYS and key != TYPES[kind] and not other:
            raise Invalid("", f"Unknown attribute for argument data: {key[:_SHOWN]}")
    if body.get("time_constraints"):
        raise wrong("time_constraints", "[...]", "Time constraints are not evaluated here.")


def _rule(body: Mapping[str, Any], kind: str) -> EventRule:
    key = TYPES[kind]
    rule = body.get(key)
    if rule is None:
        raise Invalid("", f"{key} must be set for {kind} type alarm")
    if not isinstance(rule, dict):
        raise wrong(key, rule, "It must be an object.")
    _only(rule, ("event_type", "query", "clear"), key)
    raises = _clause(rule, key, "*")
    clear = rule.get("clear")
    if clear is None:
        return EventRule(raises)
    if not isinstance(clear, dict):
        raise wrong(f"{key}.clear", clear, "It must be an object.")
    _only(clear, ("event_type", "query"), f"{key}.clear")
    return EventRule(raises, _clause(clear, f"{key}.clear", raises.event_type))


def _only(value: Iterable[str], keys: tuple[str, ...], path: str) -> None:
    for key in value:
        if key not in keys:
            raise Invalid("", f"Unknown attribute for argument data.{path}: {key[:_SHOWN]}")


def _clause(rule: Mapping[str, Any], path: str, default: str) -> Clause:
    event_type = rule.get("event_type")
    if event_type is None:
        event_type = default
    if not isinstance(event_type, str) or not 0 < len(event_type) <= NAME_LIMIT:
        raise wrong(f"{path}.event_type", event_type, f"It must be text of 1 to {NAME_LIMIT}.")
    query = rule.get("query")
    if query is None:
        query = []
    if not isinstance(query, list):
        raise wrong(f"{path}.query", query, "It must be a list.")
    if len(query) > QUERY_LIMIT:
        raise wrong(f"{path}.query", f"{len(query)} items", f"At most {QUERY_LIMIT}.")
    items = tuple(_condition(item, f"{path}.query[{n}]") for n, item in enumerate(query))
    return Clause(_clean(event_type, f"{path}.event_type"), items)


def _condition(item: object, path: str) -> Condition:
    if not isinstance(item, dict):
        raise wrong(path, item, "It must be an object.")
    _only(item, _QUERY_KEYS, path)
    field = item.get("field")
    if not isinstance(field, str) or not 0 < len(field) <= NAME_LIMIT:
        raise wrong(f"{path}.field", field, "Mandatory field missing.")
    op = _default(item.get("op"), Operator.EQ.value)
    if op not in _OPERATORS:
        raise wrong(f"{path}.op", op, f"Value should be one of: {', '.join(_OPERATORS)}")
    kind = _default(item.get("type"), "")
    if not isinstance(kind, str) or len(kind) > NAME_LIMIT:
        raise wrong(f"{path}.type", kind, "It must be text.")
    value = _as_text(item.get("value"), f"{path}.value")
    return Condition(_clean(field, f"{path}.field"), Operator(op), kind, value)


def _default(value: object, default: str) -> object:
    return default if value is None or value == "" else value


def _as_text(value: object, name: str) -> str:
    """Return the value of a condition as text, which Aodh asks for; numbers and truths pass."""
    if value is None:
        raise wrong(name, value, "Mandatory field missing.")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise wrong(name, value, f"It must be text of at most {TEXT_LIMIT} characters.")
    return _clean(value, name)


def wrong(name: str, value: object, reason: str) -> Invalid:
    """Return Aodh's sentence on a value; of lists and objects only the kind is shown."""
    if isinstance(value, list | dict):
        value = "[...]" if isinstance(value, list) else "{...}"
    shown = str(value)[:_SHOWN]
    return Invalid("", f"Invalid input for field/attribute {name}. Value: '{shown}'. {reason}")


def _clean(text: str, name: str) -> str:
    """Return the text unless it holds what no database keeps as text."""
    if "\x00" in text:
        raise wrong(name, text.replace("\x00", "?"), "It holds a NUL character.")
    return text


def _name(body: Mapping[str, Any]) -> str:
    name = _text(body, "name", None)
    if not name:
        raise wrong("name", name, "Mandatory field missing.")
    if len(name) > NAME_LIMIT:
        raise wrong("name", name, f"At most {NAME_LIMIT} characters.")
    return name


def _text(body: Mapping[str, Any], key: str, default: str | None) -> str | None:
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise wrong(key, value, f"It must be text of at most {TEXT_LIMIT} characters.")
    return _clean(value, key)


def _boolean(body: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = body.get(key)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise wrong(key, value, "It must be true or false.")


def _choice(body: Mapping[str, Any], key: str, known: tuple[str, ...], default: str) -> str:
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, str) or value not in known:
        raise wrong(key, value, f"Value should be one of: {', '.join(known)}")
    return value


def _actions(body: Mapping[str, Any], key: str, limit: int) -> tuple[str, ...]:
    value = body.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(url, str) for url in value):
        raise wrong(key, value, "It must be a list of URLs.")
    urls = tuple(dict.fromkeys(value))
    if len(urls) > limit:
        raise wrong(key, f"{len(urls)} actions", f"At most {limit}.")
    return urls
