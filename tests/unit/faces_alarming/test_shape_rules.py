"""Rules of every type in Aodh's shape: there, back and refused."""

from typing import Any

import pytest

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.rules import (
    CompositeRule,
    Condition,
    Joint,
    Operator,
    PrometheusRule,
    Statistic,
    ThresholdRule,
    UnevaluatedRule,
)
from faultwire.faces.alarming.shape import Described, Terms, from_json, to_json

METER = {"meter_name": "cpu_util", "threshold": 70}
UP = {"query": "up", "threshold": 1}
GNOCCHI = {
    "threshold": 300.0,
    "aggregation_method": "mean",
    "metric": "ameter",
    "resource_id": "6841c175-d7c4-4bc2-bc7a-1c7832271b8f",
    "resource_type": "instance",
}


def described(body: object, *, unevaluated: bool = False) -> Described:
    terms = Terms(unevaluated=unevaluated)
    return from_json(body, AlarmId("a1"), ProjectId("p1"), UserId("u1"), terms)


def with_rule(kind: str, rule: object, **more: object) -> dict[str, Any]:
    return {"name": "a", "type": kind, f"{kind}_rule": rule, **more}


def refused(body: object, *, unevaluated: bool = False) -> str:
    with pytest.raises(Invalid) as caught:
        described(body, unevaluated=unevaluated)
    return str(caught.value)


# ---------------------------------------------------------------- threshold


def test_a_threshold_has_ceilometers_defaults() -> None:
    """The least of it is a meter and a threshold; all else is shown as Ceilometer has it (S26)."""
    alarm = described(with_rule("threshold", METER)).alarm
    assert alarm.rule == ThresholdRule("cpu_util", 70.0)
    assert alarm.description == "Alarm when cpu_util is eq a avg of 70.0 over 60 seconds"
    assert to_json(alarm)["threshold_rule"] == {
        "meter_name": "cpu_util",
        "threshold": 70.0,
        "comparison_operator": "eq",
        "statistic": "avg",
        "period": 60,
        "evaluation_periods": 1,
        "query": [],
        "exclude_outliers": False,
    }


@pytest.mark.parametrize("field", ["resource_id", "resource"])
def test_a_threshold_may_say_all_of_it(field: str) -> None:
    """Every attribute has its place; the resource is narrowed under both of its names (S26)."""
    rule = {
        **METER,
        "threshold": "7e1",
        "comparison_operator": "gt",
        "statistic": "max",
        "period": 300,
        "evaluation_periods": "3",
        "exclude_outliers": None,
        "query": [{"field": field, "op": "eq", "type": "string", "value": "vm-1"}],
    }
    read = described(with_rule("threshold", rule)).alarm
    assert read.rule == ThresholdRule(
        "cpu_util",
        70.0,
        Operator.GT,
        Statistic.MAX,
        300,
        3,
        (Condition(field, Operator.EQ, "string", "vm-1"),),
    )
    assert described(to_json(read)).alarm == read


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"meter_name": None}, "meter_name"),
        ({"meter_name": ""}, "meter_name"),
        ({"meter_name": 7}, "meter_name"),
        ({"meter_name": "x" * 256}, "meter_name"),
        ({"meter_name": "a\x00"}, "meter_name"),
        ({"threshold": None}, "threshold"),
        ({"threshold": True}, "threshold"),
        ({"threshold": "many"}, "threshold"),
        ({"threshold": "nan"}, "threshold"),
        ({"threshold": "1_0"}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"threshold": float("inf")}, "threshold"),
        ({"threshold": "1e999"}, "threshold"),
        ({"threshold": 10**400}, "threshold"),
        ({"threshold": 10**5000}, "threshold"),
        ({"threshold": [1]}, "threshold"),
        ({"comparison_operator": "like"}, "comparison_operator"),
        ({"comparison_operator": []}, "comparison_operator"),
        ({"statistic": "median"}, "statistic"),
        ({"period": 0}, "period"),
        ({"period": -60}, "period"),
        ({"period": 0.5}, "period"),
        ({"period": True}, "period"),
        ({"period": 604_801}, "period"),
        ({"period": "soon"}, "period"),
        ({"evaluation_periods": 0}, "evaluation_periods"),
        ({"evaluation_periods": 101}, "evaluation_periods"),
        ({"period": 86_400, "evaluation_periods": 8}, "evaluation_periods"),
        ({"exclude_outliers": True}, "exclude_outliers"),
        ({"exclude_outliers": "yes"}, "exclude_outliers"),
        ({"query": {}}, "query"),
        ({"query": [{"field": "project_id", "value": "p1"}]}, "query[0].field"),
        ({"query": [{"field": "metadata.a", "value": "b"}]}, "query[0].field"),
        ({"query": [{"field": "resource_id", "op": "ne", "value": "b"}]}, "query[0].op"),
        ({"query": [{"field": "resource_id", "type": "integer", "value": "b"}]}, "query[0].type"),
        ({"query": [{"field": "resource_id", "value": ""}]}, "query[0].value"),
        ({"query": [{"field": "resource_id"}]}, "query[0].value"),
        ({"query": [{"field": "resource_id", "value": "b"}] * 2}, "query[1]"),
    ],
)
def test_a_threshold_that_is_not_evaluated_is_refused(
    changes: dict[str, object], name: str
) -> None:
    """What the evaluator would have to guess or ignore is 400 by the attribute's name."""
    sentence = refused(with_rule("threshold", {**METER, **changes}))
    assert sentence.startswith(f"Invalid input for field/attribute threshold_rule.{name}. ")
    assert len(sentence) < 400


