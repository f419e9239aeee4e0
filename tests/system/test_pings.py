"""os-fping over real kernels: a server process within a namespace, its servers behind a tunnel.

Plain curl as in the seed, both engines, what we add, and silence that is reported (S184-S197).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.children import BINARY
from tests.system.namespaces import TOP, Namespace, address, ip, needs_namespaces
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, needs_namespaces]

FPING = "/compute/v2.1/os-fping"
HOST = "198.19.9.9"
GREEN = "11111111-1111-1111-1111-111111111111"
BLUE = "22222222-2222-2222-2222-222222222222"


def vm(number: int) -> str:
    """Return the id of a server."""
    return f"038ab3ef-88d8-4be4-9587-{number:012x}"


@pytest.fixture
def space() -> Iterator[Namespace]:
    """Give a namespace with hosts behind it."""
    made = Namespace()
    yield made
    made.close()


@pytest.fixture
def server(space: Namespace, tmp_path: Path) -> Iterator[Server]:
    """Give a server process within the namespace that the test can call."""
    link = f"fw{space.name[-4:]}"
    ip("link", "add", link, "type", "veth", "peer", "name", "out0", "netns", space.name)
    # Tests at the same time have networks of their own.
    drawn = int(space.name[-4:], 16)
    base, last = f"198.18.{128 + drawn // 512}", drawn % 64 * 4
    ip("address", "add", f"{base}.{last + 1}/30", "dev", link)
    ip("link", "set", link, "up")
    space.ip("address", "add", f"{base}.{last + 2}/30", "dev", "out0")
    space.ip("link", "set", "out0", "up")
    made = Server(tmp_path, listen=f"{base}.{last + 2}:8779", command=space.within(str(BINARY)))
    _configure(made, engine="icmp")
    try:
        made.start()
        yield made
    finally:
        made.close()
        ip("link", "del", link)


def _configure(server: Server, **liveness: object) -> None:
    common = {"monitor": "m1", "sweep_ms": 500, "instance_silent_sweeps": 2}
    server.configure(
        {
            "server": {"behind_proxy": "true"},
            "liveness": {**common, **liveness},
            "inspector": {"recover": "auto"},
            "compute": {"sweeps_per_minute": 5},
        }
    )


def _fill(server: Server) -> None:
    """Ten servers of two projects on one host; one has its address by a port, one has none."""
    addresses: dict[int, list[str]] = {7: [address(7), "fd77::99"], 9: [], 10: []}
    some = [
        {
            "id": vm(number),
            "name": f"vm{number}",
            "project": "blue" if number == 8 else "green",
            "host": "h1",
            "addresses": addresses.get(number, [address(number)]),
        }
        for number in range(1, 11)
    ]
    document = {
        "projects": [{"id": GREEN, "name": "green"}, {"id": BLUE, "name": "blue"}],
        "hosts": [{"name": "h1", "addresses": [HOST]}],
        "servers": some,
        "ports": [
            {"id": "p9", "project": "green", "server": vm(9), "addresses": [address(9, six=True)]}
        ],
    }
    made = server.call("PUT", "/fault/v1/inventory", document)
    assert made.status == 200, made.text


def _curl(server: Server, query: str = "", *more: str) -> Any:
    """Call os-fping as the seed does, by curl; return the status and the body."""
    token = server.token()
    command = ["curl", "-s", "-m", "30", "--noproxy", "*", "-w", "\n%{http_code}"]
    command += ["-H", f"X-Auth-Token: {token}", *more, f"{server.url}{FPING}{query}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def _states(server: Server, query: str = "?all_tenants=1") -> dict[str, str]:
    status, body = _curl(server, query)
    assert status == 200, body
    return {one["id"]: one["state"] for one in body["servers"]}


def _alive(server: Server, count: int) -> None:
    wait_for(
        lambda: list(_states(server).values()).count("alive") == count, f"{count} servers answer"
    )


def test_the_engines_agree_and_none_is_skipped(space: Namespace) -> None:
    """The contract of engines in a namespace with addresses that are silent, and ones unreachable.

    Our sockets, the program fping, and the fake that tests use.
    """
    space.ip("address", "add", "198.51.100.1/32", "dev", "lo")
    for family, network in (("-4", "198.51.100.0/24"), ("-6", "2001:db8:1::/64")):
        space.ip(family, "route", "add", network, "dev", "hosts0")
    space.tell(cut=["198.51.100.2", "198.51.100.3", "2001:db8:1::2"])
    tests = ("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
    done = subprocess.run(
        space.within(sys.executable, *tests, "tests/contract/test_sweep_engines.py"),
        cwd=TOP,
        env={**os.environ, "FAULTWIRE_MUTE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1], done.stdout


def test_who_answers_is_told_by_both_engines(server: Server, space: Namespace) -> None:
    """The seed's calls by curl, answered by our sockets, then by fping (S184-S196)."""
    _fill(server)
    _alive(server, 9)
    status, body = _curl(server, f"/{vm(1)}")
    assert status == 200
    assert list(body) == ["server"]
    assert list(body["server"])[:3] == ["id", "project_id", "alive"]
    told = body["server"]
    assert (told["id"], told["project_id"], told["alive"]) == (vm(1), GREEN, True)
    assert 0 < told["rtt_ms"] < 500
    space.tell(cut=[address(2), address(7)])
    assert _states(server, f"?all_tenants=1&include={vm(2)},{vm(7)}&fresh=0") == {
        vm(2): "dead",
        vm(7): "alive",
    }
    assert _states(server)[vm(10)] == "unknown"
    assert _curl(server) == (200, {"servers": []})
    many = "?all_tenants=1&exclude=" + ",".join(vm(number) for number in range(2, 1002))
    assert server.get(f"{FPING}{many}")["servers"][0]["id"] == vm(1)
    most = ",".join(vm(number) for number in range(10_000))
    assert [one["id"] for one in server.get(f"{FPING}?include={most}")["servers"]] == []
    named = server.get(f"{FPING}?all_tenants=1&include={most}")["servers"]
    assert len(named) == 10
    too_many = ",".join(vm(number) for number in range(25_000))
    refused = server.call("GET", f"{FPING}?include={too_many}")
    assert refused.status == 400
    assert "At most 20000 ids in query parameter include." in refused.text
    _flag(server)
    _limited(server)
    assert server.stop() == 0
    _configure(server, engine="fping")
    server.start()
    server.forget_tokens()
    _alive(server, 7)
    assert _states(server)[vm(2)] == "dead"


