"""Signing secrets, and deliveries with their fate."""

import asyncio

import pytest

from faultwire.domain.alarms import Attempt, DeliveryState
from faultwire.domain.ids import DeliveryId
from faultwire.domain.signature import key_of
from tests.api.cloud import DEMO, EVENT, SINK, Cloud
from tests.api.cloud_doors import OTHER

SECRET = "/alarming/v2/webhook-secret"
DELIVERIES = "/alarming/v2/deliveries"


async def secrets(cloud: Cloud, who: str = "member", query: str = "") -> list[str]:
    answer = await cloud.call("GET", SECRET + query, who)
    assert answer.status_code == 200, answer.text
    return [one["secret"] for one in answer.json()["secrets"]]


async def test_a_project_has_a_secret_with_its_first_alarm(cloud: Cloud) -> None:
    """Nothing is sent unsigned: the secret is there before the first delivery."""
    assert await secrets(cloud) == []
    await cloud.alarm()
    (secret,) = await secrets(cloud)
    assert key_of(secret)
    await cloud.alarm()
    assert await secrets(cloud) == [secret]


async def test_two_secrets_are_valid_while_rotating(cloud: Cloud) -> None:
    """A rotation puts a new one first, keeps the one before, and drops older ones."""
    answers = [(await cloud.call("POST", SECRET, "member")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert answers[0].headers["Cache-Control"] == "no-store"
    newest = [answer.json()["secrets"][0]["secret"] for answer in answers]
    assert len(set(newest)) == 3
    assert await secrets(cloud) == [newest[2], newest[1]]


async def test_secrets_are_the_projects_own(cloud: Cloud) -> None:
    """Members see and rotate theirs; an administrator may name a project, others may not."""
    await cloud.call("POST", SECRET, "member")
    mine = await secrets(cloud)
    assert await secrets(cloud, "stranger") == []
    assert await secrets(cloud, "admin", f"?project_id={DEMO}") == mine
    assert (await cloud.call("GET", f"{SECRET}?project_id={DEMO}", "stranger")).status_code == 401
    for method in ("GET", "POST"):
        assert (await cloud.call(method, SECRET, "reader")).status_code == 403
        assert (await cloud.call(method, SECRET, "nobody")).status_code == 403
        assert (await cloud.call(method, SECRET, "")).status_code == 401
        assert (await cloud.call(method, f"{SECRET}?x=1", "member")).status_code == 400
    assert await secrets(cloud) == mine


async def owed(cloud: Cloud, url: str = SINK) -> str:
    """Let a fault make one delivery and return its id."""
    await cloud.alarm(alarm_actions=[url])
    await cloud.report(EVENT)
    return cloud.outbox.owed[-1].id


async def test_a_delivery_shows_its_fate(cloud: Cloud) -> None:
    """Pending with its next try, then what came of it."""
    name = await owed(cloud)
    (row,) = (await cloud.call("GET", DELIVERIES, "member")).json()["deliveries"]
    assert row == {
        "id": name,
        "alarm_id": cloud.outbox.owed[0].ordering,
        "project_id": DEMO,
        "fault_id": cloud.outbox.owed[0].fault_id,
        "url": SINK,
        "state": "pending",
        "attempt": 0,
        "outcome": "",
        "status": None,
        "created_at": "2023-11-14T22:13:21.000000Z",
        "next_at": row["next_at"],
    }
    now = cloud.clock.wall_ns()
    sent = cloud.outbox.owed[0]
    refused = Attempt(
        sent.id,
        DeliveryState.REFUSED,
        1,
        now,
        now,
        "answered 403",
        403,
        created_ns=sent.created_ns,
    )
    cloud.ledger.settle((refused,))
    (row,) = (await cloud.call("GET", DELIVERIES, "reader")).json()["deliveries"]
    assert (row["state"], row["attempt"], row["outcome"], row["status"], row["next_at"]) == (
        "refused",
        1,
        "answered 403",
        403,
        None,
    )


async def test_secrets_in_a_url_are_not_shown(cloud: Cloud) -> None:
    """A token in the query of a webhook is the owner's secret, also from readers."""
    await owed(cloud, f"{SINK}?token=s3cret")
    answer = await cloud.call("GET", DELIVERIES, "reader")
    assert "s3cret" not in answer.text
    assert answer.json()["deliveries"][0]["url"] == f"{SINK}?..."


async def test_deliveries_are_the_projects_own(cloud: Cloud) -> None:
    """Another project's are not listed, and not asked for; an administrator sees all."""
    name = await owed(cloud)

    async def ids(token: str, query: str = "") -> list[str]:
        answer = await cloud.call("GET", DELIVERIES + query, token)
        assert answer.status_code == 200
        return [row["id"] for row in answer.json()["deliveries"]]

    assert await ids("member") == [name]
    assert await ids("stranger") == []
    assert await ids("admin") == []
    assert await ids("admin", "?all_projects=true") == [name]
    assert await ids("admin", f"?project_id={DEMO}") == [name]
    assert await ids("admin", f"?project_id={OTHER}") == []
    assert await ids("member", "?state=pending&limit=1") == [name]
    assert await ids("member", "?state=dead") == []
    assert await ids("member", f"?marker={name}") == []


async def over(cloud: Cloud, state: DeliveryState = DeliveryState.DEAD) -> str:
    """Let a delivery be made and be over; return its id."""
    name = await owed(cloud)
    now = cloud.clock.wall_ns()
    since = cloud.ledger.delivery(DeliveryId(name))[0].created_ns
    came = Attempt(DeliveryId(name), state, 3, now, now, "HTTP 404", 404, created_ns=since)
    cloud.ledger.settle((came,))
    return name


@pytest.mark.parametrize(
    "state", [DeliveryState.DEAD, DeliveryState.REFUSED, DeliveryState.DELIVERED]
)
async def test_what_is_over_is_owed_again_under_its_id(cloud: Cloud, state: DeliveryState) -> None:
    """A dead, refused or delivered one is pending anew, its tries and age begin again."""
    name = await over(cloud, state)
    before = len(cloud.outbox.owed)
    answer = await cloud.call("POST", f"{DELIVERIES}/{name}/replay", "member")
    assert answer.status_code == 202
    row = answer.json()["delivery"]
    assert (row["id"], row["state"], row["attempt"]) == (name, "pending", 0)
    shown = (await cloud.call("GET", f"{DELIVERIES}/{name}", "reader")).json()["delivery"]
    assert (shown["state"], shown["attempt"]) == ("pending", 0)
    assert [one.id for one in cloud.outbox.owed[before:]] == [name]


async def test_a_pending_one_is_not_owed_twice(cloud: Cloud) -> None:
    """Replaying what is still tried is 409; so is the second of two replays, one after one."""
    name = await over(cloud)
    statuses = []
    for _ in range(2):
        answer = await cloud.call("POST", f"{DELIVERIES}/{name}/replay", "member")
        statuses.append(answer.status_code)
    assert statuses == [202, 409]
    assert name in answer.json()["error_message"]["faultstring"]


async def test_two_replays_at_once_owe_one_delivery(cloud: Cloud) -> None:
    """Both may be answered 202; there is one row, and it is owed once."""
    name = await over(cloud)
    path = f"{DELIVERIES}/{name}/replay"
    answers = await asyncio.gather(*(cloud.call("POST", path, "member") for _ in range(2)))
    assert {one.status_code for one in answers} <= {202, 409}
    listed = (await cloud.call("GET", f"{DELIVERIES}?state=pending", "member")).json()
    assert [row["id"] for row in listed["deliveries"]] == [name]


@pytest.mark.parametrize(
    ("token", "status"), [("", 401), ("reader", 403), ("stranger", 404), ("admin", 202)]
)
async def test_who_may_replay(cloud: Cloud, token: str, status: int) -> None:
    """A member of the project and an administrator; to others it does not exist."""
    name = await over(cloud)
    assert (await cloud.call("POST", f"{DELIVERIES}/{name}/replay", token)).status_code == status
    seen = {"": 401, "reader": 200, "stranger": 404, "admin": 200}[token]
    assert (await cloud.call("GET", f"{DELIVERIES}/{name}", token)).status_code == seen


async def test_an_unknown_delivery_is_not_found(cloud: Cloud) -> None:
    """Whatever stands for its id; and a query that nobody knows is 400."""
    name = await over(cloud)
    for other in ("x", "x" * 99, "%00", "%0a"):
        assert (await cloud.call("GET", f"{DELIVERIES}/{other}", "member")).status_code == 404
        path = f"{DELIVERIES}/{other}/replay"
        assert (await cloud.call("POST", path, "member")).status_code == 404
    assert (await cloud.call("GET", f"{DELIVERIES}/{name}?x=1", "member")).status_code == 400


@pytest.mark.parametrize(
    ("token", "query", "status"),
    [
        ("", "", 401),
        ("expired", "", 401),
        ("nobody", "", 403),
        ("member", "?all_projects=true", 403),
        ("member", f"?project_id={OTHER}", 401),
        ("member", "?state=lost", 400),
        ("member", "?limit=0", 400),
        ("member", "?limit=1001", 400),
        ("member", "?marker=none", 404),
        ("member", "?alarm=1", 400),
    ],
)
async def test_what_is_not_listed(cloud: Cloud, token: str, query: str, status: int) -> None:
    """Others, and parameters that cannot be, are refused in Aodh's shape."""
    answer = await cloud.call("GET", DELIVERIES + query, token)
    assert answer.status_code == status
    assert answer.json()["error_message"]["faultstring"]
