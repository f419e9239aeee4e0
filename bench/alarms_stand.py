"""A server with alarms of one project in its database, and what a bench does to it."""

import json
import os
import time
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from bench.chain import _Child
from bench.world import World, project_id
from faultwire.client import Session
from faultwire.domain.ids import derived

EVENT = "compute.instance.update"
PROJECT = project_id(0)
_numbers = count()


def event(project: str, instance: str) -> dict[str, Any]:
    """Return an event in Aodh's form."""
    traits = (("instance_id", instance), ("state", "error"), ("project_id", project))
    return {
        "message_id": derived("event", next(_numbers)),
        "event_type": EVENT,
        "generated": "2026-01-01T00:00:00.000000",
        "traits": [[name, 1, value] for name, value in traits],
    }


class Stand:
    """A server in a folder of its own."""

    def __init__(self, folder: Path, module: str = "faultwire.cli") -> None:
        self.folder = folder
        began = time.monotonic()
        where = ("--state-dir", str(folder), "--listen", "127.0.0.1:0")
        self.server = _Child(module, "serve", *where)
        self.ready = time.monotonic()
        self.start_up = self.ready - began
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(folder / "clouds.yaml")
        self.token = Session("faultwire").token()

    def project(self, name: str) -> str:
        """Make a project; return its id."""
        made = self._call("POST", "/identity/v3/projects", {"project": {"name": name}})
        return str(made["project"]["id"])

    def alarm(self, project: str, instance: str, url: str) -> str:
        """Create an alarm that fires at each event of an instance; return its path."""
        values = (("traits.instance_id", instance), ("traits.state", "error"))
        body = {
            "name": f"alarm of {instance}",
            "type": "event",
            "project_id": project,
            "repeat_actions": True,
            "event_rule": {
                "event_type": EVENT,
                "query": [
                    {"field": field, "op": "eq", "type": "string", "value": value}
                    for field, value in values
                ],
            },
            "alarm_actions": [url],
        }
        return f"/alarming/v2/alarms/{self._call('POST', '/alarming/v2/alarms', body)['alarm_id']}"

    def create_ms(self, project: str, url: str) -> float:
        """Return how long creating one alarm takes; it is gone again when this returns."""
        began = time.monotonic_ns()
        path = self.alarm(project, f"created {next(_numbers)}", url)
        took = (time.monotonic_ns() - began) / 1e6
        self.server.call("DELETE", path, b"", self.token)
        return took

    def publish(self, events: bytes) -> None:
        """Post events, encoded beforehand."""
        self.server.call("POST", "/alarming/v2/events", events, self.token)

    def _call(self, method: str, path: str, body: object) -> Any:
        return json.loads(self.server.call(method, path, json.dumps(body).encode(), self.token))

    def stop(self) -> None:
        """End it."""
        self.server.stop()


def standing(folder: Path, alarms: int, module: str = "faultwire.cli") -> Stand:
    """Start a server whose project `PROJECT` has so many alarms, written by SQL."""
    World(max(1, alarms), 1, alarms=alarms > 0, instances=False).write(folder)
    return Stand(folder, module)


def arrived(receiver: _Child, wanted: int) -> list[int]:
    """Return when so many webhooks came, in monotonic nanoseconds; RuntimeError if they fail."""
    times: list[int] = json.loads(receiver.call("GET", f"/times?count={wanted}"))
    if len(times) < wanted:
        message = f"{len(times)} of {wanted} webhooks arrived"
        raise RuntimeError(message)
    return times


def timed(stand: Stand, receiver: _Child, events: Iterable[dict[str, Any]]) -> list[float]:
    """Publish events in one request; return the ms of each of their webhooks, sorted."""
    listed = list(events)
    body = json.dumps(listed).encode()
    began = time.monotonic_ns()
    stand.publish(body)
    return sorted((at - began) / 1e6 for at in arrived(receiver, len(listed)))
