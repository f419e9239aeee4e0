"""Values against a threshold, as Ceilometer's and Aodh's evaluators judge them; pure."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from faultwire.domain.alarms import AlarmState
from faultwire.domain.ids import ProjectId
from faultwire.domain.rules import Operator, PrometheusRule, Statistic, ThresholdRule
from faultwire.domain.samples import Statistics, Window

LOOK_BACK = 1
"""Periods looked at beyond those asked for, as Aodh does.

A source that reports once a period is a little early or late: without it a period would be empty
now and then, and the alarm would flap.
"""

_NS = 1_000_000_000

_COMPARE: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.GE: operator.ge,
    Operator.GT: operator.gt,
}

_VALUE: Mapping[Statistic, Callable[[Statistics], float]] = {
    Statistic.AVG: lambda of: of.total / of.count,
    Statistic.MIN: lambda of: of.least,
    Statistic.MAX: lambda of: of.most,
    Statistic.SUM: lambda of: of.total,
    Statistic.COUNT: lambda of: float(of.count),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the values of one rule come to.

    `state` is None where some are outside and some are not; then `trending` is where the newest
    one points. `values` are oldest first, `outside` is how many of them breach the threshold.
    """

    state: AlarmState | None
    trending: AlarmState | None
    values: tuple[float, ...]
    outside: int
    expected: int = 1
    fault: str = ""


def window(rule: ThresholdRule, project: ProjectId, resource: str | None, now_ns: int) -> Window:
    """Return what a rule of that project looks at now; its own resource goes before `resource`."""
    period_ns = rule.period_s * _NS
    periods = rule.evaluation_periods + LOOK_BACK
    named = rule.query[0].value if rule.query else resource
    # A sample of this very moment belongs to the running period.
    start_ns = now_ns + 1 - periods * period_ns
    return Window(rule.meter, project, named, start_ns, period_ns, periods)


def of_samples(rule: ThresholdRule, found: Sequence[Statistics]) -> Outcome:
    """Judge the periods that have samples, oldest first: the newest of those asked for count."""
    value = _VALUE[rule.statistic]
    values = tuple(value(one) for one in found[-rule.evaluation_periods :])
    return _judged(values, rule.comparison, rule.threshold, rule.evaluation_periods)


def of_vector(rule: PrometheusRule, values: Sequence[float]) -> Outcome:
    """Judge every value that an instant query answered; what is no number says nothing."""
    known = tuple(value for value in values if not isnan(value))
    return _judged(known, rule.comparison, rule.threshold, 1)


def unanswered(reason: str) -> Outcome:
    """Return the outcome of a rule that could not be evaluated, and why."""
    return Outcome(AlarmState.INSUFFICIENT_DATA, None, (), 0, fault=reason)


def _judged(
    values: tuple[float, ...], comparison: Operator, threshold: float, expected: int
) -> Outcome:
    if len(values) < expected:
        return Outcome(AlarmState.INSUFFICIENT_DATA, None, values, 0, expected)
    compare = _COMPARE[comparison]
    breaches = [compare(value, threshold) for value in values]
    outside = sum(breaches)
    if outside == len(values):
        return Outcome(AlarmState.ALARM, None, values, outside, expected)
    if not outside:
        return Outcome(AlarmState.OK, None, values, 0, expected)
    trending = AlarmState.ALARM if breaches[-1] else AlarmState.OK
    return Outcome(None, trending, values, outside, expected)
