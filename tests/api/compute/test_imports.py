"""Servers made by the API and servers of documents live in one inventory."""

from typing import Any

from faultwire.domain.ids import derived
from tests.api.cloud import Cloud
from tests.api.compute.calling import call, fault, force_down

SERVERS = "/compute/v2.1/servers"
INVENTORY = "/fault/v1/inventory"
BLANK = derived("image", "blank")
HERE, THERE = "compute-1", "compute-2.example.org"


async def made(cloud: Cloud) -> str:
    """Create a server by the API and return its id."""
    body = {
        "server": {
            "name": "made",
            "flavorRef": "1",
            "imageRef": BLANK,
            "networks": "none",
            "host": HERE,
            "description": "by hand",
            "metadata": {"tier": "gold"},
        }
    }
    answer = await call(cloud, "POST", SERVERS, body, at="2.90")
    assert answer.status_code == 202, answer.text
    return str(answer.json()["server"]["id"])


async def shown(cloud: Cloud, server: str) -> dict[str, Any]:
    """Return a server as the administrator sees it; empty where there is none."""
    answer = await call(cloud, "GET", f"{SERVERS}/{server}", at="2.90")
    found: dict[str, Any] = answer.json().get("server", {})
    return found


async def test_an_export_keeps_what_the_api_made(cloud: Cloud) -> None:
    """What is exported and imported again leaves a created server as it is, flavor and all."""
    name = await made(cloud)
    before = await shown(cloud, name)
    document = (await cloud.call("GET", INVENTORY)).json()
    answer = await cloud.call("PUT", INVENTORY, body=document)
    assert answer.status_code == 200, answer.text
    assert await shown(cloud, name) == before
    assert before["description"] == "by hand"


async def test_a_document_that_adds_leaves_created_servers_alone(cloud: Cloud) -> None:
    """PATCH removes nothing, whoever made it."""
    name = await made(cloud)
    answer = await cloud.call("PATCH", INVENTORY, body={"hosts": [{"name": "compute-3"}]})
    assert answer.status_code == 200, answer.text
    assert (await shown(cloud, name))["status"] == "ACTIVE"


async def test_a_whole_document_removes_what_it_does_not_name(cloud: Cloud) -> None:
    """PUT makes the inventory equal to the document: a created server goes, where it is forced."""
    document = (await cloud.call("GET", INVENTORY)).json()
    name = await made(cloud)
    refused = await cloud.call("PUT", INVENTORY, body=document)
    assert refused.status_code == 409
    assert "servers" in refused.text
    assert await shown(cloud, name)
    answer = await cloud.call("PUT", INVENTORY, body=document, params={"force": "true"})
    assert answer.status_code == 200, answer.text
    assert not await shown(cloud, name)


async def test_an_old_document_does_not_vouch_for_an_old_copy(cloud: Cloud) -> None:
    """A document that still has an evacuated server on the dead host lifts no force-down (D17)."""
    document = (await cloud.call("GET", INVENTORY)).json()
    await force_down(cloud)
    body = {"evacuate": {"host": THERE}}
    answer = await call(cloud, "POST", f"{SERVERS}/vm-1/action", body, at="2.14")
    assert answer.status_code == 200, answer.text
    answer = await cloud.call("PUT", INVENTORY, body=document)
    assert answer.status_code == 200, answer.text
    assert (await shown(cloud, "vm-1"))["OS-EXT-SRV-ATTR:host"] == HERE
    assert "vm-1" in fault(await force_down(cloud, down=False), 400, "badRequest")
