"""Host agents as processes: their death, silence, goodbye, and who may speak for a host."""

import json
import signal
import stat
from pathlib import Path

import pytest

from tests.system.agents import Agents, client_env, enrol_by_command
from tests.system.children import run
from tests.system.cloud import Cloud, down, up
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system


@pytest.fixture
def cloud(server: Server, hooks: Hooks) -> Cloud:
    """Give a cloud of two hosts with three watched servers each."""
    made = Cloud(server).fill(hosts=2, servers=3)
    made.watch(hooks, 1, 3)
    made.watch(hooks, 2, 3)
    return made


def own(cloud: Cloud, host: int) -> set[str]:
    """Return the alarms of a host's servers."""
    return {cloud.alarms[vm] for vm in cloud.servers(host, 3)}


def test_a_killed_agent_is_a_dead_host(cloud: Cloud, agents: Agents, hooks: Hooks) -> None:
    """SIGKILL to an agent: its owners are told, nobody else is, and the host is forced down."""
    for host in (1, 2):
        agents.enrol(cloud.host(host))
    first = agents.start(cloud.host(1), cloud.servers(1, 3))
    agents.start(cloud.host(2), cloud.servers(2, 3))
    agents.connected(cloud, 1, 2)
    first.kill()
    hooks.wait_count(3)
    hooks.quiet()
    assert sorted(one.alarm_id for one in hooks.told) == sorted(own(cloud, 1))
    assert {one.current for one in hooks.told} == {"alarm"}
    shown = cloud.shown()
    assert (shown["state"], shown["forced_down"], shown["agent"]) == ("down", True, "lost")
    assert cloud.states(1) == {"error"}
    assert cloud.states(2) == {"active"}
    (fault,) = cloud.faults()
    whole = cloud.server.get(f"/fault/v1/faults/{fault['id']}")["fault"]
    assert whole["evidence"][0]["details"]["verdict"] == "closed"
    marks = whole["timeline"]["checkpoints"]
    assert marks["T01"]["first_wall_ns"] < marks["T09"]["first_wall_ns"]


def test_a_frozen_agent_is_found_by_its_silence(
    cloud: Cloud, agents: Agents, hooks: Hooks
) -> None:
    """SIGSTOP leaves the connection open; the age of the last heartbeat decides."""
    agents.enrol(cloud.host())
    agent = agents.start(cloud.host())
    agents.connected(cloud, 1)
    agent.signal(signal.SIGSTOP)
    hooks.wait_count(3)
    (fault,) = cloud.faults()
    whole = cloud.server.get(f"/fault/v1/faults/{fault['id']}")["fault"]
    details = whole["evidence"][0]["details"]
    assert details["verdict"] == "silent"
    assert details["age_ms"] >= 3000
    agent.signal(signal.SIGCONT)
    agents.connected(cloud, 1)
    assert cloud.faults(), "an agent's return closes nothing (D20)"
    assert cloud.states() == {"error"}


def test_a_stopped_agent_says_goodbye_and_raises_nothing(
    cloud: Cloud, agents: Agents, hooks: Hooks
) -> None:
    """SIGTERM to an agent ends it with status 0 and speaks against nobody (D24)."""
    agents.enrol(cloud.host())
    agent = agents.start(cloud.host())
    agents.connected(cloud, 1)
    assert agent.stop() == 0
    wait_for(lambda: cloud.shown()["agent"] == "gone", "the goodbye is stored")
    hooks.quiet(0.8)
    assert not hooks.raw
    assert not cloud.faults()


def test_an_agent_that_is_back_in_time_raises_nothing(
    serve: Serve, hooks: Hooks, tmp_path: Path
) -> None:
    """A killed agent that returns within agent_return_ms was no dead host."""
    server = serve({"liveness": {"agent_return_ms": 20_000}})
    cloud = Cloud(server).fill(servers=1)
    cloud.watch(hooks, 1, 1)
    agents = Agents(server, tmp_path)
    try:
        agents.enrol(cloud.host())
        first = agents.start(cloud.host())
        agents.connected(cloud, 1)
        first.kill()
        agents.start(cloud.host()).line("connected to ")
        hooks.quiet(0.5)
    finally:
        agents.close()
    assert not hooks.raw
    assert not cloud.faults()


def test_a_second_session_is_refused_and_shown(cloud: Cloud, agents: Agents, hooks: Hooks) -> None:
    """Two agents under one credential: the second is refused, the first lives, it is counted."""
    agents.enrol(cloud.host())
    first = agents.start(cloud.host())
    agents.connected(cloud, 1)
    second = agents.start(cloud.host())
    second.line("not connected: ")
    path = f"/fault/v1/agents/{cloud.host()}"
    wait_for(lambda: cloud.server.get(path)["agent"]["second_sessions"] >= 1, "it is counted")
    second.kill()
    hooks.quiet(0.5)
    assert first.process.poll() is None
    assert cloud.server.get(path)["agent"]["state"] == "connected"
    assert not cloud.faults()


def test_a_new_credential_makes_the_former_one_void(
    cloud: Cloud, agents: Agents, server: Server
) -> None:
    """Enrolled again, the old credential is refused, for sessions and for events."""
    old = json.loads(agents.enrol(cloud.host()).read_text())
    agents.enrol(cloud.host())
    header = {"X-Faultwire-Credential": f"agent/{cloud.host()}:{old['secret']}"}
    answer = cloud.post(down(cloud.host()), who="", headers=header)
    assert answer.status == 401
    assert not cloud.faults()


