"""The hold, maintenance and silences by the API, acts at an operator's word, explanations."""

import pytest

from faultwire.app import history
from faultwire.app.replaying import replay
from faultwire.config import configuration
from tests.api.cloud import EVENT, Cloud

UP = {**EVENT, "type": "compute.host.up"}
SOON = "2023-11-14T23:00:00Z"
"""Later than the clock of the cloud."""


async def test_acts_are_held_and_owners_are_told(cloud: Cloud) -> None:
    """A hold leaves the host alone, says so everywhere, and ends with its release."""
    answer = await cloud.call("PUT", "/fault/v1/acts/hold", body={"held": True, "reason": "r2"})
    assert answer.json()["hold"] == {
        "held": True,
        "reason": "r2",
        "by": "u-admin",
        "since": "2023-11-14T22:13:21.000000Z",
    }
    (fault,) = await cloud.report(EVENT)
    assert "compute.instance.update" in {event.event_type for event in cloud.events}
    host = (await cloud.call("GET", "/fault/v1/hosts/compute-1")).json()["host"]
    assert (host["forced_down"], host["host_status"]) == (False, "UP")
    status = (await cloud.call("GET", "/fault/v1/status")).json()["status"]
    assert status["acts"]["held"]
    assert any("held" in trouble for trouble in status["troubles"])
    told = (await cloud.call("GET", f"/fault/v1/faults/{fault}/explanation")).json()
    assert "(hold)" in told["explanation"]["summary"]
    answer = await cloud.call("POST", f"/fault/v1/faults/{fault}/act")
    assert (answer.status_code, "hold: u-admin" in answer.text) == (409, True)
    answer = await cloud.call("PUT", "/fault/v1/acts/hold", body={"held": False})
    assert answer.json()["hold"]["held"] is False
    answer = await cloud.call("POST", f"/fault/v1/faults/{fault}/act")
    assert answer.status_code == 200, answer.text
    host = (await cloud.call("GET", "/fault/v1/hosts/compute-1")).json()["host"]
    assert host["forced_down"]
    (act,) = (await cloud.call("GET", "/fault/v1/acts")).json()["acts"]
    assert (act["act"], act["host"], act["asked_by"]) == ("force_down", "compute-1", "u-admin")
    lines = (await cloud.call("GET", "/fault/v1/audit")).json()["audit"]
    actions = {line["action"] for line in lines}
    assert {"acts.hold", "acts.release", "fault.act"} <= actions


async def test_one_fault_tells_of_all_refusals(cloud: Cloud) -> None:
    """Administrators hear once; the release closes what the hold opened."""
    await cloud.call("PUT", "/fault/v1/acts/hold", body={"held": True})
    await cloud.report(EVENT, {**EVENT, "details": {"hostname": "compute-2.example.org"}})
    await cloud.report(UP)
    await cloud.report(EVENT)
    rows = (await cloud.call("GET", "/fault/v1/faults?state=open")).json()["faults"]
    (refused,) = [row for row in rows if row["type"] == "faultwire.acts.refused"]
    assert (refused["resource"], refused["repeats"]) == ({"guard": "hold"}, 2)
    raised = [event for event in cloud.events if event.event_type == "fault.raised"]
    assert sum(event.traits["type"] == "faultwire.acts.refused" for event in raised) == 1
    await cloud.call("PUT", "/fault/v1/acts/hold", body={"held": False})
    fault = (await cloud.call("GET", f"/fault/v1/faults/{refused['id']}")).json()["fault"]
    assert fault["state"] == "closed"


