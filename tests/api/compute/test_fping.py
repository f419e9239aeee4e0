"""os-fping as the seed has it, what we add, and every way of asking it wrongly (S184-S197, D8)."""

import pytest

from faultwire.domain.errors import TooOften, Unavailable
from faultwire.domain.pings import Ping, PingState
from tests.api.cloud import DEMO, Cloud
from tests.api.cloud_doors import OTHER
from tests.api.compute.calling import call, fault

FPING = "/compute/v2.1/os-fping"
ALIVE = Ping(PingState.ALIVE, 1_700_000_000_000_000_000, 250_000)
DEAD = Ping(PingState.DEAD, 1_700_000_000_000_000_000)


@pytest.fixture
def pinged(cloud: Cloud) -> Cloud:
    """Give a cloud whose first server answers and whose second one is silent."""
    cloud.pinger.known = {"vm-1": ALIVE, "vm-2": DEAD}
    return cloud


async def ids(cloud: Cloud, query: str = "", who: str = "member") -> list[str]:
    """Return the ids that a list names."""
    answer = await call(cloud, "GET", f"{FPING}{query}", who=who)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["servers"]]


@pytest.mark.parametrize("at", ["2.1", "2.35", "2.36", "2.74", "2.75", "2.96"])
async def test_a_project_lists_its_own_servers_in_every_version(pinged: Cloud, at: str) -> None:
    """The seed's shape, then what we add; the version makes no difference (S184, S189, S197)."""
    answer = await call(pinged, "GET", FPING, who="member", at=at)
    assert answer.status_code == 200
    first, second = answer.json()["servers"]
    assert list(first)[:3] == ["id", "project_id", "alive"]
    assert first == {
        "id": "vm-1",
        "project_id": DEMO,
        "alive": True,
        "state": "alive",
        "checked_at": "2023-11-14T22:13:20.000000Z",
        "rtt_ms": 0.25,
    }
    unknown = {"alive": False, "state": "unknown", "checked_at": None, "rtt_ms": None}
    assert second == {"id": "vm-3", "project_id": DEMO, **unknown}


async def test_one_server_is_shown_by_its_id(pinged: Cloud) -> None:
    """The body is one server under its name (S190)."""
    answer = await call(pinged, "GET", f"{FPING}/vm-2", who="stranger")
    assert list(answer.json()) == ["server"]
    shown = answer.json()["server"]
    assert (shown["id"], shown["project_id"], shown["alive"]) == ("vm-2", OTHER, False)
    assert shown["state"] == "dead"


async def test_all_projects_are_for_administrators(pinged: Cloud) -> None:
    """The key alone asks for all of them (S185)."""
    assert set(await ids(pinged, "?all_tenants=1", "admin")) == {"vm-1", "vm-2", "vm-3"}
    assert set(await ids(pinged, "?all_tenants", "admin")) == {"vm-1", "vm-2", "vm-3"}
    answer = await call(pinged, "GET", f"{FPING}?all_tenants=1", who="member")
    assert "os_compute_api:os-fping:all_tenants" in fault(answer, 403, "forbidden")


async def test_include_is_what_both_have_and_exclude_the_rest(pinged: Cloud) -> None:
    """Unknown ids and another project's yield nothing; include is stronger (S186-S188, S195)."""
    assert await ids(pinged, "?include=vm-1,vm-2,nobody") == ["vm-1"]
    assert await ids(pinged, "?include=vm-2") == []
    assert await ids(pinged, "?exclude=vm-1,vm-2") == ["vm-3"]
    assert await ids(pinged, "?include=vm-1&exclude=vm-1") == ["vm-1"]
    assert await ids(pinged, "?include=vm-1&include=vm-3") == ["vm-1", "vm-3"]
    assert await ids(pinged, "?include=&exclude=,") == ["vm-1", "vm-3"]


async def test_many_ids_are_taken(pinged: Cloud) -> None:
    """A poller that names everybody gets everybody."""
    names = ",".join(f"00000000-0000-0000-0000-{number:012}" for number in range(1500))
    assert await ids(pinged, f"?include=vm-1,{names}") == ["vm-1"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?include=a%20b", "include"),
        ("?exclude=**", "exclude"),
        ("?include=" + "x" * 65, "include"),
        ("?fresh=-1", "fresh"),
        ("?fresh=1.5", "fresh"),
        ("?fresh=", "fresh"),
        ("?fresh=%C2%B2", "fresh"),
        ("?fresh=9999999999", "fresh"),
        ("?include=vm%00", "include"),
        ("?colour=red", "colour"),
    ],
)
async def test_a_wrong_parameter_is_named(pinged: Cloud, query: str, said: str) -> None:
    """What cannot be read is refused, and nobody is pinged."""
    answer = await call(pinged, "GET", f"{FPING}{query}", who="member")
    assert said in fault(answer, 400, "badRequest")
    assert pinged.pinger.asked == []


