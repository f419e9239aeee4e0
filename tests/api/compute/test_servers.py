"""Servers over the wire: lists, pages, filters, what each version and persona sees."""

from typing import Any

import httpx2
import pytest

from faultwire.domain.offers import IMAGES
from faultwire.faces.compute.settings import Settings
from tests.api import cloud as clouds
from tests.api.cloud import Cloud

PATH = "/compute/v2.1/servers"
DETAIL = f"{PATH}/detail"
IMAGE = next(iter(IMAGES))


async def call(
    cloud: Cloud, method: str, path: str, who: str = "admin", mv: str = "2.1", body: object = None
) -> httpx2.Response:
    """Call in a microversion."""
    headers = {"OpenStack-API-Version": f"compute {mv}"}
    return await cloud.call(method, path, who, body, headers=headers)


async def made(cloud: Cloud, who: str = "member", mv: str = "2.1", **fields: Any) -> str:
    """Create a server and return its id."""
    body = {"name": "new", "flavorRef": "1", "imageRef": IMAGE, **fields}
    answer = await call(cloud, "POST", PATH, who, mv, {"server": body})
    assert answer.status_code == 202, answer.text
    name: str = answer.json()["server"]["id"]
    return name


def ids(answer: httpx2.Response) -> list[str]:
    """The ids of a list, in order."""
    assert answer.status_code == 200, answer.text
    return [server["id"] for server in answer.json()["servers"]]


async def test_a_project_sees_its_own_servers_alone(cloud: Cloud) -> None:
    """A list is of the token's project; all_tenants is the administrators' own."""
    assert ids(await call(cloud, "GET", PATH, "member")) == ["vm-3", "vm-1"]
    assert ids(await call(cloud, "GET", DETAIL, "stranger")) == ["vm-2"]
    assert ids(await call(cloud, "GET", PATH, "admin")) == []
    assert ids(await call(cloud, "GET", f"{PATH}?all_tenants=1")) == ["vm-3", "vm-2", "vm-1"]
    assert ids(await call(cloud, "GET", f"{PATH}?all_tenants=0", "member")) == ["vm-3", "vm-1"]
    refused = await call(cloud, "GET", f"{PATH}?all_tenants=True", "member")
    assert refused.status_code == 403
    assert refused.json()["forbidden"]["message"] == (
        "Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed."
    )
    of_one = await call(cloud, "GET", f"{PATH}?all_tenants=1&project_id=p-other")
    assert ids(of_one) == ["vm-2"]


async def test_brief_and_detailed_lists(cloud: Cloud) -> None:
    """The brief list has id, name and links; the other one what Nova shows of a server."""
    brief = (await call(cloud, "GET", PATH, "member")).json()["servers"][0]
    assert set(brief) == {"id", "name", "links"}
    shown = (await call(cloud, "GET", DETAIL, "member")).json()["servers"][1]
    assert shown["status"] == "ACTIVE"
    assert shown["tenant_id"] == "p-demo"
    assert shown["OS-EXT-STS:vm_state"] == "active"
    assert shown["OS-EXT-STS:power_state"] == 1
    assert shown["OS-EXT-STS:task_state"] is None
    assert shown["flavor"]["id"] == "0"
    assert shown["created"] == shown["updated"]
    assert "OS-EXT-SRV-ATTR:host" not in shown
    assert "host_status" not in shown
    assert len(shown["hostId"]) == 56


async def test_only_administrators_see_hosts(cloud: Cloud) -> None:
    """OS-EXT-SRV-ATTR is the administrators'; owners get a hostId that differs by project."""
    admins = (await call(cloud, "GET", f"{DETAIL}?all_tenants=1")).json()["servers"]
    hosts = {server["id"]: server["OS-EXT-SRV-ATTR:host"] for server in admins}
    assert hosts == {
        "vm-1": "compute-1",
        "vm-2": "compute-1",
        "vm-3": "compute-2.example.org",
    }
    assert len({server["hostId"] for server in admins}) == 3


