"""Aodh's own client, as users have it, against the alarming face on a real listener."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aodhclient import exceptions
from aodhclient.v2 import client
from keystoneauth1 import session as keystone
from keystoneauth1.token_endpoint import Token

from faultwire.app.listen import Address, Listener, Tls
from tests.api.cloud import DEMO, EVENT, Cloud, alarm_body

Call = Callable[..., Any]


@pytest.fixture
async def aodh(cloud: Cloud) -> AsyncIterator[client.Client]:
    """Give a client with a member's token."""
    listener = Listener(Address("127.0.0.1", 0), Tls(), "listen")
    await listener.start(cloud.root)
    auth = Token(f"{listener.url}/alarming", "member")
    session = keystone.Session(auth, timeout=20)
    try:
        yield client.Client(session, service_type="alarming")
    finally:
        session.session.close()
        await listener.stop()


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


async def test_refusals_are_read_by_the_client(aodh: client.Client) -> None:
    """The sentence of a refusal reaches the user through the client's own exception."""
    with pytest.raises(exceptions.BadRequest, match="Value should be one of: moderate"):
        await asyncio.to_thread(aodh.alarm.create, alarm_body(severity="high"))
    with pytest.raises(exceptions.BadRequest, match="Unsupported action ftp://x"):
        await asyncio.to_thread(aodh.alarm.create, alarm_body(alarm_actions=["ftp://x"]))