def _flag(server: Server) -> None:
    """Leave one out (S192-S194, D8)."""
    told = ("-X", "PUT", "-H", "Content-Type: application/json", "-d", '{"monitored": false}')
    status, body = _curl(server, f"/vms/{vm(1)}", *told)
    assert status == 200
    assert list(body) == ["vm"]
    vm_told = body["vm"]
    assert list(vm_told)[:4] == ["id", "project_id", "monitored", "alive"]
    assert (vm_told["id"], vm_told["project_id"], vm_told["monitored"]) == (vm(1), GREEN, False)
    assert vm(1) not in _states(server)
    assert _states(server, f"?all_tenants=1&include={vm(1)}") == {vm(1): "alive"}


def _limited(server: Server) -> None:
    """Be refused, with the time to wait; memory still answers, and the command tells by status."""
    replies = [server.call("GET", f"{FPING}?all_tenants=1&fresh=0") for _ in range(6)]
    refused = replies[-1]
    assert refused.status == 429, refused.text
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert list(refused.json) == ["overLimit"]
    ping = [str(BINARY), "ping", "--all-projects"]
    env = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(server.clouds), "OS_CLOUD": "faultwire"}
    done = subprocess.run(ping, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "7 of 9 alive, 1 dead, 1 unknown" in done.stdout
    one = [*ping, "--include", vm(3), "--json"]
    done = subprocess.run(one, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)[0]["alive"]) == (0, True), done.stderr
    both = [*ping, "--include", vm(3), "--exclude", vm(4)]
    assert subprocess.run(both, env=env, capture_output=True, check=False).returncode == 2


def test_silence_of_a_server_is_a_fault_where_that_is_wanted(
    server: Server, space: Namespace
) -> None:
    """Its host is alive: compute.instance.down; it answers again: closed with recover = auto."""
    assert server.stop() == 0
    _configure(server, engine="icmp", raise_instance_down="true")
    server.start()
    _fill(server)
    _alive(server, 9)
    # A regular sweep has heard it too: whom none did is not missed.
    looked: set[str] = set()

    def swept() -> bool:
        looked.add(_curl(server, f"/{vm(3)}")[1]["server"]["checked_at"])
        return len(looked) > 2

    wait_for(swept, "two regular sweeps")
    space.tell(cut=[address(3)])
    (fault,) = wait_for(lambda: _faults(server), "a fault")
    said = fault["evidence"][0]
    assert (said["source"], said["reporter"]) == ("icmp", "m1")
    assert said["details"]["host"] == "h1"
    shown = server.get(f"/compute/v2.1/servers/{vm(3)}")["server"]
    assert shown["status"] == "ERROR"
    space.tell(answer=[address(3)])
    wait_for(lambda: not _faults(server), "the fault is closed")
    shown = server.get(f"/compute/v2.1/servers/{vm(3)}")["server"]
    assert shown["status"] == "ACTIVE"
    # The host and all on it: one fault of the host, none of its servers.
    four = [address(number) for number in range(1, 9)]
    space.tell(cut=[HOST, *four, address(9, six=True), "fd77::99"])
    wait_for(lambda: _faults(server, "compute.host.down"), "the host's fault")
    wait_for(lambda: "alive" not in _states(server).values(), "all are silent")
    assert _faults(server) == []


def _faults(server: Server, kind: str = "compute.instance.down") -> list[dict[str, Any]]:
    found = server.get("/fault/v1/faults?state=open")["faults"]
    return [
        server.get(f"/fault/v1/faults/{one['id']}")["fault"]
        for one in found
        if one["type"] == kind
    ]
