"""What clients may say of things that are not theirs, and values that nobody foresaw."""

from typing import Any

import pytest

from tests.api.network.stand import BULK, PORTS, names, port, put, refused, told, wired

pytestmark = pytest.mark.asyncio

NETWORKS, SUBNETS = "/network/v2.0/networks", "/network/v2.0/subnets"


async def made(cloud: Any, kind: str, who: str, **said: Any) -> str:
    """Create something; return its id."""
    answer = await cloud.call("POST", f"/network/v2.0/{kind}s", who, {kind: said})
    assert answer.status_code == 201, answer.text
    return str(answer.json()[kind]["id"])


@pytest.mark.parametrize("server", ["vm-2", "unknown"])
async def test_a_port_stands_for_no_server_of_others(server: str) -> None:
    """Another project's server and one that is not there are refused alike, made or moved."""
    async with wired() as cloud:
        network = await made(cloud, "network", "member")
        new = {"port": {"network_id": network, "device_id": server}}
        found = await refused(cloud, "POST", PORTS, new, "member")
        assert found[0] == 400
        assert found[2] == f"Invalid input for device_id. Reason: there is no server {server}."
        moved = {"port": {"device_id": server}}
        assert (await refused(cloud, "PUT", f"{PORTS}/port-1", moved, "member"))[:1] == (400,)
        assert (await port(cloud))["device_id"] == "vm-1"
        assert await put(cloud, who="member", device_id="vm-1") == 200
        assert await put(cloud, who="member", device_id="") == 200
        assert told(cloud, "compute.instance.update") == []
        assert await put(cloud, device_id=server) == 200


async def test_addresses_are_the_networks_own() -> None:
    """Subnets and addresses of other networks are refused; what a port has it keeps."""
    async with wired() as cloud:
        network = await made(cloud, "network", "member")
        own = await made(cloud, "subnet", "member", network_id=network, cidr="10.3.0.0/24")
        other = await made(cloud, "network", "stranger")
        far = await made(cloud, "subnet", "stranger", network_id=other, cidr="10.4.0.0/24")
        for wrong in (
            {"subnet_id": far},
            {"subnet_id": "unknown"},
            {"subnet_id": own, "ip_address": "10.4.0.9"},
            {"ip_address": "10.4.0.9"},
            {"ip_address": "::1"},
        ):
            body = {"port": {"network_id": network, "fixed_ips": [wrong]}}
            found = await refused(cloud, "POST", PORTS, body, "member")
            assert (found[0], found[1]) == (400, "HTTPBadRequest")
            assert found[2].startswith("Invalid input for fixed_ips.")
        right = {"subnet_id": own, "ip_address": "10.3.0.9"}
        await made(cloud, "port", "member", network_id=network, fixed_ips=[right])
        kept = [{"ip_address": "10.0.0.1"}]
        assert await put(cloud, who="member", fixed_ips=kept) == 200
        assert await put(cloud, who="member", fixed_ips=[{"ip_address": "10.0.0.2"}]) == 400


async def test_things_are_not_made_for_or_in_other_projects() -> None:
    """403 for another project's name, 404 for its network, 400 where two names differ."""
    async with wired() as cloud:
        foreign = await made(cloud, "network", "stranger")
        own = await made(cloud, "network", "member")
        body = {"port": {"network_id": foreign}}
        assert (await refused(cloud, "POST", PORTS, body, "member"))[:2] == (
            404,
            "NetworkNotFound",
        )
        subnet = {"subnet": {"network_id": foreign, "cidr": "10.5.0.0/24"}}
        assert (await refused(cloud, "POST", SUBNETS, subnet, "member"))[0] == 404
        for kind, path in (("port", PORTS), ("network", NETWORKS)):
            base = {"network_id": own} if kind == "port" else {}
            body = {kind: {**base, "project_id": "p-other"}}
            assert (await refused(cloud, "POST", path, body, "member"))[0] == 403
            both = {kind: {**base, "project_id": "p-demo", "tenant_id": "p-other"}}
            found = await refused(cloud, "POST", path, both, "member")
            assert (found[0], found[2]) == (400, "'project_id' and 'tenant_id' do not match")


