"""Events posted to the fault face: who may, what is answered, what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from faultwire.domain.commands import ReportFaults
from faultwire.domain.errors import Unavailable
from faultwire.faces.fault.posting import doctor_app
from faultwire.faces.fault.settings import Settings
from tests.api.cloud import EVENT, Cloud, running

PATHS = ("/fault/v1/events", "/fault/v1/event")
UP = {**EVENT, "type": "compute.host.up"}


def bound(credential: str) -> dict[str, Any]:
    return {"who": "", "headers": {"X-Faultwire-Credential": credential}}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(
    "body", [[EVENT], {"event": EVENT}, {"events": [EVENT]}], ids=["list", "event", "events"]
)
async def test_every_envelope_by_every_way(
    cloud: Cloud, method: str, path: str, body: object
) -> None:
    """Three envelopes, PUT and POST, our path and Vitrage's: 202 with id and state (D4)."""
    answer = await cloud.call(method, path, body=body)
    assert answer.status_code == 202
    (fault,) = answer.json()["faults"]
    assert fault["state"] == "open"
    assert cloud.ledger.fault(fault["id"]).host == "compute-1"


async def test_the_answer_comes_after_the_commit(cloud: Cloud) -> None:
    """What was answered 202 is in the store, with everything that follows from it (D4)."""
    commits = cloud.ledger.commits
    await cloud.alarm()
    (fault,) = await cloud.report(EVENT)
    assert cloud.ledger.commits == commits + 2
    owed = [one for one in cloud.outbox.owed if one.kind == "webhook"]
    assert [delivery.fault_id for delivery in owed] == [fault]


async def test_faults_are_answered_in_order(cloud: Cloud) -> None:
    """One answer an event, in the order of the events; repeats fold into the open fault."""
    hung = {**EVENT, "type": "compute.host.hung"}
    first, second, again = await cloud.report(EVENT, hung, EVENT)
    assert first == again != second
    assert cloud.ledger.fault(first).repeats == 1
    answer = await cloud.call("POST", "/fault/v1/events", body=[UP, hung])
    assert [fault["state"] for fault in answer.json()["faults"]] == ["closed", "open"]


async def test_an_unknown_host_is_202_and_unmatched(cloud: Cloud) -> None:
    """An event about a host that the map lacks is kept, not refused (D22)."""
    event = {**EVENT, "details": {"hostname": "nowhere"}}
    answer = await cloud.call("PUT", "/fault/v1/events", body=[event])
    assert answer.status_code == 202
    assert answer.json()["faults"][0]["state"] == "unmatched"


async def test_detected_is_the_receipt(cloud: Cloud) -> None:
    """T01 of a posted event is when we received it; its own time is shown as text (D2)."""
    (fault,) = await cloud.report(EVENT)
    shown = (await cloud.call("GET", f"/fault/v1/faults/{fault}")).json()["fault"]
    assert shown["evidence"][0]["reported_time"] == EVENT["time"]
    t01 = shown["timeline"]["checkpoints"]["T01"]
    assert t01["first_wall_ns"] == cloud.clock.wall_ns()


@pytest.mark.parametrize("token", ["admin", "service"])
async def test_administrators_and_services_may_report(cloud: Cloud, token: str) -> None:
    """The roles admin and service report about anything."""
    assert await cloud.report(EVENT, who=token)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", ["member", "reader", "stranger", "nobody"])
async def test_tenants_may_not_report(cloud: Cloud, path: str, token: str) -> None:
    """A member's token is 403, and nothing happens."""
    answer = await cloud.call("POST", path, token, [EVENT])
    assert answer.status_code == 403
    assert answer.json()["error"]["title"] == "Forbidden"
    assert not cloud.lane.commands


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": "expired"}])
async def test_without_a_valid_token_nothing_is_taken(
    cloud: Cloud, path: str, headers: dict[str, str]
) -> None:
    """No token and an expired one are 401, whatever the body is."""
    answer = await cloud.client.post(path, headers=headers, content=b"{not json")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == 401
    assert not cloud.lane.commands