async def test_an_unknown_server_and_anothers_look_alike(pinged: Cloud) -> None:
    """404 in Nova's words, by every method (S195)."""
    for path, method, body in (
        (f"{FPING}/vm-2", "GET", None),
        (f"{FPING}/nobody", "GET", None),
        (f"{FPING}/%20*", "GET", None),
        (f"{FPING}/vms/vm-2", "PUT", {"monitored": True}),
        (f"{FPING}/vms/nobody", "PUT", {"monitored": True}),
    ):
        answer = await call(pinged, method, path, body, who="member")
        assert "could not be found" in fault(answer, 404, "itemNotFound")


async def test_freshness_is_asked_for_by_project(pinged: Cloud) -> None:
    """Without it the usual one is meant; 0 is one too."""
    await ids(pinged)
    await ids(pinged, "?fresh=0")
    await call(pinged, "GET", f"{FPING}/vm-1?fresh=250", who="member")
    assert pinged.pinger.asked == [(2, None, DEMO), (2, 0, DEMO), (1, 250, DEMO)]


async def test_too_many_sweeps_are_429_with_a_time_to_wait(pinged: Cloud) -> None:
    """Nova's overLimit, and Retry-After (S196)."""
    pinged.pinger.refuses = TooOften("too often: ask again in 17 s", 17)
    answer = await call(pinged, "GET", f"{FPING}?fresh=0", who="member")
    assert "17 s" in fault(answer, 429, "overLimit")
    assert answer.headers["retry-after"] == "17"


async def test_no_way_of_pinging_is_503_that_says_what_to_do(pinged: Cloud) -> None:
    """As upstream's without the program (S195)."""
    pinged.pinger.refuses = Unavailable("no ICMP socket: let net.ipv4.ping_group_range hold ...")
    answer = await call(pinged, "GET", FPING, who="member")
    assert "ping_group_range" in fault(answer, 503, "serviceUnavailable")


async def test_a_server_is_left_out_that_is_not_monitored(pinged: Cloud) -> None:
    """Unless somebody is named; the answer is the seed's, and survives an import (S193, D8)."""
    path = f"{FPING}/vms/vm-1"
    answer = await call(pinged, "PUT", path, {"monitored": False}, who="member")
    assert answer.status_code == 200
    (vm,) = answer.json().values()
    assert list(answer.json()) == ["vm"]
    assert list(vm)[:4] == ["id", "project_id", "monitored", "alive"]
    assert (vm["id"], vm["project_id"], vm["monitored"], vm["alive"]) == (
        "vm-1",
        DEMO,
        False,
        True,
    )
    assert await ids(pinged) == ["vm-3"]
    assert await ids(pinged, "?include=vm-1") == ["vm-1"]
    assert await ids(pinged, "?exclude=vm-3") == ["vm-1"]
    said = {"id": "vm-1", "name": "one", "project": "demo", "host": "compute-1"}
    made = await pinged.call("PATCH", "/fault/v1/inventory", "admin", {"servers": [said]})
    assert made.status_code == 200, made.text
    assert await ids(pinged) == ["vm-3"]
    await call(pinged, "PUT", path, {"monitored": "true"}, who="member")
    assert await ids(pinged) == ["vm-1", "vm-3"]


async def test_saying_so_is_no_event_and_a_repeat_no_change(pinged: Cloud) -> None:
    """Owners hear of their servers, not of our own flag; the audit record has it once."""
    before = len(pinged.events)
    for _ in range(2):
        await call(pinged, "PUT", f"{FPING}/vms/vm-1", {"monitored": False}, who="member")
    assert len(pinged.events) == before
    lines = [one for one in pinged.ledger.audit(100) if one.action == "server.monitor"]
    assert [one.detail for one in lines] == ["not monitored"]


@pytest.mark.parametrize(
    "body", [{}, [], {"monitored": 1}, {"monitored": None}, {"monitored": True, "x": 1}, "x"]
)
async def test_a_wrong_body_is_400(pinged: Cloud, body: object) -> None:
    """Only a truth, under its name."""
    answer = await call(pinged, "PUT", f"{FPING}/vms/vm-1", body, who="member")
    fault(answer, 400, "badRequest")


async def test_readers_may_look_and_not_say(pinged: Cloud) -> None:
    """The flag is a member's to set."""
    assert await ids(pinged, who="reader") == ["vm-1", "vm-3"]
    path = f"{FPING}/vms/vm-1"
    answer = await call(pinged, "PUT", path, {"monitored": False}, who="reader")
    assert "os-fping:monitored" in fault(answer, 403, "forbidden")
