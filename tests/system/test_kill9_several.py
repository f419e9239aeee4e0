"""Any process of an installation is killed in the middle of bursts; nothing is lost or doubled."""

import contextlib
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.agents import Agents
from tests.system.balancer import Balancer
from tests.system.cloud import Cloud, conditions, down, up
from tests.system.hooks import Hooks, Told
from tests.system.installation import Installation, Worker
from tests.system.served import Server
from tests.system.test_kill9 import Post
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = [pytest.mark.system, pytest.mark.slow]

OWNERS = 40
BURSTS = 6
KILLS_A_BURST = 2
LONGEST_S = 0.2


@pytest.fixture(params=SERVERS)
def installation(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Installation]:
    """Give two servers, two evaluators and two senders on an empty database of each kind."""
    made = Installation(tmp_path, databases.new(request.param))
    try:
        for _ in range(2):
            made.serve()
        for role in ("evaluator", "evaluator", "sender", "sender"):
            made.work(role)
        yield made
    finally:
        made.close()


class Storm:
    """Bursts of one host's owners, with processes killed in the middle of each."""

    def __init__(self, installation: Installation, cloud: Cloud, hooks: Hooks, seed: str) -> None:
        self.installation = installation
        self.cloud = cloud
        self.hooks = hooks
        self.chance = random.Random(seed)
        self.began = 0

    def blow(self, event: dict[str, object]) -> None:
        """Post an event to some server and kill some processes until every owner was told."""
        self.began = len(self.hooks.raw)
        processes: list[Server | Worker] = [
            *self.installation.servers,
            *self.installation.workers,
        ]
        server = self.chance.choice(self.installation.servers)
        post = Post(server.url, self.cloud.server.token(), event)
        killed = self.chance.sample(processes, KILLS_A_BURST)
        for process in killed:
            self._wait_a_moment()
            process.kill9()
        post.thread.join()
        for process in killed:
            process.start()
        if not post.fault:
            self.cloud.report(event)
        wanted = "alarm" if event["type"] == "compute.host.down" else "ok"
        self.hooks.wait(
            lambda _: len({one.alarm_id for one in self.told(wanted)}) == OWNERS,
            f"every owner is told; killed {[type(one).__name__ for one in killed]}",
        )
        self.cloud.settled()
        ids = defaultdict(set)
        for one in self.told(wanted):
            ids[one.alarm_id].add(one.delivery)
        assert {len(deliveries) for deliveries in ids.values()} == {1}, "fired twice"

    def told(self, wanted: str) -> list[Told]:
        """Return the webhooks of this burst in a state."""
        return [one for one in self.hooks.since(self.began) if one.current == wanted]

    def _wait_a_moment(self) -> None:
        if self.chance.random() < 0.3:
            return
        count = len(self.hooks.raw) + self.chance.randrange(OWNERS)
        try:
            wait_for(lambda: len(self.hooks.raw) > count, "the burst", LONGEST_S)
        except AssertionError:
            # It was over before.
            return


def test_nothing_is_lost_and_nothing_fires_twice(installation: Installation, hooks: Hooks) -> None:
    """12 kills of servers, evaluators and senders in 6 bursts: all told, each under one id."""
    cloud = Cloud(installation.servers[0], projects=8).fill(servers=OWNERS)
    cloud.watch(hooks, 1, OWNERS)
    storm = Storm(installation, cloud, hooks, "several")
    for burst in range(BURSTS):
        storm.blow(up(cloud.host()) if burst % 2 else down(cloud.host()))
        wanted = {"active"} if burst % 2 else {"error"}
        for server in installation.servers:
            wait_for(lambda s=server, w=wanted: Cloud(s).states() == w, "every server's map")


def test_a_one_shot_fires_once_whoever_sees_the_event(
    installation: Installation, hooks: Hooks
) -> None:
    """Two events back to back through two servers and evaluators: each alarm fires once."""
    cloud = Cloud(installation.servers[0], projects=8).fill(hosts=2, servers=20)
    for number, vm in enumerate(cloud.servers(1, 20)):
        body = {"event_type": "compute.instance.update", "query": conditions(vm, "error")}
        cloud.alarm(vm, hooks.url(f"/{vm}"), number, event_rule=body)
    tokens = [cloud.server.token()] * 2
    posts = [
        Post(server.url, token, event)
        for server, token, event in zip(
            installation.servers,
            tokens,
            (
                {**down(cloud.host()), "details": {"hostname": cloud.host(), "source": "a"}},
                {**down(cloud.host()), "details": {"hostname": cloud.host(), "source": "b"}},
            ),
            strict=True,
        )
    ]
    for post in posts:
        post.thread.join()
    assert len({post.fault for post in posts}) == 1, "one fault, whoever reports it"
    hooks.wait(lambda told: {one.alarm_id for one in told} == set(cloud.alarms.values()), "all")
    cloud.settled()
    hooks.quiet()
    assert len({one.delivery for one in hooks.told}) == 20


