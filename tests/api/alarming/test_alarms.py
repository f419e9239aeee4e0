"""Alarms over HTTP, in Aodh's shape: create, read, replace, delete, and their state."""

from typing import Any

import pytest

from faultwire.domain.commands import Command, SaveAlarm
from faultwire.domain.errors import Unavailable
from faultwire.faces.alarming.settings import Settings
from tests.api.cloud import ADMIN_PROJECT, BASE, DEMO, EVENT, SINK, Cloud, alarm_body, running

ALARMS = "/alarming/v2/alarms"
UP = {**EVENT, "type": "compute.host.up"}
CLEAR = {"query": [{"field": "traits.state", "type": "", "op": "eq", "value": "active"}]}


async def listed(cloud: Cloud, query: str = "", who: str = "member") -> list[str]:
    answer = await cloud.call("GET", ALARMS + query, who)
    assert answer.status_code == 200, answer.text
    return [alarm["alarm_id"] for alarm in answer.json()]


async def test_doctors_alarm_is_created(cloud: Cloud) -> None:
    """201, Location, and the whole alarm with the server's attributes."""
    answer = await cloud.call("POST", ALARMS, "member", alarm_body())
    assert answer.status_code == 201
    created = answer.json()
    assert answer.headers["Location"] == f"{BASE}{ALARMS}/{created['alarm_id']}"
    assert created["event_rule"] == alarm_body()["event_rule"]
    assert (created["project_id"], created["user_id"]) == (DEMO, "u-member")
    assert (created["state"], created["state_reason"]) == (
        "insufficient data",
        "Not evaluated yet",
    )
    assert created["timestamp"] == created["state_timestamp"] == "2023-11-14T22:13:21.000000"
    assert (await cloud.call("GET", f"{ALARMS}/{created['alarm_id']}", "reader")).json() == created


async def test_an_alarm_is_effective_for_the_very_next_event(cloud: Cloud) -> None:
    """No cache stands between 201, 200, 204 and the next event."""
    alarm = await cloud.alarm()
    (fault,) = await cloud.report(EVENT)
    assert [one.ordering for one in cloud.outbox.owed] == [alarm["alarm_id"]]
    await cloud.call("POST", f"/fault/v1/faults/{fault}/close")
    path = f"{ALARMS}/{alarm['alarm_id']}"
    await cloud.call("PUT", f"{path}/state", "member", "ok")
    await cloud.call("PUT", path, "member", {**alarm, "state": "ok", "enabled": False})
    (fault,) = await cloud.report(EVENT)
    assert len(cloud.outbox.owed) == 1
    await cloud.call("POST", f"/fault/v1/faults/{fault}/close")
    await cloud.call("DELETE", path, "member")
    await cloud.alarm(name="another")
    await cloud.report(EVENT)
    assert len(cloud.outbox.owed) == 2


async def test_an_alarm_that_says_what_clears_goes_back_to_ok(cloud: Cloud) -> None:
    """`clear` in the rule sets it to ok and runs ok_actions (D9)."""
    rule = {**alarm_body()["event_rule"], "clear": CLEAR}
    alarm = await cloud.alarm(event_rule=rule, ok_actions=[f"{SINK}/ok"])
    assert alarm["event_rule"]["clear"] == {"event_type": "compute.instance.update", **CLEAR}
    await cloud.report(EVENT)
    await cloud.report(UP)
    path = f"{ALARMS}/{alarm['alarm_id']}/state"
    assert (await cloud.call("GET", path, "member")).json() == "ok"
    assert [one.url for one in cloud.outbox.owed] == [SINK, f"{SINK}/ok"]


async def test_both_spellings_are_one_alarm(cloud: Cloud) -> None:
    """Both, notification and event, are returned as they were created (D11)."""
    body = alarm_body(type="notification", notification_rule=alarm_body()["event_rule"])
    del body["event_rule"]
    body["resource_id"] = "vm-1"
    answer = await cloud.call("POST", ALARMS, "member", body)
    created = answer.json()
    assert answer.status_code == 201
    assert (created["type"], created["resource_id"]) == ("notification", "vm-1")
    assert "event_rule" not in created
    await cloud.report(EVENT)
    assert len(cloud.outbox.owed) == 1


async def test_a_resource_of_another_project_matches_nothing(cloud: Cloud) -> None:
    """resource_id outside the project is taken, and reveals nothing (S22, D11)."""
    await cloud.alarm(resource_id="vm-2", event_rule={"event_type": "*"})
    await cloud.report(EVENT)
    assert not cloud.outbox.owed


