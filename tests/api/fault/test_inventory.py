"""The inventory over HTTP: put, add, show; what is refused; large documents."""

from typing import Any

import jsonschema
import orjson
import pytest

from faultwire.domain.commands import Command, ImportInventory
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import HostName
from faultwire.faces.fault.settings import Settings
from tests.api.cloud import EVENT, Cloud, running
from tests.api.cloud_doors import DOCUMENT

PATH = "/fault/v1/inventory"
BMC = {"url": "https://bmc-1", "username": "root"}


async def show(cloud: Cloud) -> dict[str, Any]:
    answer = await cloud.call("GET", PATH)
    assert answer.status_code == 200
    shown: dict[str, Any] = answer.json()
    return shown


async def test_what_is_shown_can_be_put_again(cloud: Cloud) -> None:
    """GET gives a document whose PUT changes nothing."""
    shown = await show(cloud)
    assert [server["id"] for server in shown["servers"]] == ["vm-1", "vm-2", "vm-3"]
    commits = cloud.ledger.commits
    answer = await cloud.call("PUT", PATH, body=shown)
    assert answer.status_code == 200
    assert all(
        counts == {"added": 0, "changed": 0, "removed": 0}
        for counts in answer.json()["inventory"].values()
    )
    assert cloud.ledger.commits == commits


async def test_putting_it_again_while_a_fault_is_open_loses_nothing(cloud: Cloud) -> None:
    """The states that a fault holds are shown, and putting them does not make them lasting."""
    (fault,) = await cloud.report(EVENT)
    shown = await show(cloud)
    assert shown["servers"][0]["status"] == "ERROR"
    assert (await cloud.call("PUT", PATH, body=shown)).status_code == 200
    await cloud.call("POST", f"/fault/v1/faults/{fault}/close")
    assert (await show(cloud))["servers"][0]["status"] == "ACTIVE"


async def test_patch_adds_and_updates(cloud: Cloud) -> None:
    """PATCH leaves alone what it does not name."""
    answer = await cloud.call(
        "PATCH",
        PATH,
        body={"hosts": [{"name": "compute-1", "zone": "az1"}, {"name": "compute-9"}]},
    )
    assert answer.json()["inventory"]["hosts"] == {"added": 1, "changed": 1, "removed": 0}
    hosts = {host["name"]: host["zone"] for host in (await show(cloud))["hosts"]}
    assert hosts == {"compute-1": "az1", "compute-2.example.org": None, "compute-9": None}


async def test_a_dry_run_changes_nothing(cloud: Cloud) -> None:
    """The same answer, marked as such, and not a row is written."""
    before, commits = await show(cloud), cloud.ledger.commits
    answer = await cloud.call("PATCH", f"{PATH}?dry_run=true", body={"hosts": [{"name": "new"}]})
    assert answer.json()["dry_run"] is True
    assert answer.json()["inventory"]["hosts"]["added"] == 1
    assert (await show(cloud), cloud.ledger.commits) == (before, commits)


async def test_removing_much_needs_force(cloud: Cloud) -> None:
    """More than a tenth of a kind goes only with force=true; otherwise 409 and nothing goes."""
    less = {**DOCUMENT, "servers": DOCUMENT["servers"][:2]}
    before = await show(cloud)
    refused = await cloud.call("PUT", PATH, body=less)
    assert refused.status_code == 409
    assert refused.json()["error"]["title"] == "Conflict"
    assert "1 of 3 servers" in refused.json()["error"]["message"]
    assert await show(cloud) == before
    forced = await cloud.call("PUT", f"{PATH}?force=true", body=less)
    assert forced.status_code == 200
    assert len((await show(cloud))["servers"]) == 2