def metric(server: Server, name: str) -> float:
    """Return the value of a metric without labels."""
    lines = server.call("GET", "/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def test_agents_find_another_server(
    installation: Installation, hooks: Hooks, tmp_path: Path
) -> None:
    """A server dies: its agents come to another one, no host is declared dead, one that is, is."""
    balancer = Balancer([server.url for server in installation.servers])
    first, second = installation.servers
    cloud = Cloud(first).fill(hosts=4, servers=3)
    for host in range(1, 5):
        cloud.watch(hooks, host, 3)
    agents = Agents(first, tmp_path)
    try:
        children = {}
        for host in range(1, 5):
            path = agents.enrol(cloud.host(host))
            path.write_text(path.read_text().replace(first.url, balancer.url))
            children[host] = agents.start(cloud.host(host), cloud.servers(host, 3))
        agents.connected(cloud, 1, 2, 3, 4)
        first.kill9()
        other = Cloud(second)
        other.name = cloud.name
        second._tokens.update(first._tokens)

        wait_for(
            lambda: metric(second, "faultwire_agents_connected") == 4,
            "all agents are at the second server",
        )
        assert not hooks.raw
        assert [other.shown(host)["agent"] for host in range(1, 5)] == ["connected"] * 4
        children[2].kill()
        hooks.wait_count(3)
        hooks.quiet()
        assert {one.alarm_id for one in hooks.told} == {
            cloud.alarms[vm] for vm in cloud.servers(2, 3)
        }
    finally:
        agents.close()
        balancer.close()


def test_a_credential_has_one_session_in_the_whole_installation(
    installation: Installation, tmp_path: Path
) -> None:
    """A second agent under one credential is refused at another server too, and counted."""
    first, second = installation.servers
    cloud = Cloud(first).fill(hosts=1, servers=1)
    agents = Agents(first, tmp_path)
    try:
        path = agents.enrol(cloud.host())
        agents.start(cloud.host())
        agents.connected(cloud, 1)
        path.write_text(path.read_text().replace(first.url, second.url))
        second._tokens.update(first._tokens)
        agents.start(cloud.host())

        wait_for(
            lambda: metric(second, "faultwire_agent_second_sessions_total") > 0,
            "the second session is refused",
        )
        assert cloud.shown()["agent"] == "connected"
        assert not cloud.faults()
    finally:
        agents.close()


def test_the_database_is_killed_in_the_middle_of_bursts(
    installation: Installation, hooks: Hooks, databases: Databases, request: pytest.FixtureRequest
) -> None:
    """Every process finds its way back: what was answered is told, each alarm under one id."""
    database = databases.server(request.node.callspec.params["installation"])
    cloud = Cloud(installation.servers[0], projects=8).fill(servers=OWNERS)
    cloud.watch(hooks, 1, OWNERS)
    chance = random.Random("database")
    for burst in range(4):
        event = up(cloud.host()) if burst % 2 else down(cloud.host())
        wanted = "ok" if burst % 2 else "alarm"
        began = len(hooks.raw)
        server = installation.servers[burst % 2]
        post = Post(server.url, cloud.server.token(), event)
        count = began + chance.randrange(OWNERS)
        # It may be over before.
        with contextlib.suppress(AssertionError):
            wait_for(lambda n=count: len(hooks.raw) > n, "the burst", LONGEST_S)
        database.kill()
        database.start()
        post.thread.join()
        if not post.fault:
            wait_for(lambda e=event: cloud.post(e).status == 202, "the server takes changes")

        def told(b: int = began, w: str = wanted) -> dict[str, set[str]]:
            ids = defaultdict(set)
            for one in hooks.since(b):
                if one.current == w:
                    ids[one.alarm_id].add(one.delivery)
            return ids

        hooks.wait(lambda _, t=told: len(t()) == OWNERS, "every owner is told")
        cloud.settled()
        assert {len(found) for found in told().values()} == {1}