async def test_resource_id_may_be_required() -> None:
    """[alarming] require_resource_id turns a create without it into 400 (S24)."""
    async with running(alarming_settings=Settings(require_resource_id=True)) as cloud:
        answer = await cloud.call("POST", ALARMS, "member", alarm_body())
        assert answer.status_code == 400
        assert "resource_id" in answer.json()["error_message"]["faultstring"]
        with_it = alarm_body(resource_id="vm-1")
        assert (await cloud.call("POST", ALARMS, "member", with_it)).status_code == 201


async def test_a_replacement_is_whole(cloud: Cloud) -> None:
    """What PUT leaves out returns to its default, the state stays."""
    alarm = await cloud.alarm(state="ok", ok_actions=[SINK])
    path = f"{ALARMS}/{alarm['alarm_id']}"
    cloud.clock.advance(5)
    least: dict[str, Any] = {"name": "b", "type": "event", "event_rule": {}}
    answer = await cloud.call("PUT", path, "member", least)
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["name"], changed["severity"], changed["ok_actions"]) == ("b", "low", [])
    assert changed["event_rule"] == {"event_type": "*", "query": []}
    assert (changed["state"], changed["state_timestamp"]) == ("ok", alarm["state_timestamp"])
    assert changed["timestamp"] != alarm["timestamp"]
    assert (changed["user_id"], changed["project_id"]) == ("u-member", DEMO)
    for missing in ("name", "type", "event_rule"):
        less = {key: value for key, value in least.items() if key != missing}
        assert (await cloud.call("PUT", path, "member", less)).status_code == 400


async def test_a_replacement_sets_the_state_that_it_names(cloud: Cloud) -> None:
    """A state that differs is set by hand; the same one is no change of state."""
    alarm = await cloud.alarm()
    path = f"{ALARMS}/{alarm['alarm_id']}"
    cloud.clock.advance(5)
    same = (await cloud.call("PUT", path, "member", alarm)).json()
    assert same["state_timestamp"] == alarm["state_timestamp"]
    moved = (await cloud.call("PUT", path, "member", {**same, "state": "ok"})).json()
    assert (moved["state"], moved["state_reason"]) == ("ok", "Manually set via API")
    assert moved["state_timestamp"] != alarm["state_timestamp"]


async def test_a_replacement_does_not_undo_what_happened_since(cloud: Cloud) -> None:
    """A client that read `ok` and sends all of it back must not lose the alarm in between."""
    alarm = await cloud.alarm(state="ok")
    cloud.clock.advance(5)
    await cloud.report(EVENT)
    path = f"{ALARMS}/{alarm['alarm_id']}"
    answer = await cloud.call("PUT", path, "member", {**alarm, "description": "new"})
    assert (answer.json()["state"], answer.json()["description"]) == ("alarm", "new")