async def test_an_agent_reports_for_its_own_host_alone(cloud: Cloud) -> None:
    """A credential may report about the name it is bound to, and about no other one."""
    path, agent = "/fault/v1/events", bound("agent/compute-1:s3cret")
    assert (await cloud.call("POST", path, body=[EVENT], **agent)).status_code == 202
    other = {**EVENT, "details": {"hostname": "compute-2.example.org"}}
    for body in ([other], [EVENT, other], [_instance("vm-1")]):
        answer = await cloud.call("POST", path, body=body, **agent)
        assert answer.status_code == 403
        assert "compute-1 only" in answer.json()["error"]["message"]
    assert len(cloud.lane.commands) == 1
    wrong = bound("agent/compute-1:guess")
    assert (await cloud.call("POST", path, body=[EVENT], **wrong)).status_code == 401


def _instance(server: str) -> dict[str, object]:
    return {**EVENT, "type": "compute.instance.down", "details": {"instance_id": server}}


async def test_guests_and_monitors_report_of_themselves(cloud: Cloud) -> None:
    """A guest's credential speaks for its guest, a monitor's for the monitor."""
    guest = {**EVENT, "type": "database.guest.down", "details": {"guest_id": "g1"}}
    alone = {**EVENT, "type": "monitor.isolated", "details": {"monitor": "m1"}}
    for credential, event in (("guest/g1:s3cret", guest), ("monitor/m1:s3cret", alone)):
        mine = await cloud.call("POST", "/fault/v1/events", body=[event], **bound(credential))
        assert mine.status_code == 202
        host = await cloud.call("POST", "/fault/v1/events", body=[EVENT], **bound(credential))
        assert host.status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([{**EVENT, "details": {}}], "events[0].details.hostname"),
        ({"events": [EVENT, {**EVENT, "details": {}}]}, "events[1].details.hostname"),
        ({"event": {"time": EVENT["time"], "details": {}}}, "event.type"),
        ([{"type": EVENT["type"], "details": EVENT["details"]}], "events[0].time"),
        ([{**EVENT, "type": "compute.host.odd"}], "events[0].type"),
        ([{**EVENT, "type": 7}], "events[0].type"),
        ([{**EVENT, "details": "compute-1"}], "events[0].details"),
        ([{**EVENT, "details": {"hostname": {"name": "x"}}}], "events[0].details.hostname"),
        ({"events": "all"}, "events"),
        ([], "events"),
    ],
)
async def test_bad_events_are_400_and_named(cloud: Cloud, body: object, field: str) -> None:
    """Missing and wrong values are 400 with the index and the key; nothing of a list is taken."""
    answer = await cloud.call("POST", "/fault/v1/events", body=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["title"], error["field"]) == (400, "Bad Request", field)
    assert error["message"].startswith(f"{field}: ")
    assert not cloud.lane.commands
    assert await cloud.report(EVENT)


@pytest.mark.parametrize("raw", [b"", b"{", b"[{]", b"\xff\xfe", b"NaN", b"'a'", b"[" * 5000])
async def test_malformed_json_is_400(cloud: Cloud, raw: bytes) -> None:
    """What is no JSON is said to be none, and the server goes on."""
    answer = await cloud.call("PUT", "/fault/v1/events", content=raw)
    assert answer.status_code == 400
    assert "malformed JSON" in answer.json()["error"]["message"]
    assert await cloud.report(EVENT)


async def test_a_list_too_long_is_413(cloud: Cloud) -> None:
    """More than 1,000 events in one request are refused as a whole."""
    answer = await cloud.call("POST", "/fault/v1/events", body=[EVENT] * 1001)
    assert answer.status_code == 413
    assert "1001 events" in answer.json()["error"]["message"]
    assert len(await cloud.report(*[EVENT] * 1000)) == 1000


async def test_a_hundred_thousand_events_are_413(cloud: Cloud) -> None:
    """A body over its route's limit is refused by its length, before it is read."""
    answer = await cloud.call("POST", "/fault/v1/events", body=[EVENT] * 100_000)
    assert answer.status_code == 413
    assert "524288 bytes" in answer.json()["error"]["message"]


