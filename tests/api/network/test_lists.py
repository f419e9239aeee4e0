"""Lists as Neutron's clients ask for them: fields, orders, pages back and forth."""

from typing import Any

import pytest

from tests.api.cloud import Cloud
from tests.api.network.stand import PORTS, names, put, wired

pytestmark = pytest.mark.asyncio

NETWORKS = "/network/v2.0/networks"


async def listed(cloud: Cloud, path: str, who: str = "admin") -> dict[str, Any]:
    """Return the answer to a list."""
    answer = await cloud.call("GET", path, who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("fields=id", {"id": "port-1"}),
        ("fields=id&fields=dp_down", {"id": "port-1", "dp_down": False}),
        ("fields=id&fields=nope", {"id": "port-1"}),
        ("fields=nope", {}),
        ("fields=data_plane_status&sort_key=name", {"data_plane_status": None}),
    ],
)
async def test_only_the_fields_that_are_asked_for(query: str, row: dict[str, Any]) -> None:
    """Fields repeat; unknown ones are no error, in lists and for one port."""
    async with wired() as cloud:
        assert (await listed(cloud, f"{PORTS}?id=port-1&{query}"))["ports"] == [row]
        one = await cloud.call("GET", f"{PORTS}/port-1?{query.partition('&sort')[0]}")
        assert one.json()["port"] == row


async def test_hidden_fields_are_not_asked_out() -> None:
    """`fields` and `sort_key` give an owner nothing that it may not see."""
    async with wired() as cloud:
        await put(cloud, data_plane_status="DOWN", data_plane_status_reason="cut")
        asked = "fields=id&fields=binding:host_id&fields=data_plane_status_reason"
        found = await listed(cloud, f"{PORTS}?{asked}", "member")
        assert found["ports"] == [{"id": "port-1"}, {"id": "port-3"}]
        answer = await cloud.call("GET", f"{PORTS}?sort_key=binding:host_id", "member")
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sort_key=id&sort_dir=desc", ["port-3", "port-2", "port-1"]),
        ("sort_key=project_id&sort_dir=desc", ["port-2", "port-1", "port-3"]),
        (
            "sort_key=project_id&sort_dir=desc&sort_key=id&sort_dir=desc",
            ["port-2", "port-3", "port-1"],
        ),
        ("sort_key=dp_down&sort_dir=desc", ["port-2", "port-1", "port-3"]),
        ("limit=0", ["port-1", "port-2", "port-3"]),
        ("limit=1&marker=port-1", ["port-2"]),
        ("limit=2&marker=port-3&page_reverse=True", ["port-1", "port-2"]),
        ("limit=1&marker=port-3&page_reverse=true", ["port-2"]),
        ("limit=2&page_reverse=true", ["port-2", "port-3"]),
        ("marker=port-1&page_reverse=true&limit=5", []),
        ("sort_key=id&sort_dir=desc&marker=port-3&limit=1", ["port-2"]),
        ("sort_key=id&sort_dir=desc&marker=port-1&page_reverse=true&limit=1", ["port-2"]),
        ("limit=999999999", ["port-1", "port-2", "port-3"]),
        ("dp_down=true&limit=1&sort_key=name", ["port-2"]),
        ("data_plane_status=null", ["port-1", "port-3"]),
        ("tenant_id=p-other&status=ACTIVE", ["port-2"]),
        ("admin_state_up=true&name=first&name=loose", ["port-1", "port-3"]),
    ],
)
async def test_orders_and_pages(query: str, found: list[str]) -> None:
    """Orders by several keys; pages in them, forwards and backwards."""
    async with wired() as cloud:
        await put(cloud, "port-2", data_plane_status="DOWN")
        assert await names(cloud, f"?{query}") == found


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_a_walk_over_pages_sees_each_once(size: int) -> None:
    """By the links alone, to the end and back, while ports change: each port once each way."""
    async with wired() as cloud:
        network = (await cloud.call("POST", NETWORKS, "admin", {"network": {}})).json()["network"]
        body = {"ports": [{"network_id": network["id"]}] * 4}
        assert (await cloud.call("POST", PORTS, "admin", body)).status_code == 201
        everything = await names(cloud)
        for rel, start in (("next", ""), ("previous", "&page_reverse=True")):
            seen: list[str] = []
            path: str | None = f"{PORTS}?limit={size}&fields=id{start}"
            while path is not None:
                page = await listed(cloud, path)
                await put(cloud, "port-1", data_plane_status="DOWN")
                seen += [one["id"] for one in page["ports"]]
                links = {one["rel"]: one["href"] for one in page.get("ports_links", ())}
                path = links[rel].partition("8779")[2] if rel in links else None
            assert sorted(seen) == everything


async def test_networks_and_subnets_are_listed_alike() -> None:
    """Filters, orders, fields and pages of networks and subnets."""
    async with wired() as cloud:
        ids = []
        for name in ("b", "a"):
            made = await cloud.call("POST", NETWORKS, "member", {"network": {"name": name}})
            ids.append(made.json()["network"]["id"])
            subnet = {"network_id": ids[-1], "cidr": "10.0.0.0/24", "name": name}
            answer = await cloud.call(
                "POST", "/network/v2.0/subnets", "member", {"subnet": subnet}
            )
            assert answer.status_code == 201
        for kind in ("networks", "subnets"):
            path = f"/network/v2.0/{kind}?sort_key=name&fields=name"
            assert (await listed(cloud, path, "member"))[kind] == [{"name": "a"}, {"name": "b"}]
            page = await listed(cloud, f"{path}&limit=1", "member")
            assert page[kind] == [{"name": "a"}]
            assert [one["rel"] for one in page[f"{kind}_links"]] == ["next", "previous"]
            assert (await listed(cloud, f"{path}&name=b", "member"))[kind] == [{"name": "b"}]
            for wrong in ("limit=x", "sort_key=nope", "nope=1"):
                answer = await cloud.call("GET", f"{path}&{wrong}", "member")
                assert answer.status_code == 400
                assert "NeutronError" in answer.json()
            gone = await cloud.call("GET", f"/network/v2.0/{kind}?marker=nope", "member")
            assert gone.status_code == 404
        found = await listed(cloud, f"/network/v2.0/subnets?network_id={ids[0]}", "member")
        assert [one["name"] for one in found["subnets"]] == ["b"]
