"""The cloud that the other tests use is a real one."""

import signal

import pytest

from tests.openstack.client import Client
from tests.openstack.clones import clones
from tests.openstack.minicloud import MiniCloud
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]


def test_servers_run_and_ports_are_bound(admin: Client) -> None:
    """Nova builds servers on the host that is asked for, and Neutron binds ports beside them."""
    servers = admin.boot("cmp1", 2, "first")
    assert {one["OS-EXT-SRV-ATTR:host"] for one in admin.servers("cmp1")} == {"cmp1"}
    port = admin.port(servers[0], "cmp1")
    assert admin.neutron("GET", f"/ports/{port}")["port"]["binding:host_id"] == "cmp1"
    for server in servers:
        admin.nova("DELETE", f"/servers/{server}")
    wait_for(lambda: not admin.servers("cmp1"), "Nova deletes them")
    assert admin.neutron("GET", f"/ports?id={port}")["ports"] == []


def test_clones_are_servers_to_nova(cloud: MiniCloud, admin: Client) -> None:
    """Servers by the thousand cost no minutes: rows of one are listed, shown and reset."""
    (server,) = admin.boot("cmp1", 1, "original")
    with clones(cloud, server, "cmp3", 20) as made:
        assert {one["id"] for one in admin.servers("cmp3")} == set(made)
        admin.nova("POST", f"/servers/{made[0]}/action", {"os-resetState": {"state": "error"}})
        assert admin.nova("GET", f"/servers/{made[0]}")["server"]["status"] == "ERROR"
    assert not admin.servers("cmp3")
    admin.nova("DELETE", f"/servers/{server}")
    wait_for(lambda: not admin.servers("cmp1"), "Nova deletes it")


def test_a_dead_compute_is_forced_down_and_returns(cloud: MiniCloud, admin: Client) -> None:
    """A nova-compute is killed and started again, as often as tests need it."""
    cloud.compute("cmp2").end(signal.SIGKILL)
    service = admin.service("cmp2")
    admin.nova("PUT", f"/os-services/{service['id']}", {"forced_down": True})
    assert admin.service("cmp2")["state"] == "down"
    cloud.start_compute("cmp2")
    admin.nova("PUT", f"/os-services/{service['id']}", {"forced_down": False})
    wait_for(lambda: admin.service("cmp2")["state"] == "up", "the service is up again", 60.0)
