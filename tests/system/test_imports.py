"""Large imports against a real server: killed, stopped, and others served meanwhile."""

import random
import sqlite3
import threading
from typing import Any

import pytest
import requests

from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow]

HOSTS, ON_EACH = 120, 50
ALL = HOSTS * ON_EACH


def document(round_: int) -> dict[str, Any]:
    """Return a large cloud; another name for every server each time."""
    return {
        "projects": [{"id": "green", "name": "green"}],
        "hosts": [{"name": f"h{number}"} for number in range(HOSTS)],
        "servers": [
            {
                "id": f"vm-{number}-{n}",
                "name": f"round-{round_}",
                "project": "green",
                "host": f"h{number}",
            }
            for number in range(HOSTS)
            for n in range(ON_EACH)
        ],
    }


def put(server: Server, round_: int) -> threading.Thread:
    """Start an import whose answer may never come."""

    def ask() -> None:
        try:
            server.call("PUT", "/fault/v1/inventory", document(round_), timeout=60)
        except requests.RequestException:
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return thread


def under_way(server: Server) -> int:
    """Return how many rows of texts and promises the database has."""
    path = server.state_dir / "faultwire.sqlite"
    with sqlite3.connect(path, timeout=10) as connection:
        found: int = connection.execute("SELECT COUNT(*) FROM imports").fetchone()[0]
    connection.close()
    return found


def rounds(server: Server) -> set[str]:
    """Return the names that servers have, all of them or none."""
    shown = server.get("/fault/v1/inventory", timeout=30)["servers"]
    assert len(shown) in {0, ALL}
    return {one["name"] for one in shown}


@pytest.mark.parametrize("number", [1, 2])
def test_killed_in_the_middle_it_is_done_or_not_begun(server: Server, number: int) -> None:
    """After each kill: the new document whole or the old one whole, never something of both."""
    chance = random.Random(f"import {number}")
    standing: set[str] = set()
    for round_ in range(4):
        thread = put(server, round_)
        wanted = chance.choice(("text", "parts"))
        if wanted == "text":
            threading.Event().wait(chance.uniform(0.2, 1.2))
        else:
            wait_for(lambda: under_way(server), "a promise")
            threading.Event().wait(chance.uniform(0, 0.3))
        server.kill9()
        thread.join()
        server.start()
        wait_for(lambda: not under_way(server), "nothing is under way")
        found = rounds(server)
        assert found in (standing, {f"round-{round_}"})
        standing = found


def test_stopped_in_the_middle_it_goes_on(server: Server) -> None:
    """A stop does not wait for the whole; the next start does the rest."""
    thread = put(server, 1)
    wait_for(lambda: under_way(server), "a promise")
    server.restart()
    thread.join()
    wait_for(lambda: not under_way(server), "nothing is under way")
    assert rounds(server) in (set(), {"round-1"})


def test_a_fault_does_not_wait_for_an_import(server: Server) -> None:
    """A host that died while a document is taken is known before all of it is."""
    thread = put(server, 1)
    wait_for(lambda: under_way(server), "a promise")
    event = {
        "time": "2026-01-01T00:00:00Z",
        "type": "compute.host.down",
        "details": {"hostname": f"h{HOSTS - 1}"},
    }
    answer = server.call("POST", "/fault/v1/events", [event])
    assert answer.status == 202
    fault = answer.json["faults"][0]["id"]
    thread.join()

    def states() -> set[str]:
        shown = server.get(f"/fault/v1/hosts/h{HOSTS - 1}")["host"]
        return {one["vm_state"] for one in shown["servers"]}

    # Whether the host was there yet or not: in the end all of its servers are affected.
    wait_for(lambda: states() == {"error"}, "all servers are affected")
    assert server.get(f"/fault/v1/faults/{fault}")["fault"]["state"] == "open"
