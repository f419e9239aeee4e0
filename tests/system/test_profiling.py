"""The profiler within a real server: its switch, its log, its figures and its budgets."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from faultwire_profiler import CHECKPOINTS
from faultwire_profiler.command import profile
from tests.system.children import Child
from tests.system.cloud import Cloud, down, up
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server, call
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow]

SERVERS = 4
KNOWN = {point.key for point in CHECKPOINTS} - {"T00"}
Consumer = Callable[[Cloud], str]


@pytest.fixture
def consumer(tmp_path: Path) -> Iterator[Consumer]:
    """Give a function that starts the consumer of a cloud's owners and returns its URL."""
    children: list[Child] = []

    def start(cloud: Cloud) -> str:
        secrets = tmp_path / "secrets"
        secrets.touch(mode=0o600)
        log = tmp_path / "consumer.log"
        arguments = ("consumer", "--listen", "127.0.0.1:0", "--secret-file", secrets)
        children.append(Child(log, *arguments))
        url = children[0].line("listening on ")
        for number, one in enumerate(cloud.servers(1, SERVERS)):
            cloud.alarm(one, f"{url}/{one}", number)
        lines = []
        for project in cloud.projects:
            path = f"/alarming/v2/webhook-secret?project_id={project}"
            lines += [f"{one['secret']}\n" for one in cloud.server.get(path)["secrets"]]
        secrets.write_text("".join(lines))
        return url

    yield start
    for child in children:
        child.stop()


def told(url: str) -> list[int]:
    """When the consumer received its alarms, in microseconds since the epoch."""
    found = call(f"{url}/received").json["received"]
    times = [datetime.fromisoformat(one["received_at"]) for one in found]
    return sorted(int(at.timestamp()) * 1_000_000 + at.microsecond for at in times)


def from_log(server: Server, folder: Path) -> dict[str, Any]:
    """The only run that a server's log tells of, as the command has it."""
    path = folder / "faultwire.log"
    shutil.copy(server.log, path)
    result = CliRunner().invoke(profile, ["--format", "json", str(path)])
    assert result.exit_code == 0, result.output
    (run,) = json.loads(result.stdout)["runs"]
    found: dict[str, Any] = run
    return found


def points(shown: dict[str, Any]) -> dict[str, tuple[int, int, int, bool]]:
    """Count, first and last microsecond of every checkpoint that a profile knows, and bounds."""
    return {
        key: (
            one["count"],
            one["first_wall_ns"] // 1000,
            one["last_wall_ns"] // 1000,
            one["upper_bound"],
        )
        for key, one in shown["checkpoints"].items()
        if one
    }


@pytest.mark.parametrize("enabled", [True, False], ids=["trace points on", "trace points off"])
def test_the_log_alone_gives_the_profile(
    *, serve: Serve, consumer: Consumer, tmp_path: Path, enabled: bool
) -> None:
    """S53, S54: the profile from the log is that from the trace points, to the microsecond.

    With the probe switched off the server knows no timeline; its log does, and what it says of
    the consumer is what the consumer itself wrote down.
    """
    config = {"server": {"log_level": "DEBUG"}, "profiler": {"enabled": enabled}}
    server = serve(config)
    cloud = Cloud(server).fill(servers=SERVERS)
    url = consumer(cloud)
    (fault,) = cloud.report(down(cloud.host()))
    wait_for(lambda: len(told(url)) == SERVERS, "every owner is told")
    cloud.settled()
    wait_for(lambda: "checkpoint T10 of" in server.log.read_text(), "the last one is logged")
    logged = from_log(server, tmp_path)
    assert logged["id"] == fault
    found = points(logged["profile"])
    assert set(found) == KNOWN
    assert {key: count for key, (count, *_) in found.items() if key > "T03"} == dict.fromkeys(
        KNOWN - {"T01", "T02", "T03"}, SERVERS
    )
    received = told(url)
    assert found["T09"][1:] == (received[0], received[-1], False)
    timeline = server.get(f"/fault/v1/faults/{fault}/timeline")["timeline"]
    assert timeline["gaps"] == (["T00"] if enabled else [one.key for one in CHECKPOINTS])
    if enabled:
        wait_for(lambda: server.get("/fault/v1/latency")["latency"]["faults"], "the figures")
        assert points(timeline) == found
        assert logged["profile"]["law"]["verdict"] == timeline["law"]["verdict"] == "met"
        within = pytest.approx(timeline["law"]["ms"], abs=0.002)
        assert logged["profile"]["law"]["ms"] == within
        shares = [one["component"] for one in logged["profile"]["components"]]
        assert sorted(shares) == sorted(one["component"] for one in timeline["components"])
    else:
        assert server.get("/fault/v1/latency")["latency"]["faults"] == 0


def test_an_exceeded_budget_is_told_once(serve: Serve, hooks: Hooks) -> None:
    """A span over its budget is one event for administrators, a gauge, a word in the figures."""
    budgets = "law=0.001,delivery=900000"
    server = serve({"profiler": {"budgets": budgets}})
    cloud = Cloud(server).fill(servers=1)
    alarm = {
        "name": "slow",
        "type": "event",
        "project_id": "",
        "repeat_actions": True,
        "event_rule": {"event_type": "faultwire.latency.budget"},
        "alarm_actions": [hooks.url("/slow")],
    }
    assert server.call("POST", "/alarming/v2/alarms", alarm).status == 201
    (vm,) = cloud.servers(1, 1)
    cloud.alarm(vm, hooks.url("/owner"))
    exceeded = 'faultwire_latency_budget_exceeded{span="law"} 1.0'
    assert exceeded not in call(f"{server.url}/metrics").text
    for _ in range(2):
        cloud.report(down(cloud.host()))
        cloud.settled()
        cloud.report(up(cloud.host()))
        wait_for(lambda: exceeded in call(f"{server.url}/metrics").text, "the gauge")
    hooks.quiet()
    (slow,) = [one.alarm for one in hooks.told if one.path == "/slow"]
    traits = {name: value for name, _, value in slow["reason_data"]["event"]["traits"]}
    assert (traits["span"], traits["budget"]) == ("law", 0.001)
    assert traits["observed"] > 0.001
    page = call(f"{server.url}/metrics").text
    assert 'faultwire_latency_budgets_total{span="law"} 1.0' in page
    assert 'faultwire_latency_budget_exceeded{span="delivery"} 0.0' in page
    assert 'faultwire_latency_seconds{figure="p99",span="law"}' in page
    latency = server.get("/fault/v1/latency")["latency"]
    assert (latency["faults"], latency["over_budget"]) == (2, ["law"])
    assert {"p50", "p95", "p99", "max"} <= set(latency["figures"][0])
