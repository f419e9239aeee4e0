"""Faults and rules of alarms as JSON documents, there and back without loss.

Decoders take what `orjson.loads` gives and trust it: only this module writes it.
"""

from collections.abc import Callable, Iterable, Mapping
from sys import intern
from typing import Any

import orjson

from faultwire.domain.alarms import Actions
from faultwire.domain.errors import Broken
from faultwire.domain.faults import (
    FAULT_TYPES,
    Decision,
    Evidence,
    Fault,
    FaultState,
    FaultType,
    Outcome,
    PlanRecord,
    Severity,
)
from faultwire.domain.rules import (
    Clause,
    CompositeRule,
    Condition,
    EventRule,
    Joint,
    Operator,
    PrometheusRule,
    Rule,
    Statistic,
    ThresholdRule,
    UnevaluatedRule,
)

Document = dict[str, Any]


def text(value: object) -> str:
    """Return JSON text; raises orjson.JSONEncodeError for what JSON cannot hold."""
    return orjson.dumps(value).decode()


def text_or_none(value: object) -> str | None:
    """Return JSON text, None for an empty value: it is stored as NULL."""
    return orjson.dumps(value).decode() if value else None


# ---------------------------------------------------------------- faults


def fault_record(fault: Fault) -> Document:
    """Return what the record column holds: all that no statement looks into."""
    return {
        "type": _type_record(fault.type),
        "resource": dict(fault.resource),
        "closed_by": fault.closed_by,
        "repeats": fault.repeats,
        "evidence": [_evidence_record(item) for item in fault.evidence],
        "plan": None if fault.plan is None else _plan_record(fault.plan),
        "decisions": [[item.name, item.outcome.value, item.why] for item in fault.decisions],
    }


FAULT_COLUMNS = ("id", "host", "state", "opened_ns", "updated_ns", "closed_ns", "record")


def fault_of(row: tuple[Any, ...]) -> Fault:
    """Return the fault of a row of FAULT_COLUMNS."""
    fault_id, host, state, opened_ns, updated_ns, closed_ns, record = row
    return Fault(
        id=fault_id,
        type=_type_of(record["type"]),
        resource=record["resource"],
        state=FaultState(state),
        opened_ns=opened_ns,
        updated_ns=updated_ns,
        host=host,
        closed_ns=closed_ns,
        closed_by=record["closed_by"],
        repeats=record["repeats"],
        evidence=tuple(_evidence_of(item) for item in record["evidence"]),
        plan=None if record["plan"] is None else _plan_of(record["plan"]),
        decisions=tuple(
            Decision(name, Outcome(outcome), why) for name, outcome, why in record["decisions"]
        ),
    )


def _type_record(type_: FaultType) -> Document:
    """The whole row is kept: a fault outlives a catalogue that no longer lists its type."""
    return {
        "name": type_.name,
        "clear": type_.clear,
        "identifying": type_.identifying,
        "severity": type_.severity.value,
    }


def _type_of(record: Document) -> FaultType:
    read = FaultType(
        record["name"],
        record["clear"],
        tuple(tuple(details) for details in record["identifying"]),
        Severity(record["severity"]),
    )
    listed = FAULT_TYPES.get(read.name)
    return listed if listed == read else read


def _evidence_record(evidence: Evidence) -> Document:
    return {
        "source": evidence.source,
        "reporter": evidence.reporter,
        "vote": evidence.vote,
        "received_ns": evidence.received_ns,
        "reported_time": evidence.reported_time,
        "details": dict(evidence.details),
    }


def _evidence_of(record: Document) -> Evidence:
    return Evidence(**record)


def _plan_record(plan: PlanRecord) -> Document:
    return {
        "rule": plan.rule,
        "host": plan.host,
        "forced_down": plan.forced_down,
        "servers": plan.servers,
        "changed": plan.changed,
        "untouched": plan.untouched,
        "ports": plan.ports,
        "degraded": plan.degraded,
    }


def _plan_of(record: Document) -> PlanRecord:
    lists = {name: tuple(record.get(name, ())) for name in ("untouched", "degraded")}
    return PlanRecord(**{**record, **lists})