def test_a_threshold_has_no_other_attributes() -> None:
    """An unknown one is refused in Aodh's words, and resource_id belongs to events (S21)."""
    sentence = refused(with_rule("threshold", {**METER, "foo": 1}))
    assert sentence == "Unknown attribute for argument data.threshold_rule: foo"
    sentence = refused(with_rule("threshold", METER, resource_id="vm-1"))
    assert sentence.startswith("Invalid input for field/attribute resource_id. Value: 'vm-1'.")


# ---------------------------------------------------------------- prometheus, composite


def test_a_prometheus_rule_is_aodhs() -> None:
    """Query and threshold, compared by eq unless it is said."""
    alarm = described(with_rule("prometheus", UP)).alarm
    assert alarm.rule == PrometheusRule("up", 1.0)
    assert alarm.description == "prometheus alarm rule"
    assert to_json(alarm)["prometheus_rule"] == {
        "query": "up",
        "threshold": 1.0,
        "comparison_operator": "eq",
    }


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"query": None}, "query"),
        ({"query": " \n"}, "query"),
        ({"query": ["up"]}, "query"),
        ({"query": "x" * 4097}, "query"),
        ({"threshold": None}, "threshold"),
        ({"threshold": float("-inf")}, "threshold"),
        ({"comparison_operator": "=="}, "comparison_operator"),
    ],
)
def test_a_prometheus_rule_that_is_not_evaluated_is_refused(
    changes: dict[str, object], name: str
) -> None:
    """By the attribute's name."""
    sentence = refused(with_rule("prometheus", {**UP, **changes}))
    assert sentence.startswith(f"Invalid input for field/attribute prometheus_rule.{name}. ")


def test_composite_rules_nest() -> None:
    """Each part says its type, defaults are filled in, and what is shown is taken again."""
    rule = {
        "or": [
            {"type": "threshold", **METER},
            {"and": [{"type": "prometheus", **UP}, {"or": [{"type": "threshold", **METER}]}]},
        ]
    }
    alarm = described(with_rule("composite", rule)).alarm
    meter, up = ThresholdRule("cpu_util", 70.0), PrometheusRule("up", 1.0)
    inner = CompositeRule(Joint.AND, (up, CompositeRule(Joint.OR, (meter,))))
    assert alarm.rule == CompositeRule(Joint.OR, (meter, inner))
    assert alarm.description == "composite alarm rule"
    shown: Any = to_json(alarm)["composite_rule"]
    assert shown["or"][0]["type"] == "threshold"
    assert shown["or"][0]["statistic"] == "avg"
    assert shown["or"][1]["and"][0] == {
        "type": "prometheus",
        "query": "up",
        "threshold": 1.0,
        "comparison_operator": "eq",
    }
    assert described(to_json(alarm)).alarm == alarm


def nested(depth: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"type": "prometheus", **UP}
    for _ in range(depth):
        rule = {"and": [rule]}
    return rule


