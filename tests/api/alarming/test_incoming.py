"""Events that others publish, and the alarms that wait for them."""

from typing import Any

import orjson
import pytest

from tests.api.cloud import DEMO, SINK, Cloud

PATH = "/alarming/v2/events"


def event(**more: Any) -> dict[str, Any]:
    """Return an event as Ceilometer publishes it."""
    return {
        "message_id": "m-1",
        "event_type": "compute.instance.delete.end",
        "generated": "2018-11-28T10:00:00.123456",
        "raw": {},
        "traits": [["project_id", 1, DEMO], ["instance_id", 1, "vm-1"], ["memory_mb", 2, "512"]],
        **more,
    }


RULE = {
    "event_type": "compute.instance.delete.*",
    "query": [{"field": "traits.memory_mb", "op": "ge", "type": "integer", "value": "500"}],
}


async def post(cloud: Cloud, body: object, who: str = "admin", status: int = 202) -> Any:
    answer = await cloud.call("POST", PATH, who, body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_an_event_fires_the_very_next_moment(cloud: Cloud) -> None:
    """After 201 of the alarm the event finds it, and the webhook shows it as it came."""
    alarm = await cloud.alarm(event_rule=RULE)
    came = event(raw={"größe": [1, None]}, extra=True)
    assert await post(cloud, came, "service") == {"events": 1}
    (owed,) = cloud.outbox.owed
    body = orjson.loads(owed.body)
    assert (owed.url, body["alarm_id"]) == (SINK, alarm["alarm_id"])
    assert body["reason_data"] == {"type": "event", "event": came}
    assert "m-1" in body["reason"]


async def test_changes_of_an_alarm_hold_for_the_very_next_event(cloud: Cloud) -> None:
    """After 200 and 204 as well: there is no time in which an old alarm is believed."""
    alarm = await cloud.alarm(event_rule=RULE, repeat_actions=True)
    one = f"/alarming/v2/alarms/{alarm['alarm_id']}"
    await post(cloud, event())
    changed = {**alarm, "enabled": False}
    assert (await cloud.call("PUT", one, "member", changed)).status_code == 200
    await post(cloud, event())
    assert (await cloud.call("PUT", one, "member", alarm)).status_code == 200
    await post(cloud, event())
    assert (await cloud.call("DELETE", one, "member")).status_code == 204
    await post(cloud, event())
    assert len(cloud.outbox.owed) == 2


async def test_the_last_trait_of_a_project_says_whose_it_is(cloud: Cloud) -> None:
    """As in Aodh: project_id or tenant_id, the last one; none is the administrators'."""
    await cloud.alarm(event_rule={**RULE, "query": []}, repeat_actions=True)
    mine = await cloud.alarm(
        "admin", event_rule={**RULE, "query": []}, project_id="", repeat_actions=True
    )
    await post(cloud, event(traits=[["tenant_id", 1, DEMO], ["project_id", 1, "other"]]))
    await post(cloud, event(traits=[["project_id", 1, "other"], ["tenant_id", 1, DEMO]]))
    await post(cloud, event(traits=None))
    await post(cloud, event(traits=[]))
    told = [orjson.loads(one.body)["alarm_id"] for one in cloud.outbox.owed]
    assert len(told) == 5
    assert told.count(mine["alarm_id"]) == 4
    assert cloud.outbox.owed[1].project == DEMO or cloud.outbox.owed[2].project == DEMO


@pytest.mark.parametrize(
    ("trait", "condition"),
    [
        ([2, "many"], ("string", "many")),
        ([2, 10**30], ("string", "1e+30")),
        ([2, "99999999999999999999999999"], ("string", "99999999999999999999999999")),
        ([2, "9" * 5000], ("string", "9" * 200)),
        ([3, "nan"], ("string", "nan")),
        ([3, "1e999"], ("string", "1e999")),
        ([3, "0.5"], ("float", "0.5")),
        ([2, 7.9], ("integer", "7")),
        ([2, None], ("string", "")),
        ([1, 12], ("string", "12")),
        ([1, {"a": [1]}], ("string", '{"a": [1]}')),
        ([1, True], ("boolean", "true")),
        ([4, "2018-11-28T10:00:00"], ("datetime", "2018-11-28T10:00:00+00:00")),
        ([4, "some day"], ("string", "some day")),
        ([9, "x"], ("string", "x")),
        (["2", "x"], ("string", "x")),
        ([True, 5], ("string", "5")),
    ],
)
async def test_a_value_that_is_not_of_its_type_is_text(
    cloud: Cloud, trait: list[Any], condition: tuple[str, str]
) -> None:
    """One strange value loses no event and stops nothing (Aodh drops the whole message)."""
    kind, value = condition
    op = "eq" if len(value) < 100 else "ge"
    item = {"field": "traits.odd", "op": op, "type": kind, "value": value}
    await cloud.alarm(event_rule={"event_type": "*", "query": [item]})
    traits = [["project_id", 1, DEMO], ["odd", *trait]]
    assert await post(cloud, [event(traits=traits)]) == {"events": 1}
    assert len(cloud.outbox.owed) == 1


async def test_a_list_is_taken_whole(cloud: Cloud) -> None:
    """A thousand events of one request, in their order, in one commit."""
    await cloud.alarm(event_rule={**RULE, "query": []}, repeat_actions=True)
    before = cloud.ledger.commits
    assert await post(cloud, [event(message_id=f"m-{n}") for n in range(1000)]) == {"events": 1000}
    assert cloud.ledger.commits == before + 1
    ids = [orjson.loads(o.body)["reason_data"]["event"]["message_id"] for o in cloud.outbox.owed]
    assert ids == [f"m-{n}" for n in range(1000)]
    assert await post(cloud, []) == {"events": 0}


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ({"message_id": ""}, "events[1].message_id: is mandatory"),
        ({"message_id": None}, "events[1].message_id: is mandatory"),
        ({"message_id": 5}, "events[1].message_id: must be text"),
        ({"message_id": "\0"}, "events[1].message_id: must be text"),
        ({"event_type": None}, "events[1].event_type: is mandatory"),
        ({"event_type": "x" * 256}, "events[1].event_type: must be text"),
        ({"traits": {"a": 1}}, "events[1].traits: must be a list"),
        ({"traits": [["a", 1]]}, "events[1].traits[0]: must be"),
        ({"traits": [["a", 1, 2], [5, 1, 2]]}, "events[1].traits[1]: must be"),
        ({"traits": ["abc"]}, "events[1].traits[0]: must be"),
    ],
)
async def test_what_is_no_event_is_named_and_nothing_is_taken(
    cloud: Cloud, bad: dict[str, Any], place: str
) -> None:
    """One bad event refuses the list, by its index."""
    await cloud.alarm(event_rule={**RULE, "query": []})
    answer = await post(cloud, [event(), event(**bad)], status=400)
    assert place in answer["error_message"]["faultstring"]
    missing = {key: value for key, value in event().items() if key not in bad}
    if set(bad) <= {"message_id", "event_type"}:
        await post(cloud, missing, status=400)
    assert not cloud.outbox.owed


@pytest.mark.parametrize(
    ("body", "who", "status"),
    [
        (7, "admin", 400),
        ([7], "admin", 400),
        ([event()] * 1001, "admin", 400),
        (event(), "member", 403),
        (event(), "stranger", 403),
        (event(), "nobody", 403),
        (event(), "", 401),
    ],
)
async def test_who_may_publish_and_what(cloud: Cloud, body: object, who: str, status: int) -> None:
    """Administrators and services, events, at most a thousand."""
    await post(cloud, body, who, status)
    assert not cloud.lane.commands


async def test_nesting_has_an_end(cloud: Cloud) -> None:
    """What could not be written into a webhook is refused before it is taken."""
    deep: Any = "x"
    for _ in range(150):
        deep = [deep]
    await cloud.alarm(event_rule={**RULE, "query": []})
    said = await post(cloud, event(raw=deep), status=400)
    assert "nested deeper" in said["error_message"]["faultstring"]
    flat: Any = "x"
    for _ in range(90):
        flat = [flat]
    await post(cloud, event(raw=flat))
    assert len(cloud.outbox.owed) == 1
