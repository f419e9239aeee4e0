"""The database face: pings to the letter, in bulk, instances; every refusal in Trove's shape."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from faultwire.domain.tasks import TaskState
from tests.api.cloud import DOCUMENT, Cloud, running
from tests.api.cloud_doors import ADMIN_PROJECT, DEMO, OTHER
from tests.api.guest_doors import FakeGuest

pytestmark = pytest.mark.asyncio

MGMT = f"/database/v1.0/{ADMIN_PROJECT}/mgmt/instances"
GUESTS = [
    {"id": "g-1", "name": "orders", "project": "demo", "server": "vm-1"},
    {"id": "g-2", "name": "carts", "project": "demo", "server": "vm-1"},
    {"id": "g-3", "name": "other", "project": "other"},
]


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    """Give a cloud with three guests, none of which is there."""
    async with running() as made:
        answer = await made.call("PUT", "/fault/v1/inventory", body={**DOCUMENT, "guests": GUESTS})
        assert answer.status_code == 200, answer.text
        await made.guests.server.start()
        yield made


def connect(cloud: Cloud, name: str, **more: Any) -> FakeGuest:
    """Have a guest connect."""
    guest = FakeGuest(name, **more)
    cloud.guests.sessions.open(guest.heard(), "c-1", guest)
    return guest


async def settle() -> None:
    """Let everybody run who can without time moving."""
    for _ in range(100):
        await asyncio.sleep(0)


def fault(answer: Any) -> tuple[int, str, int]:
    """Return status, name and code of a refusal."""
    ((name, said),) = answer.json().items()
    assert said["message"]
    return answer.status_code, name, said["code"]


async def ping(cloud: Cloud, name: str, who: str = "admin", path: str = MGMT) -> Any:
    """Ping a guest."""
    return await cloud.call("GET", f"{path}/{name}/rpc_ping", who)


async def test_a_guest_that_answers_is_204_with_the_seeds_headers(cloud: Cloud) -> None:
    """No body, Content-Length 0, Content-Type application/json (S199)."""
    guest = connect(cloud, "g-1")
    answer = await ping(cloud, "g-1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["content-length"] == "0"
    assert answer.headers["content-type"] == "application/json"
    assert guest.handler.asked == [("rpc_ping", {})]


async def test_a_guest_that_is_not_there_is_400_with_the_seeds_text(cloud: Cloud) -> None:
    """Text, topic, method, order and spaces are the seed's; known without a wait (S200, S201)."""
    answer = await ping(cloud, "g-2")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert answer.text == (
        '{"badRequest": {"message": "An error occurred communicating with the guest: Timeout '
        'while waiting on RPC response - topic: \\"guestagent.g-2\\", RPC method: \\"rpc_ping\\" '
        'info: \\"<unknown>\\".", "code": 400}}'
    )


async def test_a_failure_that_is_no_silence_says_what_it_is(cloud: Cloud) -> None:
    """A guest that answers that it cannot, or of another major version, is told so (S212)."""
    guest = connect(cloud, "g-1")
    guest.handler.failure = RuntimeError("broken inside")
    answer = await ping(cloud, "g-1")
    text = answer.json()["badRequest"]["message"]
    assert "failed: internal error" in text
    assert 'topic: "guestagent.g-1", RPC method: "rpc_ping"' in text
    assert "broken inside" not in text


async def test_the_path_is_refused_to_who_may_not(cloud: Cloud) -> None:
    """Nobody: 401; no administrator: 403; another project's path: 403; unknown: 404 (D10)."""
    assert (await ping(cloud, "g-1", who="")).status_code == 401
    own = f"/database/v1.0/{DEMO}/mgmt/instances"
    assert fault(await ping(cloud, "g-1", "member", own)) == (403, "forbidden", 403)
    assert fault(await ping(cloud, "g-1", "member")) == (403, "forbidden", 403)
    assert fault(await ping(cloud, "nope")) == (404, "itemNotFound", 404)
    assert (await ping(cloud, "nope")).json()["itemNotFound"]["message"] == (
        "Resource nope cannot be found."
    )
    connect(cloud, "g-1")
    any_project = f"/database/v1.0/{OTHER}/mgmt/instances"
    assert (await ping(cloud, "g-1", path=any_project)).status_code == 204


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_other_verbs_are_405(cloud: Cloud, method: str) -> None:
    """The route is read-only, and says what it takes."""
    answer = await cloud.call(method, f"{MGMT}/g-1/rpc_ping")
    assert fault(answer) == (405, "badMethod", 405)
    assert answer.headers["allow"] == "GET"


async def test_a_ping_touches_nothing_but_the_record_and_the_guest(cloud: Cloud) -> None:
    """No command, no read of the database, no remote API (S204, S209)."""
    connect(cloud, "g-1")
    commands, reads = len(cloud.lane.commands), cloud.read_calls
    assert (await ping(cloud, "g-1")).status_code == 204
    assert (len(cloud.lane.commands), cloud.read_calls) == (commands, reads)


