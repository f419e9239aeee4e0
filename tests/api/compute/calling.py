"""How the tests of the compute face call it: with a version, and with what an error must say."""

import json
from typing import Any

import httpx2

from tests.api.cloud import Cloud

ROOT = "/compute/v2.1"
SERVICES = f"{ROOT}/os-services"
HOSTS = f"{ROOT}/os-hosts"
HYPERVISORS = f"{ROOT}/os-hypervisors"
HOST = "compute-1"
NOVA = "nova-compute"

VERSION = "X-OpenStack-Nova-API-Version"


async def call(
    cloud: Cloud,
    method: str,
    path: str,
    body: object = None,
    *,
    at: str = "2.96",
    who: str = "admin",
    **more: Any,
) -> httpx2.Response:
    """Call in a version."""
    headers = {VERSION: at, **more.pop("headers", {})}
    return await cloud.call(method, path, who, body, headers=headers, **more)


async def force_down(cloud: Cloud, host: str = HOST, *, down: bool = True) -> httpx2.Response:
    """Force a host's service down, or take that back, by the PUT of 2.11."""
    body = {"host": host, "binary": NOVA, "forced_down": down}
    return await call(cloud, "PUT", f"{SERVICES}/force-down", body, at="2.11")


async def service(cloud: Cloud, host: str = HOST, *, at: str = "2.96") -> dict[str, Any]:
    """Return the service of a host as the list shows it."""
    answer = await call(cloud, "GET", SERVICES, at=at, params={"host": host})
    (found,) = answer.json()["services"]
    shown: dict[str, Any] = found
    return shown


def fault(answer: httpx2.Response, status: int, name: str) -> str:
    """Return the message of a fault that has this status and name."""
    assert answer.status_code == status, answer.text
    (key,) = answer.json()
    assert key == name
    said = answer.json()[key]
    assert said["code"] == status
    message: str = said["message"]
    return message


async def alarm(cloud: Cloud, who: str, event_type: str, *query: tuple[str, str]) -> str:
    """Create an alarm that fires again and again; return its id."""
    made = await cloud.alarm(
        who,
        name=f"{event_type} {query}",
        project_id="" if who == "admin" else None,
        repeat_actions=True,
        event_rule={
            "event_type": event_type,
            "query": [
                {"field": f"traits.{name}", "op": "eq", "type": "string", "value": value}
                for name, value in query
            ],
        },
    )
    name: str = made["alarm_id"]
    return name


def told(cloud: Cloud) -> list[dict[str, Any]]:
    """Return the traits of the events whose alarms fired since the last call."""
    bodies = [json.loads(delivery.body) for delivery in cloud.outbox.owed]
    cloud.outbox.owed.clear()
    return [
        {name: value for name, _, value in body["reason_data"]["event"]["traits"]}
        for body in bodies
    ]
