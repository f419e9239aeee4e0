"""The message bus: a notification to its webhook, against a bare bus and our own way in.

`python -m bench.bus [--smoke]`. In turns, in the same run: a notification from publishing to a
bare listener's endpoint (the bus alone), the same event by `POST /alarming/v2/events` to its
webhook (all of the work without a bus), and a notification of `alarm.all` to its webhook. The
last one may cost the first and one and a half times the second. Then a burst of events that move
alarms, with publishing switched on and off: what publishing costs the webhooks.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.alarms_stand import PROJECT, Stand, arrived, event, standing, timed
from bench.chain import ROOT, _Child
from bench.million import show
from faultwire.messaging import transport
from faultwire.messaging.addresses import Broker, broker_of
from faultwire.messaging.settings import Settings
from tests.system.rabbit import Rabbit

TOPIC, EXCHANGE = "alarm.all", "ceilometer"
BUS_SHARE = 1.5
PUBLISHING = 1.5
"""What publishing may cost the webhooks of a burst."""
READY_SECONDS = 30.0

_LISTENER = """
import sys, threading, time
from faultwire.messaging import transport
from faultwire.messaging.addresses import broker_of
from faultwire.messaging.settings import Settings
import oslo_messaging
class Endpoint:
    def sample(self, ctxt, publisher_id, event_type, payload, metadata):
        print(time.monotonic_ns(), flush=True)
opened = transport.notification_transport(broker_of(Settings(sys.argv[1])), "ceilometer")
target = oslo_messaging.Target(topic="floor", exchange="ceilometer")
server = oslo_messaging.get_notification_listener(opened, [target], [Endpoint()])
server.start()
print("ready", flush=True)
threading.Event().wait()
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    samples: int
    bursts: int
    burst: int
    limits: bool


FULL = Size(300, 8, 500, limits=True)
SMOKE = Size(20, 2, 50, limits=False)


class Publisher:
    """Publishes as oslo.messaging's notifier does, and waits for the broker's word."""

    def __init__(self, broker: Broker) -> None:
        self._transport = transport.notification_transport(broker, EXCHANGE)
        self._number = 0

    def send(self, topic: str, payload: object) -> int:
        """Return when publishing began, in monotonic nanoseconds."""
        self._number += 1
        message = {
            "message_id": f"bench-{os.getpid()}-{self._number}",
            "publisher_id": "bench",
            "event_type": "event",
            "priority": "SAMPLE",
            "payload": payload,
            "timestamp": "2026-01-01 00:00:00.000000",
        }
        began = time.monotonic_ns()
        target = transport.target(f"{topic}.sample")
        self._transport._send_notification(target, {}, message, version=2.0, retry=0)  # noqa: SLF001
        return began


