"""Aodh's own client, as users have it, against the alarming face on a real listener."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aodhclient import exceptions
from aodhclient.v2 import alarm_cli, client
from keystoneauth1 import session as keystone
from keystoneauth1.token_endpoint import Token

from faultwire.app.listen import Address, Listener, Tls
from tests.api.cloud import DEMO, EVENT, Cloud, alarm_body

Call = Callable[..., Any]


@asynccontextmanager
async def client_of(cloud: Cloud, token: str) -> AsyncIterator[client.Client]:
    """Give a client with a token."""
    listener = Listener(Address("127.0.0.1", 0), Tls(), "listen")
    await listener.start(cloud.root)
    auth = Token(f"{listener.url}/alarming", token)
    session = keystone.Session(auth, timeout=20)
    try:
        yield client.Client(session, service_type="alarming")
    finally:
        session.session.close()
        await listener.stop()


@pytest.fixture
async def aodh(cloud: Cloud) -> AsyncIterator[client.Client]:
    """Give a client with a member's token."""
    async with client_of(cloud, "member") as made:
        yield made


@pytest.fixture
async def admin(cloud: Cloud) -> AsyncIterator[client.Client]:
    """Give a client with an administrator's token."""
    async with client_of(cloud, "admin") as made:
        yield made


async def test_the_life_of_an_alarm(cloud: Cloud, aodh: client.Client) -> None:
    """Create, show, list, update, state, delete: what the client sends and reads fits."""
    in_thread = asyncio.to_thread
    created = await in_thread(aodh.alarm.create, alarm_body())
    name = created["alarm_id"]
    assert (created["state"], created["project_id"]) == ("insufficient data", DEMO)
    assert await in_thread(aodh.alarm.get, name) == created
    assert await in_thread(aodh.alarm.list) == [created]
    assert await in_thread(aodh.alarm.list, limit=1, marker=name) == []
    changed = await in_thread(aodh.alarm.update, name, {"severity": "critical"})
    assert (changed["severity"], changed["event_rule"]) == ("critical", created["event_rule"])
    assert await in_thread(aodh.alarm.set_state, name, "ok") == "ok"
    await cloud.report(EVENT)
    assert await in_thread(aodh.alarm.get_state, name) == "alarm"
    await in_thread(aodh.alarm.delete, name)
    with pytest.raises(exceptions.NotFound, match=f"Alarm {name} not found"):
        await in_thread(aodh.alarm.get, name)


COMPOSITE = {
    "or": [
        {"type": "prometheus", "query": "up", "threshold": 1},
        {"and": [{"type": "threshold", "meter_name": "cpu", "threshold": 9}]},
    ]
}


@pytest.mark.parametrize(
    "words",
    [
        ["--type", "event", "--event-type", "a.*", "--query", "traits.state=string::error"],
        ["--type", "prometheus", "--query", "up == 0", "--threshold", "1"],
        ["--type", "threshold", "-m", "cpu", "--threshold", "9", "--query", "resource_id=vm-1"],
        ["--type", "threshold", "-m", "cpu", "--threshold", "9", "--period", "5"],
        ["--type", "composite", "--composite-rule", json.dumps(COMPOSITE)],
    ],
)
async def test_every_type_of_the_command_is_taken(aodh: client.Client, words: list[str]) -> None:
    """What `openstack alarm create` and `update` make of their arguments fits."""
    night = "name=night;start=0 23 * * *;duration=3600;timezone=Asia/Tokyo"
    command = alarm_cli.CliAlarmCreate(None, None)
    parser = command.get_parser("alarm create")
    said = parser.parse_args(["--name", "a", "--time-constraint", night, *words])
    body = command._alarm_from_args(said)
    created = await asyncio.to_thread(aodh.alarm.create, body)
    rule = f"{words[1]}_rule"
    assert (
        created[rule].items() >= {k: v for k, v in body[rule].items() if k == "threshold"}.items()
    )
    assert created["time_constraints"][0]["duration"] == 3600
    changed = await asyncio.to_thread(aodh.alarm.update, created["alarm_id"], {"name": "b"})
    assert (changed["name"], changed[rule]) == ("b", created[rule])


