"""Ports, networks and subnets as clients make, find, change and delete them."""

from typing import Any

import pytest

from tests.api.cloud import Cloud
from tests.api.network.stand import PORTS, names, port, put, refused, told, wired

pytestmark = pytest.mark.asyncio

NETWORKS, SUBNETS = "/network/v2.0/networks", "/network/v2.0/subnets"


async def made(cloud: Cloud, kind: str, who: str = "member", **said: Any) -> dict[str, Any]:
    """Create something; return it."""
    path = f"/network/v2.0/{kind}s"
    answer = await cloud.call("POST", path, who, {kind: said})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()[kind]
    return found


async def test_versions_need_no_token() -> None:
    """The first question of every client is answered to everybody."""
    async with wired() as cloud:
        for path in ("/network", "/network/"):
            (version,) = (await cloud.call("GET", path, "")).json()["versions"]
            assert (version["id"], version["status"]) == ("v2.0", "CURRENT")
            assert version["links"][0]["href"].endswith("/network/v2.0/")
        assert (await cloud.call("GET", "/network/v2.0/", "")).status_code == 200


async def test_a_port_is_made_with_addresses() -> None:
    """A MAC address and one address of each IPv4 subnet, past the gateway and what is taken."""
    async with wired() as cloud:
        network = await made(cloud, "network", name="front")
        said = {"network_id": network["id"], "cidr": "10.2.0.0/29"}
        subnet = await made(cloud, "subnet", **said)
        first = await made(cloud, "port", network_id=network["id"], name="one")
        second = await made(cloud, "port", network_id=network["id"], device_id="vm-1")
        given = [one["fixed_ips"][0] for one in (first, second)]
        assert [one["ip_address"] for one in given] == ["10.2.0.2", "10.2.0.3"]
        assert {one["subnet_id"] for one in given} == {subnet["id"]}
        assert first["mac_address"] != second["mac_address"]
        assert second["status"] == "ACTIVE"
        assert (await port(cloud, second["id"]))["binding:host_id"] == "compute-1"
        taken = {"network_id": network["id"], "fixed_ips": [{"ip_address": "10.2.0.2"}]}
        found = await refused(cloud, "POST", PORTS, {"port": taken})
        assert found[:2] == (409, "IpAddressAlreadyAllocated")
        held = await refused(cloud, "DELETE", f"{NETWORKS}/{network['id']}")
        assert held[:2] == (409, "NetworkInUse")
        held = await refused(cloud, "DELETE", f"{SUBNETS}/{subnet['id']}")
        assert held[:2] == (409, "SubnetInUse")
        for _ in range(3):
            await made(cloud, "port", network_id=network["id"])
        full = await refused(cloud, "POST", PORTS, {"port": {"network_id": network["id"]}})
        assert full[:2] == (409, "IpAddressGenerationFailure")


async def test_a_list_of_ports_is_all_or_nothing() -> None:
    """Bulk creation as Neutron has it; one wrong port and none is made."""
    async with wired() as cloud:
        network = await made(cloud, "network")
        one = {"network_id": network["id"]}
        answer = await cloud.call("POST", PORTS, "member", {"ports": [one, one]})
        assert len(answer.json()["ports"]) == 2
        before = await names(cloud)
        await refused(cloud, "POST", PORTS, {"ports": [one, {"network_id": "nope"}]})
        assert await names(cloud) == before


