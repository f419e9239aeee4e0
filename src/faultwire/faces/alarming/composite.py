"""Composite rules as Aodh nests them: ``{"or": [{"type": …}, {"and": […]}]}``; pure."""

from collections.abc import Callable

from faultwire.domain.rules import CompositeRule, Joint, PrometheusRule, ThresholdRule
from faultwire.faces.alarming.fields import Body, items, table, wrong

DEPTH_LIMIT, RULES_LIMIT = 5, 32

Part = Callable[[Body, str], ThresholdRule | PrometheusRule]
"""Reads a rule that is not composite, from its body and path."""

_JOINTS = tuple(joint.value for joint in Joint)


def composite_of(value: Body, path: str, part: Part) -> CompositeRule:
    """Return the rule; raises Invalid naming the path of what is wrong in it."""
    rule = _joined(value, path, part, 1)
    count = _leaves(rule)
    if count > RULES_LIMIT:
        raise wrong(path, f"{count} rules", f"At most {RULES_LIMIT}.")
    return rule


def _joined(value: Body, path: str, part: Part, depth: int) -> CompositeRule:
    joints = [joint for joint in _JOINTS if joint in value]
    if len(joints) != 1 or len(value) != 1:
        sentence = 'It must be an object with one key, "and" or "or", and a list of rules.'
        raise wrong(path, value, sentence)
    if depth > DEPTH_LIMIT:
        raise wrong(path, value, f"At most {DEPTH_LIMIT} levels.")
    inner = f"{path}.{joints[0]}"
    found = items(value[joints[0]], inner, RULES_LIMIT)
    if not found:
        raise wrong(inner, "[]", "It must hold a rule.")
    rules = []
    for place, item in enumerate(found):
        at = f"{inner}[{place}]"
        rule = table(item, at)
        nested = any(joint in rule for joint in _JOINTS)
        rules.append(_joined(rule, at, part, depth + 1) if nested else part(rule, at))
    return CompositeRule(Joint(joints[0]), tuple(rules))


def _leaves(rule: CompositeRule) -> int:
    return sum(_leaves(one) if isinstance(one, CompositeRule) else 1 for one in rule.rules)
