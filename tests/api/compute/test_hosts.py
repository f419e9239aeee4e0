"""os-hosts: the draft's report of a host's fault, and what upstream has beside it (S127-S135)."""

import pytest

from faultwire.controllers.embedded.hostapi import HostAPI
from faultwire.domain.accounts import Actor
from faultwire.domain.errors import NotFound, Unavailable
from faultwire.domain.events import INSTANCE_UPDATE, SERVICE_UPDATE
from faultwire.domain.ids import ServerId
from tests.api.cloud import Cloud
from tests.api.compute.calling import (
    HOST,
    HOSTS,
    alarm,
    call,
    fault,
    force_down,
    service,
    told,
)

ONE = f"{HOSTS}/{HOST}"
AT = "2.42"
FIELD = "Invalid input for field/attribute"
SEED = {"host": {"status": "enable", "maintenance_mode": "enable", "host_down_reported": "true"}}


def states(cloud: Cloud) -> dict[str, tuple[str, str, str | None]]:
    """Return vm_state, power_state and task_state of every server."""
    return {
        one.id: (one.vm_state.value, one.power_state.value, one.task_state)
        for one in cloud.indexes.inventory.servers()
    }


async def document(cloud: Cloud, *statuses: str) -> None:
    """Put a server of each status on the host."""
    servers = [
        {"id": f"s-{one}", "name": one, "project": "demo", "host": HOST, "status": one}
        for one in statuses
    ]
    answer = await cloud.call("PATCH", "/fault/v1/inventory", body={"servers": servers})
    assert answer.status_code == 200, answer.text


async def test_hosts_are_listed_and_shown(cloud: Cloud) -> None:
    """The list names hosts, a host shows who has servers there; unknown hosts are 404."""
    answer = await call(cloud, "GET", HOSTS, at="2.1")
    assert answer.json()["hosts"][0] == {"host_name": HOST, "service": "compute", "zone": "nova"}
    answer = await call(cloud, "GET", HOSTS, at="2.1", params={"zone": "other"})
    assert answer.json() == {"hosts": []}
    answer = await call(cloud, "GET", HOSTS, at="2.1", params={"service": "cert"})
    assert answer.json() == {"hosts": []}
    answer = await call(cloud, "GET", ONE, at="2.1")
    rows = [one["resource"]["project"] for one in answer.json()["host"]]
    assert rows == ["(total)", "(used_now)", "(used_max)", "p-demo", "p-other"]
    answer = await call(cloud, "GET", f"{HOSTS}/nohost", at="2.1")
    assert fault(answer, 404, "itemNotFound") == "Compute host nohost could not be found."


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_os_hosts_ends(cloud: Cloud, method: str) -> None:
    """From 2.43 on there is no os-hosts, as upstream (S141)."""
    assert (await call(cloud, "GET", ONE, at="2.42")).status_code == 200
    fault(await call(cloud, method, ONE, at="2.43"), 404, "itemNotFound")


async def test_the_seeds_body_stops_host_and_servers(cloud: Cloud) -> None:
    """host_down_reported: service down but enabled, servers stopped, as the draft (S117-S119)."""
    answer = await call(cloud, "PUT", ONE, SEED, at=AT)
    assert answer.json() == {
        "host": {
            "host": HOST,
            "status": "enabled",
            "maintenance_mode": "enabled",
            "host_down_reported": "true",
        }
    }
    shown = await service(cloud)
    assert (shown["state"], shown["status"], shown["forced_down"]) == ("down", "enabled", True)
    stopped = ("stopped", "shutdown", None)
    assert states(cloud) == {"vm-1": stopped, "vm-2": stopped, "vm-3": ("active", "running", None)}


async def test_upstreams_body_has_no_wrapper(cloud: Cloud) -> None:
    """Without the wrapper the answer has upstream's words (D13)."""
    body = {"status": "disable", "maintenance_mode": "enable"}
    answer = await call(cloud, "PUT", ONE, body, at="2.1")
    assert answer.json() == {
        "host": HOST,
        "status": "disabled",
        "maintenance_mode": "on_maintenance",
    }
    answer = await call(cloud, "PUT", ONE, {"maintenance_mode": "disable"}, at="2.1")
    assert answer.json() == {"host": HOST, "maintenance_mode": "off_maintenance"}
    assert (await service(cloud))["status"] == "disabled"


async def test_some_states_are_untouched(cloud: Cloud) -> None:
    """soft-delete, deleted, resized and error stay; all others are stopped (S119)."""
    await document(cloud, "ERROR", "VERIFY_RESIZE", "SOFT_DELETED", "PAUSED", "SUSPENDED")
    await call(cloud, "PUT", ONE, {"host_down_reported": True}, at=AT)
    found = {name: state[0] for name, state in states(cloud).items() if name.startswith("s-")}
    assert found == {
        "s-ERROR": "error",
        "s-VERIFY_RESIZE": "resized",
        "s-SOFT_DELETED": "soft-delete",
        "s-PAUSED": "stopped",
        "s-SUSPENDED": "stopped",
    }


async def test_each_owner_hears_once_of_all(cloud: Cloud) -> None:
    """One event for each server says state and host_status; untouched ones have theirs (D6)."""
    await document(cloud, "ERROR")
    await alarm(cloud, "member", INSTANCE_UPDATE)
    await alarm(cloud, "stranger", INSTANCE_UPDATE)
    await alarm(cloud, "admin", SERVICE_UPDATE)
    await call(cloud, "PUT", ONE, SEED, at=AT)
    traits = told(cloud)
    assert sorted(one.get("instance_id", "") for one in traits) == ["", "s-ERROR", "vm-1", "vm-2"]
    for one in traits:
        if "instance_id" in one:
            assert (one["old_host_status"], one["host_status"]) == ("UP", "DOWN")
            assert "host" not in one
    assert not cloud.indexes.owed
    await call(cloud, "PUT", ONE, SEED, at=AT)
    assert told(cloud) == []