@pytest.mark.parametrize(
    ("mv", "has", "lacks"),
    [
        ("2.1", {"tenant_id"}, {"OS-EXT-SRV-ATTR:hostname", "locked", "host_status"}),
        ("2.3", {"OS-EXT-SRV-ATTR:hostname"}, {"locked"}),
        ("2.9", {"locked"}, {"host_status"}),
        ("2.15", {"locked"}, {"host_status", "description"}),
        ("2.16", {"host_status"}, {"description"}),
        ("2.19", {"host_status", "description"}, {"tags"}),
        ("2.26", {"tags"}, {"locked_reason"}),
        ("2.63", {"trusted_image_certificates"}, {"server_groups"}),
        ("2.71", {"server_groups"}, {"locked_reason"}),
        ("2.73", {"locked_reason"}, {"pinned_availability_zone"}),
        ("2.96", {"pinned_availability_zone", "host_status"}, set()),
    ],
)
async def test_each_version_has_its_fields(
    cloud: Cloud, mv: str, has: set[str], lacks: set[str]
) -> None:
    """host_status comes with 2.16 and is absent below (S142-S144); others as the table says."""
    shown = (await call(cloud, "GET", f"{PATH}/vm-1", mv=mv)).json()["server"]
    assert has <= set(shown)
    assert not lacks & set(shown)


async def test_the_flavor_is_a_link_and_then_itself(cloud: Cloud) -> None:
    """Below 2.47 a server names its flavor, from then on it shows it."""
    name = await made(cloud, flavorRef="2")
    linked = (await call(cloud, "GET", f"{PATH}/{name}", "member", "2.46")).json()["server"]
    assert set(linked["flavor"]) == {"id", "links"}
    whole = (await call(cloud, "GET", f"{PATH}/{name}", "member", "2.47")).json()["server"]
    assert whole["flavor"]["original_name"] == "m1.small"
    assert whole["flavor"]["ram"] == 2048
    assert whole["image"]["id"] == IMAGE


async def test_unknown_and_foreign_servers_are_the_same_404(cloud: Cloud) -> None:
    """Nobody learns whether another project has a server of that id; names are not looked up."""
    answers = [
        await call(cloud, method, f"{PATH}/{name}", "member", body=body)
        for method, body in (("GET", None), ("DELETE", None))
        for name in ("vm-2", "nope", "one")
    ]
    assert [answer.status_code for answer in answers] == [404] * 6
    fault = answers[0].json()["itemNotFound"]
    assert fault == {"code": 404, "message": "Instance vm-2 could not be found."}


async def test_pages_follow_each_other(cloud: Cloud) -> None:
    """A full page has a link to the next one, also where that is empty; order is newest first."""
    first = await call(cloud, "GET", f"{PATH}?limit=2&all_tenants=1")
    assert ids(first) == ["vm-3", "vm-2"]
    href = first.json()["servers_links"][0]["href"]
    assert href.endswith("/compute/v2.1/servers?all_tenants=1&limit=2&marker=vm-2")
    second = await call(cloud, "GET", href)
    assert ids(second) == ["vm-1"]
    assert "servers_links" not in second.json()
    assert ids(await call(cloud, "GET", f"{PATH}?limit=0&all_tenants=1")) == []
    exactly = await call(cloud, "GET", f"{PATH}?limit=3&all_tenants=1")
    assert exactly.json()["servers_links"][0]["rel"] == "next"