async def test_a_maintenance_is_planned_and_ended(cloud: Cloud) -> None:
    """It is on from now, is listed with its state, and holds back what is done to the host."""
    body = {"kind": "maintenance", "to": SOON, "matches": {"host": "compute-1"}}
    answer = await cloud.call("POST", "/fault/v1/windows", body=body)
    assert answer.status_code == 201, answer.text
    window = answer.json()["window"]
    assert (window["state"], window["by"]) == ("on", "u-admin")
    later = {
        **body,
        "from": "2023-11-14T22:30:00Z",
        "kind": "silence",
        "matches": {"type": "compute.host.down"},
    }
    await cloud.call("POST", "/fault/v1/windows", body=later)
    found = (await cloud.call("GET", "/fault/v1/windows")).json()["windows"]
    assert [one["state"] for one in found] == ["on", "planned"]
    (fault,) = await cloud.report(EVENT)
    told = (await cloud.call("GET", f"/fault/v1/faults/{fault}/explanation")).json()
    assert "(maintenance)" in told["explanation"]["summary"]
    answer = await cloud.call("DELETE", f"/fault/v1/windows/{window['id']}")
    assert answer.status_code == 204
    answer = await cloud.call("DELETE", f"/fault/v1/windows/{window['id']}")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "holiday", "to": SOON, "matches": {"host": "compute-1"}}, "kind"),
        ({"kind": "maintenance", "to": "soon", "matches": {"host": "compute-1"}}, "to"),
        ({"kind": "maintenance", "matches": {"host": "compute-1"}}, "to"),
        ({"kind": "maintenance", "to": SOON, "matches": {"host": "nobody"}}, "matches.host"),
        ({"kind": "maintenance", "to": SOON, "matches": {}}, None),
        ({"kind": "maintenance", "to": SOON, "matches": {"rack": "r1"}}, None),
        ({"kind": "silence", "to": SOON, "matches": {"rack": "r1"}}, "matches.rack"),
        ({"kind": "silence", "to": SOON, "matches": {"colour": "red"}}, "matches.colour"),
        ({"kind": "silence", "to": SOON, "matches": {"type": "x"}}, "matches.type"),
        ({"kind": "silence", "to": "1999-01-01", "matches": {"host": "compute-1"}}, "to"),
        (
            {
                "kind": "silence",
                "from": SOON,
                "to": "2023-11-14T22:59:59Z",
                "matches": {"host": "compute-1"},
            },
            "to",
        ),
        (
            {"kind": "silence", "to": SOON, "matches": {"host": "compute-1"}, "reason": "\x00"},
            "reason",
        ),
        ([], ""),
    ],
)
async def test_a_wrong_window_is_refused_by_name(cloud: Cloud, body: object, field: str) -> None:
    """400 names the field; nothing is kept."""
    answer = await cloud.call("POST", "/fault/v1/windows", body=body)
    assert answer.status_code == 400, answer.text
    if field:
        assert answer.json()["error"]["field"] == field
    assert (await cloud.call("GET", "/fault/v1/windows")).json()["windows"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/fault/v1/acts"),
        ("PUT", "/fault/v1/acts/hold"),
        ("GET", "/fault/v1/windows"),
        ("POST", "/fault/v1/windows"),
        ("DELETE", "/fault/v1/windows/x"),
        ("POST", "/fault/v1/faults/x/act"),
        ("GET", "/fault/v1/faults/x/explanation"),
    ],
)
async def test_guards_are_for_administrators(cloud: Cloud, method: str, path: str) -> None:
    """A tenant gets 403 and changes nothing."""
    answer = await cloud.call(method, path, "member", {} if method in {"PUT", "POST"} else None)
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("body", [{}, {"held": "yes"}, {"held": True, "reason": "x" * 300}, 1])
async def test_a_wrong_hold_is_refused(cloud: Cloud, body: object) -> None:
    """400, and nothing is held."""
    assert (await cloud.call("PUT", "/fault/v1/acts/hold", body=body)).status_code == 400
    assert not (await cloud.call("GET", "/fault/v1/acts")).json()["hold"]["held"]


async def test_acting_on_what_was_not_refused_is_a_conflict(cloud: Cloud) -> None:
    """409 for what was done already, 404 for what is closed or unknown."""
    (fault,) = await cloud.report(EVENT)
    assert (await cloud.call("POST", f"/fault/v1/faults/{fault}/act")).status_code == 409
    await cloud.report(UP)
    assert (await cloud.call("POST", f"/fault/v1/faults/{fault}/act")).status_code == 404
    assert (await cloud.call("POST", "/fault/v1/faults/none/act")).status_code == 404
    answer = await cloud.call("GET", "/fault/v1/faults/none/explanation")
    assert answer.status_code == 404


async def test_what_the_api_exports_is_decided_again_alike(cloud: Cloud) -> None:
    """A history taken by the API, decided by the settings it was recorded under: no difference."""
    await cloud.report(EVENT)
    await cloud.report(UP)
    await cloud.call("PUT", "/fault/v1/acts/hold", body={"held": True})
    cloud.clock.advance(1)
    await cloud.report(EVENT)
    rows = (await cloud.call("GET", "/fault/v1/faults?whole=true")).json()["faults"]
    inventory = (await cloud.call("GET", "/fault/v1/inventory")).json()
    lines = [*history.written(inventory, reversed(rows), "2023-11-14T22:14:00Z")]
    found = await replay(history.read(lines), configuration.read())
    assert found.differences == ()
    assert found.acts == {
        ("force_down", "done", "done"): 1,
        ("force_down", "refused by hold", "refused by hold"): 1,
    }
    assert (await cloud.call("GET", "/fault/v1/faults?whole=maybe")).status_code == 400