async def test_a_body_without_a_length_is_cut_off_at_the_limit(cloud: Cloud) -> None:
    """A body of unknown length is read up to the limit and no further."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 65_536

    answer = await cloud.call("POST", "/fault/v1/events", content=endless())
    assert answer.status_code == 413
    assert sent < 20


async def test_a_body_of_brackets_is_413(cloud: Cloud) -> None:
    """Half a million lists in lists are counted before anybody builds them."""
    raw = b"[" + b",".join([b"[]"] * 50_000) + b"]"
    answer = await cloud.call("POST", "/fault/v1/events", content=raw)
    assert answer.status_code == 413


async def test_an_unknown_parameter_is_400(cloud: Cloud) -> None:
    """A parameter that means nothing here is named."""
    answer = await cloud.call("POST", "/fault/v1/events?dry_run=true", body=[EVENT])
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "dry_run")


async def test_when_the_store_is_full_nothing_is_promised(cloud: Cloud) -> None:
    """What cannot be written is 503 with Retry-After, and the same call may succeed later."""
    cloud.ledger.fail(Unavailable("the disk is full"))
    answer = await cloud.call("POST", "/fault/v1/events", body=[EVENT])
    assert answer.status_code == 503
    assert answer.json()["error"]["title"] == "Service Unavailable"
    assert "Retry-After" in answer.headers
    assert (await cloud.call("GET", "/fault/v1/faults")).json() == {"faults": []}
    assert await cloud.report(EVENT)


def doctor(cloud: Cloud, peer: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(doctor_app(cloud.fault_ports), client=(peer, 4711))
    return httpx2.AsyncClient(transport=transport, base_url="http://inspector:12345")


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.8.8"])
async def test_doctors_monitors_need_no_token_from_here(
    cloud: Cloud, method: str, peer: str
) -> None:
    """Doctor's own path on its listener takes Doctor's own event from loopback (D4)."""
    async with doctor(cloud, peer) as client:
        answer = await client.request(method, "/events", json=[EVENT])
    assert answer.status_code == 202
    (command,) = cloud.lane.commands
    assert isinstance(command, ReportFaults)
    assert command.actor.source == peer
    assert command.reports[0].evidence.reporter == f"doctor {peer}"


async def test_doctors_listener_takes_listed_networks_alone() -> None:
    """Beyond loopback a monitor's network is listed, or it is refused."""
    settings = Settings(doctor_networks=("10.20.0.0/16", "2001:db8::/32"))
    async with running(settings) as cloud:
        for peer, status in {
            "10.20.3.4": 202,
            "2001:db8::7": 202,
            "::ffff:10.20.3.4": 202,
            "10.21.0.1": 403,
            "192.0.2.1": 403,
            "2001:db9::1": 403,
            "testclient": 403,
            "": 403,
        }.items():
            async with doctor(cloud, peer) as client:
                answer = await client.put("/events", json=[EVENT])
            assert answer.status_code == status, peer


async def test_doctors_listener_is_not_for_web_pages(cloud: Cloud) -> None:
    """A page in a browser on this machine must not put hosts down."""
    async with doctor(cloud, "127.0.0.1") as client:
        headers = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
        answer = await client.post("/events", json=[EVENT], headers=headers)
    assert answer.status_code == 403
    assert not cloud.lane.commands


async def test_doctors_listener_refuses_as_the_face_does(cloud: Cloud) -> None:
    """The same parser, limits and error body stand behind it, and nothing else does."""
    async with doctor(cloud, "127.0.0.1") as client:
        bad = await client.put("/events", json=[{**EVENT, "details": {}}])
        assert (bad.status_code, bad.json()["error"]["field"]) == (
            400,
            "events[0].details.hostname",
        )
        assert (await client.put("/events", content=b" " * 524_289)).status_code == 413
        assert (await client.get("/events")).status_code == 405
        assert (await client.get("/v1/faults")).status_code == 404