async def test_an_event_in_the_middle_of_a_replacement_is_not_undone(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault between what PUT reads and what it decides: the new fields and the new state."""
    alarm = await cloud.alarm(state="insufficient data")
    cloud.clock.advance(5)
    submit, waiting = cloud.lane.submit, [EVENT]

    async def late(command: Command) -> object:
        if isinstance(command, SaveAlarm) and waiting:
            await cloud.report(waiting.pop())
        return await submit(command)

    monkeypatch.setattr(cloud.lane, "submit", late)
    path = f"{ALARMS}/{alarm['alarm_id']}"
    wanted = {**alarm, "state": "ok", "alarm_actions": [f"{SINK}/new"]}
    changed = (await cloud.call("PUT", path, "member", wanted)).json()
    assert (changed["state"], changed["alarm_actions"]) == ("alarm", [f"{SINK}/new"])
    assert [one.url for one in cloud.outbox.owed] == [SINK]


async def test_the_state_is_a_bare_string(cloud: Cloud) -> None:
    """GET and PUT of the state speak a JSON string; no action runs."""
    alarm = await cloud.alarm(ok_actions=[SINK])
    path = f"{ALARMS}/{alarm['alarm_id']}/state"
    for state in ("ok", "alarm", "insufficient data"):
        answer = await cloud.call("PUT", path, "member", state)
        assert (answer.status_code, answer.json()) == (200, state)
        assert (await cloud.call("GET", path, "reader")).json() == state
    assert not cloud.outbox.owed
    shown = (await cloud.call("GET", f"{ALARMS}/{alarm['alarm_id']}", "member")).json()
    assert shown["state_reason"] == "Manually set via API"


@pytest.mark.parametrize("body", ["fine", "OK", "", 1, None, ["ok"], {"state": "ok"}, True])
async def test_any_other_state_is_invalid(cloud: Cloud, body: Any) -> None:
    """Aodh's sentence for what is no state."""
    alarm = await cloud.alarm()
    path = f"{ALARMS}/{alarm['alarm_id']}/state"
    content = b"null" if body is None else None
    more: dict[str, Any] = {"content": content} if content else {"body": body}
    answer = await cloud.call("PUT", path, "member", **more)
    assert answer.status_code == 400
    assert answer.json()["error_message"]["faultstring"] == "state invalid"


async def test_a_deleted_alarm_is_gone(cloud: Cloud) -> None:
    """204 without a body, then 404 for everything about it."""
    alarm = await cloud.alarm()
    path = f"{ALARMS}/{alarm['alarm_id']}"
    answer = await cloud.call("DELETE", path, "member")
    assert (answer.status_code, answer.content) == (204, b"")
    for method, more in (("GET", ""), ("GET", "/state"), ("DELETE", "")):
        gone = await cloud.call(method, path + more, "member")
        assert gone.status_code == 404
        sentence = f"Alarm {alarm['alarm_id']} not found"
        assert gone.json()["error_message"]["faultstring"] == sentence
    assert await listed(cloud) == []


async def test_the_list_is_the_projects_own(cloud: Cloud) -> None:
    """Newest first, by limit and marker; others' alarms are not in it."""
    mine = []
    for number in range(5):
        mine.insert(0, (await cloud.alarm(name=f"a{number}"))["alarm_id"])
        cloud.clock.advance(1)
    theirs = (await cloud.alarm("stranger"))["alarm_id"]
    assert await listed(cloud) == mine
    assert await listed(cloud, who="stranger") == [theirs]
    assert await listed(cloud, who="admin") == []
    assert await listed(cloud, "?all_projects=true", "admin") == [theirs, *mine]
    assert await listed(cloud, f"?project_id={DEMO}", "admin") == mine
    assert await listed(cloud, "?limit=2") == mine[:2]
    assert await listed(cloud, f"?limit=2&marker={mine[1]}") == mine[2:4]
    assert await listed(cloud, f"?marker={mine[3]}") == mine[4:]
    assert await listed(cloud, "?limit=0") == mine


async def test_the_list_is_whole_however_long(cloud: Cloud) -> None:
    """Without a limit all alarms are listed, read in pages; with one, so many."""
    for number in range(450):
        await cloud.alarm(name=f"a{number}")
    before = cloud.read_calls
    whole = await listed(cloud)
    assert len(set(whole)) == len(whole) == 450
    assert cloud.read_calls == before + 3
    assert await listed(cloud, "?limit=250") == whole[:250]
    assert await listed(cloud, "?limit=200") == whole[:200]


async def test_an_administrator_may_name_the_project(cloud: Cloud) -> None:
    """For another project, and for none: administrators' alarms see infrastructure (S47)."""
    theirs = await cloud.alarm("admin", project_id=DEMO, user_id="u-member")
    assert (theirs["project_id"], theirs["user_id"]) == (DEMO, "u-member")
    assert await listed(cloud) == [theirs["alarm_id"]]
    rule = {"event_type": "fault.raised"}
    ours = await cloud.alarm("admin", project_id="", event_rule=rule)
    assert ours["project_id"] == ""
    assert await listed(cloud, "?project_id=", "admin") == [ours["alarm_id"]]
    await cloud.report(EVENT)
    assert [str(one.project) for one in cloud.outbox.owed].count("") == 1


async def test_a_member_may_change_what_a_colleague_created(cloud: Cloud) -> None:
    """The project owns the alarm; its user stays who it was."""
    alarm = await cloud.alarm("admin", project_id=DEMO, user_id="u-colleague")
    path = f"{ALARMS}/{alarm['alarm_id']}"
    answer = await cloud.call("PUT", path, "member", {**alarm, "name": "b"})
    assert (answer.status_code, answer.json()["user_id"]) == (200, "u-colleague")
    by_admin = await cloud.call("PUT", path, "admin", {**alarm, "project_id": ADMIN_PROJECT})
    assert by_admin.json()["project_id"] == ADMIN_PROJECT
    assert (await cloud.call("GET", path, "member")).status_code == 404


async def test_when_the_store_is_full_nothing_is_promised(cloud: Cloud) -> None:
    """503 in Aodh's shape, and no alarm."""
    cloud.ledger.fail(Unavailable("the disk is full"))
    answer = await cloud.call("POST", ALARMS, "member", alarm_body())
    assert answer.status_code == 503
    assert answer.json()["error_message"]["faultcode"] == "Server"
    assert await listed(cloud) == []