class Floor:
    """A bare listener in a process of its own."""

    def __init__(self, url: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", _LISTENER, url], stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        )  # fmt: skip
        self.line()

    def line(self) -> str:
        """Return the next line that it prints."""
        if self._child.stdout is None:
            return ""
        return self._child.stdout.readline().strip()

    def stop(self) -> None:
        """End it."""
        self._child.kill()
        self._child.communicate()


def run(*, smoke: bool) -> list[dict[str, Any]]:
    """Return the figures of every case; smoke sizes have no limits."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-")))
        rabbit = Rabbit().start()
        stack.callback(rabbit.close)
        receiver = _Child("bench.receiver")
        stack.callback(receiver.stop)
        url = rabbit.fresh()
        return [
            _one_by_one(size, folder / "in", receiver, url),
            _bursts(size, folder, receiver, rabbit),
        ]


def _one_by_one(size: Size, folder: Path, receiver: _Child, url: str) -> dict[str, Any]:
    broker = broker_of(Settings(url))
    if broker is None:
        raise RuntimeError("no broker")
    publisher = Publisher(broker)
    floor = Floor(url)
    # Makes the exchange that our listener looks for.
    publisher.send("floor", [])
    floor.line()
    stand = _stand(folder, {"OS_DEFAULT__TRANSPORT_URL": url})
    times: dict[str, list[float]] = {"bus": [], "in-process": [], "notification": []}
    try:
        _heard(stand)
        stand.alarm(PROJECT, "mine", f"{receiver.url}/hook")
        for sample in range(size.samples + 10):
            found = {}
            began = publisher.send("floor", [])
            found["bus"] = (int(floor.line()) - began) / 1e6
            (found["in-process"],) = timed(stand, receiver, [event(PROJECT, "mine")])
            time.sleep(0.01)
            began = publisher.send(TOPIC, [event(PROJECT, "mine")])
            (at,) = arrived(receiver, 1)
            found["notification"] = (at - began) / 1e6
            time.sleep(0.01)
            if sample >= 10:
                for name, took in found.items():
                    times[name].append(took)
    finally:
        floor.stop()
        stand.stop()
    medians = {f"{name}, median ms": statistics.median(took) for name, took in times.items()}
    allowed = medians["bus, median ms"] + BUS_SHARE * medians["in-process, median ms"]
    ratio = {"notification to bus + 1.5 in-process": medians["notification, median ms"] / allowed}
    return _result("1 notification to its webhook", {**medians, **ratio}, size, ratio, 1.0)


def _bursts(size: Size, folder: Path, receiver: _Child, rabbit: Rabbit) -> dict[str, Any]:
    vhost = rabbit.vhost()
    names = [f"burst {number}" for number in range(size.burst)]
    stands = {
        "off": _stand(folder / "off", {}),
        "on": _stand(
            folder / "on",
            {
                "OS_DEFAULT__TRANSPORT_URL": rabbit.url(vhost),
                "OS_NOTIFIER__ALSO_PUBLISH": "notifications",
                "OS_LISTENER__ENABLED": "false",
            },
        ),
    }
    times: dict[str, list[float]] = {"off": [], "on": []}
    try:
        for stand in stands.values():
            for name in names:
                stand.alarm(PROJECT, name, f"{receiver.url}/hook")
        for sample in range(size.bursts + 1):
            for which, stand in stands.items():
                took = timed(stand, receiver, [event(PROJECT, name) for name in names])
                if sample:
                    times[which].append(took[-1])
                time.sleep(1.0)
    finally:
        for stand in stands.values():
            stand.stop()
    medians = {f"publishing {name}, last webhook ms": statistics.median(took)
               for name, took in times.items()}  # fmt: skip
    on, off = (medians[f"publishing {name}, last webhook ms"] for name in ("on", "off"))
    ratio = {"publishing on to off": on / off}
    case = f"{size.burst} events that move alarms"
    return _result(case, {**medians, **ratio}, size, ratio, PUBLISHING)


def _stand(folder: Path, environment: dict[str, str]) -> Stand:
    os.environ.update(environment)
    try:
        return standing(folder, 0)
    finally:
        for name in environment:
            del os.environ[name]


def _heard(stand: Stand) -> None:
    """Return once the server listens to the exchange; RuntimeError if it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while b"faultwire_listener_up 1.0" not in stand.server.call("GET", "/metrics"):
        if time.monotonic() > deadline:
            raise RuntimeError("the server hears no notifications")
        time.sleep(0.1)


def _result(
    case: str, figures: dict[str, float], size: Size, ratio: dict[str, float], most: float
) -> dict[str, Any]:
    limits = dict.fromkeys(ratio, most) if size.limits else {}
    met = all(figures[name] <= limit for name, limit in limits.items())
    return {"case": case, "figures": figures, "limits": limits, "met": met}


def main() -> int:
    """Run the bench alone; return 0 if every limit was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few samples, no limits")
    found = run(smoke=parser.parse_args().smoke)
    show(found, Console())
    return 0 if all(one["met"] for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