async def test_a_bulk_ping_has_a_verdict_for_each(cloud: Cloud) -> None:
    """One deadline, every verdict, waited and last-heard times, topic and method."""
    connect(cloud, "g-1")
    frozen = connect(cloud, "g-2")
    frozen.frozen = True
    body = {"instances": ["g-1", "g-2", "g-3", "nope", "g-1"], "deadline_ms": 50}
    answer = await cloud.call("POST", f"{MGMT}/rpc_ping", body=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()["rpc_ping"]
    rows = {row["id"]: row for row in told["instances"]}
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "g-1": "ok",
        "g-2": "timeout",
        "g-3": "no consumer",
        "nope": "unknown",
    }
    assert told["deadline_ms"] == 50
    assert (told["counts"]["ok"], told["counts"]["bus down"]) == (1, 0)
    assert rows["g-1"]["heard_age_seconds"] is not None
    assert rows["g-3"]["heard_at"] is None
    assert (rows["g-2"]["topic"], rows["g-2"]["method"]) == ("guestagent.g-2", "rpc_ping")


async def test_without_names_all_guests_are_pinged(cloud: Cloud) -> None:
    """An empty body stands for every guest of the inventory."""
    connect(cloud, "g-1")
    for body in (None, {}):
        answer = await cloud.call("POST", f"{MGMT}/rpc_ping", body=body)
        rows = answer.json()["rpc_ping"]["instances"]
        assert [row["id"] for row in rows] == ["g-1", "g-2", "g-3"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"instances": "g-1"}, "instances"),
        ({"instances": [7]}, "instances[0]"),
        ({"instances": [""]}, "instances[0]"),
        ({"instances": ["x" * 256]}, "instances[0]"),
        ({"instances": [f"g-{n}" for n in range(1001)]}, "instances"),
        ({"deadline_ms": 0}, "deadline_ms"),
        ({"deadline_ms": "1"}, "deadline_ms"),
        ({"deadline_ms": 600_001}, "deadline_ms"),
        ({"hosts": []}, "hosts"),
        ([], ""),
    ],
)
async def test_a_wrong_bulk_ping_names_the_field(cloud: Cloud, body: Any, field: str) -> None:
    """400 in Trove's shape with the path of the value."""
    answer = await cloud.call("POST", f"{MGMT}/rpc_ping", body=body)
    assert fault(answer) == (400, "badRequest", 400)
    assert answer.json()["badRequest"]["message"].startswith(field)


async def test_malformed_and_oversized_bodies_are_refused(cloud: Cloud) -> None:
    """Not JSON: 400; over the limit: 413."""
    headers = {"X-Auth-Token": "admin"}
    cut = await cloud.client.post(f"{MGMT}/rpc_ping", content=b'{"inst', headers=headers)
    assert fault(cut) == (400, "badRequest", 400)
    large = b'{"instances": ["' + b"x" * 1_100_000 + b'"]}'
    answer = await cloud.client.post(f"{MGMT}/rpc_ping", content=large, headers=headers)
    assert fault(answer) == (413, "overLimit", 413)


async def test_owners_list_and_show_their_own(cloud: Cloud) -> None:
    """A project sees its instances in Trove's shape, and no other's (promise 5)."""
    connect(cloud, "g-1")
    await settle()
    root = f"/database/v1.0/{DEMO}/instances"
    answer = await cloud.call("GET", root, "reader")
    first, second = answer.json()["instances"]
    assert (first["id"], first["status"], second["id"]) == ("g-1", "ACTIVE", "g-2")
    assert {"name", "flavor", "datastore", "links", "operating_status"} <= set(first)
    assert "server_id" not in first
    assert "guest_agent" not in first
    shown = await cloud.call("GET", f"{root}/g-1", "reader")
    assert shown.json()["instance"]["operating_status"] == "HEALTHY"
    assert fault(await cloud.call("GET", f"{root}/g-3", "reader"))[0] == 404
    assert fault(await cloud.call("GET", f"{root}/nope", "reader"))[0] == 404
    assert fault(await cloud.call("GET", root, "stranger")) == (403, "forbidden", 403)


async def test_pages_follow_the_marker(cloud: Cloud) -> None:
    """`limit` and `marker` as Trove's clients send them; a limit that is none is 400."""
    answer = await cloud.call("GET", f"{MGMT}?limit=2&deleted=False")
    (link,) = answer.json()["links"]
    assert [one["id"] for one in answer.json()["instances"]] == ["g-1", "g-2"]
    rest = await cloud.client.get(link["href"], headers={"X-Auth-Token": "admin"})
    assert [one["id"] for one in rest.json()["instances"]] == ["g-3"]
    assert "links" not in rest.json()
    assert fault(await cloud.call("GET", f"{MGMT}?limit=x"))[0] == 400
    mine = await cloud.call("GET", f"{MGMT}?project_id={OTHER}")
    assert [one["id"] for one in mine.json()["instances"]] == ["g-3"]


