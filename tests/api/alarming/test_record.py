"""What the history of an alarm records of its life, as Aodh writes it."""

import json
from typing import Any

from faultwire.domain.changes import HistoryAdded
from faultwire.domain.ids import AlarmId
from tests.api.cloud import EVENT, SINK, Cloud, alarm_body

ALARMS = "/alarming/v2/alarms"


def lines(cloud: Cloud, alarm: dict[str, Any]) -> list[HistoryAdded]:
    """Return the history of an alarm, oldest first."""
    return list(reversed(cloud.ledger.history(AlarmId(alarm["alarm_id"]), limit=100)))


async def test_a_creation_is_the_whole_alarm(cloud: Cloud) -> None:
    """With its rule under `rule`, whatever the type is called."""
    alarm = await cloud.alarm()
    (line,) = lines(cloud, alarm)
    assert (line.kind, line.user, line.project) == ("creation", "u-member", "p-demo")
    detail = json.loads(line.detail)
    assert detail.pop("rule") == alarm.pop("event_rule")
    assert detail == alarm


async def test_a_change_is_what_changed(cloud: Cloud) -> None:
    """Changed attributes as they are now, times aside; the rule is one of them."""
    alarm = await cloud.alarm(resource_id="vm-1")
    cloud.clock.advance(1)
    changes = {"severity": "critical", "ok_actions": [SINK], "resource_id": None}
    answer = await cloud.call(
        "PUT", f"{ALARMS}/{alarm['alarm_id']}", "member", {**alarm, **changes}
    )
    assert answer.status_code == 200
    cloud.clock.advance(1)
    rule = {"event_type": "compute.*", "query": []}
    await cloud.call(
        "PUT",
        f"{ALARMS}/{alarm['alarm_id']}",
        "admin",
        {**answer.json(), "event_rule": rule},
    )
    _, first, second = lines(cloud, alarm)
    assert (first.kind, first.user) == ("rule change", "u-member")
    assert json.loads(first.detail) == changes
    assert (second.user, json.loads(second.detail)) == ("u-admin", {"rule": rule})


async def test_nothing_changed_is_no_line(cloud: Cloud) -> None:
    """A client that sends back what it read leaves no trace."""
    alarm = await cloud.alarm()
    cloud.clock.advance(1)
    answer = await cloud.call("PUT", f"{ALARMS}/{alarm['alarm_id']}", "member", alarm)
    assert answer.json()["timestamp"] != alarm["timestamp"]
    assert [line.kind for line in lines(cloud, alarm)] == ["creation"]


async def test_transitions_say_who_or_what_made_them(cloud: Cloud) -> None:
    """By hand: state_reason and the user; by an event: transition_reason and nobody."""
    alarm = await cloud.alarm()
    path = f"{ALARMS}/{alarm['alarm_id']}/state"
    cloud.clock.advance(1)
    await cloud.call("PUT", path, "member", "ok")
    cloud.clock.advance(1)
    await cloud.report(EVENT)
    _, by_hand, by_event = lines(cloud, alarm)
    assert (by_hand.kind, by_hand.user) == ("state transition", "u-member")
    assert json.loads(by_hand.detail) == {
        "state": "ok",
        "state_reason": "Manually set via API",
    }
    assert (by_event.kind, by_event.user) == ("state transition", "")
    detail = json.loads(by_event.detail)
    assert (set(detail), detail["state"]) == ({"state", "transition_reason"}, "alarm")


async def test_the_time_of_the_state_is_that_of_the_transition(cloud: Cloud) -> None:
    """Aodh's evaluator leaves it as it was; the time of the owner's last change stays."""
    alarm = await cloud.alarm()
    cloud.clock.advance(7)
    await cloud.report(EVENT)
    shown = (await cloud.call("GET", f"{ALARMS}/{alarm['alarm_id']}", "member")).json()
    assert shown["state"] == "alarm"
    assert shown["state_timestamp"] == "2023-11-14T22:13:28.000000"
    assert shown["timestamp"] == alarm["timestamp"]


async def test_a_state_set_by_a_replacement_is_recorded(cloud: Cloud) -> None:
    """It is one of the changed attributes, with its reason."""
    alarm = await cloud.alarm()
    cloud.clock.advance(1)
    await cloud.call("PUT", f"{ALARMS}/{alarm['alarm_id']}", "member", alarm_body(state="ok"))
    assert json.loads(lines(cloud, alarm)[1].detail) == {
        "state": "ok",
        "state_reason": "Manually set via API",
    }


async def test_a_deleted_alarm_has_no_history(cloud: Cloud) -> None:
    """Its lines go with it."""
    alarm = await cloud.alarm()
    await cloud.call("DELETE", f"{ALARMS}/{alarm['alarm_id']}", "member")
    assert lines(cloud, alarm) == []
