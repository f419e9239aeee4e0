"""Actions of servers: legal moves, evacuation's rules, one event each, every refusal."""

from typing import Any

import httpx2
import pytest

from tests.api.cloud import Cloud
from tests.api.compute.calling import call, fault, force_down

SERVERS = "/compute/v2.1/servers"
HERE, THERE = "compute-1", "compute-2.example.org"


async def act(
    cloud: Cloud, body: object, server: str = "vm-1", who: str = "admin", at: str = "2.1"
) -> httpx2.Response:
    """Ask an action of a server."""
    return await call(cloud, "POST", f"{SERVERS}/{server}/action", body, who=who, at=at)


async def shown(cloud: Cloud, server: str = "vm-1") -> dict[str, Any]:
    """Return a server as the administrator sees it."""
    answer = await call(cloud, "GET", f"{SERVERS}/{server}", at="2.16")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["server"]
    return found


def state(server: dict[str, Any]) -> tuple[str, str, int]:
    """Return status, vm_state and power_state."""
    ext = "OS-EXT-STS"
    return server["status"], server[f"{ext}:vm_state"], server[f"{ext}:power_state"]


async def watched(cloud: Cloud, **traits: str) -> str:
    """Have an alarm fire at each update of vm-1 with these traits."""
    query = [
        {"field": f"traits.{name}", "op": "eq", "type": "string", "value": value}
        for name, value in {"instance_id": "vm-1", **traits}.items()
    ]
    rule = {"event_type": "compute.instance.update", "query": query}
    made = await cloud.alarm(name=str(traits), repeat_actions=True, event_rule=rule)
    name: str = made["alarm_id"]
    return name


def fired(cloud: Cloud) -> int:
    """Return how many webhooks are owed."""
    return len(cloud.outbox.owed)


async def test_a_server_stops_starts_and_reboots(cloud: Cloud) -> None:
    """Each move leads where Nova's table says, `updated` moves with it, and the answer is 202."""
    before = (await shown(cloud))["updated"]
    for body, expected in (
        ({"os-stop": None}, ("SHUTOFF", "stopped", 4)),
        ({"os-start": None}, ("ACTIVE", "active", 1)),
        ({"reboot": {"type": "SOFT"}}, ("ACTIVE", "active", 1)),
        ({"os-resetState": {"state": "error"}}, ("ERROR", "error", 1)),
        ({"reboot": {"type": "HARD"}}, ("ACTIVE", "active", 1)),
        ({"os-resetState": {"state": "error"}}, ("ERROR", "error", 1)),
        ({"os-resetState": {"state": "active"}}, ("ACTIVE", "active", 1)),
    ):
        cloud.clock.advance(10)
        answer = await act(cloud, body)
        assert (answer.status_code, answer.content) == (202, b"")
        assert state(await shown(cloud)) == expected
    assert (await shown(cloud))["updated"] > before


async def test_each_change_is_told_once_and_a_repeat_not_at_all(cloud: Cloud) -> None:
    """One event for a change, none for what changes nothing; no host's name in it (S47)."""
    await watched(cloud)
    for body, events in (
        ({"os-resetState": {"state": "error"}}, 1),
        ({"os-resetState": {"state": "error"}}, 0),
        ({"os-resetState": {"state": "active"}}, 1),
        ({"reboot": {"type": "SOFT"}}, 0),
        ({"os-stop": None}, 1),
    ):
        before = fired(cloud)
        assert (await act(cloud, body)).status_code == 202
        assert fired(cloud) - before == events
    assert all(HERE.encode() not in delivery.body for delivery in cloud.outbox.owed)


async def test_an_owners_alarm_hears_the_state(cloud: Cloud) -> None:
    """An alarm on state error fires on a reset by the API as on a monitor's fault."""
    await watched(cloud, state="error", old_state="active")
    await act(cloud, {"os-stop": None})
    assert fired(cloud) == 0
    await act(cloud, {"os-start": None})
    await act(cloud, {"os-resetState": {"state": "error"}})
    assert fired(cloud) == 1


async def test_creating_and_deleting_are_told_too(cloud: Cloud) -> None:
    """A new server tells its state after building; a deleted one that it is gone."""
    await watched(cloud, state="deleted")
    assert (await call(cloud, "DELETE", f"{SERVERS}/vm-1")).status_code == 204
    assert fired(cloud) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"os-start": None}, "Cannot 'start' instance vm-1 while it is in vm_state active"),
        ({"reboot": {"type": "SOFT"}}, "Cannot 'reboot' instance vm-1 while it is in vm_state"),
        ({"evacuate": {"onSharedStorage": "False"}}, "Cannot 'evacuate' instance vm-1 while"),
    ],
)
async def test_illegal_moves_are_conflicts(
    cloud: Cloud, body: dict[str, Any], message: str
) -> None:
    """What a server's vm_state forbids is 409 conflictingRequest, and changes nothing."""
    if "os-start" not in body:
        document = {"servers": [{**_VM_1, "status": "SHELVED"}]}
        assert (await cloud.call("PATCH", "/fault/v1/inventory", body=document)).is_success
    answer = await act(cloud, body)
    assert message in fault(answer, 409, "conflictingRequest")