async def test_refusals_are_read_by_the_client(aodh: client.Client) -> None:
    """The sentence of a refusal reaches the user through the client's own exception."""
    with pytest.raises(exceptions.BadRequest, match="Value should be one of: moderate"):
        await asyncio.to_thread(aodh.alarm.create, alarm_body(severity="high"))
    with pytest.raises(exceptions.BadRequest, match="Unsupported action ftp://x"):
        await asyncio.to_thread(aodh.alarm.create, alarm_body(alarm_actions=["ftp://x"]))


async def test_lists_are_filtered_sorted_and_paged(cloud: Cloud, aodh: client.Client) -> None:
    """The client's filters, sort keys and pages: what it sends is understood."""
    in_thread = asyncio.to_thread
    for name in ("one", "two", "three"):
        await cloud.alarm(name=name, severity="critical" if name == "two" else "low")
    found = await in_thread(aodh.alarm.list, filters={"severity": "low"}, sorts=["name:desc"])
    assert [alarm["name"] for alarm in found] == ["three", "one"]
    page = await in_thread(aodh.alarm.list, sorts=["name"], limit=1)
    more = await in_thread(aodh.alarm.list, sorts=["name"], marker=page[0]["alarm_id"])
    assert [alarm["name"] for alarm in page + more] == ["one", "three", "two"]
    with pytest.raises(exceptions.BadRequest, match="Marker foo not found"):
        await in_thread(aodh.alarm.list, marker="foo")


async def test_searches_are_answered(cloud: Cloud, aodh: client.Client) -> None:
    """`alarm.query` and `alarm_history.search`, with a filter and without."""
    in_thread = asyncio.to_thread
    alarm = await cloud.alarm(name="one")
    found = await in_thread(aodh.alarm.query, json.dumps({"=": {"name": "one"}}))
    assert found == [alarm]
    assert await in_thread(aodh.alarm.query) == [alarm]
    (line,) = await in_thread(aodh.alarm_history.search)
    assert (line["alarm_id"], line["type"]) == (alarm["alarm_id"], "creation")
    none = await in_thread(aodh.alarm_history.search, json.dumps({"=": {"type": "deletion"}}))
    assert none == []
    with pytest.raises(exceptions.BadRequest, match="Filter expression not valid"):
        await in_thread(aodh.alarm.query, "{")


async def test_history_tells_what_came(cloud: Cloud, aodh: client.Client) -> None:
    """Creation, change and transition, newest first, in pages; a user, or nobody."""
    in_thread = asyncio.to_thread
    name = (await cloud.alarm())["alarm_id"]
    cloud.clock.advance(1)
    await in_thread(aodh.alarm.update, name, {"severity": "critical"})
    cloud.clock.advance(1)
    await cloud.report(EVENT)
    lines = await in_thread(aodh.alarm_history.get, name)
    assert [line["type"] for line in lines] == ["state transition", "rule change", "creation"]
    assert [line["user_id"] for line in lines] == [None, "u-member", "u-member"]
    assert json.loads(lines[1]["detail"]) == {"severity": "critical"}
    first = await in_thread(aodh.alarm_history.get, name, limit=1)
    after = first[0]["event_id"]
    rest = await in_thread(aodh.alarm_history.get, name, marker=after, sorts=["timestamp:desc"])
    assert first + rest == lines


async def test_quotas_are_shown_and_set(aodh: client.Client, admin: client.Client) -> None:
    """Reading a default of -1 changes nothing; an administrator sets a quota and it holds."""
    in_thread = asyncio.to_thread
    unlimited = {"project_id": DEMO, "quotas": [{"resource": "alarms", "limit": -1}]}
    assert await in_thread(aodh.quota.list) == unlimited
    await in_thread(aodh.alarm.create, alarm_body())
    made = await in_thread(admin.quota.create, DEMO, [{"resource": "alarms", "limit": 1}])
    assert made["quotas"] == [{"resource": "alarms", "limit": 1}]
    assert await in_thread(admin.quota.list, DEMO) == await in_thread(aodh.quota.list)
    with pytest.raises(exceptions.Forbidden, match="Alarm quota exceeded for user u-member"):
        await in_thread(aodh.alarm.create, alarm_body())


async def test_capabilities_are_listed(aodh: client.Client) -> None:
    """The client asks with a slash at the end."""
    found = await asyncio.to_thread(aodh.capabilities.list)
    assert all(found["api"].values())
    assert len(found["api"]) == 4
