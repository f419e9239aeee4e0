"""Composite rules: and, or over three states, as Aodh joins them."""

from itertools import product

import pytest

from faultwire.domain.alarms import AlarmState
from faultwire.domain.rules import CompositeRule, Joint, PrometheusRule, ThresholdRule
from faultwire.notifier.evaluator.composite import form, joined, leaves, settled, told
from faultwire.notifier.evaluator.thresholds import Outcome

OK, ALARM, UNKNOWN = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
STATES = (OK, ALARM, UNKNOWN)
CPU, LOAD = ThresholdRule("cpu", 90.0), PrometheusRule("load", 5.0)


def both(joint: Joint) -> CompositeRule:
    """Return two rules, joined."""
    return CompositeRule(joint, (CPU, LOAD))


NESTED = CompositeRule(Joint.OR, (CPU, both(Joint.AND), LOAD))


@pytest.mark.parametrize(("one", "two"), list(product(STATES, STATES)))
def test_and(one: AlarmState, two: AlarmState) -> None:
    """Alarm with all in alarm, ok with one that is ok, else unknown."""
    expected = OK if OK in {one, two} else ALARM if {one, two} == {ALARM} else UNKNOWN
    assert joined(both(Joint.AND), iter((one, two))) is expected


@pytest.mark.parametrize(("one", "two"), list(product(STATES, STATES)))
def test_or(one: AlarmState, two: AlarmState) -> None:
    """Alarm with one in alarm, ok with all ok, else unknown."""
    expected = ALARM if ALARM in {one, two} else OK if {one, two} == {OK} else UNKNOWN
    assert joined(both(Joint.OR), iter((one, two))) is expected


@pytest.mark.parametrize("states", list(product(STATES, repeat=4)))
def test_nested(states: tuple[AlarmState, ...]) -> None:
    """A tree is the rules of its nodes, one within the other; its leaves go from left to right."""
    one, two, three, four = states
    inner = joined(both(Joint.AND), iter((two, three)))
    expected = joined(CompositeRule(Joint.OR, (CPU, CPU, CPU)), iter((one, inner, four)))
    assert joined(NESTED, iter(states)) is expected


def test_form_and_leaves() -> None:
    """The reason shows how the rules are joined, with their names from left to right."""
    assert form(NESTED) == "(rule1 or (rule2 and rule3) or rule4)"
    assert leaves(NESTED) == (CPU, CPU, LOAD, LOAD)
    assert leaves(CPU) == (CPU,)


@pytest.mark.parametrize(
    ("outcome", "held", "state"),
    [
        (Outcome(ALARM, None, (), 1), OK, ALARM),
        (Outcome(UNKNOWN, None, (), 0), OK, UNKNOWN),
        (Outcome(None, ALARM, (), 1), UNKNOWN, ALARM),
        (Outcome(None, OK, (), 1), UNKNOWN, OK),
        (Outcome(None, ALARM, (), 1), OK, OK),
        (Outcome(None, OK, (), 1), ALARM, ALARM),
        (Outcome(None, None, (), 0), ALARM, UNKNOWN),
    ],
)
def test_a_rule_with_values_on_both_sides(
    outcome: Outcome, held: AlarmState, state: AlarmState
) -> None:
    """One value does not turn a rule round once its alarm is known, as with Aodh."""
    assert settled(outcome, held) is state


def test_the_reason_lists_the_rules_that_are_to_blame() -> None:
    """Those in the state that the alarm takes, each with its document."""
    reason, data = told(both(Joint.OR), [ALARM, OK], (OK, ALARM))
    assert reason == (
        "Composite rule alarm with composition form: (rule1 or rule2) transition to alarm, "
        "due to rules: rule1 outside their threshold."
    )
    assert (data["type"], data["composition_form"]) == ("composite", "(rule1 or rule2)")
    causes = data["causative_rules"]
    assert isinstance(causes, dict)
    assert list(causes) == ["rule1"]
    assert (causes["rule1"]["type"], causes["rule1"]["meter_name"]) == ("threshold", "cpu")
    again, _ = told(both(Joint.OR), [OK, OK], (OK, OK))
    assert "remaining as ok, due to rules: rule1, rule2 inside" in again
