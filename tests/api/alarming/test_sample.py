"""The sample alarm of the draft, made valid JSON: created, shown, and fired as it is written."""

import json
import re
from typing import Any

import pytest

from faultwire.domain.accounts import Caller, Role
from faultwire.domain.changes import ProjectsSaved
from faultwire.domain.ids import ProjectId, UserId
from faultwire.domain.resources import Project
from tests.api.cloud import Cloud
from tests.api.cloud_doors import CALLERS

ALARMS = "/alarming/v2/alarms"
OWNER = "c96c887c216949acbdfbd8b494863567"
SERVER = "153462d0-a9b8-4b5b-8175-9e4b05e9b856"
DRAFT = """
{
    "alarm_actions": [
        "http://site:8000/alarm"
    ],
    "alarm_id": null,
    "description": "An alarm",
    "enabled": true,
    "insufficient_data_actions": [
        "http://site:8000/nodata"
    ],
    "name": "InstanceStatusAlarm",
    "notification_rule": {
        "event_type": "compute.instance.update",
        "query" : [
            {
                "field" : "traits.state",
                "type" : "string",
                "value" : "error",
                "op" : "eq",
            },
        ]
    },
    "ok_actions": [],
    "project_id": "c96c887c216949acbdfbd8b494863567",
    "repeat_actions": false,
    "resource_id": "153462d0-a9b8-4b5b-8175-9e4b05e9b856",
    "severity": "moderate",
    "state": "ok",
    "state_timestamp": "2015-04-03T17:49:38.406845",
    "timestamp": "2015-04-03T17:49:38.406839",
    "type": "notification",
    "user_id": "c96c887c216949acbdfbd8b494863567"
}
"""
SAMPLE: dict[str, Any] = json.loads(re.sub(r",(\s*[}\]])", r"\1", DRAFT))
DOWN = {"time": "2026-01-31T12:00:00", "details": {"hostname": "compute-9"}}


@pytest.fixture
async def owner(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the sample's project, user and server there, and return a token of that user."""
    project = ProjectId(OWNER)
    roles = frozenset({Role.MEMBER, Role.READER})
    caller = Caller(UserId(OWNER), "owner", project, project, roles)
    monkeypatch.setitem(CALLERS, "owner", caller)
    cloud.memory.apply((ProjectsSaved((Project(project, "owner"),)),))
    document = {
        "hosts": [{"name": "compute-9"}],
        "servers": [{"id": SERVER, "name": "s", "project": "owner", "host": "compute-9"}],
    }
    answer = await cloud.call("PATCH", "/fault/v1/inventory", "admin", document)
    assert answer.status_code == 200, answer.text
    return "owner"


async def created(cloud: Cloud, owner: str) -> dict[str, Any]:
    answer = await cloud.call("POST", ALARMS, owner, SAMPLE)
    assert answer.status_code == 201, answer.text
    alarm: dict[str, Any] = answer.json()
    return alarm


async def fault(cloud: Cloud, kind: str) -> None:
    await cloud.report({**DOWN, "type": kind})
    cloud.clock.advance(1)


async def test_the_draft_itself_is_no_json(cloud: Cloud, owner: str) -> None:
    """Its trailing commas are refused as what they are (S27-S41)."""
    answer = await cloud.call("POST", ALARMS, owner, content=DRAFT.encode())
    assert answer.status_code == 400
    sentence = "Request is not in valid JSON format"
    assert answer.json()["error_message"]["faultstring"] == sentence


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("alarm_actions", ["http://site:8000/alarm"], id="S27"),
        pytest.param("description", "An alarm", id="S29"),
        pytest.param("enabled", True, id="S30"),
        pytest.param("insufficient_data_actions", ["http://site:8000/nodata"], id="S31"),
        pytest.param("name", "InstanceStatusAlarm", id="S32"),
        pytest.param("ok_actions", [], id="S33"),
        pytest.param("project_id", OWNER, id="S34"),
        pytest.param("repeat_actions", False, id="S35"),
        pytest.param("severity", "moderate", id="S36"),
        pytest.param("state", "ok", id="S37"),
        pytest.param("type", "notification", id="S40"),
        pytest.param("user_id", OWNER, id="S41"),
        pytest.param("notification_rule", SAMPLE["notification_rule"], id="S19"),
        pytest.param("resource_id", SERVER, id="S21"),
    ],
)
async def test_every_attribute_is_stored_and_shown(
    cloud: Cloud, owner: str, key: str, value: object
) -> None:
    """As its author wrote it: S27, S29, S30, S31, S32, S33, S34, S35, S36, S37, S40, S41."""
    alarm = await created(cloud, owner)
    shown = (await cloud.call("GET", f"{ALARMS}/{alarm['alarm_id']}", owner)).json()
    assert shown[key] == value