_VM_1 = {"id": "vm-1", "name": "one", "project": "demo", "host": HERE}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Malformed request body"),
        ([], "Malformed request body"),
        ({"os-stop": None, "os-start": None}, "Malformed request body"),
        ({"nope": None}, "There is no such action: nope"),
        ({"os-resetState": None}, "Invalid input for field/attribute os-resetState."),
        ({"os-resetState": {}}, "'state' is a required property"),
        ({"os-resetState": {"state": "gone"}}, "Invalid input for field/attribute state."),
        ({"os-resetState": {"state": "error", "x": 1}}, "'x' was unexpected"),
        ({"reboot": {"type": "warm"}}, "Invalid input for field/attribute type."),
        ({"evacuate": {}}, "'onSharedStorage' is a required property"),
        ({"evacuate": {"onSharedStorage": 1}}, "field/attribute onSharedStorage"),
    ],
)
async def test_wrong_bodies_are_refused_before_anything_else(
    cloud: Cloud, body: object, message: str
) -> None:
    """The body is looked at before policy and server: 400 even for somebody else's server."""
    for server, who in (("vm-1", "admin"), ("vm-2", "member")):
        answer = await act(cloud, body, server, who)
        assert message in fault(answer, 400, "badRequest")


async def test_personas_and_actions(cloud: Cloud) -> None:
    """Members stop their own; resets and evacuations are administrators'; strangers see 404."""
    reset, stop = {"os-resetState": {"state": "error"}}, {"os-stop": None}
    assert (await act(cloud, stop, who="member")).status_code == 202
    message = fault(await act(cloud, reset, who="member"), 403, "forbidden")
    assert "os_compute_api:os-admin-actions:reset_state" in message
    evacuation = {"evacuate": {"onSharedStorage": True}}
    fault(await act(cloud, evacuation, who="member"), 403, "forbidden")
    fault(await act(cloud, stop, who="reader"), 403, "forbidden")
    for body in (reset, stop, evacuation):
        fault(await act(cloud, body, who="stranger"), 404, "itemNotFound")
        fault(await act(cloud, body, "nope"), 404, "itemNotFound")


async def test_nothing_starts_on_a_host_that_is_down(cloud: Cloud) -> None:
    """Start, stop and reboot need the host's service; a reset does not."""
    await force_down(cloud)
    for body in ({"os-stop": None}, {"reboot": {"type": "HARD"}}):
        assert "is down" in fault(await act(cloud, body), 409, "conflictingRequest")
    assert (await act(cloud, {"os-resetState": {"state": "error"}})).status_code == 202


async def test_a_locked_server_obeys_administrators_alone(cloud: Cloud) -> None:
    """A lock refuses its owner's changes with 409 until it is unlocked; an admin overrides it."""
    lock = {"lock": {"locked_reason": "audit"}}
    assert (await act(cloud, lock, who="member", at="2.73")).status_code == 202
    seen = await call(cloud, "GET", f"{SERVERS}/vm-1", at="2.73", who="member")
    assert (seen.json()["server"]["locked"], seen.json()["server"]["locked_reason"]) == (
        True,
        "audit",
    )
    refused = await act(cloud, {"os-stop": None}, who="member")
    assert "locked" in fault(refused, 409, "conflictingRequest")
    gone = await call(cloud, "DELETE", f"{SERVERS}/vm-1", who="member")
    fault(gone, 409, "conflictingRequest")
    assert (await act(cloud, {"os-stop": None})).status_code == 202
    assert (await act(cloud, {"unlock": None}, who="member")).status_code == 202
    assert (await act(cloud, {"os-start": None}, who="member")).status_code == 202


@pytest.mark.parametrize(
    ("given", "at", "status", "message"),
    [
        ({"onSharedStorage": True, "host": THERE}, "2.13", 200, ""),
        ({"onSharedStorage": True}, "2.14", 400, "'onSharedStorage' was unexpected"),
        ({}, "2.14", 200, ""),
        ({"force": True, "host": THERE}, "2.28", 400, "'force' was unexpected"),
        ({"force": True, "host": THERE}, "2.29", 200, ""),
        ({"force": True}, "2.67", 400, "Can't force to a non-provided destination"),
        ({"force": True, "host": THERE}, "2.68", 400, "'force' was unexpected"),
        ({"host": THERE}, "2.95", 200, ""),
        ({"host": "nohost"}, "2.14", 404, "Compute host nohost not found."),
        ({"host": HERE}, "2.14", 400, "The target host can't be the same one."),
    ],
)
async def test_the_forms_of_evacuation(
    cloud: Cloud, given: dict[str, Any], at: str, status: int, message: str
) -> None:
    """Each version takes its own form of the body, and answers as Nova does."""
    await force_down(cloud)
    answer = await act(cloud, {"evacuate": given}, at=at)
    assert answer.status_code == status, answer.text
    assert message in answer.text.replace("\\", "")
    if status == 200:
        assert (answer.content == b"") is (at != "2.13")
        moved = await shown(cloud)
        assert moved["OS-EXT-SRV-ATTR:host"] == THERE
        assert moved["status"] == ("SHUTOFF" if at == "2.95" else "ACTIVE")
        assert moved["host_status"] == "UP"


