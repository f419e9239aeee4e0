"""Alarms of every type over HTTP: stored, shown, replaced, told apart by who evaluates them."""

from typing import Any

import pytest

from faultwire.faces.alarming.settings import Settings
from tests.api.cloud import EVENT, SINK, Cloud, alarm_body, running

ALARMS = "/alarming/v2/alarms"
THRESHOLD = {"meter_name": "faultwire.ping.rtt", "threshold": 5.0}
PROMETHEUS = {"query": "up", "threshold": 1}
RULES: dict[str, dict[str, Any]] = {
    "threshold": THRESHOLD,
    "prometheus": PROMETHEUS,
    "composite": {
        "or": [
            {"type": "threshold", **THRESHOLD},
            {"and": [{"type": "prometheus", **PROMETHEUS}]},
        ]
    },
}
KEPT = {
    "threshold": 300,
    "aggregation_method": "mean",
    "metric": "ameter",
    "resource_id": "r1",
    "resource_type": "instance",
}
CONSTRAINT = {"name": "night", "start": "0 23 * * *", "duration": 3600, "timezone": "Asia/Tokyo"}
WHY = "Not evaluated here: alarms of this type are only kept"


def body_of(kind: str, rule: object, **more: object) -> dict[str, Any]:
    return {"name": "a", "type": kind, f"{kind}_rule": rule, **more}


async def sentence_of(cloud: Cloud, body: object, status: int = 400) -> str:
    answer = await cloud.call("POST", ALARMS, "member", body)
    assert answer.status_code == status, answer.text
    sentence: str = answer.json()["error_message"]["faultstring"]
    return sentence


@pytest.mark.parametrize("kind", RULES)
async def test_periodic_alarms_are_created_shown_and_replaced(cloud: Cloud, kind: str) -> None:
    """They are stored whole, and events never touch them (S25, S26)."""
    answer = await cloud.call("POST", ALARMS, "member", body_of(kind, RULES[kind]))
    assert answer.status_code == 201, answer.text
    created = answer.json()
    assert (created["type"], created["state"]) == (kind, "insufficient data")
    path = f"{ALARMS}/{created['alarm_id']}"
    assert (await cloud.call("GET", path, "member")).json() == created
    changed = {**created, "severity": "critical"}
    replaced = (await cloud.call("PUT", path, "member", changed)).json()
    assert (replaced[f"{kind}_rule"], replaced["severity"]) == (
        created[f"{kind}_rule"],
        "critical",
    )
    await cloud.report(EVENT)
    assert not cloud.outbox.owed


async def test_a_wrong_part_of_a_composite_rule_is_named(cloud: Cloud) -> None:
    """By its path."""
    body = body_of("composite", {"or": [{"and": [{"type": "prometheus", "threshold": 1}]}]})
    sentence = await sentence_of(cloud, body)
    assert "field/attribute composite_rule.or[0].and[0].query." in sentence


async def test_resource_id_is_required_of_event_alarms_alone() -> None:
    """Other types have no use for it, so the option does not keep them out (S24)."""
    async with running(alarming_settings=Settings(require_resource_id=True)) as cloud:
        answer = await cloud.call("POST", ALARMS, "member", body_of("threshold", THRESHOLD))
        assert answer.status_code == 201


async def test_types_that_nobody_evaluates_may_be_stored() -> None:
    """[alarming] accept_unsupported_types: shown as given, with the reason of their silence."""
    settings = Settings(accept_unsupported_types=True)
    async with running(alarming_settings=settings) as cloud:
        body = body_of("gnocchi_resources_threshold", KEPT)
        created = (await cloud.call("POST", ALARMS, "member", body)).json()
        rule = created["gnocchi_resources_threshold_rule"]
        assert rule.items() >= {**KEPT, "comparison_operator": "eq"}.items()
        assert (created["state"], created["state_reason"]) == ("insufficient data", WHY)
        path = f"{ALARMS}/{created['alarm_id']}"
        again = (await cloud.call("PUT", path, "member", created)).json()
        assert (again["state"], again["state_reason"]) == ("insufficient data", WHY)
        given = (await cloud.call("POST", ALARMS, "member", {**body, "state": "ok"})).json()
        assert (given["state"], given["state_reason"]) == ("ok", WHY)


