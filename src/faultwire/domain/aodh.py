"""Alarms as Aodh writes them: for answers of the API and for the record of their history."""

from collections.abc import Mapping
from datetime import UTC, datetime

from faultwire.domain.alarms import Actions, Alarm
from faultwire.domain.rules import (
    Clause,
    CompositeRule,
    Condition,
    EventRule,
    PrometheusRule,
    Rule,
    ThresholdRule,
)
from faultwire.domain.trusts import shown

Document = dict[str, object]
"""What JSON knows, with text keys."""

TIMES = frozenset({"timestamp", "state_timestamp", "evaluate_timestamp"})
"""Attributes that say when, and are no change by themselves."""

_NS = 1_000_000_000


def naive(wall_ns: int) -> str:
    """Return a time as Aodh writes it: UTC without saying so, microseconds."""
    moment = datetime.fromtimestamp(wall_ns // _NS, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_ns % _NS // 1000:06d}"


def alarm_document(alarm: Alarm) -> Document:
    """Return the whole alarm, its rule under `rule`, whatever its type, without ids of trusts."""
    document: Document = {
        "alarm_id": alarm.id,
        "name": alarm.name,
        "description": alarm.description,
        "enabled": alarm.enabled,
        "type": alarm.type,
        "rule": rule_document(alarm.rule),
        "project_id": alarm.project,
        "user_id": alarm.user,
        "severity": alarm.severity,
        "state": alarm.state.value,
        "state_reason": alarm.state_reason,
        "state_timestamp": naive(alarm.state_ns),
        "timestamp": naive(alarm.updated_ns),
        "evaluate_timestamp": naive(alarm.state_ns),
        "repeat_actions": alarm.repeat_actions,
        "alarm_actions": _actions(alarm.alarm_actions),
        "ok_actions": _actions(alarm.ok_actions),
        "insufficient_data_actions": _actions(alarm.insufficient_data_actions),
        "time_constraints": [dict(item) for item in alarm.time_constraints],
    }
    if alarm.type == "notification" or alarm.resource_id is not None:
        document["resource_id"] = alarm.resource_id
    return document


def _actions(urls: Actions) -> list[str] | None:
    return None if urls is None else [*map(shown, urls)]


def changed(before: Alarm, after: Alarm) -> Document:
    """Return the attributes that a replacement changed, as they are now; times do not count."""
    was, now = alarm_document(before), alarm_document(after)
    keys = [*now, *(key for key in was if key not in now)]
    return {key: now.get(key) for key in keys if key not in TIMES and was.get(key) != now.get(key)}


def rule_document(rule: Rule) -> Document:
    """Return a rule with all of its defaults, as Aodh shows it below ``<type>_rule``."""
    match rule:
        case EventRule():
            shown = _clause(rule.raises)
            return shown if rule.clears is None else {**shown, "clear": _clause(rule.clears)}
        case ThresholdRule():
            return {
                "meter_name": rule.meter,
                "threshold": rule.threshold,
                "comparison_operator": rule.comparison.value,
                "statistic": rule.statistic.value,
                "period": rule.period_s,
                "evaluation_periods": rule.evaluation_periods,
                "query": _query(rule.query),
                "exclude_outliers": False,
            }
        case PrometheusRule():
            return {
                "query": rule.promql,
                "threshold": rule.threshold,
                "comparison_operator": rule.comparison.value,
            }
        case CompositeRule():
            return {rule.joint.value: [_part(part) for part in rule.rules]}
        case _:
            return dict(rule.document)


_TYPES: Mapping[type, str] = {ThresholdRule: "threshold", PrometheusRule: "prometheus"}


def _part(rule: Rule) -> Document:
    """Return a rule within a composite one, which says its type itself."""
    shown = rule_document(rule)
    kind = _TYPES.get(type(rule))
    return shown if kind is None else {"type": kind, **shown}


def _clause(clause: Clause) -> Document:
    return {"event_type": clause.event_type, "query": _query(clause.query)}


def _query(query: tuple[Condition, ...]) -> list[Document]:
    return [{"field": c.field, "op": c.op.value, "type": c.type, "value": c.value} for c in query]