async def test_a_bmc_password_is_kept_and_never_shown(cloud: Cloud) -> None:
    """It is nowhere in an answer; a document without it leaves it as it is."""
    hosts = [{"name": "compute-1", "bmc": {**BMC, "password": "s3cret-pw"}}]
    first = await cloud.call("PATCH", PATH, body={"hosts": hosts})
    shown = await cloud.call("GET", PATH)
    assert "s3cret-pw" not in first.text + shown.text
    assert shown.json()["hosts"][0]["bmc"] == {**BMC, "system": None}
    assert (await cloud.call("PUT", PATH, body=shown.json())).status_code == 200
    bmc = cloud.indexes.inventory.entry(HostName("compute-1"))
    assert bmc is not None
    assert bmc.host.bmc is not None
    assert bmc.host.bmc.password == "s3cret-pw"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"server": []}, "server"),
        ({"servers": [{**DOCUMENT["servers"][0], "hosts": "x"}]}, "servers[0].hosts"),
        ({"servers": [*DOCUMENT["servers"], {"id": "vm-4"}]}, "servers[3].name"),
        ({"hosts": [{"name": "a"}, {"name": "a"}]}, "hosts[1].name"),
        ({"hosts": [{"name": 7}]}, "hosts[0].name"),
        (
            {**DOCUMENT, "servers": [{**DOCUMENT["servers"][0], "host": "nowhere"}]},
            "servers[0].host",
        ),
        (
            {**DOCUMENT, "servers": [{**DOCUMENT["servers"][0], "project": "nobody's"}]},
            "servers[0].project",
        ),
        (
            {**DOCUMENT, "ports": [{"id": "a", "project": "demo", "server": "x"}]},
            "ports[0].server",
        ),
    ],
)
async def test_what_is_wrong_is_400_and_named(
    cloud: Cloud, method: str, body: object, field: str
) -> None:
    """Shape and references are checked as a whole; the path of the field is in the answer."""
    before = await show(cloud)
    answer = await cloud.call(method, PATH, body=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert await show(cloud) == before


@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b"3", b"\x00", b'{"hosts": NaN}'])
async def test_what_is_no_document_is_400(cloud: Cloud, raw: bytes) -> None:
    """No object, no import: an empty body removes nothing."""
    answer = await cloud.call("PUT", f"{PATH}?force=true", content=raw)
    assert answer.status_code == 400
    assert len((await show(cloud))["servers"]) == 3


async def test_a_body_over_the_limit_is_413() -> None:
    """The document's own limit is the setting inventory_bytes."""
    async with running(Settings(inventory_bytes=4096)) as cloud:
        answer = await cloud.call("PUT", PATH, content=b" " * 4097)
        assert answer.status_code == 413


def large(servers: int) -> dict[str, Any]:
    more = [
        {"id": f"vm-{number}", "name": "n", "project": "demo", "host": "compute-1"}
        for number in range(10, 10 + servers)
    ]
    return {**DOCUMENT, "servers": [*DOCUMENT["servers"], *more]}


async def test_a_large_document_is_read_elsewhere(cloud: Cloud) -> None:
    """From 64 kB on a child process reads it; its errors name their path as ever."""
    document = large(1500)
    assert (await cloud.call("PUT", PATH, body=document)).status_code == 200
    assert cloud.offloaded == ["read_pieces"]
    assert len((await show(cloud))["servers"]) == 1503
    document["servers"][1400]["host"] = 3
    answer = await cloud.call("PUT", PATH, body=document)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "servers[1400].host")


async def test_a_document_survives_the_way_through_the_map(cloud: Cloud) -> None:
    """A large inventory is shown in pieces that make one document."""
    await cloud.call("PUT", PATH, body=large(1500))
    shown = await show(cloud)
    answer = await cloud.call("PUT", PATH, body=shown)
    assert answer.json()["inventory"]["servers"] == {"added": 0, "changed": 0, "removed": 0}


async def test_the_schema_is_public_and_takes_what_is_shown(cloud: Cloud) -> None:
    """GET /inventory/schema needs no token and is a schema of the document shown."""
    schema = (await cloud.call("GET", f"{PATH}/schema", "")).json()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(await show(cloud), schema)


