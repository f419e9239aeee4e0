"""Many servers on a host of a real cloud that dies: owners first, Nova as fast as it can."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.openstack.beside import asked, beside, open_fault, report, states, wait_known, watch
from tests.openstack.client import Client
from tests.openstack.clones import clones
from tests.openstack.minicloud import MiniCloud
from tests.system.cloud import down, up
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]
HOST = "cmp3"
COUNT = int(os.environ.get("FAULTWIRE_CLONES", "1000"))
FEWER = 150
PATIENCE = 90.0 + COUNT
"""Seconds for Nova's part; an idle machine takes a 25th of a second for each."""

CONCURRENCY = 8
STATES = {"error": "alarm", "active": "ok"}
Many = tuple[Server, list[str]]
_RESET = re.compile(r'"POST /v2\.1/servers/([0-9a-f-]{36})/action" status: 202')


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """Give a receiver of webhooks."""
    made = Hooks()
    yield made
    made.close()


def granted(cloud: MiniCloud, since: int) -> Counter[str]:
    """Return how often Nova granted an action of each server, by its own log from there on."""
    log = cloud.running["compute"].log.read_bytes()[since:].decode(errors="replace")
    return Counter(_RESET.findall(log))


@contextmanager
def dying(
    cloud: MiniCloud, admin: Client, hooks: Hooks, folder: Path, count: int
) -> Iterator[Many]:
    """Give so many watched servers on a host, and a server of ours that follows them."""
    (model,) = admin.boot(HOST, 1, "many")
    with clones(cloud, model, HOST, count - 1) as copies:
        servers = [model, *copies]
        with beside(cloud, folder, {"openstack": {"reconcile_seconds": 3600}}) as server:
            wait_known(server, HOST, servers)
            watch(server, admin, hooks, *servers)
            yield server, servers
    admin.nova("DELETE", f"/servers/{model}")
    wait_for(lambda: not admin.servers(HOST), "Nova deletes it")


def all_are(cloud: MiniCloud, servers: list[str], state: str) -> None:
    """Wait until Nova's own table has them all in a state."""
    wait_for(
        lambda: {found for _, found in states(cloud, servers).values()} == {state},
        f"all are {state}", PATIENCE,
    )  # fmt: skip


def test_owners_of_many_servers_know_before_nova_does(
    cloud: MiniCloud,
    admin: Client,
    hooks: Hooks,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """The last owner is told while Nova has nearly all states before it; each is set once."""
    with dying(cloud, admin, hooks, tmp_path, COUNT) as (server, servers):
        log = cloud.running["compute"].log
        start = log.stat().st_size
        began = time.perf_counter()
        report(server, down(HOST))
        hooks.wait_count(COUNT)
        told = time.perf_counter() - began
        behind = COUNT - len(granted(cloud, start))
        whole = open_fault(server, "compute.host.down")
        all_are(cloud, servers, "error")
        reset = time.perf_counter() - began
        wait_for(lambda: _done(server, "reset_state") == COUNT, "all are recorded")
        for name, figure in (("told_s", told), ("reset_s", reset), ("behind", behind)):
            record_property(name, round(figure, 3))
        print(f"{COUNT} servers: last owner {told:.3f} s, last state {reset:.1f} s, "
              f"{behind} states were open when the last owner knew")  # fmt: skip
        assert behind > 0, f"Nova was through after {told:.3f} s"
        assert granted(cloud, start) == Counter(servers), "each was asked for once"
        assert asked(whole, "force_down")["refused"] == 0
        server.stop()
        service = f"/os-services/{admin.service(HOST)['id']}"
        admin.nova("PUT", service, {"forced_down": False})


def test_states_are_set_although_nova_api_dies_amid_them(
    cloud: MiniCloud, admin: Client, hooks: Hooks, tmp_path: Path
) -> None:
    """Killed in the middle, both ways: what it did not grant it is asked for when it is back."""
    with dying(cloud, admin, hooks, tmp_path, FEWER) as (server, servers):
        for event, state in ((down(HOST), "error"), (up(HOST), "active")):
            log = cloud.running["compute"].log
            start = log.stat().st_size
            before = len(hooks.raw)
            report(server, event)
            wait_for(
                lambda n=start: len(granted(cloud, n)) > FEWER // 4, "Nova is at it", PATIENCE
            )
            cloud.running["compute"].end(signal.SIGKILL)
            cloud.restart("compute")
            all_are(cloud, servers, state)
            twice = [name for name, count in granted(cloud, start).items() if count > 1]
            # What Nova had granted when it died, and could not say any more.
            assert len(twice) <= CONCURRENCY, twice
            hooks.wait_count(before + FEWER)
            assert {one.current for one in hooks.since(before)} == {STATES[state]}
        wait_for(lambda: not admin.service(HOST)["forced_down"], "Nova has it up")


def _done(server: Server, act: str) -> int:
    return int(asked(open_fault(server, "compute.host.down"), act).get("done", 0))
