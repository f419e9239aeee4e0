"""Alarms in Aodh's shape: what is taken, in whose words it is refused, the way there and back."""

from dataclasses import replace
from typing import Any

import pytest

from faultwire.domain.alarms import AlarmState
from faultwire.domain.aodh import naive
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.rules import Clause, Condition, EventRule, Operator
from faultwire.faces.alarming.owed import scrubbed
from faultwire.faces.alarming.shape import Described, Terms, from_json, to_json

# The alarm of the seed's draft, its trailing commas taken away (S27-S41).
SEED: dict[str, Any] = {
    "alarm_actions": ["http://site:8000/alarm"],
    "alarm_id": None,
    "description": "An alarm",
    "enabled": True,
    "insufficient_data_actions": ["http://site:8000/nodata"],
    "name": "InstanceStatusAlarm",
    "notification_rule": {
        "event_type": "compute.instance.update",
        "query": [{"field": "traits.state", "type": "string", "value": "error", "op": "eq"}],
    },
    "ok_actions": [],
    "project_id": "c96c887c216949acbdfbd8b494863567",
    "repeat_actions": False,
    "resource_id": "153462d0-a9b8-4b5b-8175-9e4b05e9b856",
    "severity": "moderate",
    "state": "ok",
    "state_timestamp": "2015-04-03T17:49:38.406845",
    "timestamp": "2015-04-03T17:49:38.406839",
    "type": "notification",
    "user_id": "c96c887c216949acbdfbd8b494863567",
}
EVENT: dict[str, Any] = {"name": "a", "type": "event", "event_rule": {}}


def described(body: object) -> Described:
    return from_json(body, AlarmId("a1"), ProjectId("p1"), UserId("u1"), Terms())


def refused(body: object) -> str:
    with pytest.raises(Invalid) as caught:
        described(body)
    return str(caught.value)


def with_rule(**rule: object) -> dict[str, Any]:
    return {**EVENT, "event_rule": rule}


def with_condition(**item: object) -> dict[str, Any]:
    return with_rule(query=[{"field": "traits.state", "value": "error", **item}])


def test_the_seeds_alarm_is_taken_whole() -> None:
    """Every attribute of the draft's sample has its place (S18, S19, S27-S41)."""
    said = described(SEED)
    alarm = said.alarm
    assert (alarm.type, alarm.name, alarm.severity) == (
        "notification",
        "InstanceStatusAlarm",
        "moderate",
    )
    assert alarm.rule == EventRule(
        Clause(
            "compute.instance.update",
            (Condition("traits.state", Operator.EQ, "string", "error"),),
        )
    )
    assert (alarm.project, alarm.user) == (SEED["project_id"], SEED["user_id"])
    assert alarm.resource_id == SEED["resource_id"]
    assert (alarm.state, said.names_state) == (AlarmState.OK, True)
    assert said.state_timestamp == SEED["state_timestamp"]
    assert alarm.insufficient_data_actions == ("http://site:8000/nodata",)
    shown = to_json(alarm)
    assert shown["notification_rule"] == SEED["notification_rule"]
    assert shown["resource_id"] == SEED["resource_id"]


def test_what_is_left_out_has_aodhs_defaults() -> None:
    """The least that an alarm needs is name, type and rule."""
    said = described(EVENT)
    shown = to_json(said.alarm)
    assert not said.names_state
    assert shown == {
        "alarm_id": "a1",
        "name": "a",
        "description": "Alarm when * event occurred.",
        "enabled": True,
        "type": "event",
        "event_rule": {"event_type": "*", "query": []},
        "project_id": "p1",
        "user_id": "u1",
        "severity": "low",
        "state": "insufficient data",
        "state_reason": "Not evaluated yet",
        "state_timestamp": "1970-01-01T00:00:00.000000",
        "timestamp": "1970-01-01T00:00:00.000000",
        "evaluate_timestamp": "1970-01-01T00:00:00.000000",
        "repeat_actions": False,
        "alarm_actions": [],
        "ok_actions": [],
        "insufficient_data_actions": [],
        "time_constraints": [],
    }


