"""The inventory document: what is taken, what is named, and the way there and back."""

import json
from typing import Any

import jsonschema
import orjson
import pytest

from faultwire.domain import changes, guest_changes
from faultwire.domain.errors import Invalid
from faultwire.domain.resources import InventoryDocument
from faultwire.domain.states import NOVA_STATUS, PowerState, VmState
from faultwire.faces.fault.inventory import (
    Joining,
    parts,
    read_document,
    read_kept,
    read_pieces,
)
from faultwire.faces.fault.model import DocumentModel
from faultwire.resourcemap.index import ResourceMap

FULL: dict[str, Any] = {
    "projects": [{"id": "p1", "name": "one"}],
    "hosts": [
        {
            "name": "compute-1",
            "addresses": ["192.0.2.1", "2001:db8::1"],
            "zone": "az1",
            "rack": "r1",
            "aggregates": ["ssd"],
            "bmc": {"url": "https://bmc-1", "username": "root", "password": "pw", "system": "1"},
            "interfaces": [
                {
                    "name": "eth0",
                    "bond": "bond0",
                    "physical_network": "physnet1",
                    "switch": "tor-1",
                    "switch_port": "7",
                }
            ],
        }
    ],
    "switches": [{"name": "tor-1", "uplinks": [{"switch": "spine-1", "port": "3"}]}],
    "servers": [
        {
            "id": "vm-1",
            "name": "one",
            "project": "p1",
            "host": "compute-1",
            "status": "SHUTOFF",
            "monitored": False,
            "metadata": {"group": "a"},
            "addresses": ["10.0.0.1"],
        }
    ],
    "ports": [
        {
            "id": "port-1",
            "name": "p",
            "project": "p1",
            "server": "vm-1",
            "host": "compute-1",
            "network": "net",
            "physical_network": "physnet1",
            "status": "ACTIVE",
            "addresses": ["10.0.0.1"],
        }
    ],
    "guests": [{"id": "g1", "name": "db", "project": "p1", "server": "vm-1"}],
}


def read(document: object) -> InventoryDocument:
    return read_document(orjson.dumps(document))


def refused(document: object) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read(document)
    return caught.value


def with_part(part: str, *items: object) -> dict[str, object]:
    return {part: list(items)}


def written(document: InventoryDocument) -> dict[str, Any]:
    """Return what is shown once the document is in the map."""
    inventory = ResourceMap()
    for change in (
        changes.HostsSaved(document.hosts),
        changes.SwitchesSaved(document.switches),
        changes.ServersSaved(document.servers),
        changes.PortsSaved(document.ports),
        guest_changes.GuestsSaved(document.guests),
    ):
        inventory.apply(change)
    shown = parts(inventory, list(document.projects))
    return {part: [write(one) for one in values] for part, (write, values) in shown.items()}


def test_every_key_of_the_document_is_read() -> None:
    """All of interfaces.md's keys arrive at their place in the values."""
    document = read(FULL)
    (host,), (server,) = document.hosts, document.servers
    assert (host.zone, host.rack, host.aggregates) == ("az1", "r1", ("ssd",))
    assert host.bmc is not None
    assert (host.bmc.password, host.interfaces[0].switch_port) == ("pw", "7")
    assert (server.vm_state, server.power_state) == (VmState.STOPPED, PowerState.SHUTDOWN)
    assert (server.monitored, server.metadata["group"]) == (False, "a")
    assert document.statuses == {"vm-1"}
    assert document.switches[0].uplinks[0].port == "3"
    assert (document.ports[0].server, document.guests[0].server) == ("vm-1", "vm-1")


def test_what_is_shown_is_the_document_but_for_passwords() -> None:
    """GET gives what PUT took; a password is never shown, and its absence keeps it."""
    shown = written(read(FULL))
    expected = json.loads(json.dumps(FULL))
    del expected["hosts"][0]["bmc"]["password"]
    assert shown == expected
    again = read(shown)
    assert again.hosts[0].bmc is not None
    assert again.hosts[0].bmc.password == ""
    assert written(again) == shown


@pytest.mark.parametrize("status", NOVA_STATUS)
def test_every_status_of_nova_is_taken_and_shown(status: str) -> None:
    """A status goes in and comes out under Nova's name."""
    document = {"servers": [{**FULL["servers"][0], "status": status}]}
    (server,) = written(InventoryDocument(hosts=read(FULL).hosts, servers=read(document).servers))[
        "servers"
    ]
    assert server["status"] == status


