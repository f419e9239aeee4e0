"""The database is locked or the disk is full: 503 in bounded time, and nothing is lost."""

import resource
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.agents import Agents
from tests.system.cloud import Cloud, down, up
from tests.system.hooks import Hooks
from tests.system.served import Reply, Server
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

BOUND_S = 8.0
"""Longest wait for a 503: the lock's own deadline, and what was begun before."""


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Hold the database as another process would."""
    connection = sqlite3.connect(server.state_dir / "faultwire.sqlite", timeout=60)
    try:
        connection.isolation_level = None
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def refused(answer: Reply) -> bool:
    """Return whether an answer is a 503 that says when to come back."""
    return answer.status == 503 and bool(answer.headers.get("Retry-After"))


@pytest.fixture
def cloud(server: Server, hooks: Hooks) -> Cloud:
    """Give a cloud of a host with four watched servers."""
    made = Cloud(server).fill(servers=4)
    made.watch(hooks, 1, 4)
    return made


def test_a_locked_database_answers_503_and_loses_nothing(cloud: Cloud, hooks: Hooks) -> None:
    """Posts, alarms and imports answer 503 in time; reading works; the next post is taken."""
    with locked(cloud.server):
        began = time.monotonic()
        assert refused(cloud.post(down(cloud.host())))
        assert time.monotonic() - began < BOUND_S
        body = {"name": "n", "type": "event", "event_rule": {}}
        answer = cloud.server.call("POST", "/alarming/v2/alarms", body)
        assert refused(answer)
        assert set(answer.json) == {"error_message"}
        assert refused(cloud.server.call("PATCH", "/fault/v1/inventory", cloud.document(3, 1)))
        assert cloud.states() == {"active"}
        assert not cloud.faults()
    cloud.report(down(cloud.host()))
    hooks.wait_count(4)
    cloud.settled()
    assert len(hooks.raw) == 4
    assert cloud.states() == {"error"}


def test_many_posts_at_a_locked_database_all_end_in_time(cloud: Cloud) -> None:
    """Forty posts at once wait for one deadline together, not one after the other."""
    answers: list[tuple[int, float]] = []
    cloud.server.token()

    def post(number: int) -> None:
        began = time.monotonic()
        status = cloud.post(down(f"unknown-{number}"), timeout=120).status
        answers.append((status, time.monotonic() - began))

    with locked(cloud.server):
        threads = [threading.Thread(target=post, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < BOUND_S
    assert cloud.report(down(cloud.host()))


def test_deliveries_go_on_while_the_database_is_locked(cloud: Cloud, hooks: Hooks) -> None:
    """What was committed before is delivered; that it was is stored once that is possible."""
    slow = hooks.url("/slow")
    cloud.alarm(cloud.servers(1, 1)[0], slow)
    cloud.report(down(cloud.host()))
    with locked(cloud.server):
        hooks.wait_count(5)
        time.sleep(2.5)
    cloud.settled()
    assert {one["state"] for one in cloud.deliveries()} == {"delivered"}
    cloud.server.restart()
    hooks.quiet()
    assert len(hooks.raw) == 5


def test_an_agents_verdict_waits_for_the_database(
    cloud: Cloud, hooks: Hooks, agents: Agents
) -> None:
    """A host that dies while the database is locked is down as soon as it is free."""
    agents.enrol(cloud.host())
    agent = agents.start(cloud.host())
    agents.connected(cloud, 1)
    with locked(cloud.server):
        agent.kill()
        time.sleep(3)
        assert not hooks.raw
    hooks.wait_count(4)
    assert len(cloud.faults()) == 1
    assert cloud.shown()["agent"] == "lost"


def test_a_database_locked_at_start_is_said(cloud: Cloud) -> None:
    """A server that cannot open its database ends in time with a sentence, and starts later."""
    server = cloud.server
    assert server.stop() == 0
    with locked(server):
        with pytest.raises(AssertionError, match="ended with 1") as failed:
            server.start()
        assert "database" in str(failed.value)
    server.start()
    assert cloud.states() == {"active"}


def grown(server: Server) -> int:
    """Return the size of the longest file of the state folder."""
    return max(path.stat().st_size for path in server.state_dir.iterdir())


def fill_up(cloud: Cloud) -> list[str]:
    """Post faults until one is refused; return those that were taken."""
    taken: list[str] = []
    for number in range(400):
        answer = cloud.post(*(down(f"gone-{number}-{one}" + "x" * 180) for one in range(50)))
        if answer.status == 503:
            assert refused(answer)
            return taken
        assert answer.status == 202, answer.text
        taken.extend(fault["id"] for fault in answer.json["faults"])
    pytest.fail("the disk was never full")


def recovered(cloud: Cloud, hooks: Hooks, taken: list[str]) -> None:
    """Check that everything taken is there and that the path works, also after kill -9."""
    server = cloud.server
    wait_for(lambda: cloud.post(down(cloud.host())).status == 202, "posts are taken again")
    hooks.wait_count(4)
    for kill in (False, True):
        if kill:
            server.kill9()
            server.start()
        for fault in {*taken[:3], *taken[-3:]}:
            assert server.call("GET", f"/fault/v1/faults/{fault}").status == 200
        count = len(server.get("/fault/v1/faults?state=unmatched&limit=1000")["faults"])
        assert count == min(len(taken), 1000)
    cloud.settled()
    assert len({one.delivery for one in hooks.told}) == 4


def test_a_file_size_limit_answers_503_and_recovers(cloud: Cloud, hooks: Hooks) -> None:
    """Where files may not grow posts answer 503, deliveries go on; nothing taken is lost."""
    assert cloud.server.child is not None
    process = cloud.server.child.process.pid
    limit = grown(cloud.server) + 400_000
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (limit, before[1]))
    taken = fill_up(cloud)
    assert refused(cloud.post(down(cloud.host()), *(down(f"g{n}") for n in range(900))))
    assert cloud.server.get("/fault/v1/hosts")
    resource.prlimit(process, resource.RLIMIT_FSIZE, before)
    recovered(cloud, hooks, taken)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a file system of 6 MB; skip where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("there is no mount command")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", folder],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True, timeout=60)


def test_a_full_disk_answers_503_and_recovers(small_disk: Path, hooks: Hooks) -> None:
    """On a disk that is full posts answer 503; with room again all that was taken is there."""
    server = Server(small_disk, {})
    server.log = small_disk.parent / "server.log"
    server.start()
    try:
        cloud = Cloud(server).fill(servers=4)
        cloud.watch(hooks, 1, 4)
        ballast = small_disk / "ballast"
        free = shutil.disk_usage(small_disk).free
        ballast.write_bytes(b"x" * max(0, free - 600_000))
        taken = fill_up(cloud)
        assert cloud.states() == {"active"}
        ballast.unlink()
        recovered(cloud, hooks, taken)
        cloud.report(up(cloud.host()))
        hooks.wait_count(8)
    finally:
        server.close()
