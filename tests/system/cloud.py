"""A small cloud inside a server: hosts, servers, owners, alarms, and what happens to them."""

from typing import Any

from tests.system.hooks import Hooks
from tests.system.served import Reply, Server
from tests.system.waiting import wait_for

TIME = "2026-01-02T03:04:05.678901"


def event(kind: str, **details: object) -> dict[str, Any]:
    """Return an event of a type with its details."""
    return {"time": TIME, "type": kind, "details": details}


def down(host: str) -> dict[str, Any]:
    """Return the event that a host is down."""
    return event("compute.host.down", hostname=host)


def up(host: str) -> dict[str, Any]:
    """Return the event that a host is up."""
    return event("compute.host.up", hostname=host)


class Cloud:
    """What a test put into a server; names begin with `name`, so that several get along."""

    def __init__(self, server: Server, name: str = "c", projects: int = 2) -> None:
        self.server = server
        self.name = name
        self.projects = [f"{name}-project-{number}" for number in range(projects)]
        self.alarms: dict[str, str] = {}

    def host(self, number: int = 1) -> str:
        """Return the name of a host."""
        return f"{self.name}-host-{number}"

    def servers(self, host: int, count: int) -> list[str]:
        """Return the ids of the first servers of a host."""
        return [f"{self.name}-vm-{host}-{number}" for number in range(count)]

    def project_of(self, number: int) -> str:
        """Return the project of the servers of a number."""
        return self.projects[number % len(self.projects)]

    def document(self, hosts: int, servers: int) -> dict[str, Any]:
        """Return an inventory document with so many hosts and servers on each."""
        return {
            "projects": [{"id": one, "name": one} for one in self.projects],
            "hosts": [{"name": self.host(number)} for number in range(1, hosts + 1)],
            "servers": [
                {
                    "id": one,
                    "name": one,
                    "project": self.project_of(number),
                    "host": self.host(host),
                }
                for host in range(1, hosts + 1)
                for number, one in enumerate(self.servers(host, servers))
            ],
        }

    def fill(self, hosts: int = 1, servers: int = 2) -> "Cloud":
        """Add hosts and servers to the inventory."""
        answer = self.server.call("PATCH", "/fault/v1/inventory", self.document(hosts, servers))
        assert answer.status == 200, answer.text
        return self

    def alarm(self, server: str, url: str, number: int = 0, **more: Any) -> str:
        """Create the owner's alarm on a server's error, which clears on active; return its id."""
        body = {
            "name": f"alarm {server}",
            "type": "event",
            "project_id": self.project_of(number),
            "event_rule": {
                "event_type": "compute.instance.update",
                "query": conditions(server, "error"),
                "clear": {"query": conditions(server, "active")},
            },
            "alarm_actions": [url],
            "ok_actions": [url],
            **more,
        }
        answer = self.server.call("POST", "/alarming/v2/alarms", body)
        assert answer.status == 201, answer.text
        self.alarms[server] = answer.json["alarm_id"]
        return self.alarms[server]

    def watch(self, hooks: Hooks, host: int, servers: int) -> None:
        """Give each server of a host an alarm with a webhook of its own path."""
        for number, one in enumerate(self.servers(host, servers)):
            self.alarm(one, hooks.url(f"/{one}"), number)

    def report(self, *events: dict[str, Any]) -> list[str]:
        """Post events that must be taken; return the ids of their faults."""
        answer = self.post(*events)
        assert answer.status == 202, answer.text
        return [fault["id"] for fault in answer.json["faults"]]

    def post(self, *events: dict[str, Any], **more: Any) -> Reply:
        """Post events."""
        return self.server.call("POST", "/fault/v1/events", list(events), **more)

    def faults(self, host: int = 1, state: str = "open") -> list[dict[str, Any]]:
        """Return the faults of a host in a state."""
        path = f"/fault/v1/faults?host={self.host(host)}&state={state}"
        found: list[dict[str, Any]] = self.server.get(path)["faults"]
        return found

    def shown(self, host: int = 1) -> dict[str, Any]:
        """Return a host with its servers."""
        found: dict[str, Any] = self.server.get(f"/fault/v1/hosts/{self.host(host)}")["host"]
        return found

    def states(self, host: int = 1) -> set[str]:
        """Return the states that the servers of a host have."""
        return {one["vm_state"] for one in self.shown(host)["servers"]}

    def deliveries(self, state: str = "") -> list[dict[str, Any]]:
        """Return the newest deliveries of all projects."""
        more = f"&state={state}" if state else ""
        path = f"/alarming/v2/deliveries?all_projects=true&limit=1000{more}"
        found: list[dict[str, Any]] = self.server.get(path)["deliveries"]
        return found

    def settled(self) -> None:
        """Return once no delivery is owed any more."""
        wait_for(lambda: not self.deliveries("pending"), "every delivery is settled")


def conditions(server: str, state: str) -> list[dict[str, str]]:
    """Return the query of an alarm on a server's state."""
    return [
        {"field": "traits.instance_id", "op": "eq", "type": "string", "value": server},
        {"field": "traits.state", "op": "eq", "type": "string", "value": state},
    ]