async def test_markers_and_filters_tell_nothing_of_others() -> None:
    """Another project's port is no marker and no hit, by no filter."""
    async with wired() as cloud:
        found = await refused(cloud, "GET", f"{PORTS}?marker=port-2&limit=1", who="reader")
        assert found == (404, "PortNotFound", "Port port-2 could not be found.")
        for query in (
            "id=port-2",
            "device_id=vm-2",
            "project_id=p-other",
            "dp_down=false&id=port-2",
        ):
            assert await names(cloud, f"?{query}", "reader") == []


@pytest.mark.parametrize("name", ["revision_number", "limit", "data_plane_status", "sort_key"])
@pytest.mark.parametrize(
    "value", ["9" * 5000, "\u0661", "\u00b2", "-1", "1e3", "%ff", "%0d%0aX:1"]
)
async def test_no_value_of_a_question_breaks_it(name: str, value: str) -> None:
    """Digits without end, other scripts' digits and broken UTF-8 are refused or find nothing."""
    async with wired() as cloud:
        answer = await cloud.call("GET", f"{PORTS}?{name}={value}")
        assert answer.status_code in {200, 400}
        assert "x" not in answer.headers
        if answer.status_code == 200:
            assert answer.json()["ports"] == []


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"port":' * 50_000,
        b'{"port": {"name": "\xff"}}',
        b'{"port": {"name": "\\ud800"}}',
        b'{"port": {"dp_down": NaN}}',
        b"",
        b"null",
    ],
)
async def test_no_body_breaks_a_call(raw: bytes) -> None:
    """Endless nesting, broken text and numbers that are none are 400 in Neutron's shape."""
    async with wired() as cloud:
        for method, path in (("PUT", f"{PORTS}/port-1"), ("POST", PORTS), ("PUT", BULK)):
            found = await refused(cloud, method, path, content=raw)
            assert found == (400, "HTTPBadRequest", "Body contains invalid data")


async def test_a_body_beyond_the_limit_is_refused_unread() -> None:
    """413 in Neutron's shape."""
    async with wired() as cloud:
        found = await refused(cloud, "PUT", BULK, content=b" " * 1_048_577)
        assert found[:2] == (413, "HTTPRequestEntityTooLarge")


async def test_ten_thousand_names_are_taken_at_once() -> None:
    """The longest report: what is there is set, the rest has errors, a repeat counts once."""
    async with wired() as cloud:
        ids = [*(f"nope-{n}" for n in range(9_998)), "port-1", "port-1"]
        body = {"ports": ids, "data_plane_status": "DOWN"}
        results = (await cloud.call("PUT", BULK, "integrator", body)).json()["results"]
        assert len(results) == 9_999
        assert sum("error" in one for one in results) == 9_998
        assert results[-1] == {"id": "port-1", "status": "DOWN"}


@pytest.mark.parametrize("text", ["revision_number=0,revision_number=1", "revision_number=1"])
async def test_one_of_several_revisions_suffices(text: str) -> None:
    """If-Match may name several revisions; one that is the present one is enough."""
    async with wired() as cloud:
        revision = (await port(cloud))["revision_number"]
        said = text.replace("=1", f"={revision}")
        answer = await cloud.call(
            "PUT", f"{PORTS}/port-1", body={"port": {"name": "x"}}, headers={"If-Match": said}
        )
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "said",
    ["", "*", '"x"', "revision_number=", "revision_number=-1", "revision_number=" + "9" * 40],
)
async def test_a_wrong_revision_is_named(said: str) -> None:
    """What is no revision in If-Match is 400, whatever it is."""
    async with wired() as cloud:
        headers = {"If-Match": said}
        body = {"port": {"name": "x"}}
        found = await refused(cloud, "PUT", f"{PORTS}/port-1", body, headers=headers)
        assert (found[0], "If-Match" in found[2]) == (400, True)