async def test_the_next_page_keeps_the_form_of_the_url(cloud: Cloud) -> None:
    """Who names the project in the path finds it in the link."""
    answer = await call(cloud, "GET", "/compute/v2.1/p-demo/servers/detail?limit=1", "member")
    href = answer.json()["servers_links"][0]["href"]
    assert "/compute/v2.1/p-demo/servers/detail?limit=1&marker=vm-3" in href


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=one", ["vm-1"]),
        ("name=^t", ["vm-3", "vm-2"]),
        ("name=(o|w)", ["vm-2", "vm-1"]),
        ("status=ACTIVE", ["vm-3", "vm-2", "vm-1"]),
        ("status=error&status=shutoff", []),
        ("host=compute-1", ["vm-2", "vm-1"]),
        ("host=nonsense", []),
        ("host=", []),
        ("uuid=vm-3", ["vm-3"]),
        ("vm_state=active&power_state=1", ["vm-3", "vm-2", "vm-1"]),
        ("power_state=4", []),
        ("availability_zone=nova", ["vm-3", "vm-2", "vm-1"]),
        ("tags=x", []),
        ("not-tags=x", ["vm-3", "vm-2", "vm-1"]),
        ("deleted=True", []),
        ("deleted=False&locked=false", ["vm-3", "vm-2", "vm-1"]),
        ("changes-since=2001-01-01T00:00:00Z", ["vm-3", "vm-2", "vm-1"]),
        ("changes-since=2999-01-01T00:00:00", []),
        ("changes-before=2001-01-01T00:00:00Z", []),
        ("ip=10.", []),
        ("sort_key=display_name&sort_dir=asc", ["vm-1", "vm-3", "vm-2"]),
        ("sort_key=host&sort_key=uuid&sort_dir=desc&sort_dir=asc", ["vm-3", "vm-1", "vm-2"]),
        ("sort_key=display_name&sort_dir=asc&limit=2", ["vm-1", "vm-3"]),
        ("sort_key=display_name&sort_dir=asc&marker=vm-3", ["vm-2"]),
    ],
)
async def test_filters_and_orders(cloud: Cloud, query: str, found: list[str]) -> None:
    """Every filter of the reference finds what it should, in the order that is asked for."""
    answer = await call(cloud, "GET", f"{PATH}?all_tenants=1&{query}", mv="2.73")
    assert ids(answer) == found


async def test_an_owners_host_filter_is_dropped(cloud: Cloud) -> None:
    """Who is no administrator learns nothing by asking for a host: it is passed over."""
    for host in ("compute-1", "compute-2.example.org", "nonsense"):
        assert ids(await call(cloud, "GET", f"{PATH}?host={host}", "member")) == ["vm-3", "vm-1"]


@pytest.mark.parametrize(
    ("query", "mv", "status", "message"),
    [
        ("limit=-1", "2.1", 400, "'-1' does not match '^[0-9]*$'"),
        ("limit=x", "2.1", 400, "Invalid input for query parameters limit. Value: x."),
        ("marker=nope", "2.1", 400, "marker [nope] not found"),
        ("marker=vm-2", "2.1", 400, "marker [vm-2] not found"),
        ("sort_key=secret", "2.1", 400, "'secret' is not one of ['access_ip_v4'"),
        ("sort_key=locked", "2.72", 400, "'locked' is not one of"),
        ("sort_key=host", "2.1", 403, "Only administrators can sort servers by host"),
        ("sort_dir=up", "2.1", 400, "is not one of ['asc', 'desc']"),
        ("status=WRONG", "2.38", 400, "Invalid status value"),
        ("all_tenants=maybe", "2.1", 400, "Unrecognized value 'maybe'"),
        ("changes-since=soon", "2.1", 400, "'soon' is not a 'date-time'"),
        ("name=(", "2.1", 400, "Invalid input for query parameters name."),
        ("name=(a%2B)%2B%5C1", "2.1", 400, "Invalid input for query parameters name."),
        ("foo=1", "2.75", 400, "'foo' does not match any of the regexes: '^_'"),
        ("changes-since=2999-01-01&changes-before=2001-01-01", "2.66", 400, "less than or equal"),
        ("foo=1", "2.74", 200, ""),
        ("_foo=1", "2.75", 200, ""),
        ("status=WRONG", "2.37", 200, ""),
    ],
)
async def test_queries_that_are_refused(
    cloud: Cloud, query: str, mv: str, status: int, message: str
) -> None:
    """Every wrong parameter is named, with Nova's status in each version."""
    answer = await call(cloud, "GET", f"{PATH}?{query}", "member", mv)
    assert answer.status_code == status, answer.text
    assert message in answer.text.replace("\\", "")


