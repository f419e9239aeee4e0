"""The status over HTTP."""

from dataclasses import replace

import pytest

from faultwire.domain.errors import Unavailable
from faultwire.domain.standing import Process
from tests.api.cloud import EVENT, Cloud

PATH = "/fault/v1/status"


async def test_a_quiet_installation_is_well(cloud: Cloud) -> None:
    """Version, processes, database, faults, agents, deliveries and loop stand in one answer."""
    await cloud.report(EVENT)
    status = (await cloud.call("GET", PATH)).json()["status"]
    assert (status["version"], status["well"], status["troubles"]) == ("1.2.3", True, [])
    assert [one["role"] for one in status["processes"]] == ["serve"]
    assert status["database"]["kind"] == "SQLite"
    assert status["faults"] == {"open": 1, "unmatched": 0}
    assert status["agents"] == {
        "never": 2,
        "connected": 0,
        "lost": 0,
        "gone": 0,
        "silent": 0,
        "sessions_here": 0,
    }
    assert status["deliveries"] == {
        "pending": 3,
        "oldest_at": "2023-11-14T22:13:20.000000Z",
        "dead_last_hour": 2,
        "held_here": 0,
    }
    assert (status["loop"]["late_p99_ms"], status["loop"]["late_worst_ms"]) == (1.2, 7.5)


async def test_a_database_that_does_not_answer_is_told(cloud: Cloud) -> None:
    """The status itself is answered, and says what is not well."""
    cloud.standing.refuse = Unavailable("the database refuses: no route")
    answer = await cloud.call("GET", PATH)
    assert answer.status_code == 200
    status = answer.json()["status"]
    assert status["well"] is False
    assert status["troubles"] == ["the database does not answer: the database refuses: no route"]
    assert status["deliveries"]["pending"] is None


async def test_a_silent_process_is_told(cloud: Cloud) -> None:
    """A member whose last sign of life is too long ago makes the installation unwell."""
    sender = Process("sender", "node:7", "10.0.0.7:1", 0, silent_ns=4_000_000_000)
    cloud.standing.members = (*cloud.standing.members, sender)
    cloud.standing.unhealthy = "lane ended"
    status = (await cloud.call("GET", PATH)).json()["status"]
    assert status["troubles"] == [
        "a defect, restart this process: lane ended",
        "sender node:7 has given no sign of life for 4.0 s",
    ]


async def test_what_a_tenant_can_cause_is_no_trouble(cloud: Cloud) -> None:
    """A backlog and dead webhooks are shown and do not spoil the status."""
    cloud.standing.found = replace(cloud.standing.found, pending=100_000, dead_lately=50_000)
    assert (await cloud.call("GET", PATH)).json()["status"]["well"] is True


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("service", 403), ("", 401)])
async def test_the_status_is_the_administrators(cloud: Cloud, who: str, status: int) -> None:
    """Nobody else learns of processes and addresses."""
    assert (await cloud.call("GET", PATH, who)).status_code == status
