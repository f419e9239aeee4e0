"""The map beside a real cloud: without its notifications, after them, and of two regions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openstack import clones, settings
from tests.openstack.beside import watch
from tests.openstack.cable import Cable
from tests.openstack.client import Client
from tests.openstack.minicloud import NAME, MiniCloud
from tests.openstack.region import REGION, Region
from tests.openstack.test_acts import known, report
from tests.system.cloud import down, up
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]
HOSTS = ("cmp1", "cmp2", "cmp3")
PERIOD = 5
LATE = 60.0
"""Within so long anything has to come on a busy machine."""


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """Give a receiver of webhooks."""
    made = Hooks()
    yield made
    made.close()


@pytest.fixture
def cable(cloud: MiniCloud) -> Iterator[Cable]:
    """Give the line to the cloud's bus."""
    made = Cable(cloud.rabbit.port)
    yield made
    made.close()


def beside(tmp_path: Path, cloud: MiniCloud, cable: Cable, period: int = PERIOD) -> Server:
    """Return a server beside the cloud that hears it through the cable."""
    bus = cloud.transport.replace(f":{cloud.rabbit.port}", f":{cable.port}")
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(f"{settings.clouds(NAME, cloud.identity)}    transport_url: {bus}\n")
    return Server(
        tmp_path,
        {
            "openstack": {
                "clouds": NAME,
                "clouds_yaml": clouds,
                "reconcile_seconds": period,
            },
            "oslo_messaging_rabbit": {"rabbit_quorum_queue": "false"},
        },
    ).start()


def followed(server: Server) -> str:
    """Return how the map is kept, as the health check says it."""
    return server.call("GET", "/healthcheck?details", who="").text


def right(server: Server, cloud: MiniCloud) -> bool:
    """Return whether the map has each host's servers as Nova's own tables have them."""
    rows = cloud.sql("SELECT uuid, host FROM nova.instances WHERE deleted = 0")
    return all(
        known(server, host) == {str(name) for name, at in rows if at == host} for host in HOSTS
    )


def counted(server: Server, begin: str) -> float:
    """Return the value of a metric."""
    lines = server.call("GET", "/metrics").text.splitlines()
    return float(next((line.split()[-1] for line in lines if line.startswith(begin)), 0.0))


def move(cloud: MiniCloud, servers: list[str], host: str) -> None:
    """Have servers stand on another host, as after an evacuation."""
    names = ", ".join(f"'{one}'" for one in servers)
    cloud.sql(
        f"UPDATE nova.instances SET host = '{host}', node = '{host}'"  # noqa: S608  our own names
        f" WHERE uuid IN ({names})"
    )


def test_what_was_not_heard_is_in_the_map_within_a_period(
    cloud: MiniCloud, admin: Client, cable: Cable, hooks: Hooks, tmp_path: Path
) -> None:
    """The bus is cut while 50 servers come, move and go: the right owners are told, no others.

    What waited on the bus meanwhile tells of hosts that servers have left, and moves none back.
    """
    server = beside(tmp_path, cloud, cable)
    try:
        stay, moved, gone = admin.boot("cmp1", 3, "cut")
        wait_for(lambda: right(server, cloud), "the map is the cloud's", LATE)
        wait_for(lambda: "by notifications" in followed(server), "they are heard", LATE)
        for one in (stay, moved, gone):
            watch(server, admin, hooks, one)
        cable.cut()
        wait_for(lambda: "by polling" in followed(server), "it is said that nothing is heard")
        # These are told of at cmp1, to a queue that nobody reads now.
        for one in (stay, moved):
            admin.nova("POST", f"/servers/{one}/action", {"os-resetState": {"state": "active"}})
        admin.nova("DELETE", f"/servers/{gone}")
        move(cloud, [moved], "cmp3")
        with clones.clones(cloud, stay, "cmp2", 50) as many:
            move(cloud, many[:20], "cmp3")
            wait_for(lambda: right(server, cloud), "the map is right, nothing heard", LATE)
            clones.delete(cloud, "cmp2")
            wait_for(lambda: right(server, cloud), "those that went are out of it", LATE)
            report(server, down("cmp1"))
            hooks.wait_count(1)
            untold = f'faultwire_map_untold_total{{cloud="{NAME}",kind="server"}}'
            wait_for(lambda: counted(server, untold) >= 50, "the missed ones are counted", LATE)
            cable.join()
            old = 'faultwire_notifications_total{result="old"}'
            wait_for(lambda: counted(server, old) >= 1, "what waited is passed over", LATE)
            assert moved in known(server, "cmp3")
            report(server, up("cmp1"))
            hooks.wait_count(2)
        assert {one.path for one in hooks.told} == {f"/{stay}"}
        for one in (stay, moved):
            admin.nova("DELETE", f"/servers/{one}")
        wait_for(lambda: right(server, cloud), "the map is the cloud's again", LATE)
        wait_for(lambda: not admin.service("cmp1")["forced_down"], "the host is up", LATE)
    finally:
        server.close()


