"""Alarms as Aodh writes them, to the domain and back; pure."""

from dataclasses import dataclass

from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.aodh import Document, alarm_document
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.rules import EventRule, UnevaluatedRule
from faultwire.faces.alarming.actions import ACTIONS, actions_of
from faultwire.faces.alarming.constraints import constraints_of
from faultwire.faces.alarming.fields import (
    MANDATORY,
    Body,
    boolean,
    choice,
    needed,
    text,
    unknown,
    wrong,
)
from faultwire.faces.alarming.rules import described, missing, rule_of, types_of

SEVERITIES = ("moderate", "low", "critical")
STATES = tuple(state.value for state in AlarmState)
SERVER_SET = (
    "alarm_id",
    "timestamp",
    "state_timestamp",
    "state_reason",
    "evaluate_timestamp",
)
"""Attributes that a client may send back and that are not its to set."""

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


_RULE_KEYS = frozenset(f"{kind}_rule" for kind in types_of(unevaluated=True))


@dataclass(frozen=True, slots=True)
class Described:
    """What a body says: the alarm, whether it names a state, and the state time it repeats."""

    alarm: Alarm
    names_state: bool
    state_timestamp: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What is taken: so many actions of a kind, and (or not) types that are not evaluated."""

    actions_limit: int = 10
    unevaluated: bool = False


def to_json(alarm: Alarm) -> Document:
    """Return the whole alarm, under the spelling it was created with."""
    document = alarm_document(alarm)
    document[rule_key(alarm.type)] = document.pop("rule")
    return document


def rule_key(kind: str) -> str:
    """Return the attribute that holds the rule of a type."""
    return f"{kind}_rule"


def from_json(
    body: object, alarm_id: AlarmId, project: ProjectId, user: UserId, terms: Terms
) -> Described:
    """Return what a body describes; attributes that are left out have Aodh's defaults.

    `project` and `user` are the owner where the body names none. Raises Invalid, in Aodh's
    words, and nothing else. That conditions of events and times can be evaluated and actions
    called is checked by others.
    """
    if not isinstance(body, dict):
        raise Invalid("", 'Missing argument: "data"')
    kind = _kind(body, terms)
    _known(body, kind)
    key = rule_key(kind)
    if body.get(key) is None:
        raise missing(key, kind)
    rule = rule_of(body[key], kind, key)
    resource_id = text(body.get("resource_id"), "resource_id", None) or None
    if resource_id is not None and not isinstance(rule, EventRule | UnevaluatedRule):
        sentence = "It is for alarms of events alone; here the rule's query says it."
        raise wrong("resource_id", resource_id, sentence)
    state = choice(body.get("state"), "state", STATES, AlarmState.INSUFFICIENT_DATA.value)
    limit = terms.actions_limit
    alarm = Alarm(
        id=alarm_id,
        project=ProjectId(text(body.get("project_id"), "project_id", project) or ""),
        user=UserId(text(body.get("user_id"), "user_id", user) or ""),
        name=needed(body.get("name"), "name"),
        type=kind,
        rule=rule,
        description=text(body.get("description"), "description", "") or described(rule, kind),
        enabled=boolean(body.get("enabled"), "enabled", default=True),
        severity=choice(body.get("severity"), "severity", SEVERITIES, "low"),
        state=AlarmState(state),
        repeat_actions=boolean(body.get("repeat_actions"), "repeat_actions", default=False),
        alarm_actions=actions_of(body, "alarm_actions", limit),
        ok_actions=actions_of(body, "ok_actions", limit),
        insufficient_data_actions=actions_of(body, "insufficient_data_actions", limit),
        time_constraints=constraints_of(body.get("time_constraints")),
        resource_id=resource_id,
    )
    stamp = body.get("state_timestamp")
    names_state = body.get("state") is not None
    return Described(alarm, names_state, stamp if isinstance(stamp, str) else None)


def _kind(body: Body, terms: Terms) -> str:
    """Return the type of the alarm; raises Invalid naming those that are evaluated."""
    kind = body.get("type")
    if kind is None:
        raise wrong("type", None, MANDATORY)
    known = types_of(unevaluated=terms.unevaluated)
    if not isinstance(kind, str) or kind not in known:
        shown = ", ".join(types_of(unevaluated=False))
        raise wrong("type", kind, f"Value should be one of: {shown}; no other is evaluated here.")
    return kind


def _known(body: Body, kind: str) -> None:
    own = rule_key(kind)
    for key, value in body.items():
        if key in _KEYS or key == own or (value is None and key.endswith("_rule")):
            continue
        if key in _RULE_KEYS:
            raise Invalid("", f"{own} and {key} cannot be set at the same time")
        raise unknown("data", key)