async def test_evacuation_waits_for_the_hosts_end(cloud: Cloud) -> None:
    """A host whose service is up keeps its servers (S121); disabled or dead targets take none."""
    body = {"evacuate": {"host": THERE}}
    message = fault(await act(cloud, body, at="2.14"), 400, "badRequest")
    assert message == "Compute service of compute-1 is still in use."
    await force_down(cloud)
    await force_down(cloud, THERE)
    for given in ({}, {"host": THERE}, {"host": THERE, "force": True}):
        message = fault(await act(cloud, {"evacuate": given}, at="2.29"), 400, "badRequest")
        assert "No valid host was found" in message


async def test_evacuation_tells_the_owner_once(cloud: Cloud) -> None:
    """The owner hears of the move by host_status, not by the hosts' names (S47)."""
    await force_down(cloud)
    await watched(cloud, host_status="UP", old_host_status="DOWN")
    before = fired(cloud)
    assert (await act(cloud, {"evacuate": {}}, at="2.14")).status_code == 200
    assert fired(cloud) - before == 1
    owed = b"".join(delivery.body for delivery in cloud.outbox.owed)
    assert HERE.encode() not in owed
    assert THERE.encode() not in owed


async def test_a_server_that_a_fault_stopped_runs_again_elsewhere(cloud: Cloud) -> None:
    """A dead host's server comes up active; the fault's clear leaves it where it is."""
    await cloud.report({**_EVENT})
    assert state(await shown(cloud))[0] == "ERROR"
    assert (await act(cloud, {"evacuate": {}}, at="2.14")).status_code == 200
    assert state(await shown(cloud)) == ("ACTIVE", "active", 1)
    await cloud.report({**_EVENT, "type": "compute.host.up"})
    after = await shown(cloud)
    assert (after["status"], after["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", THERE)


_EVENT = {
    "time": "2026-01-01T00:00:00",
    "type": "compute.host.down",
    "details": {"hostname": HERE},
}


async def test_old_copies_hold_the_force_down_until_confirmed(cloud: Cloud) -> None:
    """Clearing is refused naming the servers; the confirmation of some is not that of all."""
    await force_down(cloud)
    for server in ("vm-1", "vm-2"):
        assert (await act(cloud, {"evacuate": {}}, server, at="2.14")).status_code == 200
    refused = fault(await force_down(cloud, down=False), 400, "badRequest")
    assert "vm-1" in refused
    assert "vm-2" in refused
    path = f"/fault/v1/hosts/{HERE}"
    listed = (await cloud.call("GET", f"{path}/evacuated")).json()["servers"]
    assert [one["id"] for one in listed] == ["vm-1", "vm-2"]
    some = await cloud.call("POST", f"{path}/confirm", body={"servers": ["vm-1", "other"]})
    assert some.json() == {"confirmed": ["vm-1"], "left": ["vm-2"]}
    assert "vm-2" in fault(await force_down(cloud, down=False), 400, "badRequest")
    rest = await cloud.call("POST", f"{path}/confirm")
    assert rest.json() == {"confirmed": ["vm-2"], "left": []}
    assert (await force_down(cloud, down=False)).status_code == 200


async def test_who_may_confirm(cloud: Cloud) -> None:
    """Administrators and the host's own agent may; members and other hosts' agents may not."""
    path = f"/fault/v1/hosts/{HERE}/confirm"
    assert (await cloud.call("POST", path, "member")).status_code == 403
    own = {"X-Faultwire-Credential": f"agent/{HERE}:s3cret"}
    other = {"X-Faultwire-Credential": "agent/compute-9:s3cret"}
    assert (await cloud.call("POST", path, "", headers=own)).status_code == 200
    assert (await cloud.call("POST", path, "", headers=other)).status_code == 403
    assert (await cloud.call("POST", "/fault/v1/hosts/nohost/confirm")).status_code == 404
    assert (await cloud.call("POST", path, body={"servers": "vm-1"})).status_code == 400
    assert (await cloud.call("POST", path, body={"hosts": []})).status_code == 400


async def test_the_clear_of_a_host_without_an_agent_confirms(cloud: Cloud) -> None:
    """D17: where no agent ever was, the clearing event vouches, and the force-down goes."""
    await cloud.report(_EVENT)
    assert (await act(cloud, {"evacuate": {}}, at="2.14")).status_code == 200
    await cloud.report({**_EVENT, "type": "compute.host.up"})
    listed = await cloud.call("GET", f"/fault/v1/hosts/{HERE}/evacuated")
    assert listed.json() == {"servers": []}
    answer = await call(cloud, "GET", "/compute/v2.1/os-services", at="2.11")
    forced = {one["host"]: one["forced_down"] for one in answer.json()["services"]}
    assert forced == {HERE: False, THERE: False}
