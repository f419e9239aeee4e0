"""An alert of Alertmanager to the owner's webhook, against the posted event in the same run.

A host dies, once told by an event and once by Alertmanager's body, in turns, on one server and by
one connection each. Measured is the time from the request to the last owner's webhook.
"""

import http.client
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.chain import _Child, _event
from bench.cloud import HOST, Cloud
from faultwire.client import Session

LIMIT = 1.2
REST_SECONDS = 0.02
MAPPING = """\
alerts:
  - matchers: [alertname=~"Watchdog|Info.*"]
    ignore: true
  - matchers: [alertname="NodeDown", severity="critical"]
    type: compute.host.down
    host: "{instance|host}"
"""


@dataclass(frozen=True, slots=True)
class Size:
    """Servers on the host, and how often it dies each way."""

    servers: int
    samples: int


FULL = (Size(1, 60), Size(50, 20))
SMOKE = (Size(2, 2),)


def run(*, smoke: bool = False) -> list[dict[str, Any]]:
    """Return the figures, each size on a server of its own."""
    return [_measured(size, smoke=smoke) for size in (SMOKE if smoke else FULL)]


def _measured(size: Size, *, smoke: bool) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-")))
        (folder / "alerts.yaml").write_text(MAPPING)
        config = folder / "faultwire.conf"
        # The same host dies over and over here: that is no flap.
        options = f"[alertmanager]\nmapping = {folder}/alerts.yaml\n"
        config.write_text(f"{options}[guards]\nflap_acts = 0\nstorm_hosts = 0\n")
        receiver = _Child("bench.receiver")
        stack.callback(receiver.stop)
        ours = _Child(
            "faultwire.cli", "serve", "--state-dir", f"{folder}/state", "--listen", "127.0.0.1:0",
            "--config", str(config),
        )  # fmt: skip
        stack.callback(ours.stop)
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(folder / "state" / "clouds.yaml")
        session = Session("faultwire")
        cloud = Cloud(size.servers, receiver.url)
        session.request("PUT", "fault", "/v1/inventory", body=cloud.inventory())
        for body in cloud.alarm_bodies():
            raw = json.dumps(body).encode()
            ours.call("POST", "/alarming/v2/alarms", raw, session.token())
        drawn = session.request("POST", "fault", "/v1/sources/bench/enrol")["credential"]
        ways = {
            "floor": ("/fault/v1/events", {"X-Auth-Token": session.token()}, _event),
            "ours": (
                "/fault/v1/alertmanager",
                {"Authorization": f"Bearer {drawn['bearer']}"},
                _alert,
            ),
        }
        return _figures(size, _times(size, ours, receiver, ways), smoke=smoke)


def _times(
    size: Size, ours: _Child, receiver: _Child, ways: dict[str, Any]
) -> dict[str, list[float]]:
    lines = {
        name: http.client.HTTPConnection(ours.url.removeprefix("http://"), timeout=60)
        for name in ways
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(size.samples + 2):
        for name, (path, headers, body) in ways.items():
            began = time.monotonic_ns()
            _post(lines[name], path, headers, body("down"))
            arrived = json.loads(receiver.call("GET", f"/times?count={size.servers}"))
            # The first two rounds warm both ways up.
            if turn > 1:
                times[name].append((max(arrived) - began) / 1e6)
            _post(lines[name], path, headers, body("up"))
            time.sleep(REST_SECONDS)
    return times


def _post(
    line: http.client.HTTPConnection, path: str, headers: dict[str, str], body: bytes
) -> None:
    line.request("POST", path, body, {"Content-Type": "application/json", **headers})
    answer = line.getresponse()
    content = answer.read()
    if answer.status >= 400:
        message = f"{path}: {answer.status} {content[:300]!r}"
        raise RuntimeError(message)


def _alert(status: str) -> bytes:
    alert = {
        "status": "firing" if status == "down" else "resolved",
        "labels": {
            "alertname": "NodeDown",
            "severity": "critical",
            "instance": f"{HOST}:9100",
            "job": "node",
        },
        "annotations": {"summary": "the node does not answer", "runbook_url": "https://r/"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": "5f2e1d0c9b8a7766",
    }
    body = {
        "version": "4",
        "groupKey": '{}:{alertname="NodeDown"}',
        "truncatedAlerts": 0,
        "status": alert["status"],
        "receiver": "faultwire",
        "groupLabels": {"alertname": "NodeDown"},
        "commonLabels": alert["labels"],
        "commonAnnotations": alert["annotations"],
        "externalURL": "http://alertmanager:9093",
        "alerts": [alert],
    }
    return json.dumps(body).encode()


def _figures(size: Size, times: dict[str, list[float]], *, smoke: bool) -> dict[str, Any]:
    medians = {name: {"last": statistics.median(found)} for name, found in times.items()}
    ratio = medians["ours"]["last"] / medians["floor"]["last"]
    return {
        "case": f"alert against posted event, {size.servers} owners",
        "samples": size.samples,
        "ms": medians,
        "ratio": {"last": ratio},
        "limits": {} if smoke else {"last": LIMIT},
        "met": smoke or ratio <= LIMIT,
    }