async def test_administrators_see_the_agent_with_its_age(cloud: Cloud) -> None:
    """Last heard and how long ago, by the server's clock (D15)."""
    connect(cloud, "g-1")
    await settle()
    cloud.clock.advance(2.5)
    answer = await cloud.call("GET", f"{MGMT}/g-1")
    agent = answer.json()["instance"]["guest_agent"]
    assert (agent["state"], agent["rpc_version"]) == ("connected", "1.2")
    assert agent["heard_age_seconds"] == 2.5
    never = (await cloud.call("GET", f"{MGMT}/g-2")).json()["instance"]["guest_agent"]
    assert (never["state"], never["heard_age_seconds"]) == ("never", None)


async def test_a_restart_is_a_task_that_the_guest_does(cloud: Cloud) -> None:
    """202; the task manager calls the guest; `GET /fault/v1/tasks/{id}` says how it went."""
    guest = connect(cloud, "g-1")
    path = f"/database/v1.0/{DEMO}/instances/g-1/action"
    answer = await cloud.call("POST", path, "member", {"restart": {}})
    assert (answer.status_code, answer.content) == (202, b"")
    name = answer.headers["x-faultwire-task"]
    await cloud.guests.keeper.look()
    await settle()
    assert guest.handler.asked == [("restart", {"reason": f"task {name}"})]
    task = (await cloud.call("GET", f"/fault/v1/tasks/{name}")).json()["task"]
    assert (task["state"], task["percent"], task["target"]) == ("done", 100, "g-1")
    assert (await cloud.call("GET", "/fault/v1/tasks")).json()["tasks"][0]["id"] == name


@pytest.mark.parametrize(
    ("who", "name", "body", "status"),
    [
        ("reader", "g-1", {"restart": {}}, 403),
        ("member", "g-3", {"restart": {}}, 404),
        ("member", "nope", {"restart": {}}, 404),
        ("member", "g-1", {"resize": {}}, 400),
        ("member", "g-1", {}, 400),
        ("member", "g-1", [], 400),
    ],
)
async def test_wrong_actions_are_refused(
    cloud: Cloud, who: str, name: str, body: Any, status: int
) -> None:
    """By role, by owner, by name, by shape."""
    path = f"/database/v1.0/{DEMO}/instances/{name}/action"
    assert fault(await cloud.call("POST", path, who, body))[0] == status


async def test_two_restarts_of_one_guest_are_a_conflict(cloud: Cloud) -> None:
    """The second is refused while the first is under way, naming it."""
    first = await cloud.call("POST", "/fault/v1/guests/g-1/restart")
    assert first.status_code == 202
    second = await cloud.call("POST", "/fault/v1/guests/g-1/restart")
    assert second.status_code == 409
    assert first.json()["task"]["id"] in second.text


async def test_a_task_that_fails_says_why(cloud: Cloud) -> None:
    """A guest that nobody is at cannot be restarted: the task says `no consumer`."""
    answer = await cloud.call("POST", "/fault/v1/guests/g-1/restart")
    name = answer.json()["task"]["id"]
    await cloud.guests.keeper.look()
    await settle()
    task = (await cloud.call("GET", f"/fault/v1/tasks/{name}")).json()["task"]
    assert (task["state"], task["failed"]) == (TaskState.FAILED.value, 1)
    assert "no consumer" in task["failures"][0]


async def test_the_fault_face_lists_guests_for_administrators_alone(cloud: Cloud) -> None:
    """What `guest-list` shows; 404 and 403 in this face's own shape."""
    connect(cloud, "g-1")
    rows = (await cloud.call("GET", "/fault/v1/guests")).json()["guests"]
    assert [(row["id"], row["host"]) for row in rows] == [
        ("g-1", "compute-1"),
        ("g-2", "compute-1"),
        ("g-3", None),
    ]
    assert (await cloud.call("GET", "/fault/v1/guests", "member")).status_code == 403
    assert (await cloud.call("GET", "/fault/v1/guests/nope")).status_code == 404
    assert (await cloud.call("GET", "/fault/v1/tasks/nope")).status_code == 404
    away = await cloud.call("GET", "/fault/v1/guests/g-2/diagnostics")
    assert (away.status_code, "no consumer" in away.text) == (503, True)
    told = await cloud.call("GET", "/fault/v1/guests/g-1/diagnostics")
    assert told.json() == {"diagnostics": {"agent": {"version": "1"}}}


async def test_versions_need_no_token(cloud: Cloud) -> None:
    """The first question of every client is answered to everybody."""
    (version,) = (await cloud.call("GET", "/database", "")).json()["versions"]
    assert (version["id"], version["status"]) == ("v1.0", "CURRENT")
    assert (await cloud.call("GET", "/database/v1.0", "")).status_code == 200


async def test_a_guest_whose_connection_has_ended_is_no_consumer(cloud: Cloud) -> None:
    """What is found out by the call itself is told at once (S202)."""
    guest = connect(cloud, "g-1")
    guest.gone = True
    answer = await ping(cloud, "g-1")
    assert answer.status_code == 400
    assert "guestagent.g-1" in json.loads(answer.text)["badRequest"]["message"]
