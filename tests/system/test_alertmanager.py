"""Debian's Alertmanager tells a real server of faults: mapped, folded, cleared, unmapped."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.alertmanager import Alertmanager
from tests.system.children import run
from tests.system.cloud import Cloud
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

MAPPING = """\
alerts:
  - matchers: [alertname="NodeDown"]
    type: compute.host.down
    host: "{instance|host}"
  - matchers: [alertname=~"Fan.*"]
    type: compute.host.fan.error
    host: "{instance|host}"
"""
PAST = "2026-01-01T00:00:00Z"


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    """Give the file of the mapping."""
    path = tmp_path / "alerts.yaml"
    path.write_text(MAPPING)
    return path


@pytest.fixture
def server(serve: Serve, mapping: Path) -> Server:
    """Give a server with that mapping."""
    return serve({"alertmanager": {"mapping": mapping}})


@pytest.fixture
def sender(
    server: Server, tmp_path: Path, needs_package: Callable[..., str]
) -> Iterator[Alertmanager]:
    """Give an Alertmanager that was enrolled by the command."""
    credential = tmp_path / "credential"
    done = run(
        "source-enroll",
        "prom-1",
        "--out",
        credential,
        "--os-cloud",
        "faultwire",
        env={"OS_CLIENT_CONFIG_FILE": server.clouds},
    )
    assert done.returncode == 0, done.stderr
    assert credential.stat().st_mode & 0o777 == 0o600
    url = f"{server.url}/fault/v1/alertmanager"
    made = Alertmanager(tmp_path / "sender", url, credential, needs_package).start()
    yield made
    made.stop()


def faults(server: Server, state: str = "open") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get(f"/fault/v1/faults?state={state}")["faults"]
    return found


def test_alerts_open_fold_and_clear_faults_and_the_rest_is_kept(
    server: Server, sender: Alertmanager, hooks: Hooks
) -> None:
    """The owner hears of a dead host; re-sends fold; two alerts on one thing end with the last."""
    cloud = Cloud(server).fill(hosts=2)
    (vm, *_) = cloud.servers(1, 2)
    cloud.alarm(vm, hooks.url("/owner"))
    host = {"instance": f"{cloud.host(1)}:9100"}
    fans = [{"alertname": f"Fan{number}", **host} for number in range(2)]
    sender.tell([{"alertname": "NodeDown", **host}, *fans, {"alertname": "Odd", "a": "b"}])
    hooks.wait_count(1)
    (dead,) = (one for one in faults(server) if one["type"] == "compute.host.down")
    assert dead["host"] == cloud.host(1)

    def repeated() -> bool:
        return all(one["repeats"] >= 2 for one in faults(server)) and len(faults(server)) == 2

    wait_for(repeated, "the alerts were sent again, and folded")
    (kept,) = server.get("/fault/v1/alerts/unmapped")["alerts"]
    assert (kept["name"], kept["source"], kept["labels"]["a"]) == ("Odd", "prom-1", "b")
    assert "no row" in kept["why"]
    assert kept["count"] >= 2
    sender.tell([fans[0]], until=PAST)
    sender.tell([{"alertname": "NodeDown", **host}], until=PAST)
    wait_for(lambda: len(faults(server)) == 1, "the dead host's fault is over")
    hooks.wait_count(2)
    (left,) = faults(server)
    shown = server.get(f"/fault/v1/faults/{left['id']}")["fault"]
    assert left["type"] == "compute.host.fan.error"
    wait_for(
        lambda: (
            sorted(
                one["vote"]
                for one in server.get(f"/fault/v1/faults/{left['id']}")["fault"]["evidence"]
            )
            == ["down", "up"]
        ),
        "one of two alerts is over",
    )
    assert {one["source"] for one in shown["evidence"]} == {"alertmanager:prom-1"}
    sender.tell([fans[1]], until=PAST)
    wait_for(lambda: not faults(server), "the last of the alerts is over")


def test_a_mapping_is_read_again_and_a_wrong_one_is_not(server: Server, mapping: Path) -> None:
    """SIGHUP or a change of the file; a mistake is told by line and field, the old one stays."""

    def standing() -> dict[str, Any]:
        found: dict[str, Any] = server.get("/fault/v1/alerts/mapping")["mapping"]
        return found

    assert (standing()["rows"], standing()["error"]) == (2, None)
    mapping.write_text(MAPPING + "  - matchers: [a=b]\n    type: compute.host.no\n    host: x\n")
    wait_for(lambda: standing()["error"], "the mistake is told")
    assert f"{mapping}:9: alerts[2].type" in standing()["error"]
    assert standing()["rows"] == 2
    mapping.write_text(MAPPING + "  - matchers: [a=b]\n    ignore: true\n")
    assert server.child is not None
    server.child.signal(signal.SIGHUP)
    wait_for(lambda: standing()["rows"] == 3, "the file that was put right is in force")
    assert standing()["error"] is None


def test_ten_thousand_alerts_in_one_body(server: Server) -> None:
    """They are taken, none is lost, and meanwhile others are served."""
    Cloud(server).fill(hosts=2)
    drawn = server.call("POST", "/fault/v1/sources/big/enrol").json["credential"]
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "FanDead", "instance": f"host-{number}:9100", "job": "ipmi"},
            "annotations": {"summary": "a fan is dead"},
            "startsAt": PAST,
            "fingerprint": f"{number:016x}",
        }
        for number in range(10_000)
    ]
    answer = server.call(
        "POST",
        "/fault/v1/alertmanager",
        {"version": "4", "status": "firing", "alerts": alerts},
        who="",
        headers={"Authorization": f"Bearer {drawn['bearer']}"},
    )
    assert answer.status == 200, answer.text
    assert answer.json["alerts"]["firing"] == 10_000
    status = server.get("/fault/v1/status")
    assert status
    assert len(server.get("/fault/v1/faults?state=unmatched&limit=1000")["faults"]) == 1000
