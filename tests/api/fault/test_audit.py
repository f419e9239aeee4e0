"""The audit record over HTTP."""

import pytest

from tests.api.cloud import EVENT, Cloud

PATH = "/fault/v1/audit"


async def test_changes_are_in_the_audit_record(cloud: Cloud) -> None:
    """Who did what to what, when and from where, newest first."""
    (fault,) = await cloud.report(EVENT)
    cloud.clock.advance(1)
    await cloud.call("POST", f"/fault/v1/faults/{fault}/close")
    lines = (await cloud.call("GET", PATH)).json()["audit"]
    closed = lines[0]
    assert closed.keys() == {"at", "user", "project", "source", "action", "target", "detail"}
    assert (closed["user"], closed["project"], closed["source"]) == (
        "u-admin",
        "p-admin",
        "127.0.0.1",
    )
    assert closed["at"] == "2023-11-14T22:13:22.000000Z"
    assert lines[-1]["action"] == "inventory.import"
    assert (await cloud.call("GET", f"{PATH}?limit=1")).json()["audit"] == [closed]


@pytest.mark.parametrize(
    ("who", "query", "status"),
    [
        ("member", "", 403),
        ("service", "", 403),
        ("", "", 401),
        ("admin", "?limit=0", 400),
        ("admin", "?user=x", 400),
    ],
)
async def test_the_audit_record_is_the_administrators(
    cloud: Cloud, who: str, query: str, status: int
) -> None:
    """Nobody else reads it; bad parameters are named."""
    assert (await cloud.call("GET", PATH + query, who)).status_code == status