@pytest.mark.parametrize("query", ["?force=maybe", "?dry_run=", "?froce=true"])
async def test_bad_parameters_are_named(cloud: Cloud, query: str) -> None:
    """A misspelt force or dry_run must not be taken for none."""
    answer = await cloud.call("PUT", PATH + query, body=DOCUMENT)
    field = query[1:].partition("=")[0]
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert not cloud.lane.commands


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
@pytest.mark.parametrize(
    ("token", "status"), [("member", 403), ("service", 403), ("", 401), ("expired", 401)]
)
async def test_the_inventory_is_the_administrators(
    cloud: Cloud, method: str, token: str, status: int
) -> None:
    """Nobody else reads or changes it, whatever the body."""
    answer = await cloud.call(method, PATH, token, content=b"{not json")
    assert answer.status_code == status
    assert not cloud.lane.commands


async def test_an_import_that_cannot_be_stored_is_503(cloud: Cloud) -> None:
    """All or nothing: a locked database leaves the map as it was."""
    before = await show(cloud)
    cloud.ledger.fail(Unavailable("database is locked"))
    answer = await cloud.call("PATCH", PATH, body={"hosts": [{"name": "new"}]})
    assert answer.status_code == 503
    assert await show(cloud) == before


async def test_the_command_says_who_asked(cloud: Cloud) -> None:
    """The actor of an import is in its command, for the audit record."""
    taken: list[Command] = []
    cloud.lane.refuse = taken.append
    await cloud.call("PUT", PATH, content=orjson.dumps(DOCUMENT))
    (command,) = taken
    assert isinstance(command, ImportInventory)
    assert (command.replace, command.actor.user, command.force) == (True, "u-admin", False)


async def test_hosts_are_listed_with_their_service(cloud: Cloud) -> None:
    """A row for each host: name, state, host_status, forced down, agent, servers."""
    answer = await cloud.call("GET", "/fault/v1/hosts")
    assert answer.json()["hosts"][0] == {
        "name": "compute-1",
        "state": "up",
        "status": "enabled",
        "host_status": "UP",
        "forced_down": False,
        "agent": "never",
        "monitored": False,
        "servers_count": 2,
    }


async def test_a_host_shows_its_servers(cloud: Cloud) -> None:
    """After a fault the host is down and its servers are in error (D6)."""
    await cloud.report(EVENT)
    host = (await cloud.call("GET", "/fault/v1/hosts/compute-1")).json()["host"]
    assert (host["state"], host["host_status"], host["forced_down"]) == ("down", "DOWN", True)
    assert host["servers"][0] == {
        "id": "vm-1",
        "name": "one",
        "project": "p-demo",
        "status": "ERROR",
        "vm_state": "error",
        "power_state": "running",
        "task_state": None,
    }


async def test_a_host_is_found_by_its_short_name(cloud: Cloud) -> None:
    """Exact first, else the one host of that short name; two candidates are named (D21)."""
    short = await cloud.call("GET", "/fault/v1/hosts/compute-2")
    assert short.json()["host"]["name"] == "compute-2.example.org"
    await cloud.call("PATCH", PATH, body={"hosts": [{"name": "compute-2.example.net"}]})
    both = await cloud.call("GET", "/fault/v1/hosts/compute-2")
    assert both.status_code == 404
    message = both.json()["error"]["message"]
    assert "compute-2.example.org" in message
    assert "compute-2.example.net" in message


@pytest.mark.parametrize("path", ["/fault/v1/hosts", "/fault/v1/hosts/compute-1"])
async def test_hosts_are_the_administrators(cloud: Cloud, path: str) -> None:
    """Names of hosts are infrastructure: members do not see them (S47)."""
    assert (await cloud.call("GET", path, "member")).status_code == 403
    assert (await cloud.call("GET", path, "")).status_code == 401
    assert (await cloud.call("GET", "/fault/v1/hosts/none")).status_code == 404
    assert (await cloud.call("GET", f"{path}?limit=1")).status_code == 400