def test_nulls_count_as_left_out() -> None:
    """Aodh's clients may send null for what they do not set; lists of actions stay null."""
    nulls = dict.fromkeys(
        ("description", "severity", "state", "enabled", "repeat_actions", "time_constraints")
    )
    actions = dict.fromkeys(("alarm_actions", "ok_actions", "insufficient_data_actions"))
    rules = {"threshold_rule": None, "gnocchi_resources_threshold_rule": None}
    full = {**EVENT, **nulls, **actions, **rules, "user_id": None, "project_id": None}
    said = described(full)
    assert said.alarm == replace(described(EVENT).alarm, **actions)
    assert replace(said, alarm=described(EVENT).alarm) == described(EVENT)
    assert described({**EVENT, "event_rule": {"event_type": None, "query": None}}) == described(
        EVENT
    )


def test_a_rule_may_say_what_clears() -> None:
    """`clear` sets the alarm to ok; its event type is the rule's where it names none (D9)."""
    query = [{"field": "traits.state", "type": "", "op": "eq", "value": "active"}]
    body = with_rule(event_type="compute.instance.update", clear={"query": query})
    rule = described(body).alarm.rule
    assert rule.clears == Clause(
        "compute.instance.update", (Condition("traits.state", Operator.EQ, "", "active"),)
    )
    assert to_json(described(body).alarm)["event_rule"]["clear"] == {
        "event_type": "compute.instance.update",
        "query": query,
    }


def test_a_condition_needs_field_and_value_alone() -> None:
    """Operator and type have defaults; numbers and truths are kept as text."""
    condition = Condition("traits.state", Operator.EQ, "", "error")
    assert described(with_condition()).alarm.rule.raises.query == (condition,)
    assert described(with_condition(op="", type=None)).alarm.rule.raises.query == (condition,)
    for value, text in ((5, "5"), (0.5, "0.5"), (True, "true"), (False, "false"), ("", "")):
        query = described(with_condition(value=value)).alarm.rule.raises.query
        assert query[0].value == text


def test_actions_that_repeat_are_one() -> None:
    """Duplicates go, and the order stays."""
    body = {**EVENT, "alarm_actions": ["http://b", "http://a", "http://b"]}
    assert described(body).alarm.alarm_actions == ("http://b", "http://a")


