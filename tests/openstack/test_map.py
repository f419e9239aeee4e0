"""The map beside a real cloud: without its notifications, after them, and of two regions."""

import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.openstack import settings
from tests.openstack.beside import LATE, known, report, wait_known, watch
from tests.openstack.cable import Cable
from tests.openstack.client import Client
from tests.openstack.minicloud import NAME, MiniCloud
from tests.openstack.region import REGION, Region
from tests.system.cloud import down, up
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]
HOSTS = ("cmp1", "cmp2", "cmp3")
PERIOD = 5
COUNT = 50
MIGRATED, KEPT = 4, 3
"""Of the servers that come to a host so many are moved, and so many stay; the others go."""

CUT_S = float(os.environ.get("FAULTWIRE_CUT_SECONDS", "60"))
"""For so long nothing is heard, at least."""


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


def move(cloud: MiniCloud, servers: Iterable[str], host: str) -> None:
    """Have servers stand on another host, as after an evacuation."""
    names = ", ".join(f"'{one}'" for one in servers)
    cloud.sql(
        f"UPDATE nova.instances SET host = '{host}', node = '{host}'"  # noqa: S608  our own names
        f" WHERE uuid IN ({names})"
    )


def migrate(admin: Client, servers: Iterable[str], host: str) -> None:
    """Have Nova itself move running servers to another host."""
    wanted = set(servers)
    for one in wanted:
        body = {"os-migrateLive": {"host": host, "block_migration": "auto"}}
        admin.nova("POST", f"/servers/{one}/action", body)

    def there() -> bool:
        found = [one for one in admin.servers(host) if one["id"] in wanted]
        return {one["status"] for one in found} == {"ACTIVE"} and len(found) == len(wanted)

    wait_for(there, f"Nova has {len(wanted)} servers moved to {host}", LATE)


def delete(admin: Client, servers: Iterable[str]) -> None:
    """Have Nova delete servers, and wait until they are gone."""
    gone = set(servers)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: admin.nova("DELETE", f"/servers/{one}"), gone))
    wait_for(lambda: not gone & {one["id"] for one in admin.servers()}, "Nova deletes them", LATE)


def boot_everywhere(admin: Client, count: int) -> dict[str, list[str]]:
    """Start servers through Nova, as many on each host; return them by host."""
    share = [count // len(HOSTS) + (number < count % len(HOSTS)) for number in range(len(HOSTS))]
    with ThreadPoolExecutor(len(HOSTS)) as pool:
        made = list(pool.map(lambda one: admin.boot(one[0], one[1], f"many-{one[0]}"),
                             zip(HOSTS, share, strict=True)))  # fmt: skip
    return dict(zip(HOSTS, made, strict=True))


def change_unheard(
    cloud: MiniCloud, admin: Client, server: Server, three: list[str]
) -> dict[str, list[str]]:
    """Have servers come, move and go; return those that stay, by host, once the map has them.

    `three` are told of at cmp1, to a queue that nobody reads now: one stays, one moves, one goes.
    """
    stay, moved, gone = three
    for one in (stay, moved):
        admin.nova("POST", f"/servers/{one}/action", {"os-resetState": {"state": "active"}})
    admin.nova("DELETE", f"/servers/{gone}")
    move(cloud, [moved], "cmp3")
    made = boot_everywhere(admin, COUNT)
    wait_for(lambda: right(server, cloud), "the map has all that came, nothing heard", LATE)
    # Those of cmp1 move by Nova itself, others as an evacuation leaves them, for Nova is slow.
    first, second = made["cmp1"], made["cmp2"]
    migrate(admin, first[:MIGRATED], "cmp3")
    move(cloud, second[:MIGRATED], "cmp3")
    went = [*first[MIGRATED + KEPT :], *second[MIGRATED + KEPT :], *made["cmp3"][KEPT:]]
    delete(admin, went)
    return {
        "cmp1": [stay, *first[MIGRATED : MIGRATED + KEPT]],
        "cmp2": second[MIGRATED : MIGRATED + KEPT],
        "cmp3": [moved, *first[:MIGRATED], *second[:MIGRATED], *made["cmp3"][:KEPT]],
    }


def test_what_was_not_heard_is_in_the_map_within_a_period(
    cloud: MiniCloud, admin: Client, cable: Cable, hooks: Hooks, tmp_path: Path
) -> None:
    """The bus is cut for a minute while 50 servers come, move and go: the right owners are told.

    What waited on the bus meanwhile tells of hosts that servers have left, and moves none back.
    """
    server = beside(tmp_path, cloud, cable)
    try:
        three = admin.boot("cmp1", 3, "cut")
        wait_known(server, "cmp1", three)
        wait_for(lambda: "by notifications" in followed(server), "they are heard", LATE)
        watch(server, admin, hooks, *three)
        cable.cut()
        began = time.monotonic()
        wait_for(lambda: "by polling" in followed(server), "it is said that nothing is heard")
        left = change_unheard(cloud, admin, server, three)
        changed = time.monotonic()
        wait_for(lambda: right(server, cloud), "the map is right, nothing heard", LATE)
        print(f"{COUNT} servers came, moved and went in {changed - began:.0f} s, unheard; "
              f"the map was right {time.monotonic() - changed:.1f} s later")  # fmt: skip
        for host in HOSTS:
            wait_known(server, host, left[host])
        watch(server, admin, hooks, *(one for host in HOSTS for one in left[host]
                                      if one not in three))  # fmt: skip
        wait_for(lambda: time.monotonic() - began > CUT_S, "the minute is over", LATE + CUT_S)
        report(server, down("cmp1"))
        owners = set(left["cmp1"])
        hooks.wait_count(len(owners))
        untold = f'faultwire_map_untold_total{{cloud="{NAME}",kind="server"}}'
        wait_for(lambda: counted(server, untold) >= COUNT, "the missed ones are counted", LATE)
        cable.join()
        old = 'faultwire_notifications_total{result="old"}'
        wait_for(lambda: counted(server, old) >= COUNT, "what waited is passed over", LATE)
        assert known(server, "cmp3") == set(left["cmp3"])
        report(server, up("cmp1"))
        hooks.wait_count(2 * len(owners))
        assert {one.path for one in hooks.told} == {f"/{one}" for one in owners}
        wait_for(lambda: not admin.service("cmp1")["forced_down"], "the host is up", LATE)
        delete(admin, [one for host in HOSTS for one in left[host]])
        wait_for(lambda: right(server, cloud), "the map is the cloud's again", LATE)
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
        for host, one in ((here, mine), (there, mine)):
            if one in known(server, host):
                own_ones = {one, "west-1"} if host == there else {one}
                wait_known(server, host, own_ones)
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