async def test_pages_have_links_both_ways() -> None:
    """limit, marker and page_reverse with next and previous; the last page is short."""
    async with wired() as cloud:
        answer = (await cloud.call("GET", f"{PORTS}?limit=2&fields=id")).json()
        assert [one["id"] for one in answer["ports"]] == ["port-1", "port-2"]
        links = {one["rel"]: one["href"] for one in answer["ports_links"]}
        assert set(links) == {"next", "previous"}
        path = links["next"].partition("8779")[2]
        answer = (await cloud.call("GET", path)).json()
        assert [one["id"] for one in answer["ports"]] == ["port-3"]
        links = {one["rel"]: one["href"] for one in answer["ports_links"]}
        assert set(links) == {"previous"}
        answer = (await cloud.call("GET", links["previous"].partition("8779")[2])).json()
        assert [one["id"] for one in answer["ports"]] == ["port-1", "port-2"]
        assert "ports_links" not in (await cloud.call("GET", PORTS)).json()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?id=port-1&id=port-3", ["port-1", "port-3"]),
        ("?name=first", ["port-1"]),
        ("?device_id=vm-2", ["port-2"]),
        ("?binding:host_id=compute-1", ["port-1", "port-2"]),
        ("?network_id=net", ["port-1", "port-2"]),
        ("?project_id=p-other", ["port-2"]),
        ("?status=DOWN", []),
        ("?fixed_ips=ip_address%3D10.0.0.1", ["port-1"]),
        ("?device_id=vm-1&name=x", []),
        ("?sort_key=name&sort_dir=desc", ["port-3", "port-1", "port-2"]),
    ],
)
async def test_filters_and_orders(query: str, found: list[str]) -> None:
    """Values of one name are alternatives, names are joined."""
    async with wired() as cloud:
        assert await names(cloud, query) == found


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("?nope=1", 400, "['nope'] is invalid attribute for filtering"),
        ("?limit=x", 400, "Limit must be an integer 0 or greater and not 'x'"),
        ("?limit=-1", 400, "Limit must be an integer"),
        ("?marker=nope", 404, "Port nope could not be found."),
        ("?sort_key=nope", 400, "is invalid attribute for sort_key"),
        ("?sort_key=id&sort_dir=up", 400, "sort_dir"),
        ("?sort_dir=asc", 400, "must be same"),
        ("?page_reverse=maybe", 400, "page_reverse"),
        ("?data_plane_status=down", 400, "not in valid_values"),
        ("?dp_down=perhaps", 400, "not a boolean"),
        ("?fixed_ips=x", 400, "fixed_ips"),
        ("?name=%00", 400, "NUL"),
    ],
)
async def test_wrong_questions_are_refused(query: str, status: int, said: str) -> None:
    """A list that cannot be meant is refused, naming what is wrong."""
    async with wired() as cloud:
        found = await refused(cloud, "GET", f"{PORTS}{query}")
        assert found[0] == status
        assert said in found[2]


async def test_owners_see_their_own_and_no_hosts() -> None:
    """A tenant's list is its own; where a port is bound is not in it, nor may it ask."""
    async with wired() as cloud:
        assert await names(cloud, who="reader") == ["port-1", "port-3"]
        assert "binding:host_id" not in await port(cloud, who="reader")
        found = await refused(cloud, "GET", f"{PORTS}?binding:host_id=compute-1", who="member")
        assert found[0] == 400
        assert await put(cloud, who="member", **{"binding:host_id": "compute-1"}) == 403
        assert await put(cloud, who="reader", name="x") == 403