THRESHOLD = {"type": "threshold", **METER}


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ([], ""),
        ({}, ""),
        ({"xor": []}, ""),
        ({"or": [THRESHOLD], "and": [THRESHOLD]}, ""),
        ({"or": [THRESHOLD], "type": "threshold"}, ""),
        (THRESHOLD, ""),
        ({"or": []}, ".or"),
        ({"or": None}, ".or"),
        ({"or": {}}, ".or"),
        ({"or": ["x"]}, ".or[0]"),
        ({"or": [THRESHOLD, METER]}, ".or[1].type"),
        ({"or": [{"type": ["threshold"]}]}, ".or[0].type"),
        ({"or": [{"type": "event", "event_type": "*"}]}, ".or[0].type"),
        ({"or": [{"type": "gnocchi_resources_threshold", **GNOCCHI}]}, ".or[0].type"),
        ({"or": [{"and": [{"type": "threshold"}]}]}, ".or[0].and[0].meter_name"),
        ({"or": [{"and": [{**THRESHOLD, "period": 0}]}]}, ".or[0].and[0].period"),
        ({"or": [THRESHOLD] * 33}, ".or"),
        ({"or": [{"and": [THRESHOLD] * 20}] * 2}, ""),
        (nested(6), ".and[0].and[0].and[0].and[0].and[0]"),
        (nested(900), ".and[0].and[0].and[0].and[0].and[0]"),
    ],
)
def test_composite_rules_that_are_not_evaluated_are_refused(rule: object, name: str) -> None:
    """Depth, number and parts have limits; the path says where."""
    sentence = refused(with_rule("composite", rule), unevaluated=True)
    assert sentence.startswith(f"Invalid input for field/attribute composite_rule{name}. ")


def test_five_levels_are_taken() -> None:
    """The limit is itself allowed."""
    alarm = described(with_rule("composite", nested(5))).alarm
    assert described(to_json(alarm)).alarm == alarm


# ---------------------------------------------------------------- what nobody evaluates

KEPT = {
    "gnocchi_resources_threshold": GNOCCHI,
    "gnocchi_aggregation_by_metrics_threshold": {
        "threshold": 300.0,
        "aggregation_method": "mean",
        "metrics": ["b3d9d8ab", "009d4faf"],
    },
    "gnocchi_aggregation_by_resources_threshold": {
        "threshold": 300.0,
        "aggregation_method": "mean",
        "metric": "ameter",
        "resource_type": "instance",
        "query": '{"=": {"server_group": "my_autoscaling_group"}}',
    },
    "loadbalancer_member_health": {"pool_id": "p", "stack_id": "s", "autoscaling_group_id": "g"},
}


@pytest.mark.parametrize("kind", KEPT)
def test_what_nobody_evaluates_is_refused(kind: str) -> None:
    """Aodh takes them where Gnocchi or Octavia are; here they would be silent for ever."""
    sentence = refused(with_rule(kind, KEPT[kind]))
    assert sentence.startswith(f"Invalid input for field/attribute type. Value: '{kind}'. ")
    assert "event, notification, threshold, prometheus, composite" in sentence


@pytest.mark.parametrize("kind", KEPT)
def test_what_nobody_evaluates_may_be_kept(kind: str) -> None:
    """Its document is shown as given, with Aodh's defaults, and taken again."""
    alarm = described(with_rule(kind, KEPT[kind]), unevaluated=True).alarm
    defaults = {"comparison_operator": "eq", "evaluation_periods": 1, "granularity": 60}
    whole = {**(defaults if kind.startswith("gnocchi") else {}), **KEPT[kind]}
    assert alarm.rule == UnevaluatedRule(whole)
    assert to_json(alarm)[f"{kind}_rule"] == whole
    assert alarm.description == f"{kind} alarm rule"
    assert described(to_json(alarm), unevaluated=True).alarm == alarm


@pytest.mark.parametrize(
    ("kind", "changes", "name"),
    [
        ("gnocchi_resources_threshold", {"metric": None}, "metric"),
        ("gnocchi_resources_threshold", {"threshold": "x"}, "threshold"),
        ("gnocchi_resources_threshold", {"granularity": 0}, "granularity"),
        ("gnocchi_resources_threshold", {"evaluation_periods": -1}, "evaluation_periods"),
        ("gnocchi_resources_threshold", {"comparison_operator": "x"}, "comparison_operator"),
        ("gnocchi_aggregation_by_metrics_threshold", {"metrics": None}, "metrics"),
        ("gnocchi_aggregation_by_metrics_threshold", {"metrics": [7]}, "metrics[0]"),
        ("gnocchi_aggregation_by_resources_threshold", {"query": {}}, "query"),
        ("loadbalancer_member_health", {"pool_id": None}, "pool_id"),
    ],
)
def test_what_aodh_refuses_is_not_kept(kind: str, changes: dict[str, object], name: str) -> None:
    """Values are read as Aodh reads them, and named."""
    body = with_rule(kind, {**KEPT[kind], **changes})
    sentence = refused(body, unevaluated=True)
    assert sentence.startswith(f"Invalid input for field/attribute {kind}_rule.{name}. ")
    sentence = refused(with_rule(kind, {**KEPT[kind], "foo": 1}), unevaluated=True)
    assert sentence == f"Unknown attribute for argument data.{kind}_rule: foo"
