"""Checkpoints that consumers and administrators report."""

from typing import Any

import httpx2
import orjson
import pytest

from faultwire.domain import signature
from faultwire.domain.instants import rfc3339
from tests.api.cloud import DEMO, EVENT, Cloud
from tests.api.cloud_doors import OTHER

NS = 1_000_000_000


class Told:
    """A fault whose owner was told: what the consumer knows."""

    def __init__(self, cloud: Cloud, fault: str) -> None:
        (delivery,) = [one for one in cloud.outbox.owed if one.kind == "webhook"]
        self.cloud = cloud
        self.fault = fault
        self.delivery = delivery
        self.secret = cloud.indexes.directory.secrets(DEMO)[0].secret

    def body(self, received_ns: int | None = None, handled_ns: int | None = None) -> bytes:
        stated: dict[str, Any] = {"delivery_id": self.delivery.id}
        if received_ns is not None:
            stated["received_at"] = rfc3339(received_ns)
        if handled_ns is not None:
            stated["handled_at"] = rfc3339(handled_ns)
        return orjson.dumps(stated)

    def signed(
        self, body: bytes, secret: str = "", name: str = "", age_s: int = 0
    ) -> dict[str, str]:
        name = name or self.delivery.id
        stamp = self.cloud.clock.wall_ns() // NS - age_s
        mac = signature.sign([secret or self.secret], name, stamp, body)
        return {
            signature.ID: name,
            signature.TIMESTAMP: str(stamp),
            signature.SIGNATURE: mac,
        }

    async def post(self, body: bytes, token: str = "", fault: str = "", **headers: str) -> Any:
        path = f"/fault/v1/faults/{fault or self.fault}/marks"
        return await self.cloud.call("POST", path, token, content=body, headers=headers)

    async def post_signed(self, body: bytes, **signing: Any) -> httpx2.Response:
        path = f"/fault/v1/faults/{self.fault}/marks"
        headers = self.signed(body, **signing)
        return await self.cloud.call("POST", path, "", content=body, headers=headers)

    async def point(self, key: str) -> Any:
        timeline = await self.cloud.call("GET", f"/fault/v1/faults/{self.fault}/timeline")
        return timeline.json()["timeline"]["checkpoints"][key]


@pytest.fixture
async def told(cloud: Cloud) -> Told:
    """Give a fault whose one alarm is on its way."""
    await cloud.alarm()
    (fault,) = await cloud.report(EVENT)
    given = Told(cloud, fault)
    cloud.clock.advance(0.5)
    return given


async def test_a_consumer_reports_with_its_own_signature(told: Told) -> None:
    """T09 and T10 as the consumer has them, under its project's secret."""
    now = told.cloud.clock.wall_ns()
    body = told.body(now - 200_000_000, now - 100_000_000)
    answer = await told.post_signed(body)
    assert (answer.status_code, answer.json()) == (202, {"fault": {"id": told.fault}})
    received, handled = await told.point("T09"), await told.point("T10")
    assert (received["last_wall_ns"], received["source"]) == (now - 200_000_000, "consumer")
    assert handled["last_wall_ns"] == now - 100_000_000


async def test_after_a_rotation_both_secrets_sign(told: Told) -> None:
    """The secret before the last one is still good while consumers change over."""
    await told.cloud.call("POST", "/alarming/v2/webhook-secret", "member")
    body = told.body(told.cloud.clock.wall_ns())
    assert (await told.post_signed(body)).status_code == 202
    told.secret = told.cloud.indexes.directory.secrets(DEMO)[0].secret
    assert (await told.post_signed(body)).status_code == 202


async def test_a_wrong_signature_is_401(told: Told) -> None:
    """Another project's secret, an old time or another body sign nothing here."""
    now = told.cloud.clock.wall_ns()
    body = told.body(now)
    await told.cloud.call("POST", "/alarming/v2/webhook-secret", "stranger")
    foreign = told.cloud.indexes.directory.secrets(OTHER)[0].secret
    assert (await told.post_signed(body, secret=foreign)).status_code == 401
    assert (await told.post_signed(body, age_s=301)).status_code == 401
    other = await told.post(told.body(now, now), "", **told.signed(body))
    assert other.status_code == 401
    assert (await told.post(body, "", **{"webhook-signature": "v1,AA=="})).status_code == 401
    assert (await told.post(body)).status_code == 401
    assert await told.point("T09") is None


