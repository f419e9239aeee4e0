"""Faults and rules of alarms as JSON documents, there and back without loss.

Decoders take what `orjson.loads` gives and trust it: only this module writes it.
"""

from collections.abc import Mapping
from sys import intern
from typing import Any

import orjson

from faultwire.domain.alarms import Clause, Condition, EventRule, Operator
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
    }


def _plan_of(record: Document) -> PlanRecord:
    return PlanRecord(**{**record, "untouched": tuple(record["untouched"])})


# ---------------------------------------------------------------- alarms

_OPERATORS: dict[str, Operator] = {operator.value: operator for operator in Operator}


def rule_record(rule: EventRule) -> Document:
    """Return what the rule column holds."""
    record = {"raises": _clause_record(rule.raises)}
    if rule.clears is not None:
        record["clears"] = _clause_record(rule.clears)
    return record


def rule_of(record: Document) -> EventRule:
    """Return the rule of a document."""
    clears = record.get("clears")
    return EventRule(_clause_of(record["raises"]), None if clears is None else _clause_of(clears))


def _clause_record(clause: Clause) -> Document:
    return {
        "event_type": clause.event_type,
        "query": [
            {"field": item.field, "op": item.op.value, "type": item.type, "value": item.value}
            for item in clause.query
        ],
    }


def _clause_of(record: Document) -> Clause:
    # A million alarms ask for a handful of types and fields.
    return Clause(
        intern(record["event_type"]),
        tuple(
            Condition(
                intern(item["field"]), _OPERATORS[item["op"]], intern(item["type"]), item["value"]
            )
            for item in record["query"]
        ),
    )


def actions_record(
    alarm: tuple[str, ...], ok: tuple[str, ...], insufficient_data: tuple[str, ...]
) -> Document:
    """Return what the actions column holds; empty if the alarm has none at all."""
    lists = {"alarm": alarm, "ok": ok, "insufficient_data": insufficient_data}
    return {name: actions for name, actions in lists.items() if actions}


Actions = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def actions_of(record: Mapping[str, list[str]] | None) -> Actions:
    """Return the three lists in the order of `actions_record`."""
    if record is None:
        return (), (), ()
    return (
        tuple(record.get("alarm", ())),
        tuple(record.get("ok", ())),
        tuple(record.get("insufficient_data", ())),
    )
