"""Composite rules: and, or over rules that are alarm, ok or unknown, as Aodh joins them; pure."""

from collections.abc import Iterator, Mapping, Sequence

from faultwire.domain.alarms import AlarmState
from faultwire.domain.aodh import rule_document
from faultwire.domain.rules import (
    CompositeRule,
    Joint,
    PeriodicRule,
    PrometheusRule,
    ThresholdRule,
)
from faultwire.notifier.evaluator.thresholds import Outcome

Leaf = ThresholdRule | PrometheusRule

_SAID: Mapping[AlarmState, str] = {
    AlarmState.ALARM: "outside their threshold.",
    AlarmState.OK: "inside their threshold.",
    AlarmState.INSUFFICIENT_DATA: "state evaluated to unknown.",
}


def leaves(rule: PeriodicRule) -> tuple[Leaf, ...]:
    """Return the rules that are evaluated themselves, from left to right."""
    return tuple(_leaves(rule))


def _leaves(rule: PeriodicRule) -> Iterator[Leaf]:
    if isinstance(rule, CompositeRule):
        for one in rule.rules:
            yield from _leaves(one)
    else:
        yield rule


def settled(outcome: Outcome, held: AlarmState) -> AlarmState:
    """Return the state of a rule within an alarm that is `held`.

    Values on both sides of the threshold are where the newest points while nothing is known of
    the alarm. After that one value does not turn a rule round: it stays opposite to where the
    newest points until all agree.
    """
    if outcome.state is not None:
        return outcome.state
    if outcome.trending is None:
        return AlarmState.INSUFFICIENT_DATA
    if held is AlarmState.INSUFFICIENT_DATA:
        return outcome.trending
    return AlarmState.OK if outcome.trending is AlarmState.ALARM else AlarmState.ALARM


def joined(rule: PeriodicRule, states: Iterator[AlarmState]) -> AlarmState:
    """Return the state of a rule whose leaves, from left to right, have these states.

    `or` is alarm with one alarm, ok with all ok; `and` the other way round; else unknown.
    """
    if not isinstance(rule, CompositeRule):
        return next(states)
    found = {joined(one, states) for one in rule.rules}
    strong, weak = AlarmState.ALARM, AlarmState.OK
    if rule.joint is Joint.AND:
        strong, weak = weak, strong
    if strong in found:
        return strong
    return weak if found == {weak} else AlarmState.INSUFFICIENT_DATA


def form(rule: PeriodicRule) -> str:
    """Return how the rules are joined: ``(rule1 and (rule2 or rule3))``."""
    return _form(rule, iter(range(1, len(leaves(rule)) + 1)))


def _form(rule: PeriodicRule, numbers: Iterator[int]) -> str:
    if not isinstance(rule, CompositeRule):
        return f"rule{next(numbers)}"
    return "(" + f" {rule.joint.value} ".join(_form(one, numbers) for one in rule.rules) + ")"


def told(
    rule: CompositeRule, states: Sequence[AlarmState], moved: tuple[AlarmState, AlarmState]
) -> tuple[str, dict[str, object]]:
    """Return reason and reason data of an alarm that went from one state to another."""
    previous, current = moved
    causes = {
        f"rule{number}": _document(leaf)
        for number, (leaf, state) in enumerate(zip(leaves(rule), states, strict=True), 1)
        if state is current
    }
    shape = form(rule)
    verb = "remaining as" if previous is current else "transition to"
    reason = (
        f"Composite rule alarm with composition form: {shape} {verb} {current.value}, "
        f"due to rules: {', '.join(causes)} {_SAID[current]}"
    )
    return reason, {"type": "composite", "composition_form": shape, "causative_rules": causes}


def _document(leaf: Leaf) -> dict[str, object]:
    kind = "threshold" if isinstance(leaf, ThresholdRule) else "prometheus"
    return {"type": kind, **rule_document(leaf)}