def test_administrators_alarms_have_no_project() -> None:
    """An empty project is not a project that was left out (S47)."""
    assert described({**EVENT, "project_id": ""}).alarm.project == ""


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (None, 'Missing argument: "data"'),
        ([], 'Missing argument: "data"'),
        ("text", 'Missing argument: "data"'),
        (
            {"type": "event", "event_rule": {}},
            "Invalid input for field/attribute name. Value: 'None'. Mandatory field missing.",
        ),
        (
            {"name": "a", "event_rule": {}},
            "Invalid input for field/attribute type. Value: 'None'. Mandatory field missing.",
        ),
        ({"name": "a", "type": "event"}, "event_rule must be set for event type alarm"),
        (
            {"name": "a", "type": "notification", "event_rule": {}},
            "notification_rule and event_rule cannot be set at the same time",
        ),
        (
            {**EVENT, "prometheus_rule": {}},
            "event_rule and prometheus_rule cannot be set at the same time",
        ),
        ({**EVENT, "foo": 1}, "Unknown attribute for argument data: foo"),
        (with_rule(foo=1), "Unknown attribute for argument data.event_rule: foo"),
        (
            with_rule(clear={"foo": 1}),
            "Unknown attribute for argument data.event_rule.clear: foo",
        ),
        (
            with_condition(foo=1),
            "Unknown attribute for argument data.event_rule.query[0]: foo",
        ),
        (
            {**EVENT, "severity": "high"},
            (
                "Invalid input for field/attribute severity. Value: 'high'. "
                "Value should be one of: moderate, low, critical"
            ),
        ),
        (
            {**EVENT, "state": "fine"},
            (
                "Invalid input for field/attribute state. Value: 'fine'. "
                "Value should be one of: ok, alarm, insufficient data"
            ),
        ),
        (
            {**EVENT, "type": "gnocchi_resources_threshold"},
            (
                "Invalid input for field/attribute type. Value: 'gnocchi_resources_threshold'. "
                "Value should be one of: event, notification, threshold, prometheus, composite; "
                "no other is evaluated here."
            ),
        ),
        (
            with_condition(op="like"),
            (
                "Invalid input for field/attribute event_rule.query[0].op. Value: 'like'. "
                "Value should be one of: lt, le, eq, ne, ge, gt"
            ),
        ),
    ],
)
def test_refusals_are_in_aodhs_words(body: object, sentence: str) -> None:
    """What Aodh refuses is refused with Aodh's sentence."""
    assert refused(body) == sentence


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({**EVENT, "name": ""}, "name"),
        ({**EVENT, "name": 7}, "name"),
        ({**EVENT, "name": ["a"]}, "name"),
        ({**EVENT, "name": "x" * 256}, "name"),
        ({**EVENT, "name": "a\x00b"}, "name"),
        ({**EVENT, "type": ["event"]}, "type"),
        ({**EVENT, "type": {}}, "type"),
        ({**EVENT, "description": {"a": 1}}, "description"),
        ({**EVENT, "description": "x" * 1025}, "description"),
        ({**EVENT, "enabled": "maybe"}, "enabled"),
        ({**EVENT, "enabled": 1}, "enabled"),
        ({**EVENT, "severity": ["low"]}, "severity"),
        ({**EVENT, "state": {}}, "state"),
        ({**EVENT, "repeat_actions": []}, "repeat_actions"),
        ({**EVENT, "project_id": 7}, "project_id"),
        ({**EVENT, "user_id": []}, "user_id"),
        ({**EVENT, "resource_id": 7}, "resource_id"),
        ({**EVENT, "alarm_actions": "http://a"}, "alarm_actions"),
        ({**EVENT, "ok_actions": [7]}, "ok_actions"),
        ({**EVENT, "ok_actions": [["http://a"]]}, "ok_actions"),
        ({**EVENT, "alarm_actions": [f"http://a/{n}" for n in range(11)]}, "alarm_actions"),
        ({**EVENT, "event_rule": []}, "event_rule"),
        ({**EVENT, "event_rule": "x"}, "event_rule"),
        (with_rule(event_type=7), "event_rule.event_type"),
        (with_rule(event_type=""), "event_rule.event_type"),
        (with_rule(event_type="x" * 256), "event_rule.event_type"),
        (with_rule(query={}), "event_rule.query"),
        (with_rule(query="x"), "event_rule.query"),
        (with_rule(query=[{}] * 51), "event_rule.query"),
        (with_rule(query=[{}]), "event_rule.query[0].field"),
        (with_rule(query=["x"]), "event_rule.query[0]"),
        (with_rule(clear=[]), "event_rule.clear"),
        (with_rule(clear={"query": [{}]}), "event_rule.clear.query[0].field"),
        (with_condition(field=7), "event_rule.query[0].field"),
        (with_condition(op=["eq"]), "event_rule.query[0].op"),
        (with_condition(op=0), "event_rule.query[0].op"),
        (with_condition(type=7), "event_rule.query[0].type"),
        (with_condition(value=None), "event_rule.query[0].value"),
        (with_condition(value=["x"]), "event_rule.query[0].value"),
        (with_condition(value="x" * 1025), "event_rule.query[0].value"),
        (with_condition(value="\x00"), "event_rule.query[0].value"),
    ],
)
def test_what_is_wrong_is_named(body: object, name: str) -> None:
    """Wrong types and sizes are refused by the attribute's name."""
    assert refused(body).startswith(f"Invalid input for field/attribute {name}. Value: '")


def test_what_is_repeated_of_a_value_is_short() -> None:
    """A long or deep value is not thrown back at the caller."""
    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    assert refused({**EVENT, "name": deep}).count("[") == 1
    assert len(refused({**EVENT, "severity": "x" * 60_000})) < 300
    assert len(refused({**EVENT, "x" * 60_000: 1})) < 300


def test_times_are_naive_with_microseconds() -> None:
    """Aodh's timestamps are UTC without saying so (S38, S39)."""
    assert naive(1_428_083_378_406_845_999) == "2015-04-03T17:49:38.406845"
    assert naive(1_428_083_378_000_000_000) == "2015-04-03T17:49:38.000000"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://a.example/x", "http://a.example/x"),
        ("http://user:pw@a.example/x", "http://a.example/x"),
        ("https://a@b@c.example:8/x?token=s3cret#f", "https://c.example:8/x?..."),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("http://[", "http://["),
        ("no url", "..."),
    ],
)
def test_credentials_in_a_url_are_not_shown(url: str, shown: str) -> None:
    """User, password and query may be secrets, whatever else is odd about a URL."""
    assert scrubbed(url) == shown
