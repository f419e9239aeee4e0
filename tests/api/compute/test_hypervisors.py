"""Hypervisors in the shape of each version; aggregates, because clients ask for them."""

from typing import Any

import pytest

from tests.api.cloud import BASE, Cloud
from tests.api.compute.calling import HOST, HYPERVISORS, ROOT, call, fault, force_down

NOBODY = "11111111-2222-4333-8444-555555555555"
BRIEF = {"id", "hypervisor_hostname", "state", "status"}
DETAILS = BRIEF | {"hypervisor_type", "hypervisor_version", "host_ip", "service"}
FIGURES = {
    "vcpus",
    "memory_mb",
    "local_gb",
    "vcpus_used",
    "memory_mb_used",
    "local_gb_used",
    "free_ram_mb",
    "free_disk_gb",
    "current_workload",
    "running_vms",
    "disk_available_least",
    "cpu_info",
}


async def first(cloud: Cloud, path: str, at: str, **query: str) -> dict[str, Any]:
    """Return the first hypervisor of a list."""
    answer = await call(cloud, "GET", path, at=at, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["hypervisors"][0]
    return found


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ("2.1", DETAILS | FIGURES),
        ("2.87", DETAILS | FIGURES),
        ("2.88", DETAILS | {"uptime"}),
        ("2.96", DETAILS | {"uptime"}),
    ],
)
async def test_details_are_those_of_the_version(cloud: Cloud, at: str, wanted: set[str]) -> None:
    """2.88 takes the figures away and shows the uptime."""
    assert set(await first(cloud, f"{HYPERVISORS}/detail", at)) == wanted
    assert set(await first(cloud, HYPERVISORS, at)) == BRIEF


@pytest.mark.parametrize(("at", "kind"), [("2.27", str), ("2.28", dict)])
async def test_cpu_info_becomes_an_object(cloud: Cloud, at: str, kind: type) -> None:
    """2.28 shows cpu_info as an object."""
    assert isinstance((await first(cloud, f"{HYPERVISORS}/detail", at))["cpu_info"], kind)


async def test_state_follows_the_service(cloud: Cloud) -> None:
    """A hypervisor is down with its forced-down service, and its status stays."""
    await force_down(cloud)
    found = await first(cloud, f"{HYPERVISORS}/detail", "2.53")
    assert (found["hypervisor_hostname"], found["state"], found["status"]) == (
        HOST,
        "down",
        "enabled",
    )


@pytest.mark.parametrize("at", ["2.1", "2.52", "2.53", "2.96"])
async def test_a_hypervisor_is_shown_by_its_id(cloud: Cloud, at: str) -> None:
    """The id of a list finds the hypervisor again."""
    found = await first(cloud, HYPERVISORS, at)
    answer = await call(cloud, "GET", f"{HYPERVISORS}/{found['id']}", at=at)
    assert answer.json()["hypervisor"]["hypervisor_hostname"] == HOST


async def test_ids_that_lead_nowhere(cloud: Cloud) -> None:
    """A name is no id: 404 below 2.53, 400 from there on; nobody's id is 404."""
    answer = await call(cloud, "GET", f"{HYPERVISORS}/{HOST}", at="2.52")
    message = f"Hypervisor with ID '{HOST}' could not be found."
    assert fault(answer, 404, "itemNotFound") == message
    answer = await call(cloud, "GET", f"{HYPERVISORS}/{HOST}", at="2.53")
    assert fault(answer, 400, "badRequest") == f"Invalid uuid {HOST}"
    fault(await call(cloud, "GET", f"{HYPERVISORS}/{NOBODY}"), 404, "itemNotFound")


async def test_servers_of_hypervisors(cloud: Cloud) -> None:
    """By path through 2.52, by query from 2.53; an empty list shows from 2.75 on."""
    both = [{"uuid": "vm-1", "name": "one"}, {"uuid": "vm-2", "name": "two"}]
    assert (await first(cloud, f"{HYPERVISORS}/pute-1/servers", "2.52"))["servers"] == both
    query = {"hypervisor_hostname_pattern": "pute-1", "with_servers": "true"}
    assert (await first(cloud, HYPERVISORS, "2.53", **query))["servers"] == both
    await cloud.call("PATCH", "/fault/v1/inventory", body={"hosts": [{"name": "spare"}]})
    query["hypervisor_hostname_pattern"] = "spare"
    assert "servers" not in await first(cloud, HYPERVISORS, "2.74", **query)
    assert (await first(cloud, HYPERVISORS, "2.75", **query))["servers"] == []