async def test_a_server_is_created_where_there_is_room(cloud: Cloud) -> None:
    """The host that is up, enabled and has the fewest servers takes the new one."""
    name = await made(cloud, metadata={"tier": "gold"})
    shown = (await call(cloud, "GET", f"{PATH}/{name}")).json()["server"]
    assert shown["OS-EXT-SRV-ATTR:host"] == "compute-2.example.org"
    assert shown["metadata"] == {"tier": "gold"}
    assert shown["user_id"] == "u-member"
    assert shown["status"] == "ACTIVE"
    assert ids(await call(cloud, "GET", PATH, "member"))[0] == name


async def test_an_administrator_names_the_host(cloud: Cloud) -> None:
    """By ZONE:HOST in every version, by `host` from 2.74 on; members may do neither."""
    by_zone = await made(cloud, "admin", availability_zone="nova:compute-1")
    by_host = await made(cloud, "admin", "2.74", host="compute-1", networks="none")
    for name in (by_zone, by_host):
        shown = (await call(cloud, "GET", f"{PATH}/{name}")).json()["server"]
        assert shown["OS-EXT-SRV-ATTR:host"] == "compute-1"
    body = {"server": {"name": "n", "flavorRef": "1", "availability_zone": "nova:compute-1"}}
    assert (await call(cloud, "POST", PATH, "member", body=body)).status_code == 403
    body = {"server": {"name": "n", "flavorRef": "1", "host": "compute-1", "networks": "auto"}}
    assert (await call(cloud, "POST", PATH, "member", "2.74", body)).status_code == 403


async def test_several_servers_of_one_request_are_spread(cloud: Cloud) -> None:
    """min_count and max_count make so many, numbered, on the hosts with the fewest servers."""
    await made(cloud, min_count=2, max_count=3)
    servers = (await call(cloud, "GET", f"{DETAIL}?all_tenants=1&name=new")).json()["servers"]
    assert sorted(server["name"] for server in servers) == ["new-1", "new-2", "new-3"]
    assert len({server["OS-EXT-SRV-ATTR:host"] for server in servers}) == 2


