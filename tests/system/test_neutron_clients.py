"""Neutron's clients against a true server: openstacksdk and the `openstack` command (S98-S99)."""

from collections.abc import Iterator
from typing import Any

import openstack as sdk
import pytest
from openstack.connection import Connection

from tests.system.served import Server
from tests.system.test_openstack_client import OpenStack

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    # The library's own deprecations are nobody's here.
    pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK60Warning"),
]


@pytest.fixture
def openstack(standing: Server) -> OpenStack:
    """Give the command, pointed at the server."""
    return OpenStack(standing.clouds)


@pytest.fixture
def library(standing: Server) -> Iterator[Connection]:
    """Give the library as an administrator."""
    auth = standing.auth("faultwire")
    made = sdk.connection.Connection(
        auth={**auth, "user_domain_id": "default", "project_domain_id": "default"},
        region_name="RegionOne",
        app_name="tests",
        app_version="1",
    )
    yield made
    made.close()


def test_the_command_sets_and_unsets_the_data_plane(openstack: OpenStack) -> None:
    """A port is made, reported on, shown, taken back and deleted by the command."""
    network = openstack.json("network", "create", "front")
    subnet = openstack.json(
        "subnet", "create", "--network", "front", "--subnet-range", "10.1.0.0/24", "low"
    )
    assert subnet["gateway_ip"] == "10.1.0.1"
    made = openstack.json("port", "create", "--network", "front", "web-port")
    assert made["network_id"] == network["id"]
    assert [one["ip_address"] for one in made["fixed_ips"]] == ["10.1.0.2"]
    for status in ("DOWN", "ACTIVE"):
        done = openstack.run("port", "set", "--data-plane-status", status, "web-port")
        assert done.returncode == 0, done.stderr
        assert openstack.json("port", "show", "web-port")["data_plane_status"] == status
    done = openstack.run("port", "unset", "--data-plane-status", "web-port")
    assert done.returncode == 0, done.stderr
    assert openstack.json("port", "show", "web-port")["data_plane_status"] is None
    assert "web-port" in {one["Name"] for one in openstack.json("port", "list")}
    assert "front" in {one["Name"] for one in openstack.json("network", "list")}
    assert openstack.run("network", "delete", "front").returncode == 1
    assert openstack.run("port", "delete", "web-port").returncode == 0
    assert openstack.run("network", "delete", "front").returncode == 0


def test_the_command_lists_extensions(openstack: OpenStack) -> None:
    """`extension list --network` and `extension show` know both of ours."""
    found = {one["Alias"] for one in openstack.json("extension", "list", "--network")}
    assert {"data-plane-status", "dp-down"} <= found
    assert openstack.json("extension", "show", "data-plane-status")["alias"] == "data-plane-status"


def test_an_owner_reads_and_may_not_report(openstack: OpenStack) -> None:
    """A member makes a port of its own, sees its status, and is refused a report."""
    demo = {"cloud": "faultwire-demo"}
    openstack.json("network", "create", "own", **demo)
    openstack.json("port", "create", "--network", "own", "mine", **demo)
    refused = openstack.run("port", "set", "--data-plane-status", "DOWN", "mine", **demo)
    assert refused.returncode == 1
    assert "403" in refused.stderr or "ForbiddenException" in refused.stderr
    assert openstack.json("port", "show", "mine", **demo)["data_plane_status"] is None


def test_the_library_lives_with_the_face(library: Connection) -> None:
    """Create, find, list with filters and pages, update by revision, unset, delete."""
    network: Any = library.network.create_network(name="sdk")
    ports = [library.network.create_port(network_id=network.id, name=f"p{n}") for n in range(5)]
    first = library.network.update_port(ports[0], data_plane_status="DOWN")
    assert first.data_plane_status == "DOWN"
    down = list(library.network.ports(data_plane_status="DOWN", network_id=network.id))
    assert [one.id for one in down] == [first.id]
    paged = list(library.network.ports(network_id=network.id, limit=2))
    assert {one.id for one in paged} == {one.id for one in ports}
    assert len(paged) == len(ports)
    stale = ports[1].revision_number + 7
    with pytest.raises(sdk.exceptions.PreconditionFailedException):
        library.network.update_port(ports[1], if_revision=stale, name="other")
    unset = library.network.update_port(first.id, data_plane_status=None)
    assert unset.data_plane_status is None
    assert library.network.find_extension("dp-down").alias == "dp-down"
    assert library.network.find_port("p3").id == ports[3].id
    for one in ports:
        library.network.delete_port(one.id, ignore_missing=False)
    library.network.delete_network(network, ignore_missing=False)