async def test_a_signature_speaks_for_its_own_delivery(told: Told) -> None:
    """The webhook-id that was signed is the delivery that is spoken of."""
    body = told.body(told.cloud.clock.wall_ns())
    assert (await told.post_signed(body, name="another")).status_code == 403


@pytest.mark.parametrize(
    ("token", "status"),
    [("admin", 202), ("member", 202), ("reader", 403), ("stranger", 403), ("expired", 401)],
)
async def test_a_token_of_the_owner_does_as_well(told: Told, token: str, status: int) -> None:
    """An administrator or a member of the delivery's project may report for it."""
    answer = await told.post(told.body(told.cloud.clock.wall_ns()), token)
    assert answer.status_code == status


async def test_times_that_cannot_be_are_refused(told: Told) -> None:
    """Before the delivery, in the future, or handled before it was received: 400."""
    now, created = told.cloud.clock.wall_ns(), told.delivery.created_ns
    for body, field in (
        (told.body(now + NS), "received_at"),
        (told.body(created - NS), "received_at"),
        (told.body(now, created), "handled_at"),
        (told.body(now, now + NS), "handled_at"),
        (told.body(), "received_at"),
    ):
        answer = await told.post(body, "admin")
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert await told.point("T09") is None


async def test_a_clock_that_is_barely_off_counts_as_the_edge(told: Told) -> None:
    """Two clocks of one machine may disagree by some milliseconds; spans stay positive."""
    now = told.cloud.clock.wall_ns()
    assert (await told.post(told.body(now + 3_000_000), "admin")).status_code == 202
    assert (await told.point("T09"))["last_wall_ns"] == now


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, None),
        (b"[]", 400, None),
        (b"{", 400, None),
        (b'{"delivery_id": 7}', 400, "delivery_id"),
        (b'{"delivery_id": ""}', 400, "delivery_id"),
        (b'{"delivery_id": "a\\u0000b"}', 400, "delivery_id"),
        (b'{"delivery_id": "none", "received_at": "2023-11-14T22:13:21Z"}', 404, None),
        (b"{}", 400, "point"),
        (b'{"point": "T11"}', 400, "point"),
        (b'{"point": ["T00"]}', 400, "point"),
        (b'{"point": "T00"}', 400, "at"),
        (b'{"point": "T00", "at": "noon"}', 400, "at"),
        (b'{"point": "T00", "at": "2023-11-14T22:13:20"}', 400, "at"),
        (b'{"point": "T00", "at": 5}', 400, "at"),
        (b'{"point": "T00", "at_ns": -1}', 400, "at_ns"),
        (b'{"point": "T00", "at_ns": true}', 400, "at_ns"),
        (b'{"point": "T00", "at_ns": 5, "mono_ns": "x"}', 400, "mono_ns"),
        (b" " * 4097, 413, None),
    ],
)
async def test_what_is_wrong_is_named(
    told: Told, body: bytes, status: int, field: str | None
) -> None:
    """Each field that cannot be is named, in both forms of the body."""
    answer = await told.post(body, "admin")
    assert (answer.status_code, answer.json()["error"].get("field")) == (status, field)


async def test_an_administrator_reports_when_it_happened(told: Told) -> None:
    """T00 comes from whoever pulled the cable: RFC 3339, or both clocks of this machine."""
    body = b'{"point": "T00", "at": "2023-11-14T22:13:20.25Z"}'
    assert (await told.post(body, "admin")).status_code == 202
    assert (await told.point("T00"))["last_wall_ns"] == 1_700_000_000_250_000_000
    exact = orjson.dumps({"point": "T00", "at_ns": 1_700_000_000_500_000_000, "mono_ns": 1})
    assert (await told.post(exact, "admin")).status_code == 202
    for token, status in (("member", 403), ("service", 403), ("", 401)):
        assert (await told.post(body, token)).status_code == status


async def test_a_fault_that_is_none_has_no_marks(told: Told) -> None:
    """Marks belong to a fault, and a delivery to the fault it was for."""
    now = told.cloud.clock.wall_ns()
    assert (await told.post(told.body(now), "admin", "nope")).status_code == 404
    body = b'{"point": "T00", "at": "2023-11-14T22:13:20Z"}'
    assert (await told.post(body, "admin", "nope")).status_code == 404