def test_enrolment_by_command_keeps_the_credential_private(server: Server, tmp_path: Path) -> None:
    """`agent-enroll` writes 0600, the host appears in the inventory, only an admin may."""
    out = tmp_path / "credential"
    enrol_by_command(server, "fresh-host", out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert set(json.loads(out.read_text())) == {
        "kind",
        "name",
        "id",
        "secret",
        "server",
        "certificate",
    }
    hosts = server.get("/fault/v1/inventory")["hosts"]
    assert "fresh-host" in {host["name"] for host in hosts}
    env = client_env(server, "faultwire-demo")
    refused = run("agent-enroll", "other", "--out", tmp_path / "other", env=env)
    assert refused.returncode == 1
    assert "403" in refused.stderr
    assert not (tmp_path / "other").exists()


def test_an_agent_reports_what_runs_and_servers_return(
    cloud: Cloud, agents: Agents, hooks: Hooks
) -> None:
    """After the clear only servers that the agent reports running return at once (D20)."""
    agents.enrol(cloud.host())
    first = agents.start(cloud.host(), cloud.servers(1, 3))
    agents.connected(cloud, 1)
    first.kill()
    hooks.wait_count(3)
    agents.start(cloud.host(), cloud.servers(1, 3)[:2])
    agents.connected(cloud, 1)
    cloud.report(up(cloud.host()))
    hooks.wait(lambda told: sum(one.current == "ok" for one in told) == 2, "two are back")
    hooks.quiet()
    states = {one["id"]: one["vm_state"] for one in cloud.shown()["servers"]}
    assert list(states.values()) == ["active", "active", "error"]
    # The third one runs now.
    (agents.credential(cloud.host()).parent / f"{cloud.host()}.servers").write_text(
        json.dumps(cloud.servers(1, 3))
    )
    hooks.wait(lambda told: sum(one.current == "ok" for one in told) == 3, "the third is back")
    assert cloud.states() == {"active"}


def test_an_agent_that_died_while_the_server_was_down_is_found(
    serve: Serve, hooks: Hooks, tmp_path: Path
) -> None:
    """A host that was connected before kill -9 of the server and is not back after it is down."""
    server = serve({"liveness": {"agent_start_grace_ms": 9000}})
    cloud = Cloud(server).fill(hosts=2, servers=2)
    cloud.watch(hooks, 1, 2)
    cloud.watch(hooks, 2, 2)
    agents = Agents(server, tmp_path)
    try:
        for host in (1, 2):
            agents.enrol(cloud.host(host))
        dies = agents.start(cloud.host(1))
        agents.start(cloud.host(2))
        agents.connected(cloud, 1, 2)
        server.kill9()
        dies.kill()
        server.start()
        hooks.wait_count(2)
        hooks.quiet(0.5)
    finally:
        agents.close()
    assert {one.alarm_id for one in hooks.told} == {cloud.alarms[vm] for vm in cloud.servers(1, 2)}
    assert not cloud.faults(2)


def test_a_clean_restart_of_the_server_raises_nothing(
    cloud: Cloud, agents: Agents, hooks: Hooks
) -> None:
    """Agents come back to a server that was stopped and started; no host was down."""
    for host in (1, 2):
        agents.enrol(cloud.host(host))
        agents.start(cloud.host(host))
    agents.connected(cloud, 1, 2)
    cloud.server.restart()
    for host in (1, 2):
        wait_for(
            lambda number=host: (
                cloud.server.get(f"/fault/v1/agents/{cloud.host(number)}")["agent"]["state"]
                == "connected"
            ),
            "the agent is back",
        )
    hooks.quiet(0.5)
    assert not hooks.raw
    assert not cloud.faults(1) + cloud.faults(2)


def test_an_agents_credential_speaks_for_its_host_only(cloud: Cloud, agents: Agents) -> None:
    """It may post about its own host; another host's event is 403; reading is 403."""
    credential = json.loads(agents.enrol(cloud.host(1)).read_text())
    header = {"X-Faultwire-Credential": f"agent/{cloud.host(1)}:{credential['secret']}"}
    other = cloud.post(down(cloud.host(2)), who="", headers=header)
    mixed = cloud.post(down(cloud.host(1)), down(cloud.host(2)), who="", headers=header)
    assert (other.status, mixed.status) == (403, 403)
    assert cloud.host(1) in other.json["error"]["message"]
    assert not cloud.faults(1) + cloud.faults(2)
    for path in ("/fault/v1/faults", "/fault/v1/inventory", "/alarming/v2/alarms"):
        assert cloud.server.call("GET", path, who="", headers=header).status in {401, 403}, path
    assert cloud.post(down(cloud.host(1)), who="", headers=header).status == 202


def test_the_wrong_credential_opens_no_session(
    cloud: Cloud, agents: Agents, tmp_path: Path
) -> None:
    """A credential of another host, one that is changed, and a file for another name fail."""
    path = agents.enrol(cloud.host(1))
    agents.credential(cloud.host(2)).write_text(
        json.dumps(json.loads(path.read_text()) | {"name": cloud.host(2)})
    )
    agents.start(cloud.host(2)).line("not connected: ")
    wrong = run("agent", "--host", cloud.host(2), "--credential", path)
    assert wrong.returncode == 1
    assert cloud.host(1) in wrong.stderr
    assert cloud.shown(2)["agent"] == "never"
