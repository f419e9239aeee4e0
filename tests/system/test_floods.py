"""Floods: agents without credentials, heads that never end, readers that do not read."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.processes import Lines
from bench.stampede import memory
from tests.system.cloud import Cloud, event
from tests.system.served import Server, call
from tests.system.test_isolation import enrolled, metric
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

CONNECTIONS = 2000
VALID = 200
STANDING = 20
MORE_MB = 150.0
"""Memory that a flood may take at most; without bounds each of these takes several times that."""


def pid(server: Server) -> int:
    """Return the process of a server."""
    assert server.child is not None
    return server.child.process.pid


def refused(server: Server, reason: str) -> float:
    """Return how many connections were refused or cut for a reason."""
    return metric(server, f'faultwire_connections_refused_total{{reason="{reason}"}}')


def address(server: Server) -> tuple[str, int]:
    """Return where a server listens."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    return host, int(port)


@contextlib.contextmanager
def dialled(server: Server, count: int, says: bytes, room: int = 0) -> Iterator[None]:
    """Hold so many connections that said something; `room`: bytes that each takes at most."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            sock = stack.enter_context(socket.socket())
            if room:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            sock.connect(address(server))
            sock.settimeout(2)
            # Whoever is turned away may find the connection closed.
            with contextlib.suppress(OSError):
                sock.sendall(says)
        yield


def test_a_stampede_of_agents_hurts_nobody_who_is_known(server: Server) -> None:
    """Known agents keep their sessions, valid ones get in, no host falls, memory is bounded."""
    fleet = Lines("bench.agents", server.url)
    herd = Lines("bench.stampede", "--against", server.url, "--connections", str(CONNECTIONS))
    try:
        fleet.say(*enrolled(server, [f"standing-{n}" for n in range(STANDING)]), "")
        assert fleet.line() == f"connected {STANDING}"
        known = enrolled(server, [f"agent-{n}" for n in range(VALID)])
        before = memory(pid(server))
        herd.say(*known, "")
        assert call(f"{server.url}/healthcheck").text == "OK"
        found: dict[str, Any] = orjson.loads(herd.line())
        hosts = server.get("/fault/v1/hosts")["hosts"]
        assert fleet.finish().strip() == "[]"
    finally:
        for one in (herd, fleet):
            one.kill()
    assert found["outcomes"]["valid: welcome"] == VALID
    assert "invalid: welcome" not in found["outcomes"]
    assert found["valid_lost"] == 0
    assert [host["name"] for host in hosts if host["forced_down"]] == []
    assert memory(pid(server), peak=True) - before < MORE_MB
    assert refused(server, "source") + refused(server, "strangers") > 0


def test_heads_that_never_end_hold_nobody_up(serve: Any) -> None:
    """Connections that stop in the middle of a head are cut; others are served meanwhile."""
    server = serve({"server": {"head_seconds": 1, "connections_unproven": 40, "connections": 100}})
    half = b"GET /healthcheck HTTP/1.1\r\nHost: x\r\nX-Slow: "

    def served() -> bool:
        with contextlib.suppress(OSError):
            return call(f"{server.url}/healthcheck").text == "OK"
        return False

    with dialled(server, 200, half):
        wait_for(served, "a healthcheck among slow clients")
        wait_for(lambda: refused(server, "head") >= 40, "the slow ones are cut")
        assert refused(server, "source") > 0
    # The one that asks, and the gauge is of that moment.
    wait_for(lambda: metric(server, "faultwire_connections") <= 2, "all are gone")


def test_bodies_that_never_end_are_cut(serve: Any) -> None:
    """A body that stops coming holds neither a connection nor a worker for long."""
    server = serve({"server": {"body_seconds": 1}})
    head = (
        "POST /fault/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
        f"X-Auth-Token: {server.token()}\r\n\r\n["
    ).encode()
    with dialled(server, 50, head):
        wait_for(lambda: refused(server, "body") >= 50, "bodies that stopped are cut")
    assert Cloud(server).fill().report(event("compute.host.down", hostname="c-host-1"))


def test_readers_of_faults_that_do_not_read_are_cut(serve: Any) -> None:
    """Pages that nobody takes hold bounded memory for a bounded time; others read on."""
    server = serve({"server": {"reader_seconds": 1}})
    kind = "compute.host.nic.error"
    for part in range(4):
        events = [
            event(kind, hostname=f"nowhere-{part}-{number}", interface="e" * 200)
            for number in range(250)
        ]
        answer = server.call("POST", "/fault/v1/events", events)
        assert answer.status == 202, answer.text
    before = memory(pid(server))
    ask = f"GET /fault/v1/faults?limit=1000 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {server.token()}"
    with dialled(server, 30, f"{ask}\r\n\r\n".encode() * 40, room=4096):
        wait_for(lambda: refused(server, "reader") >= 30, "readers that do not read are cut")
        began = time.monotonic()
        assert len(server.get("/fault/v1/faults?limit=1000")["faults"]) == 1000
        assert time.monotonic() - began < 30
    assert memory(pid(server), peak=True) - before < MORE_MB


def test_the_limit_of_files_is_raised_and_said(server: Server) -> None:
    """The log names how many connections are taken and how many files may be open."""
    assert server.child is not None
    limits = Path(f"/proc/{pid(server)}/limits").read_text()
    soft, hard = next(
        line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")
    )
    assert soft == hard
    assert f"(the process may open {hard} files)" in server.child.output