@pytest.mark.parametrize("value", ["false", False, "0", "no"])
async def test_a_report_is_taken_back(cloud: Cloud, value: object) -> None:
    """host_down_reported false clears the force-down and leaves servers as they are (D13)."""
    await call(cloud, "PUT", ONE, SEED, at=AT)
    answer = await call(cloud, "PUT", ONE, {"host_down_reported": value}, at=AT)
    assert answer.json() == {"host": HOST, "host_down_reported": value}
    assert (await service(cloud))["state"] == "up"
    assert states(cloud)["vm-1"][0] == "stopped"


async def test_one_commit_holds_it_all(cloud: Cloud) -> None:
    """Host and servers change in one transaction: a failed one leaves both as they were."""
    cloud.ledger.fail(Unavailable("the disk is full"))
    answer = await call(cloud, "PUT", ONE, SEED, at=AT)
    fault(answer, 503, "serviceUnavailable")
    assert states(cloud)["vm-1"][0] == "active"
    assert (await service(cloud))["state"] == "up"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "{} should be non-empty"),
        ({"nope": 1}, "Additional properties are not allowed ('nope' was unexpected)"),
        (
            {"host": {}},
            "Invalid input for field/attribute host. Value: {}. {} should be non-empty",
        ),
        (
            {"host": 1},
            "Invalid input for field/attribute host. Value: 1. 1 is not of type 'object'",
        ),
        (
            {"host": {"status": "enable"}, "status": "enable"},
            "Additional properties are not allowed ('status' was unexpected)",
        ),
    ],
)
async def test_bad_bodies_are_refused(cloud: Cloud, body: object, message: str) -> None:
    """What is wrong with a body is named."""
    answer = await call(cloud, "PUT", ONE, body, at=AT)
    assert fault(answer, 400, "badRequest") == message


@pytest.mark.parametrize(
    "raw",
    [
        b'{"host": {"maintenance_mode": "enable" "host_down_reported": "true"}}',
        b'{"host": {"status": "enable", "host_down_reported": "true",}}',
    ],
)
async def test_the_seeds_malformed_samples_are_refused(cloud: Cloud, raw: bytes) -> None:
    """The draft's samples with their missing and trailing commas are 400 (D13)."""
    answer = await call(cloud, "PUT", ONE, at=AT, content=raw)
    assert fault(answer, 400, "badRequest") == "Malformed request body"


async def test_only_administrators_may(cloud: Cloud) -> None:
    """Others are refused by a named rule (S137)."""
    for method, path, rule in (
        ("GET", HOSTS, "list"),
        ("GET", ONE, "show"),
        ("PUT", ONE, "update"),
    ):
        body = SEED if method == "PUT" else None
        answer = await call(cloud, method, path, body, at=AT, who="member")
        assert f"os_compute_api:os-hosts:{rule}" in fault(answer, 403, "forbidden")


async def test_an_unknown_host_is_not_found(cloud: Cloud) -> None:
    """PUT on a host that is not there is 404."""
    answer = await call(cloud, "PUT", f"{HOSTS}/nohost", SEED, at=AT)
    assert fault(answer, 404, "itemNotFound") == "Compute host nohost could not be found."


async def test_force_down_leaves_servers_alone(cloud: Cloud) -> None:
    """force-down changes the service only; a report of the host then stops servers (S161, D6)."""
    await force_down(cloud)
    assert states(cloud)["vm-1"] == ("active", "running", None)
    await call(cloud, "PUT", ONE, {"host_down_reported": True}, at=AT)
    assert states(cloud)["vm-1"] == ("stopped", "shutdown", None)
    server = cloud.indexes.inventory.server(ServerId("vm-1"))
    assert server is not None
    assert server.revision == 1


async def test_the_embedded_method_does_the_same(cloud: Cloud) -> None:
    """set_host_down(context, host_name) marks host and servers, for code inside (S134)."""
    api = HostAPI(cloud.lane)
    await api.set_host_down(Actor("operator"), HOST)
    assert (await service(cloud))["state"] == "down"
    assert states(cloud)["vm-1"][0] == "stopped"
    with pytest.raises(NotFound, match="Compute host nohost could not be found"):
        await api.set_host_down(Actor("operator"), "nohost")


@pytest.mark.parametrize(
    ("action", "rule"), [("startup", "start"), ("shutdown", "shutdown"), ("reboot", "reboot")]
)
async def test_the_power_of_hosts_is_not_ours(cloud: Cloud, action: str, rule: str) -> None:
    """As from a Nova whose driver cannot: 501, 403 to others, 404 for unknown and later."""
    answer = await call(cloud, "GET", f"{ONE}/{action}", at=AT)
    assert "not supported" in fault(answer, 501, "notImplemented")
    answer = await call(cloud, "GET", f"{ONE}/{action}", at=AT, who="member")
    assert f"os_compute_api:os-hosts:{rule}" in fault(answer, 403, "forbidden")
    answer = await call(cloud, "GET", f"{HOSTS}/nohost/{action}", at=AT)
    assert fault(answer, 404, "itemNotFound") == "Compute host nohost could not be found."
    fault(await call(cloud, "GET", f"{ONE}/{action}", at="2.43"), 404, "itemNotFound")
