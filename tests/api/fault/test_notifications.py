"""What a listener of its own brings: who may, what is taken, what is refused."""

import pytest

from tests.api.cloud import Cloud

PATH = "/fault/v1/notifications"
SERVER = {"kind": "server", "id": "vm-9", "project": "p-9", "host": "compute-9", "name": "nine"}


async def test_what_was_heard_is_in_the_map(cloud: Cloud) -> None:
    """A listener's messages are taken whole, once each, and the map says it at once."""
    body = {"messages": [{"message_id": "m", "notices": [SERVER]}], "counts": {"dead": 2}}
    answer = await cloud.call("POST", PATH, "admin", body)
    assert (answer.status_code, answer.json()) == (202, {"notifications": 1})
    answer = await cloud.call("POST", PATH, "admin", body)
    assert (answer.status_code, answer.json()) == (202, {"notifications": 0})
    shown = await cloud.call("GET", "/fault/v1/hosts/compute-9", "admin")
    assert [one["id"] for one in shown.json()["host"]["servers"]] == ["vm-9"]


@pytest.mark.parametrize(
    ("body", "who", "status"),
    [
        ({"messages": []}, "member", 403),
        ({"messages": []}, "", 401),
        ([], "admin", 400),
        ({"messages": [{"notices": [{**SERVER, "host": "a/b"}]}]}, "admin", 400),
        ({"messages": [{"message_id": "m", "events": {"a": 1}}]}, "admin", 400),
        ({"x": [[]] * 200_001}, "admin", 413),
    ],
)
async def test_who_may_and_what(cloud: Cloud, body: object, who: str, status: int) -> None:
    """Operators and services bring notifications; what is malformed is named."""
    answer = await cloud.call("POST", PATH, who, body)
    assert answer.status_code == status, answer.text
