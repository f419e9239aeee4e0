"""The server on PostgreSQL and MariaDB, and copies of the embedded database while it runs."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.cloud import Cloud, down, up
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system


@pytest.fixture(params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    """Give each kind of database server."""
    return str(request.param)


@pytest.fixture
def started(kind: str, databases: Databases, serve: Serve) -> Iterator[Server]:
    """Give a server on a new database of that kind."""
    return serve({"database": {"connection": databases.new(kind)}})


def command(server: Server, *words: object) -> subprocess.CompletedProcess[str]:
    """Run `faultwire db` on the database of a server."""
    where = ["--state-dir", server.state_dir, "--config", server.config]
    return subprocess.run(
        [sys.executable, "-m", "faultwire.cli", "db", *map(str, (words[0], *where, *words[1:]))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_host_dies_on_any_database(started: Server, hooks: Hooks) -> None:
    """Every owner is told of the end and of the return; all of it is there after kill -9."""
    cloud = Cloud(started).fill(servers=30)
    cloud.watch(hooks, 1, 30)
    cloud.report(down(cloud.host()))
    hooks.wait_count(30)
    cloud.settled()
    started.kill9()
    started.start()
    assert cloud.states() == {"error"}
    assert len(cloud.faults()) == 1
    cloud.report(up(cloud.host()))
    hooks.wait_count(60)
    cloud.settled()
    assert len({one.delivery for one in hooks.told}) == 60
    assert not (started.state_dir / "faultwire.sqlite").exists()
    assert "s3cret" not in started.log.read_text()
    told = command(started, "version")
    assert (told.returncode, "***" in told.stdout) == (0, True)


def test_the_database_restarts_under_load(
    kind: str, started: Server, hooks: Hooks, databases: Databases
) -> None:
    """While it is away posts answer 503 or wait; what was answered with 202 is there and told."""
    cloud = Cloud(started).fill(servers=4)
    cloud.watch(hooks, 1, 4)
    taken: list[str] = []
    refused: list[int] = []
    stop = threading.Event()

    def post() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            answer = cloud.post(down(f"unknown-{number}"))
            if answer.status == 202:
                taken.extend(fault["id"] for fault in answer.json["faults"])
            else:
                refused.append(answer.status)

    poster = threading.Thread(target=post)
    poster.start()
    try:
        wait_for(lambda: len(taken) > 3, "posts are taken")
        database = databases.server(kind)
        database.kill()
        wait_for(lambda: refused, "posts are refused")
        database.start()
        count = len(taken)
        wait_for(lambda: len(taken) > count + 3, "posts are taken again")
    finally:
        stop.set()
        poster.join()
    assert set(refused) == {503}
    for fault in taken:
        assert started.call("GET", f"/fault/v1/faults/{fault}").status == 200
    cloud.report(down(cloud.host()))
    hooks.wait_count(4)
    cloud.settled()


def test_a_database_that_is_down_at_start(
    kind: str, started: Server, databases: Databases
) -> None:
    """The start waits for it a while; in vain it ends with one line, without the password."""
    assert started.stop() == 0
    text = started.config.read_text()
    database = databases.server(kind)
    database.kill()
    try:
        started.config.write_text(
            text.replace("[database]", "[database]\nconnect_retry_seconds=1")
        )
        with pytest.raises(AssertionError, match="ended with 1"):
            started.start()
        last = started.log.read_text().splitlines()[-1]
        assert "the database refuses" in last
        assert "s3cret" not in started.log.read_text()
        started.config.write_text(text)
        starting = threading.Thread(target=started.start)
        starting.start()
    finally:
        database.start()
    starting.join()
    assert started.get("/fault/v1/hosts") is not None


@pytest.fixture
def embedded(serve: Callable[..., Server]) -> Server:
    """Give a server with the embedded database."""
    return serve()


def test_a_copy_is_taken_and_put_back(embedded: Server, hooks: Hooks, tmp_path: Path) -> None:
    """During work a copy is taken; with the server stopped it is put back, and the cloud is."""
    cloud = Cloud(embedded).fill(servers=4)
    cloud.watch(hooks, 1, 4)
    copy = tmp_path / "copy.sqlite"
    told = command(embedded, "backup", copy)
    assert told.returncode == 0, told.stderr
    cloud.report(down(cloud.host()))
    hooks.wait_count(4)
    cloud.settled()
    refused = command(embedded, "restore", copy)
    assert refused.returncode == 1
    assert "another server uses the state folder" in refused.stderr
    assert embedded.stop() == 0
    told = command(embedded, "restore", copy)
    assert told.returncode == 0, told.stderr
    embedded.start()
    assert cloud.states() == {"active"}
    assert not cloud.faults()
    cloud.report(down(cloud.host()))
    hooks.wait_count(8)


def test_a_file_that_is_no_database_ends_the_start(embedded: Server) -> None:
    """One line says so, and the file stays as it is."""
    assert embedded.stop() == 0
    file = embedded.state_dir / "faultwire.sqlite"
    file.write_bytes(b"precious" * 1000)
    with pytest.raises(AssertionError, match="ended with 1"):
        embedded.start()
    assert "file is not a database" in embedded.log.read_text().splitlines()[-1]
    assert file.read_bytes() == b"precious" * 1000