async def test_id_and_times_are_the_servers(cloud: Cloud, owner: str) -> None:
    """A null id is filled in (S28), and the times of the draft are not its to set (S38, S39)."""
    alarm = await created(cloud, owner)
    assert re.fullmatch(r"[0-9a-f-]{36}", alarm["alarm_id"])
    assert alarm["timestamp"] == alarm["state_timestamp"] == "2023-11-14T22:13:21.000000"


async def test_it_fires_once_when_its_server_fails(cloud: Cloud, owner: str) -> None:
    """The webhook is the draft's own, once until the state is reset (S15, S17, S35, S42)."""
    alarm = await created(cloud, owner)
    await fault(cloud, "compute.host.down")
    (owed,) = cloud.outbox.owed
    body = json.loads(owed.body)
    assert (owed.url, owed.kind) == ("http://site:8000/alarm", "webhook")
    assert (body["alarm_id"], body["alarm_name"]) == (alarm["alarm_id"], "InstanceStatusAlarm")
    assert (body["previous"], body["current"], body["severity"]) == ("ok", "alarm", "moderate")
    assert ["state", 1, "error"] in body["reason_data"]["event"]["traits"]
    await fault(cloud, "compute.host.up")
    await fault(cloud, "compute.host.down")
    assert len(cloud.outbox.owed) == 1
    await fault(cloud, "compute.host.up")
    path = f"{ALARMS}/{alarm['alarm_id']}/state"
    assert (await cloud.call("PUT", path, owner, "ok")).status_code == 200
    await fault(cloud, "compute.host.down")
    assert len(cloud.outbox.owed) == 2


async def test_other_servers_do_not_fire_it(cloud: Cloud, owner: str) -> None:
    """Its resource_id is one more condition: faults elsewhere are nothing to it (S15, S21)."""
    await created(cloud, owner)
    await cloud.report({**DOWN, "type": "compute.host.down", "details": {"hostname": "compute-1"}})
    assert not cloud.outbox.owed


async def test_disabled_it_does_not_fire(cloud: Cloud, owner: str) -> None:
    """A disabled alarm is not evaluated (S30)."""
    answer = await cloud.call("POST", ALARMS, owner, {**SAMPLE, "enabled": False})
    assert answer.status_code == 201
    await fault(cloud, "compute.host.down")
    assert not cloud.outbox.owed


async def test_a_shutdown_is_seen_by_the_power_state(cloud: Cloud, owner: str) -> None:
    """The use case's `shutdown`, which no vm_state is, fires as well as `error` (S43)."""
    server = {"id": SERVER, "name": "s", "project": "owner", "host": "compute-9"}
    document = {"servers": [{**server, "status": "SHUTOFF"}]}
    assert (await cloud.call("PATCH", "/fault/v1/inventory", "admin", document)).is_success
    query = [{"field": "traits.state", "type": "string", "value": "shutdown", "op": "eq"}]
    rule = {**SAMPLE["notification_rule"], "query": query}
    answer = await cloud.call("POST", ALARMS, owner, {**SAMPLE, "notification_rule": rule})
    assert answer.status_code == 201
    await fault(cloud, "compute.host.down")
    (owed,) = cloud.outbox.owed
    traits = json.loads(owed.body)["reason_data"]["event"]["traits"]
    assert ["power_state", 1, "shutdown"] in traits