@pytest.fixture
def region(admin: Client) -> Iterator[Region]:
    """Give a second region of the same Keystone, with the hosts of the real one."""
    made = Region(admin.project, ["cmp2"], {"west-1": "cmp2"})
    base = f"{admin.session.auth.auth_url}"
    admin.ask("PUT", f"{base}/regions/{REGION}", {"region": {}})
    ends = []
    for kind, path in (("compute", "/v2.1"), ("network", "")):
        service = admin.ask("GET", f"{base}/services?type={kind}")["services"][0]["id"]
        said = {"service_id": service, "interface": "public", "region_id": REGION,
                "url": made.url + path}  # fmt: skip
        ends.append(admin.ask("POST", f"{base}/endpoints", {"endpoint": said})["endpoint"]["id"])
    yield made
    for one in ends:
        admin.ask("DELETE", f"{base}/endpoints/{one}")
    admin.ask("DELETE", f"{base}/regions/{REGION}")
    made.close()


def test_two_regions_with_the_same_hosts_do_not_mix(
    cloud: MiniCloud, admin: Client, region: Region, hooks: Hooks, tmp_path: Path
) -> None:
    """A host dies in one region; its namesake in the other, and a server's, are not touched."""
    (mine,) = admin.boot("cmp2", 1, "regions")
    # The second region has a server of the very same id, as a copy of a database has.
    region.servers[mine], region.states[mine] = "cmp2", "active"
    file = tmp_path / "clouds.yaml"
    text = settings.clouds(NAME, cloud.identity)
    other = settings.clouds("west", cloud.identity).replace(settings.REGION, REGION)
    file.write_text(text + other.removeprefix("clouds:\n"))
    own = {"clouds": f"{NAME},west", "clouds_yaml": file, "reconcile_seconds": 2}
    server = Server(tmp_path, {"openstack": own}).start()
    here, there = f"{NAME}/cmp2", "west/cmp2"
    try:
        wait_for(lambda: "west-1" in known(server, there), "the second region is known", LATE)
        wait_for(
            lambda: mine in known(server, here) or mine in known(server, there),
            "it is known",
            LATE,
        )
        watch(server, admin, hooks, "west-1")
        report(server, down(there))
        hooks.wait_count(1)
        wait_for(lambda: region.forced["cmp2"], "the second region's host is forced down")
        wait_for(lambda: region.states["west-1"] == "error", "its server is in error")
        assert not admin.service("cmp2")["forced_down"]
        assert {one["OS-EXT-STS:vm_state"] for one in admin.servers("cmp2")} == {"active"}
        report(server, up(there))
        hooks.wait_count(2)
        wait_for(lambda: not region.forced["cmp2"], "it is up again")
        wait_for(lambda: region.states["west-1"] == "active", "its server is back")
        asked = len(region.acts)
        report(server, down(here))
        wait_for(lambda: admin.service("cmp2")["forced_down"], "the real host is forced down")
        report(server, up(here))
        wait_for(lambda: not admin.service("cmp2")["forced_down"], "it is up again")
        assert region.acts[asked:] == []
        admin.nova("DELETE", f"/servers/{mine}")
        wait_for(lambda: not admin.servers("cmp2"), "Nova deletes it")
    finally:
        server.close()
