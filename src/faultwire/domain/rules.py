"""Rules of alarms: what an alarm waits for, as its owner said it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Operator(StrEnum):
    """Comparison of a condition (S20) or of a value with a threshold."""

    LT = "lt"
    LE = "le"
    EQ = "eq"
    NE = "ne"
    GE = "ge"
    GT = "gt"


@dataclass(frozen=True, slots=True)
class Condition:
    """One item of a rule's query, as the user wrote it; `value` is the text given."""

    field: str
    op: Operator
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Clause:
    """An event type (exact, or with fnmatch wildcards) and conditions that all must hold."""

    event_type: str
    query: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class EventRule:
    """`raises` sets the alarm; `clears`, where given, sets it to ok (D9)."""

    raises: Clause
    clears: Clause | None = None


class Statistic(StrEnum):
    """What is made of the samples of one period, as Ceilometer named it."""

    AVG = "avg"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """A statistic of samples against a threshold, over periods in a row (D18).

    `period_s` is the length of a period in seconds; `query` narrows the samples by
    ``resource_id`` alone or not at all.
    """

    meter: str
    threshold: float
    comparison: Operator = Operator.EQ
    statistic: Statistic = Statistic.AVG
    period_s: int = 60
    evaluation_periods: int = 1
    query: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class PrometheusRule:
    """An instant query to a Prometheus server; every value it answers is compared (D18)."""

    promql: str
    threshold: float
    comparison: Operator = Operator.EQ


class Joint(StrEnum):
    """How the rules of a composite one are joined."""

    AND = "and"
    OR = "or"


@dataclass(frozen=True, slots=True)
class CompositeRule:
    """Rules joined by and, or; they may be composite themselves."""

    joint: Joint
    rules: tuple["CompositeRule | ThresholdRule | PrometheusRule", ...]


@dataclass(frozen=True, slots=True)
class UnevaluatedRule:
    """A rule of a type that nobody evaluates here, kept for scripts that expect it to be."""

    document: Mapping[str, object]


PeriodicRule = ThresholdRule | PrometheusRule | CompositeRule
"""What the periodic evaluator looks at."""

Rule = EventRule | ThresholdRule | PrometheusRule | CompositeRule | UnevaluatedRule