async def test_a_port_moves_and_goes() -> None:
    """A change of its host is looked at anew; a deleted one is gone, and so is its trouble."""
    async with wired() as cloud:
        down = {"time": "2026-01-01T00:00:00", "type": "network.switch.down"}
        for switch in ("tor-1", "tor-2"):
            await cloud.report({**down, "details": {"switch": switch}})
        assert await names(cloud, "?dp_down=true") == ["port-1", "port-2"]
        moved = {"binding:host_id": "compute-2.example.org", "device_id": ""}
        assert await put(cloud, **moved) == 200
        assert await names(cloud, "?dp_down=true") == ["port-2"]
        told(cloud)
        assert (await cloud.call("DELETE", f"{PORTS}/port-2")).status_code == 204
        events = told(cloud, "compute.instance.update")
        assert [one.traits["ports_down"] for one in events][-1] == 0
        assert await names(cloud, "?dp_down=true") == []


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"network_id": 1},
        {"network_id": "net", "name": 1},
        {"network_id": "net", "name": "x" * 256},
        {"network_id": "net", "mac_address": "x"},
        {"network_id": "net", "fixed_ips": "x"},
        {"network_id": "net", "fixed_ips": [{"ip_address": "x"}]},
        {"network_id": "net", "fixed_ips": [1]},
        {"network_id": "net", "admin_state_up": "maybe"},
        {"network_id": "net", "device_id": "a b"},
        {"network_id": "net", "binding:vnic_type": "odd"},
        {"network_id": "net", "security_groups": ["x"]},
        {"network_id": "net", "revision_number": 1},
        {"network_id": "net", "nope": 1},
    ],
)
async def test_wrong_ports_are_refused(said: dict[str, Any]) -> None:
    """Each wrong value of a new port is 400 and names it."""
    async with wired() as cloud:
        assert (await refused(cloud, "POST", PORTS, {"port": said}))[0] == 400


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("network", {"mtu": "x"}),
        ("network", {"shared": 2}),
        ("network", {"provider:network_type": "odd"}),
        ("network", {"nope": 1}),
        ("subnet", {}),
        ("subnet", {"network_id": "n", "cidr": "x"}),
        ("subnet", {"network_id": "n", "cidr": "10.0.0.0/24", "ip_version": 6}),
        ("subnet", {"network_id": "n", "cidr": "10.0.0.0/24", "gateway_ip": "10.1.0.1"}),
        ("subnet", {"network_id": "n", "cidr": "10.0.0.0/24", "dns_nameservers": ["1.1.1.1"]}),
    ],
)
async def test_wrong_networks_are_refused(kind: str, said: dict[str, Any]) -> None:
    """Each wrong value of a network or subnet is 400 and names it."""
    async with wired() as cloud:
        assert (await refused(cloud, "POST", f"/network/v2.0/{kind}s", {kind: said}))[0] == 400


async def test_networks_are_their_owners_unless_shared() -> None:
    """A foreign network is 404, a shared one is everybody's; sharing is for administrators."""
    async with wired() as cloud:
        own = await made(cloud, "network", name="own")
        path = f"{NETWORKS}/{own['id']}"
        assert (await refused(cloud, "GET", path, who="stranger"))[:2] == (404, "NetworkNotFound")
        share = {"network": {"shared": True}}
        assert (await refused(cloud, "PUT", path, share, "member"))[0] == 403
        assert (await cloud.call("PUT", path, "admin", share)).status_code == 200
        assert (await cloud.call("GET", path, "stranger")).status_code == 200
        assert (
            "provider:physical_network"
            not in (await cloud.call("GET", path, "member")).json()["network"]
        )
        listed = (await cloud.call("GET", f"{NETWORKS}?name=own", "stranger")).json()["networks"]
        assert [one["id"] for one in listed] == [own["id"]]
        assert (await cloud.call("DELETE", path, "member")).status_code == 204


async def test_a_network_says_where_its_ports_leave() -> None:
    """A port without a physical network of its own takes its network's."""
    async with wired() as cloud:
        said = {"provider:physical_network": "physnet1"}
        network = await made(cloud, "network", "admin", **said)
        bound = {"network_id": network["id"], "binding:host_id": "compute-1"}
        one = await made(cloud, "port", "admin", **bound)
        details = {"hostname": "compute-1", "physical_network": "physnet1"}
        time = "2026-01-01T00:00:00"
        await cloud.report({"time": time, "type": "network.link.down", "details": details})
        assert (await port(cloud, one["id"]))["data_plane_status"] == "DOWN"
        late = await made(cloud, "port", "admin", **bound)
        assert late["data_plane_status"] == "DOWN"


async def test_other_methods_and_paths_have_neutrons_shape() -> None:
    """PATCH is 405, what is not there 404, without a token 401."""
    async with wired() as cloud:
        assert (await refused(cloud, "PATCH", f"{PORTS}/port-1"))[0] == 405
        assert (await refused(cloud, "GET", "/network/v2.0/routers"))[0] == 404
        assert (await refused(cloud, "GET", PORTS, who=""))[:2] == (401, "HTTPUnauthorized")
