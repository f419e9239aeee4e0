"""Hosts are fenced by real servers through the emulator of BMCs; what is refused until then."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.bmcs import PASSWORD, Emulator
from tests.system.certificates import self_signed
from tests.system.cloud import Cloud, down
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

FENCING = {"fencing": {"driver": "redfish", "deadline_seconds": 20, "retry_seconds": 0.2}}
QUICK_BMC = {"redfish": {"connect_seconds": 1, "read_seconds": 2}}

Bmcs = Callable[..., Emulator]


@pytest.fixture
def bmcs(tmp_path: Path) -> Iterator[Bmcs]:
    """Give what starts emulators."""
    made: list[Emulator] = []

    def start(name: str = "bmc", **more: Any) -> Emulator:
        made.append(Emulator(tmp_path / name, **more))
        return made[-1].start()

    yield start
    for one in made:
        one.stop()


def filled(server: Server, bmc: dict[str, str], hosts: int = 2) -> Cloud:
    """A cloud whose first host has that BMC."""
    cloud = Cloud(server).fill(hosts=hosts)
    answer = server.call(
        "PATCH", "/fault/v1/inventory", {"hosts": [{"name": cloud.host(1), "bmc": bmc}]}
    )
    assert answer.status == 200, answer.text
    return cloud


def fencing(server: Server) -> dict[str, Any]:
    rows = server.get("/fault/v1/fencings")["fencings"]
    return rows[0] if rows else {}


def settled(server: Server, state: str) -> dict[str, Any]:
    wait_for(lambda: fencing(server).get("state") == state, f"fencing is {state}")
    return fencing(server)


def report(server: Server, host: str) -> str:
    answer = server.call("POST", "/fault/v1/events", [down(host)])
    assert answer.status == 202, answer.text
    return str(answer.json["faults"][0]["id"])


def evacuate(server: Server, vm: str, **headers: str) -> Any:
    path = f"/compute/v2.1/servers/{vm}/action"
    at = {"OpenStack-API-Version": "compute 2.94", **headers}
    return server.call("POST", path, {"evacuate": {}}, headers=at)


def record(server: Server, fault: str) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/fault/v1/faults/{fault}")["fault"]
    return found


def test_a_dead_host_is_switched_off_and_then_evacuated(
    serve: Serve, bmcs: Bmcs, hooks: Hooks
) -> None:
    """Owners hear at once; a BMC that says Off late proves it; only then are servers moved (D23).

    The proof is in the fault's record, and a host that is fenced is not fenced again.
    """
    bmc = bmcs(delay=2.0)
    server = serve(FENCING)
    cloud = filled(server, bmc.bmc())
    (vm, *_) = cloud.servers(1, 2)
    cloud.alarm(vm, hooks.url("/owner"))
    fault = report(server, cloud.host(1))
    hooks.wait_count(1)
    refused = evacuate(server, vm)
    assert refused.status == 409, refused.text
    assert cloud.host(1) in refused.text
    assert bmc.power() == "On"
    row = settled(server, "proven")
    assert bmc.power() == "Off"
    assert row["proof"]["power"] == "off"
    shown = record(server, fault)
    (proof,) = (one for one in shown["evidence"] if one["source"] == "redfish")
    assert proof["details"]["proof"] is True
    assert [one["outcome"] for one in shown["decisions"] if one["name"] == "proof"] == ["applied"]
    assert evacuate(server, vm).status == 200
    again = server.call("POST", f"/fault/v1/hosts/{cloud.host(1)}/fence")
    assert (again.status, again.json["fencing"]["state"]) == (202, "proven")
    assert bmc.resets() == 1
    everything = (server.log.read_text() + str(server.get("/fault/v1/inventory"))) + str(row)
    assert PASSWORD not in everything


def test_a_fenced_host_that_returns_is_known_to_have_power(serve: Serve, bmcs: Bmcs) -> None:
    """Unfence switches it on; the proof is none any more, what left must not start there (D17)."""
    bmc = bmcs()
    server = serve(FENCING)
    cloud = filled(server, bmc.bmc())
    (vm, other) = cloud.servers(1, 2)
    host = cloud.host(1)
    report(server, host)
    settled(server, "proven")
    assert evacuate(server, vm).status == 200
    refused = server.call("POST", f"/fault/v1/hosts/{host}/unfence")
    assert refused.status == 409
    assert "host-confirm" in refused.text
    assert server.call("POST", f"/fault/v1/hosts/{host}/confirm").status == 200
    assert server.call("POST", f"/fault/v1/hosts/{host}/unfence").status == 202
    row = settled(server, "returned")
    assert (row["proven"], bmc.power()) == (False, "On")
    assert evacuate(server, other).status == 409
    assert evacuate(server, other, **{"Faultwire-No-Fence": "true"}).status == 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wrong-word"}, "refuses the user name or the password"),
        ({"url": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"system": "nowhere"}, "no such system"),
    ],
    ids=["credentials", "unreachable", "system"],
)
def test_without_proof_owners_are_told_and_nothing_is_moved(
    serve: Serve, bmcs: Bmcs, hooks: Hooks, change: dict[str, str], words: str
) -> None:
    """A BMC that refuses us or is away proves nothing: the record says why, in words."""
    bmc = bmcs()
    server = serve({**QUICK_BMC, "fencing": {**FENCING["fencing"], "deadline_seconds": 2}})
    cloud = filled(server, {**bmc.bmc(), **change})
    (vm, *_) = cloud.servers(1, 2)
    cloud.alarm(vm, hooks.url("/owner"))
    fault = report(server, cloud.host(1))
    hooks.wait_count(1)
    row = settled(server, "failed")
    assert words in row["error"]
    refused = evacuate(server, vm)
    assert refused.status == 409
    assert words in refused.text
    lines = [one for one in record(server, fault)["decisions"] if one["name"] == "proof"]
    assert words in lines[-1]["why"]
    assert lines[-1]["outcome"] == "skipped"
    assert bmc.power() == "On"
    assert "wrong-word" not in server.log.read_text()


def test_a_bad_certificate_is_told_and_can_be_named(
    serve: Serve, bmcs: Bmcs, tmp_path: Path
) -> None:
    """A BMC whose certificate nobody vouches for is not spoken to, until ca_file names it."""
    pair = self_signed(tmp_path)
    bmc = bmcs(tls=pair)
    fencing_ = {**FENCING["fencing"], "deadline_seconds": 2}
    server = serve({"fencing": fencing_})
    cloud = filled(server, bmc.bmc())
    report(server, cloud.host(1))
    row = settled(server, "failed")
    assert "certificate" in row["error"]
    assert "[redfish] ca_file" in row["error"]
    server.configure({"fencing": fencing_, "redfish": {"ca_file": pair[0]}})
    server.restart()
    assert server.call("POST", f"/fault/v1/hosts/{cloud.host(1)}/fence").status == 202
    settled(server, "proven")


def test_what_is_owed_survives_a_kill(serve: Serve, bmcs: Bmcs) -> None:
    """A power-off under way when the server dies is done by the next one, without being asked."""
    bmc = bmcs(delay=60.0)
    server = serve(FENCING)
    cloud = filled(server, bmc.bmc())
    fault = report(server, cloud.host(1))
    wait_for(lambda: bmc.resets() >= 1, "the power-off was asked for")
    server.kill9()
    bmc.stop()
    second = bmcs("later")
    assert second.power() == "On"
    server.start()
    assert fencing(server)["state"] == "wanted"
    answer = server.call(
        "PATCH", "/fault/v1/inventory", {"hosts": [{"name": cloud.host(1), "bmc": second.bmc()}]}
    )
    assert answer.status == 200
    settled(server, "proven")
    assert second.power() == "Off"
    assert record(server, fault)["evidence"][-1]["source"] == "redfish"