async def test_a_pattern_may_match_nothing(cloud: Cloud) -> None:
    """No match is 404; search by path ends with 2.52."""
    for path, at, query in (
        (f"{HYPERVISORS}/nope/search", "2.52", {}),
        (f"{HYPERVISORS}/nope/servers", "2.52", {}),
        (HYPERVISORS, "2.53", {"hypervisor_hostname_pattern": "nope"}),
    ):
        answer = await call(cloud, "GET", path, at=at, params=query)
        message = "No hypervisor matching 'nope' could be found."
        assert fault(answer, 404, "itemNotFound") == message
    fault(await call(cloud, "GET", f"{HYPERVISORS}/c/search", at="2.53"), 404, "itemNotFound")


async def test_pages_follow_their_links(cloud: Cloud) -> None:
    """From 2.33 on a limit cuts the list and the link goes on."""
    answer = await call(cloud, "GET", HYPERVISORS, params={"limit": "1"})
    (link,) = answer.json()["hypervisors_links"]
    assert link["href"].startswith(f"{BASE}{HYPERVISORS}?limit=1&marker=")
    answer = await call(cloud, "GET", link["href"])
    (found,) = answer.json()["hypervisors"]
    assert found["hypervisor_hostname"] == "compute-2.example.org"
    assert "hypervisors_links" not in answer.json()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"limit": "x"}, "Invalid input for query parameters limit. Value: x. "),
        ({"limit": "-1"}, "Invalid input for query parameters limit. Value: -1. "),
        ({"marker": "nope"}, "marker [nope] not found"),
        ({"with_servers": "perhaps"}, "Invalid input for query parameters with_servers."),
        ({"hypervisor_hostname_pattern": "a", "limit": "1"}, "Paging over hypervisors"),
        ({"nope": "1"}, "Additional properties are not allowed ('nope' was unexpected)"),
    ],
)
async def test_bad_queries_are_refused(cloud: Cloud, query: dict[str, str], message: str) -> None:
    """What is wrong with a query is named."""
    answer = await call(cloud, "GET", HYPERVISORS, params=query)
    assert message in fault(answer, 400, "badRequest")


async def test_statistics_and_aggregates(cloud: Cloud) -> None:
    """Sums are shown through 2.87; aggregates are those of the inventory."""
    answer = await call(cloud, "GET", f"{HYPERVISORS}/statistics", at="2.87")
    sums = answer.json()["hypervisor_statistics"]
    assert (sums["count"], sums["running_vms"]) == (2, 3)
    fault(await call(cloud, "GET", f"{HYPERVISORS}/statistics", at="2.88"), 404, "itemNotFound")
    document = {"hosts": [{"name": "spare", "aggregates": ["fast", "blue"]}]}
    await cloud.call("PATCH", "/fault/v1/inventory", body=document)
    answer = await call(cloud, "GET", f"{ROOT}/os-aggregates", at="2.81")
    found = answer.json()["aggregates"]
    assert [(one["name"], one["hosts"]) for one in found] == [
        ("blue", ["spare"]),
        ("fast", ["spare"]),
    ]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("", "list"),
        ("/detail", "list-detail"),
        ("/statistics", "statistics"),
        ("/c/search", "search"),
        ("/c/servers", "servers"),
        ("/17", "show"),
        ("/17/uptime", "uptime"),
    ],
)
async def test_only_administrators_may(cloud: Cloud, path: str, rule: str) -> None:
    """Others are refused by a named rule."""
    answer = await call(cloud, "GET", f"{HYPERVISORS}{path}", at="2.52", who="member")
    assert f"os_compute_api:os-hypervisors:{rule}" in fault(answer, 403, "forbidden")


async def test_since_when_a_machine_runs_is_not_known(cloud: Cloud) -> None:
    """Uptime is 501 for a hypervisor that is there, 404 for another and from 2.88 on."""
    listed = (await call(cloud, "GET", HYPERVISORS, at="2.53")).json()["hypervisors"]
    one = f"{HYPERVISORS}/{listed[0]['id']}/uptime"
    assert "not supported" in fault(
        await call(cloud, "GET", one, at="2.87"), 501, "notImplemented"
    )
    fault(await call(cloud, "GET", one, at="2.88"), 404, "itemNotFound")
    answer = await call(cloud, "GET", f"{HYPERVISORS}/9/uptime", at="2.1")
    assert "'9' could not be found" in fault(answer, 404, "itemNotFound")
