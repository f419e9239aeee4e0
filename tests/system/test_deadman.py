"""An installation that dies or stands still is told of by somebody outside."""

import json
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from faultwire.domain import signature
from faultwire.testing import sink
from tests.system.children import Child, run
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server, call
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

SECRET = signature.new_secret(bytes(range(32)))
AFTER = "6"
"""Beats go out every second: a busy machine makes several late before it is over."""


class Watcher:
    """`faultwire deadman` as a process."""

    def __init__(self, folder: Path, hook: str) -> None:
        self.secret = folder / "beat.secret"
        self.secret.write_text(SECRET + "\n")
        arguments = ("--listen", "127.0.0.1:0", "--after", AFTER, "--url", hook)
        self.child = Child(
            folder / "watcher.log", "deadman", *arguments, "--secret-file", self.secret
        )
        self.url = self.child.line("listening on ")

    def beats(self) -> bool:
        """Return whether it has heard the installation, and nothing bad of it."""
        shown = call(f"{self.url}/status").json
        return shown["last_beat_at"] is not None and not shown["silent"]


@pytest.fixture
def watcher(tmp_path: Path, hooks: Hooks) -> Iterator[Watcher]:
    """Give a watcher that tells the hooks."""
    made = Watcher(tmp_path, hooks.url("/page"))
    yield made
    made.child.kill()


def _watched(serve: Serve, watcher: Watcher) -> Server:
    settings = {"url": watcher.url, "interval_seconds": 1, "secret_file": watcher.secret}
    return serve({"deadman": settings})


def _told(hooks: Hooks) -> list[str]:
    return [json.loads(one.body)["current"] for one in hooks.raw]


def _wait_told(hooks: Hooks, wanted: str) -> None:
    """Return once that was told last: a busy machine may have been silent before for a while."""
    wait_for(lambda: _told(hooks)[-1:] == [wanted], f"{wanted} told")


def test_the_death_of_the_installation_is_told_and_its_return(
    serve: Serve, watcher: Watcher, hooks: Hooks
) -> None:
    """SIGKILL of the only server brings a signed webhook, its next start another one."""
    server = _watched(serve, watcher)
    wait_for(watcher.beats, "the first beat")
    server.kill9()
    _wait_told(hooks, "alarm")
    server.start()
    _wait_told(hooks, "ok")
    for one in hooks.raw:
        signature.verify([SECRET], one.headers, one.body, time.time())


def test_an_installation_that_stands_still_is_told_of(
    serve: Serve, watcher: Watcher, hooks: Hooks
) -> None:
    """A process that is there but does not run is as good as dead, and comes back by itself."""
    server = _watched(serve, watcher)
    wait_for(watcher.beats, "the first beat")
    assert server.child is not None
    server.child.signal(signal.SIGSTOP)
    try:
        _wait_told(hooks, "alarm")
    finally:
        server.child.signal(signal.SIGCONT)
    _wait_told(hooks, "ok")


def test_a_webhook_that_was_not_taken_is_repeated(
    serve: Serve, watcher: Watcher, hooks: Hooks
) -> None:
    """Whoever has to be told may be down himself for a while."""
    hooks.on("/page", sink.answer(500))
    server = _watched(serve, watcher)
    wait_for(watcher.beats, "the first beat")
    server.kill9()
    hooks.wait_count(2)
    hooks.well("/page")
    wait_for(lambda: call(f"{watcher.url}/status").json["undelivered"] == 0, "the webhook taken")
    tries = Counter(one.headers["webhook-id"] for one in hooks.raw)
    assert max(tries.values()) >= 2


def test_a_locked_database_silences_the_beat(serve: Serve, watcher: Watcher, hooks: Hooks) -> None:
    """A server that answers but can store nothing does not say that it is well."""
    server = _watched(serve, watcher)
    wait_for(watcher.beats, "the first beat")
    with sqlite3.connect(server.state_dir / "faultwire.sqlite", isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        _wait_told(hooks, "alarm")
        database.execute("ROLLBACK")
    database.close()
    _wait_told(hooks, "ok")


def test_the_command_refuses_what_cannot_be(tmp_path: Path) -> None:
    """A missing secret, an empty one, a foreign scheme and a bad address end with a sentence."""
    empty, good = tmp_path / "empty", tmp_path / "good"
    empty.write_text("")
    good.write_text(SECRET)
    url = ("--url", "http://127.0.0.1:9/")
    for arguments, named in (
        ((*url, "--secret-file", tmp_path / "none"), "none"),
        ((*url, "--secret-file", empty), "holds no secret"),
        (("--url", "x:y", "--secret-file", good), "http://"),
        ((*url, "--secret-file", good, "--listen", "here"), "HOST:PORT"),
        ((*url, "--secret-file", good, "--after", "0"), "after"),
    ):
        done = run("deadman", *arguments)
        assert done.returncode == 2, done.stderr
        assert named in done.stderr
        assert "Traceback" not in done.stderr