@pytest.mark.parametrize(
    ("server", "mv", "message"),
    [
        ({"name": "n"}, "2.1", "'flavorRef' is a required property"),
        ({"flavorRef": "1"}, "2.1", "'name' is a required property"),
        ({"name": "", "flavorRef": "1"}, "2.1", "field/attribute name"),
        ({"name": " n", "flavorRef": "1"}, "2.1", "field/attribute name"),
        ({"name": "n", "flavorRef": "77"}, "2.1", "Flavor 77 could not be found."),
        ({"name": "n", "flavorRef": "1", "imageRef": "x"}, "2.1", "Can not find requested image"),
        ({"name": "n", "flavorRef": "1"}, "2.37", "'networks' is a required property"),
        ({"name": "n", "flavorRef": "1", "networks": "all"}, "2.37", "field/attribute networks"),
        ({"name": "n", "flavorRef": "1", "networks": "auto"}, "2.36", "attribute networks"),
        ({"name": "n", "flavorRef": "1", "networks": [{"uuid": "a-b"}]}, "2.1", "is not a 'uuid'"),
        ({"name": "n", "flavorRef": "1", "networks": [{"tag": "x"}]}, "2.31", "'tag' was"),
        ({"name": "n", "flavorRef": "1", "accessIPv4": "1.1.1"}, "2.1", "is not a 'ipv4'"),
        ({"name": "n", "flavorRef": "1", "accessIPv6": "1.1.1.1"}, "2.1", "is not a 'ipv6'"),
        ({"name": "n", "flavorRef": "1", "host": "x"}, "2.73", "'host'"),
        ({"name": "n", "flavorRef": "1", "description": "x"}, "2.18", "'description'"),
        ({"name": "n", "flavorRef": "1", "colour": "x"}, "2.1", "'colour' was unexpected"),
        ({"name": "n", "flavorRef": "1", "metadata": {"k": 1}}, "2.1", "field/attribute k"),
        ({"name": "n", "flavorRef": "1", "metadata": {"é": "1"}}, "2.1", "metadata"),
        ({"name": "n", "flavorRef": "1", "min_count": 3, "max_count": 2}, "2.1", "min_count"),
        ({"name": "n", "flavorRef": "1", "max_count": 9999}, "2.1", "max_count"),
        ({"name": "n", "flavorRef": "1", "availability_zone": "moon"}, "2.1", "availability zone"),
        ({"name": "n", "flavorRef": "1", "availability_zone": "nova:x"}, "2.1", "host x could"),
        ({"name": "n", "flavorRef": "1", "availability_zone": "a:"}, "2.1", "ZONE:HOST"),
    ],
)
async def test_servers_that_cannot_be_created(
    cloud: Cloud, server: dict[str, Any], mv: str, message: str
) -> None:
    """Every wrong request for a server is a 400 that names what is wrong, and makes none."""
    answer = await call(cloud, "POST", PATH, "admin", mv, {"server": server})
    assert answer.status_code == 400, answer.text
    assert message in answer.json()["badRequest"]["message"]
    assert len(ids(await call(cloud, "GET", f"{PATH}?all_tenants=1"))) == 3


async def test_no_host_that_is_down_takes_a_server(cloud: Cloud) -> None:
    """Where no host is up and enabled, a create is refused; so is one that names a dead host."""
    for host in ("compute-1", "compute-2.example.org"):
        body = {"host": host, "binary": "nova-compute", "forced_down": True}
        path = "/compute/v2.1/os-services/force-down"
        assert (await call(cloud, "PUT", path, mv="2.11", body=body)).status_code == 200
    for more in ({}, {"availability_zone": "nova:compute-1"}):
        body = {"server": {"name": "n", "flavorRef": "1", **more}}
        answer = await call(cloud, "POST", PATH, body=body)
        assert answer.status_code == 400
        assert "No valid host was found" in answer.json()["badRequest"]["message"]


async def test_a_reader_may_look_and_no_more(cloud: Cloud) -> None:
    """The reader lists and shows; creating, changing, deleting and acting are refused (403)."""
    assert ids(await call(cloud, "GET", DETAIL, "reader")) == ["vm-3", "vm-1"]
    one = f"{PATH}/vm-1"
    body = {"server": {"name": "n", "flavorRef": "1"}}
    asked = [
        await call(cloud, "POST", PATH, "reader", body=body),
        await call(cloud, "PUT", one, "reader", body={"server": {"name": "n"}}),
        await call(cloud, "DELETE", one, "reader"),
        await call(cloud, "POST", f"{one}/action", "reader", body={"os-stop": None}),
        await call(cloud, "PUT", f"{one}/metadata", "reader", body={"metadata": {}}),
    ]
    assert [answer.status_code for answer in asked] == [403] * 5


