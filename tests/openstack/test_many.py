"""Many servers on a host of a real cloud that dies: owners first, Nova as fast as it can."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.openstack.beside import asked, beside, known, open_fault, report, states, watch
from tests.openstack.client import Client
from tests.openstack.clones import clones
from tests.openstack.minicloud import MiniCloud
from tests.system.cloud import down, up
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]
HOST = "cmp3"
COUNT = int(os.environ.get("FAULTWIRE_CLONES", "150"))
PATIENCE = 90.0 + COUNT
"""Seconds for Nova's part; an idle machine takes a 25th of a second for each."""

CONCURRENCY = 8
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


def test_owners_of_many_servers_know_before_nova_does(
    cloud: MiniCloud,
    admin: Client,
    hooks: Hooks,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """The last owner is told while Nova works; each state is set once, also when nova-api dies."""
    (model,) = admin.boot(HOST, 1, "many")
    with clones(cloud, model, HOST, COUNT - 1) as copies:
        servers = [model, *copies]
        with beside(cloud, tmp_path, {"openstack": {"reconcile_seconds": 3600}}) as server:
            wait_for(lambda: known(server, HOST) == set(servers), "the map has them")
            watch(server, admin, hooks, *servers)
            log = cloud.running["compute"].log
            start = log.stat().st_size
            began = time.perf_counter()
            report(server, down(HOST))
            hooks.wait_count(COUNT)
            told = time.perf_counter() - began
            behind = COUNT - len(granted(cloud, start))
            whole = open_fault(server, "compute.host.down")
            wait_for(
                lambda: {state for _, state in states(cloud, servers).values()} == {"error"},
                "all states are reset", PATIENCE,
            )  # fmt: skip
            reset = time.perf_counter() - began
            wait_for(lambda: _done(server, "reset_state") == COUNT, "all are recorded")
            for name, figure in (("told_s", told), ("reset_s", reset), ("behind", behind)):
                record_property(name, round(figure, 3))
            print(f"{COUNT} servers: last owner {told:.3f} s, last state {reset:.1f} s, "
                  f"{behind} states were open when the last owner knew")  # fmt: skip
            assert behind > 0, f"Nova was through after {told:.3f} s"
            assert granted(cloud, start) == Counter(servers), "each was asked for once"
            assert asked(whole, "force_down")["refused"] == 0

            start = log.stat().st_size
            report(server, up(HOST))
            wait_for(lambda: len(granted(cloud, start)) > COUNT // 4, "Nova is at it", PATIENCE)
            cloud.running["compute"].end(signal.SIGKILL)
            cloud.restart("compute")
            wait_for(
                lambda: {state for _, state in states(cloud, servers).values()} == {"active"},
                "all states are given back", PATIENCE,
            )  # fmt: skip
            wait_for(lambda: not admin.service(HOST)["forced_down"], "Nova has it up")
            twice = [name for name, count in granted(cloud, start).items() if count > 1]
            # What Nova had granted when it died, and could not say any more.
            assert len(twice) <= CONCURRENCY, twice
            hooks.wait_count(2 * COUNT)
    admin.nova("DELETE", f"/servers/{model}")
    wait_for(lambda: not admin.servers(HOST), "Nova deletes it")


def _done(server: Server, act: str) -> int:
    return int(asked(open_fault(server, "compute.host.down"), act).get("done", 0))