async def test_an_alarm_may_become_one_that_nobody_evaluates_and_back() -> None:
    """Its old state says nothing of its new rule; once evaluated, it says so no more."""
    settings = Settings(accept_unsupported_types=True)
    async with running(alarming_settings=settings) as cloud:
        alarm = await cloud.alarm()
        await cloud.report(EVENT)
        path = f"{ALARMS}/{alarm['alarm_id']}"
        cloud.clock.advance(1)
        kept = body_of("gnocchi_resources_threshold", KEPT)
        shown = (await cloud.call("PUT", path, "member", kept)).json()
        assert (shown["state"], shown["state_reason"]) == ("insufficient data", WHY)
        assert shown["state_timestamp"] == shown["timestamp"]
        shown = (await cloud.call("PUT", path, "member", alarm_body())).json()
        assert (shown["state"], shown["state_reason"]) == (
            "insufficient data",
            "Not evaluated yet",
        )


async def test_time_constraints_are_stored_and_shown(cloud: Cloud) -> None:
    """With Aodh's description, and again after a replacement by what was shown."""
    alarm = await cloud.alarm(time_constraints=[CONSTRAINT])
    about = "Time constraint at 0 23 * * * lasting for 3600 seconds"
    assert alarm["time_constraints"] == [{**CONSTRAINT, "description": about}]
    path = f"{ALARMS}/{alarm['alarm_id']}"
    again = (await cloud.call("PUT", path, "member", alarm)).json()
    assert again["time_constraints"] == alarm["time_constraints"]
    least = {key: value for key, value in alarm.items() if key != "time_constraints"}
    assert (await cloud.call("PUT", path, "member", least)).json()["time_constraints"] == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"start": "61 * * * *"}, "[0].start"),
        ({"start": "often"}, "[0].start"),
        ({"start": "0 0 30 2 *"}, "[0].start"),
        ({"timezone": "Mars/Olympus"}, "[0].timezone"),
        ({"timezone": "../../etc/passwd"}, "[0].timezone"),
        ({"duration": -1}, "[0].duration"),
    ],
)
async def test_a_time_constraint_that_never_holds_is_refused(
    cloud: Cloud, changes: dict[str, object], name: str
) -> None:
    """Aodh ignores them for events; here they are kept, so they must be right."""
    body = alarm_body(time_constraints=[{**CONSTRAINT, **changes}])
    assert f"field/attribute time_constraints{name}. " in await sentence_of(cloud, body)


@pytest.mark.parametrize("count", [8, 9])
async def test_patterns_have_a_cost(cloud: Cloud, count: int) -> None:
    """An event type has at most so many stars; one more is refused by name."""
    body = alarm_body(event_rule={"event_type": "a*" * count})
    if count == 8:
        assert (await cloud.call("POST", ALARMS, "member", body)).status_code == 201
    else:
        assert "event_rule.event_type" in await sentence_of(cloud, body)


async def test_one_bad_alarm_does_not_stop_the_rest(cloud: Cloud) -> None:
    """The boolean condition that silences a tenant of Aodh compares, and others fire (S51)."""
    query = [{"field": "traits.state", "type": "boolean", "op": "eq", "value": "true"}]
    rule = {"event_type": "compute.instance.update", "query": query}
    await cloud.alarm(name="odd", event_rule=rule)
    await cloud.alarm(name="good")
    await cloud.report(EVENT)
    assert [one.url for one in cloud.outbox.owed] == [SINK]


async def test_conditions_that_are_refused_have_aodhs_sentences(cloud: Cloud) -> None:
    """They are part of the answer, beside the name of the field."""
    for item, sentence in (
        (
            {"type": "integer", "value": "hello"},
            "Unable to convert the value hello to the expected data type integer.",
        ),
        ({"type": "foo"}, "The data type foo is not supported."),
        ({"field": "message_id"}, "Query value or traits invalid: "),
        ({"field": "traits.a b"}, "Query value or traits invalid: "),
    ):
        query = [{"field": "traits.state", "value": "error", **item}]
        assert sentence in await sentence_of(cloud, alarm_body(event_rule={"query": query}))