# ---------------------------------------------------------------- alarms

_OPERATORS: dict[str, Operator] = {operator.value: operator for operator in Operator}


def rule_record(rule: Rule) -> Document:
    """Return what the rule column holds; what is no rule for events names its kind."""
    if not isinstance(rule, EventRule):
        return _other_record(rule)
    record = {"raises": _clause_record(rule.raises)}
    if rule.clears is not None:
        record["clears"] = _clause_record(rule.clears)
    return record


def _other_record(rule: Rule) -> Document:
    match rule:
        case ThresholdRule():
            return {
                "kind": "threshold",
                "meter": rule.meter,
                "threshold": rule.threshold,
                "comparison": rule.comparison.value,
                "statistic": rule.statistic.value,
                "period_s": rule.period_s,
                "evaluation_periods": rule.evaluation_periods,
                "query": _query_record(rule.query),
            }
        case PrometheusRule():
            return {
                "kind": "prometheus",
                "promql": rule.promql,
                "threshold": rule.threshold,
                "comparison": rule.comparison.value,
            }
        case CompositeRule():
            parts = [_other_record(part) for part in rule.rules]
            return {"kind": "composite", "joint": rule.joint.value, "rules": parts}
        case UnevaluatedRule():
            return {"kind": "unevaluated", "document": dict(rule.document)}
        case _:
            raise Broken(f"no record of a {type(rule).__name__}")


def _threshold_of(record: Document) -> ThresholdRule:
    return ThresholdRule(
        record["meter"],
        record["threshold"],
        _OPERATORS[record["comparison"]],
        Statistic(record["statistic"]),
        record["period_s"],
        record["evaluation_periods"],
        _query_of(record["query"]),
    )


def _composite_of(record: Document) -> CompositeRule:
    parts: Any = tuple(other_rule_of(part) for part in record["rules"])
    return CompositeRule(Joint(record["joint"]), parts)


_OTHERS: Mapping[str, Callable[[Document], Rule]] = {
    "threshold": _threshold_of,
    "prometheus": lambda record: PrometheusRule(
        record["promql"], record["threshold"], _OPERATORS[record["comparison"]]
    ),
    "composite": _composite_of,
    "unevaluated": lambda record: UnevaluatedRule(record["document"]),
}


def other_rule_of(record: Document) -> Rule:
    """Return the rule of a document that names its kind: none for events."""
    return _OTHERS[record["kind"]](record)


def rule_of(record: Document) -> Rule:
    """Return the rule of a document."""
    if "kind" in record:
        return other_rule_of(record)
    clears = record.get("clears")
    return EventRule(_clause_of(record["raises"]), None if clears is None else _clause_of(clears))


def _clause_record(clause: Clause) -> Document:
    return {"event_type": clause.event_type, "query": _query_record(clause.query)}


def _query_record(query: tuple[Condition, ...]) -> list[Document]:
    return [
        {"field": item.field, "op": item.op.value, "type": item.type, "value": item.value}
        for item in query
    ]


def _clause_of(record: Document) -> Clause:
    # A million alarms ask for a handful of types and fields.
    return Clause(intern(record["event_type"]), _query_of(record["query"]))


def _query_of(record: list[Document]) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            intern(item["field"]), _OPERATORS[item["op"]], intern(item["type"]), item["value"]
        )
        for item in record
    )


def actions_record(alarm: Actions, ok: Actions, insufficient_data: Actions) -> Document:
    """Return what the actions column holds; empty if the alarm has three empty lists."""
    lists = {"alarm": alarm, "ok": ok, "insufficient_data": insufficient_data}
    return {name: actions for name, actions in lists.items() if actions or actions is None}


ActionLists = tuple[Actions, Actions, Actions]


def actions_of(record: Mapping[str, list[str] | None] | None) -> ActionLists:
    """Return the three lists in the order of `actions_record`."""
    if record is None:
        return (), (), ()
    return (
        _urls(record.get("alarm", ())),
        _urls(record.get("ok", ())),
        _urls(record.get("insufficient_data", ())),
    )


def _urls(urls: Iterable[str] | None) -> Actions:
    return None if urls is None else tuple(urls)
