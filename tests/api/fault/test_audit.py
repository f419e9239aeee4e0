"""The audit record over HTTP."""

import pytest

from faultwire.domain.ids import AlarmId
from tests.api.cloud import EVENT, Cloud

PATH = "/fault/v1/audit"
KEYS = {"id", "at", "user", "user_name", "project", "source", "action", "target", "detail"}
ALARM = {"name": "a", "type": "event", "event_rule": {"event_type": "compute.instance.update"}}


async def test_changes_are_in_the_audit_record(cloud: Cloud) -> None:
    """Who did what to what, when and from where, newest first."""
    (fault,) = await cloud.report(EVENT)
    cloud.clock.advance(1)
    await cloud.call("POST", f"/fault/v1/faults/{fault}/close")
    lines = (await cloud.call("GET", PATH)).json()["audit"]
    closed = lines[0]
    assert closed.keys() == KEYS
    assert (closed["user"], closed["user_name"], closed["project"], closed["source"]) == (
        "u-admin",
        "admin",
        "p-admin",
        "127.0.0.1",
    )
    assert closed["at"] == "2023-11-14T22:13:22.000000Z"
    assert lines[-1]["action"] == "inventory.import"
    assert (await cloud.call("GET", f"{PATH}?limit=1")).json()["audit"] == [closed]


async def test_a_posted_fault_leaves_a_line_once(cloud: Cloud) -> None:
    """Who forced a host down from outside, and who took it back, is kept; repeats are not."""
    (fault,) = await cloud.report(EVENT)
    await cloud.report(EVENT)
    await cloud.report({**EVENT, "type": "compute.host.up"})
    lines = (await cloud.call("GET", f"{PATH}?action=fault.report")).json()["audit"]
    assert [(line["target"], line["detail"]) for line in lines] == [
        (fault, "compute.host.up hostname=compute-1"),
        (fault, "compute.host.down hostname=compute-1"),
    ]


async def test_only_alarms_of_others_leave_lines(cloud: Cloud) -> None:
    """What an administrator does to a tenant's alarm is kept; a tenant's own edits are not."""
    own = await cloud.call("POST", "/alarming/v2/alarms", "member", json=ALARM)
    alarm = AlarmId(own.json()["alarm_id"])
    path = f"/alarming/v2/alarms/{alarm}"
    await cloud.call("PUT", f"{path}/state", json="alarm")
    await cloud.call("PUT", path, json={**ALARM, "name": "b"})
    await cloud.call("DELETE", path)
    lines = (await cloud.call("GET", f"{PATH}?action=alarm")).json()["audit"]
    assert [line["action"] for line in lines] == [
        "alarm.delete",
        "alarm.update",
        "alarm.state.alarm",
    ]
    assert {line["target"] for line in lines} == {alarm}
    assert "p-demo" in lines[0]["detail"]


async def test_the_record_is_read_in_pages(cloud: Cloud) -> None:
    """A page goes on after the last line of the one before; filters hold on every page."""
    for number in range(5):
        cloud.clock.advance(1)
        event = {**EVENT, "details": {"hostname": f"new-{number}"}}
        await cloud.report(event)
    seen: list[str] = []
    query = f"{PATH}?action=fault&limit=2"
    page = (await cloud.call("GET", query)).json()["audit"]
    while page:
        seen.extend(line["detail"][-1] for line in page)
        page = (await cloud.call("GET", f"{query}&marker={page[-1]['id']}")).json()["audit"]
    assert seen == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("user=u-admin", ["fault.close", "fault.report", "inventory.import"]),
        ("user=u-service", []),
        ("action=fault", ["fault.close", "fault.report"]),
        ("action=fau", []),
        ("since=2023-11-14T22:13:22", ["fault.close"]),
        ("until=2023-11-14T22:13:22", ["fault.report", "inventory.import"]),
        ("target=inventory", ["inventory.import"]),
    ],
)
async def test_lines_are_chosen(cloud: Cloud, query: str, actions: list[str]) -> None:
    """By who, what, to what and when."""
    (fault,) = await cloud.report(EVENT)
    cloud.clock.advance(1)
    await cloud.call("POST", f"/fault/v1/faults/{fault}/close")
    lines = (await cloud.call("GET", f"{PATH}?{query}")).json()["audit"]
    assert [line["action"] for line in lines] == actions


@pytest.mark.parametrize(
    ("who", "query", "status"),
    [
        ("member", "", 403),
        ("service", "", 403),
        ("", "", 401),
        ("admin", "?limit=0", 400),
        ("admin", "?since=yesterday", 400),
        ("admin", "?host=x", 400),
        ("admin", "?marker=x", 404),
    ],
)
async def test_the_audit_record_is_the_administrators(
    cloud: Cloud, who: str, query: str, status: int
) -> None:
    """Nobody else reads it; bad parameters are named."""
    assert (await cloud.call("GET", PATH + query, who)).status_code == status
