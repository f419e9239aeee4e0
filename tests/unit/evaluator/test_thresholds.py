"""Values against thresholds: every state, every edge, as Aodh's evaluator has them."""

import math

import pytest

from faultwire.domain.alarms import AlarmState
from faultwire.domain.ids import ProjectId
from faultwire.domain.rules import (
    Condition,
    Operator,
    PrometheusRule,
    Statistic,
    ThresholdRule,
)
from faultwire.domain.samples import Statistics
from faultwire.notifier.evaluator.thresholds import of_samples, of_vector, window

OK, ALARM, UNKNOWN = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
S = 1_000_000_000
NOW = 1_700_000_000 * S
P = ProjectId("p")


def rule(periods: int = 1, *, op: Operator = Operator.GT, over: float = 10.0) -> ThresholdRule:
    """Return a rule over minutes."""
    return ThresholdRule("cpu", over, op, Statistic.AVG, 60, periods)


def periods(*averages: float) -> list[Statistics]:
    """Return periods of two samples each."""
    return [Statistics(n, 2, 2 * of, of - 1, of + 1) for n, of in enumerate(averages)]


@pytest.mark.parametrize(
    ("found", "state", "trending", "outside"),
    [
        ((11, 12, 13), ALARM, None, 3),
        ((1, 2, 10), OK, None, 0),
        ((11, 12), UNKNOWN, None, 0),
        ((), UNKNOWN, None, 0),
        ((1, 2, 11), None, ALARM, 1),
        ((11, 12, 1), None, OK, 2),
        # One more than asked for: the oldest does not count.
        ((1, 11, 12, 13), ALARM, None, 3),
        ((11, 1, 2, 3), OK, None, 0),
    ],
)
def test_three_periods(
    found: tuple[float, ...],
    state: AlarmState | None,
    trending: AlarmState | None,
    outside: int,
) -> None:
    """All breach: alarm; none: ok; too few: unknown; mixed: where the newest points."""
    outcome = of_samples(rule(3), periods(*found))
    assert (outcome.state, outcome.trending, outcome.outside) == (state, trending, outside)
    assert outcome.values == found[-3:]


@pytest.mark.parametrize(
    ("op", "breaching"),
    [
        (Operator.LT, {9}),
        (Operator.LE, {9, 10}),
        (Operator.EQ, {10}),
        (Operator.NE, {9, 11}),
        (Operator.GE, {10, 11}),
        (Operator.GT, {11}),
    ],
)
def test_every_comparison(op: Operator, breaching: set[float]) -> None:
    """Below, at and above the threshold, for samples and for Prometheus alike."""
    for value in (9.0, 10.0, 11.0):
        expected = ALARM if value in breaching else OK
        assert of_samples(rule(op=op), periods(value)).state is expected
        assert of_vector(PrometheusRule("x", 10.0, op), [value]).state is expected


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        (Statistic.AVG, 2.5),
        (Statistic.MIN, 1.0),
        (Statistic.MAX, 4.0),
        (Statistic.SUM, 10.0),
        (Statistic.COUNT, 4.0),
    ],
)
def test_every_statistic(statistic: Statistic, value: float) -> None:
    """What is made of the samples of one period."""
    one = ThresholdRule("cpu", value, Operator.EQ, statistic, 60, 1)
    outcome = of_samples(one, [Statistics(0, 4, 10.0, 1.0, 4.0)])
    assert (outcome.state, outcome.values) == (ALARM, (value,))


def test_the_window_ends_now_and_reaches_one_period_further() -> None:
    """Its periods are aligned to now; a sample of this moment is in, as is one a bit late."""
    one = window(rule(3), P, None, NOW)
    assert (one.end_ns, one.start_ns) == (NOW + 1, NOW + 1 - 4 * 60 * S)
    assert (one.periods, one.period_ns, one.project, one.resource) == (4, 60 * S, P, None)


def test_the_rules_resource_goes_before_the_alarms() -> None:
    """A condition of the rule names the resource; else the alarm's own does."""
    narrow = ThresholdRule("cpu", 1.0, query=(Condition("resource_id", Operator.EQ, "", "r1"),))
    assert window(narrow, P, "r2", NOW).resource == "r1"
    assert window(rule(), P, "r2", NOW).resource == "r2"


def test_every_value_of_a_vector_is_compared() -> None:
    """All series breach, or none, or some; nothing is no data, and so is what is no number."""
    one = PrometheusRule("x", 10.0, Operator.GT)
    assert of_vector(one, [11, 12]).state is ALARM
    assert of_vector(one, [1, 2]).state is OK
    assert of_vector(one, [1, 11]).trending is ALARM
    assert of_vector(one, [11, 1]).trending is OK
    assert of_vector(one, []).state is UNKNOWN
    assert of_vector(one, [math.nan]).state is UNKNOWN
    assert of_vector(one, [math.nan, math.inf]).state is ALARM