async def test_a_server_is_changed_and_deleted(cloud: Cloud) -> None:
    """A new name and description are shown at once, `updated` moves; a deleted server is 404."""
    cloud.clock.advance(60)
    body = {"server": {"name": "first", "description": "of all"}}
    changed = await call(cloud, "PUT", f"{PATH}/vm-1", "member", "2.19", body)
    assert changed.status_code == 200
    shown = changed.json()["server"]
    assert (shown["name"], shown["description"]) == ("first", "of all")
    assert shown["updated"] > shown["created"]
    assert "host_status" not in shown
    assert (await call(cloud, "DELETE", f"{PATH}/vm-1", "member")).status_code == 204
    assert (await call(cloud, "GET", f"{PATH}/vm-1", "member")).status_code == 404
    assert ids(await call(cloud, "GET", PATH, "member")) == ["vm-3"]


async def test_metadata_of_a_server(cloud: Cloud) -> None:
    """Metadata is added, replaced, shown by key and removed as Nova does."""
    path = f"{PATH}/vm-1/metadata"
    added = await call(cloud, "POST", path, "member", body={"metadata": {"a": "1", "b": "2"}})
    assert added.json() == {"metadata": {"a": "1", "b": "2"}}
    item = await call(cloud, "PUT", f"{path}/a", "member", body={"meta": {"a": "3"}})
    assert item.json() == {"meta": {"a": "3"}}
    assert (await call(cloud, "GET", f"{path}/a", "member")).json() == {"meta": {"a": "3"}}
    assert (await call(cloud, "DELETE", f"{path}/b", "member")).status_code == 204
    assert (await call(cloud, "DELETE", f"{path}/b", "member")).status_code == 404
    assert (await call(cloud, "GET", f"{path}/b", "member")).status_code == 404
    assert (await call(cloud, "GET", path, "reader")).json() == {"metadata": {"a": "3"}}
    whole = await call(cloud, "PUT", path, "member", body={"metadata": {"c": "4"}})
    assert whole.json() == {"metadata": {"c": "4"}}
    for body in ({"meta": {"x": "1"}}, {"meta": {"a": "1", "x": "1"}}, {"meta": "a"}, {}):
        answer = await call(cloud, "PUT", f"{path}/a", "member", body=body)
        assert answer.status_code == 400, answer.text


async def test_a_project_has_no_more_servers_than_it_may() -> None:
    """One server more than the quota is a 403 that says how many there are; -1 is any number."""
    body = {"server": {"name": "n", "flavorRef": "1", "min_count": 2}}
    async with clouds.running(compute_settings=Settings(servers_per_project=3)) as cloud:
        assert (await call(cloud, "POST", PATH, "stranger", body=body)).status_code == 202
        answer = await call(cloud, "POST", PATH, "stranger", body=body)
    assert answer.status_code == 403
    assert answer.json()["forbidden"]["message"] == (
        "Quota exceeded for instances: Requested 2, but already used 3 of 3 instances"
    )
    async with clouds.running(compute_settings=Settings(servers_per_project=-1)) as cloud:
        assert (await call(cloud, "POST", PATH, "stranger", body=body)).status_code == 202


async def test_flavors_zones_and_images(cloud: Cloud) -> None:
    """What clients look up beside servers is there: flavors by id, zones, no token no answer."""
    flavors = (await call(cloud, "GET", "/compute/v2.1/flavors/detail", "reader", "2.61")).json()
    assert [one["name"] for one in flavors["flavors"]][:2] == ["m1.tiny", "m1.small"]
    assert flavors["flavors"][0]["extra_specs"] == {}
    one = await call(cloud, "GET", "/compute/v2.1/flavors/m1.tiny", "reader")
    assert one.status_code == 404
    zones = await call(cloud, "GET", "/compute/v2.1/os-availability-zone", "reader")
    assert zones.json()["availabilityZoneInfo"] == [
        {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}
    ]
    path = "/compute/v2.1/os-availability-zone/detail"
    assert (await call(cloud, "GET", path, "reader")).status_code == 403
    detail = (await call(cloud, "GET", path)).json()["availabilityZoneInfo"][0]["hosts"]
    assert set(detail) == {"compute-1", "compute-2.example.org"}
    assert (await call(cloud, "GET", PATH, "")).status_code == 401
