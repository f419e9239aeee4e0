"""Reports on many ports at once: one request, one transaction, one event for each change."""

import pytest

from tests.api.network.stand import BULK, names, port, refused, told, wired

pytestmark = pytest.mark.asyncio


async def test_many_ports_are_one_transaction() -> None:
    """The bulk form: one commit, a result for each, an error where there is no such port."""
    async with wired() as cloud:
        commits = cloud.ledger.commits
        body = {"ports": ["port-1", "port-2", "nope"], "data_plane_status": "DOWN", "reason": "x"}
        answer = await cloud.call("PUT", BULK, "integrator", body)
        assert answer.status_code == 200
        assert answer.json()["results"] == [
            {"id": "port-1", "status": "DOWN"},
            {"id": "port-2", "status": "DOWN"},
            {"id": "nope", "status": None, "error": "Port nope could not be found."},
        ]
        assert cloud.ledger.commits == commits + 1
        assert len(told(cloud)) == 2
        again = await cloud.call("PUT", BULK, "integrator", body)
        assert again.status_code == 200
        assert cloud.ledger.commits == commits + 1
        assert told(cloud) == []
        assert (await port(cloud))["data_plane_status_reason"] == "x"


async def test_a_whole_host_at_once() -> None:
    """By host: all ports on it, by their servers; one event for each server."""
    async with wired() as cloud:
        answer = await cloud.call("PUT", BULK, body={"host": "compute-1", "dp_down": True})
        assert {one["id"] for one in answer.json()["results"]} == {"port-1", "port-2"}
        assert await names(cloud, "?dp_down=true") == ["port-1", "port-2"]
        servers = {one.traits["instance_id"] for one in told(cloud, "compute.instance.update")}
        assert servers == {"vm-1", "vm-2"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"ports": ["port-1"]}, 400),
        ({"ports": ["port-1"], "reason": "x"}, 400),
        ({"ports": [], "dp_down": True}, 400),
        ({"ports": [1], "dp_down": True}, 400),
        ({"ports": "port-1", "dp_down": True}, 400),
        ({"ports": ["port-1"], "host": "compute-1", "dp_down": True}, 400),
        ({"dp_down": True}, 400),
        ({"host": 1, "dp_down": True}, 400),
        ({"host": "compute-1", "dp_down": True, "more": 1}, 400),
        ({"host": "compute-1", "data_plane_status": "down"}, 400),
        ({"host": "compute-1", "dp_down": True, "reason": 1}, 400),
        ({"host": "nowhere", "dp_down": True}, 404),
        ({"ports": ["x"] * 10_001, "dp_down": True}, 413),
        ([], 400),
    ],
)
async def test_a_wrong_bulk_report_changes_nothing(body: object, status: int) -> None:
    """What cannot be meant is refused whole, in Neutron's shape."""
    async with wired() as cloud:
        assert (await refused(cloud, "PUT", BULK, body))[0] == status
        assert told(cloud) == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({}, "data_plane_status"),
        ({"reason": "x"}, "data_plane_status"),
        ({"dp_down": True, "reason": 1}, "reason"),
        ({"dp_down": "x"}, "dp_down"),
    ],
)
async def test_a_wrong_bulk_report_is_told_by_its_field(
    more: dict[str, object], field: str
) -> None:
    """The error names what the reporter wrote or left out, as this body calls it."""
    async with wired() as cloud:
        answer = await cloud.call("PUT", BULK, "admin", {"ports": ["port-1"], **more})
        said = answer.json()["NeutronError"]["message"]
        assert (answer.status_code, f"for {field}." in said) == (400, True), said


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("stranger", 403), ("", 401)])
async def test_owners_do_not_report(who: str, status: int) -> None:
    """The bulk form asks the same rule, across projects."""
    async with wired() as cloud:
        answer = await cloud.call("PUT", BULK, who, {"host": "compute-1", "dp_down": True})
        assert answer.status_code == status
