"""One thing delays nobody else: a burst under everything at once, and a loop that is late."""

import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import Lines
from tests.system.agents import Agents
from tests.system.children import Child
from tests.system.cloud import Cloud, down, event, up
from tests.system.hooks import Hooks
from tests.system.served import Config, Server
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

SERVERS = 200
HUNG_HOOKS = 20
HUNG_NAMES = 8
AGENTS = 30


class DeafServer(Server):
    """A server for which names below hangs.test never resolve."""

    def start(self) -> "DeafServer":
        command = [sys.executable, "-m", "bench.hung_names"]
        arguments = ["serve", "--state-dir", self.state_dir, "--config", self.config]
        self.child = Child(self.log, *arguments, "--listen", self._listen, command=command)
        self.url = self.child.line("listening on ")
        return self


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[Server]:
    """Give a server whose look-ups may hang, with quick tries of webhooks."""
    config: Config = {"notifier": {"deadline_ms": 1000, "resolver_deadline_ms": 500}}
    server = DeafServer(tmp_path, config)
    try:
        yield server.start()
    finally:
        server.close()


def metric(server: Server, name: str) -> float:
    """Return a figure of /metrics; 0 where it is not there."""
    page = server.call("GET", "/metrics", who="").text
    for line in page.splitlines():
        if line.startswith((f"{name} ", f"{name}{{")):
            return float(line.rpartition(" ")[2])
    return 0.0


def enrolled(server: Server, hosts: list[str]) -> list[str]:
    """Return a line of host and secret of each."""
    found = []
    for host in hosts:
        answer = server.call("POST", f"/fault/v1/agents/{host}/enrol")
        assert answer.status == 201, answer.text
        found.append(f"{host} {answer.json['credential']['secret']}")
    return found


def hang(cloud: Cloud, port: int) -> None:
    """Give servers of another host alarms whose webhooks or names hang."""
    urls = [f"http://127.0.0.1:{port}/{number}" for number in range(HUNG_HOOKS)]
    urls += [f"http://name-{number}.hangs.test/" for number in range(HUNG_NAMES)]
    cloud.fill(servers=len(urls))
    for number, url in enumerate(urls):
        cloud.alarm(f"{cloud.name}-vm-1-{number}", url, number, ok_actions=[])


def test_a_burst_among_everything_tells_everyone(deaf: Server, hooks: Hooks) -> None:
    """Imports, paging, what hangs, and agents: nothing is lost or mistaken (promise 3)."""
    cloud = Cloud(deaf, projects=50).fill(servers=SERVERS)
    cloud.watch(hooks, 1, SERVERS)
    silent = socket.create_server(("127.0.0.1", 0), backlog=1024)
    hung = Cloud(deaf, name="hung")
    hang(hung, silent.getsockname()[1])
    agents = [f"agent-{number}" for number in range(AGENTS)]
    fleet = Lines("bench.agents", deaf.url)
    load = Lines("bench.load", deaf.url, deaf.token(), "50", "5000", "4")
    try:
        fleet.say(*enrolled(deaf, agents), "")
        assert fleet.line() == f"connected {AGENTS}"
        assert load.line() == "begun"
        hung.report(down(hung.host()))
        for number in range(1, 4):
            cloud.report(down(cloud.host()))
            hooks.wait_deliveries(SERVERS * (2 * number - 1))
            cloud.report(up(cloud.host()))
            hooks.wait_deliveries(SERVERS * 2 * number)
        done = load.finish()
        hosts = deaf.get("/fault/v1/hosts")["hosts"]
        assert [host["name"] for host in hosts if host["forced_down"]] == [hung.host()]
        assert fleet.finish().strip() == "[]"
    finally:
        for child in (fleet, load):
            child.kill()
        silent.close()
    assert '"errors":{}' in done
    assert '"imports":0' not in done
    # A try that took more than its second came again.
    each = {one.delivery: (one.alarm_id, one.current) for one in hooks.told}
    told = Counter(each.values())
    expected = {(alarm, state) for alarm in cloud.alarms.values() for state in ("alarm", "ok")}
    assert set(told) == expected
    assert set(told.values()) == {3}
    # What hangs is owed, and no more than that.
    waiting = {one["alarm_id"] for one in hung.deliveries("pending")}
    assert waiting == set(hung.alarms.values())
    assert metric(deaf, "faultwire_loop_lag_seconds_count") > 0


def test_verdicts_of_a_late_loop_wait_and_it_is_said(server: Server, agents: Agents) -> None:
    """While our own loop is late nobody is declared dead; then log, metric and record say so."""
    cloud = Cloud(server).fill()
    agents.enrol(cloud.host())
    agent = agents.start(cloud.host())
    agents.connected(cloud, 1)
    assert server.child is not None
    agent.signal(signal.SIGSTOP)
    try:
        while "verdicts are put off" not in server.child.output:
            server.child.signal(signal.SIGSTOP)
            time.sleep(0.8)
            server.child.signal(signal.SIGCONT)
            time.sleep(0.2)
        (fault,) = wait_for(cloud.faults, "the silent host is down")
    finally:
        agent.signal(signal.SIGCONT)
    shown = server.get(f"/fault/v1/faults/{fault['id']}")["fault"]
    record = {one["name"]: one for one in shown["decisions"]}
    assert record["stalled"]["outcome"] == "passed"
    assert record["stalled"]["why"].startswith("I was stalled: judged ")
    assert shown["evidence"][0]["details"]["verdict"] == "silent"
    assert metric(server, "faultwire_verdicts_suspended_total") >= 1
    assert "faultwire_stalled 0.0" in server.call("GET", "/metrics", who="").text
    assert server.child.output.count("verdicts are given") >= 1


def test_posted_faults_act_though_the_loop_was_late(server: Server, hooks: Hooks) -> None:
    """A stall of ours vetoes our own ears only: what others post goes on to its owner."""
    cloud = Cloud(server).fill(servers=1)
    cloud.watch(hooks, 1, 1)
    assert server.child is not None
    server.child.signal(signal.SIGSTOP)
    time.sleep(0.8)
    server.child.signal(signal.SIGCONT)
    cloud.report(event("compute.host.down", hostname=cloud.host()))
    hooks.wait_count(1)