def test_a_server_without_a_status_is_told_apart() -> None:
    """Which servers named a status is part of the document: the others keep theirs."""
    server = {"id": "vm-2", "name": "two", "project": "p1", "host": None}
    document = read({"servers": [server, FULL["servers"][0]]})
    assert document.statuses == {"vm-1"}
    assert document.servers[0].host == ""


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (None, ""),
        ([], ""),
        ("text", ""),
        ({"server": []}, "server"),
        ({"servers": None}, "servers"),
        ({"servers": {}}, "servers"),
        (with_part("servers", None), "servers[0]"),
        (with_part("servers", FULL["servers"][0], {}), "servers[1].id"),
        (with_part("servers", {**FULL["servers"][0], "hosts": "a"}), "servers[0].hosts"),
        (with_part("servers", {**FULL["servers"][0], "host": 3}), "servers[0].host"),
        (with_part("servers", {**FULL["servers"][0], "id": 3}), "servers[0].id"),
        (with_part("servers", {**FULL["servers"][0], "id": "a b"}), "servers[0].id"),
        (with_part("servers", {**FULL["servers"][0], "status": "active"}), "servers[0].status"),
        (with_part("servers", {**FULL["servers"][0], "monitored": "no"}), "servers[0].monitored"),
        (
            with_part("servers", {**FULL["servers"][0], "metadata": {"a": 1}}),
            "servers[0].metadata.a",
        ),
        (
            with_part("servers", {**FULL["servers"][0], "addresses": ["10.0.0.1", "10.0.0.256"]}),
            "servers[0].addresses[1]",
        ),
        (with_part("hosts", {"name": "-a"}), "hosts[0].name"),
        (with_part("hosts", {"name": "a\n"}), "hosts[0].name"),
        (with_part("hosts", {"name": "a", "zone": "x\x00"}), "hosts[0].zone"),
        (with_part("hosts", {"name": "a", "bmc": {"url": "https://b"}}), "hosts[0].bmc.username"),
        (
            with_part("hosts", {"name": "a", "bmc": {"url": "file:///etc", "username": "u"}}),
            "hosts[0].bmc.url",
        ),
        (
            with_part("hosts", {"name": "a", "interfaces": [{"bond": "b"}]}),
            "hosts[0].interfaces[0].name",
        ),
        (with_part("ports", {**FULL["ports"][0], "status": "UP"}), "ports[0].status"),
        (with_part("switches", {"name": "s", "uplinks": [{}]}), "switches[0].uplinks[0].switch"),
        (with_part("projects", {"id": "p1"}), "projects[0].name"),
        (with_part("guests", {"id": "g", "name": "n"}), "guests[0].project"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(document: object, field: str) -> None:
    """Wrong types, unknown keys and impossible values are refused with their place."""
    assert refused(document).field == field


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (with_part("hosts", {"name": "a"}, {"name": "b"}, {"name": "a"}), "hosts[2].name"),
        (with_part("servers", FULL["servers"][0], FULL["servers"][0]), "servers[1].id"),
        (with_part("projects", {"id": "a", "name": "x"}, {"id": "b", "name": "x"}), "[1].name"),
        (
            with_part("hosts", {"name": "a", "interfaces": [{"name": "e"}, {"name": "e"}]}),
            "hosts[0].interfaces[1].name",
        ),
    ],
)
def test_what_stands_there_twice_is_named(document: object, field: str) -> None:
    """The second of two of the same name is the one that is refused."""
    error = refused(document)
    assert error.field.endswith(field)
    assert error.reason.endswith("stands in the document twice")


def test_malformed_json_is_said_to_be() -> None:
    """What is no JSON says where it stopped being it."""
    with pytest.raises(Invalid, match="malformed JSON"):
        read_document(b'{"hosts": [}')


def test_a_thousand_wrong_servers_are_one_error() -> None:
    """The first wrong item ends the reading of its list: errors do not pile up."""
    assert refused({"servers": [{}] * 5000}).field == "servers[0].id"


def test_the_schema_describes_what_is_taken() -> None:
    """The published JSON schema takes the whole document and refuses unknown keys."""
    schema = DocumentModel.model_json_schema()
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert validator.is_valid(FULL)
    assert not validator.is_valid({"server": []})
    assert not validator.is_valid({"servers": [{**FULL["servers"][0], "hosts": "x"}]})


def test_pieces_join_to_the_same_document() -> None:
    """What a child process hands over in pieces is what it read, in the same order."""
    servers = [
        {"id": f"vm-{number}", "name": "n", "project": "p1", "host": "compute-1"}
        for number in range(10, 610)
    ]
    raw = orjson.dumps({**FULL, "servers": [FULL["servers"][0], *servers]})
    joining = Joining()
    pieces = list(read_pieces(raw))
    for piece in pieces:
        joining.take(piece)
    assert joining.document() == read_document(raw)
    assert sum(b"servers" in piece[:30] for piece in pieces) == 3
    assert len({id(server.host) for server in joining.document().servers}) == 1
    again = Joining()
    for piece in read_kept(b"".join(joining.text())):
        again.take(piece)
    assert again.document() == read_document(raw)


def test_nothing_joins_to_an_empty_document() -> None:
    """A document without any part is one, too."""
    joining = Joining()
    for piece in read_pieces(b"{}"):
        joining.take(piece)
    assert joining.document() == InventoryDocument()
