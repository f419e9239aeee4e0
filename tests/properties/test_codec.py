"""Faults and rules survive being documents, whatever they hold."""

from dataclasses import fields

import orjson
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.alarms import Actions
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
from faultwire.domain.rules import Clause, Condition, EventRule, Operator
from faultwire.store import codec

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
MAYBE = st.none() | TEXT
TIMES = st.integers(0, 2**63 - 1)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(list(FAULT_TYPES.values())) | st.builds(
    FaultType,
    st.sampled_from([*FAULT_TYPES, "vendor.fan.down"]),
    TEXT,
    st.lists(st.lists(TEXT, max_size=2).map(tuple), max_size=2).map(tuple),
    st.sampled_from(Severity),
)
EVIDENCE = st.builds(
    Evidence, TEXT, TEXT, TEXT, TIMES, MAYBE, st.dictionaries(TEXT, JSON, max_size=3)
)
PLANS = st.builds(
    PlanRecord,
    TEXT,
    MAYBE,
    st.none() | st.booleans(),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.lists(TEXT, max_size=3).map(tuple),
)
FAULTS = st.builds(
    Fault,
    id=TEXT,
    type=TYPES,
    resource=st.dictionaries(TEXT, TEXT, max_size=3),
    state=st.sampled_from(FaultState),
    opened_ns=TIMES,
    updated_ns=TIMES,
    host=MAYBE,
    closed_ns=st.none() | TIMES,
    closed_by=MAYBE,
    repeats=st.integers(0, 10**6),
    evidence=st.lists(EVIDENCE, max_size=3).map(tuple),
    plan=st.none() | PLANS,
    decisions=st.lists(st.builds(Decision, TEXT, st.sampled_from(Outcome), TEXT), max_size=3).map(
        tuple
    ),
)
CLAUSES = st.builds(
    Clause,
    TEXT,
    st.lists(st.builds(Condition, TEXT, st.sampled_from(Operator), TEXT, TEXT), max_size=3).map(
        tuple
    ),
)


@given(FAULTS)
def test_a_fault_survives_its_record(fault: Fault) -> None:
    """Columns and document together are the whole fault, to the last field."""
    record = orjson.loads(codec.text(codec.fault_record(fault)))
    columns = {name: getattr(fault, name) for name in codec.FAULT_COLUMNS if name != "record"}
    read = codec.fault_of((*columns.values(), record))
    assert read == fault
    stored = set(columns) | set(record)
    assert stored == {item.name for item in fields(Fault)}


@given(st.builds(EventRule, CLAUSES, st.none() | CLAUSES))
def test_a_rule_survives_its_record(rule: EventRule) -> None:
    """Both clauses come back with every condition, in order."""
    assert codec.rule_of(orjson.loads(codec.text(codec.rule_record(rule)))) == rule


ACTIONS = st.none() | st.lists(TEXT, max_size=3).map(tuple)


@given(ACTIONS, ACTIONS, ACTIONS)
def test_actions_survive_their_record(
    alarm: Actions, ok: Actions, insufficient_data: Actions
) -> None:
    """The three lists come back apart; three empty ones are stored as nothing, null is kept."""
    text = codec.text_or_none(codec.actions_record(alarm, ok, insufficient_data))
    assert (text is None) == ((alarm, ok, insufficient_data) == ((), (), ()))
    read = codec.actions_of(None if text is None else orjson.loads(text))
    assert read == (alarm, ok, insufficient_data)
