"""Alerts in: who may send them, which bodies are refused, what is kept."""

import base64
from typing import Any

import pytest

from tests.api.cloud import Cloud

PATH = "/fault/v1/alertmanager"
ALERT = {
    "status": "firing",
    "labels": {"alertname": "Strange", "instance": "compute-1:9100"},
    "annotations": {"summary": "odd"},
    "startsAt": "2026-01-01T00:00:00Z",
    "fingerprint": "abc",
}


def body(*alerts: Any, **more: object) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": list(alerts), **more}


async def bearer(cloud: Cloud, name: str = "prom") -> str:
    answer = await cloud.call("POST", f"/fault/v1/sources/{name}/enrol")
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    drawn = answer.json()["credential"]
    assert drawn["bearer"] == f"source/{name}:{drawn['secret']}"
    # The stand knows one secret for all.
    return f"source/{name}:s3cret"


async def test_a_source_may_use_either_header(cloud: Cloud) -> None:
    """Bearer and Basic as http_config has them, and our own."""
    text = await bearer(cloud)
    name, _, secret = text.removeprefix("source/").partition(":")
    basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
    for header in (
        {"Authorization": f"Bearer {text}"},
        {"Authorization": f"Basic {basic}"},
        {"X-Faultwire-Credential": text},
    ):
        answer = await cloud.call("POST", PATH, body=body(ALERT), who="", headers=header)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer source/prom:guess"}, 401),
        ({"Authorization": "Bearer agent/compute-1:s3cret"}, 403),
        ({"Authorization": "Basic !!!"}, 401),
        ({"Authorization": "Digest x"}, 401),
    ],
)
async def test_a_forged_sender_is_refused(
    cloud: Cloud, header: dict[str, str], status: int
) -> None:
    """Without the source's own credential nothing is read."""
    await bearer(cloud)
    answer = await cloud.call("POST", PATH, body=body(ALERT), who="", headers=header)
    assert answer.status_code == status
    assert (await cloud.call("GET", "/fault/v1/alerts/unmapped")).json() == {"alerts": []}


async def test_credentials_are_for_their_own_purpose(cloud: Cloud) -> None:
    """A token sends no alerts, a source posts no events and lists nothing."""
    assert (await cloud.call("POST", PATH, body=body(ALERT))).status_code == 403
    header = {"X-Faultwire-Credential": await bearer(cloud)}
    event = {"time": "2026-01-01T00:00:00", "type": "compute.host.down"}
    posted = [{**event, "details": {"hostname": "compute-1"}}]
    answer = await cloud.call("POST", "/fault/v1/events", body=posted, who="", headers=header)
    assert answer.status_code == 403
    answer = await cloud.call("GET", "/fault/v1/alerts/unmapped", who="", headers=header)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ([], None),
        ({"alerts": []}, "version"),
        ({"version": "3", "alerts": []}, "version"),
        ({"version": 4, "alerts": []}, "version"),
        ({"version": "4"}, "alerts"),
        (body("x"), "alerts[0]"),
        (body({**ALERT, "status": "odd"}), "alerts[0].status"),
        (body({**ALERT, "status": []}), "alerts[0].status"),
        (body({**ALERT, "status": {"a": 1}}), "alerts[0].status"),
        (body(ALERT, {**ALERT, "labels": {}}), "alerts[1].labels"),
        (body({**ALERT, "labels": {"a": 1}}), "alerts[0].labels.a"),
        (body({**ALERT, "labels": {"a": "\x00"}}), "alerts[0].labels.a"),
        (body({**ALERT, "labels": {str(n): "" for n in range(101)}}), "alerts[0].labels"),
        (body({**ALERT, "annotations": []}), "alerts[0].annotations"),
        (body({**ALERT, "startsAt": 5}), "alerts[0].startsAt"),
    ],
)
async def test_a_body_that_is_none_is_refused(cloud: Cloud, sent: Any, field: str | None) -> None:
    """Bodies of other versions and shapes are 400 and name the field; nothing of them is kept."""
    header = {"Authorization": f"Bearer {await bearer(cloud)}"}
    answer = await cloud.call("POST", PATH, body=sent, who="", headers=header)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"].get("field") == field
    assert (await cloud.call("GET", "/fault/v1/alerts/unmapped")).json() == {"alerts": []}


async def test_too_many_alerts_are_refused(cloud: Cloud) -> None:
    """10,001 in one body are 413, before any of them is looked at."""
    header = {"Authorization": f"Bearer {await bearer(cloud)}"}
    answer = await cloud.call(
        "POST", PATH, body=body(*[{"status": "firing"}] * 10_001), who="", headers=header
    )
    assert answer.status_code == 413


async def test_unmapped_alerts_are_kept_counted_and_dismissed(cloud: Cloud) -> None:
    """The same labels from one source are one alert; another source's are another."""
    for name, times in (("a", 2), ("b", 1)):
        header = {"Authorization": f"Bearer {await bearer(cloud, name)}"}
        for _ in range(times):
            answer = await cloud.call("POST", PATH, body=body(ALERT), who="", headers=header)
            assert answer.json()["alerts"]["unmapped"] == 1
    rows = (await cloud.call("GET", "/fault/v1/alerts/unmapped")).json()["alerts"]
    assert {(row["source"], row["count"]) for row in rows} == {("a", 2), ("b", 1)}
    answer = await cloud.call("DELETE", "/fault/v1/alerts/unmapped")
    assert answer.json() == {"forgotten": 2}
    assert (await cloud.call("GET", "/fault/v1/alerts/unmapped")).json() == {"alerts": []}


@pytest.mark.parametrize("name", ["a/b", "..%2f", "x" * 101, "-a", "a b"])
async def test_a_source_has_a_plain_name(cloud: Cloud, name: str) -> None:
    """What would not fit into a header or a path is no name."""
    answer = await cloud.call("POST", f"/fault/v1/sources/{name}/enrol")
    assert answer.status_code in {400, 404}
