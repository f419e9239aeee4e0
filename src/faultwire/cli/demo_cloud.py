"""The demo's cloud: hosts, servers of several owners, an alarm for each, and its questions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from faultwire.client import Session
from faultwire.domain.ids import derived

PROJECTS = 5
_NS_PER_US = 1_000


def host_name(number: int) -> str:
    """Return the name of the demo's n-th host, from 1."""
    return f"compute-{number}"


@dataclass(frozen=True, slots=True)
class Received:
    """One webhook as the consumer recorded it; `at_ns` is the consumer's own wall clock."""

    delivery: str
    alarm_id: str
    alarm_name: str
    current: str
    at_ns: int

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Received":
        """Read one record of ``GET /received``."""
        alarm = record["alarm"]
        moment = datetime.fromisoformat(record["received_at"])
        at_ns = int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * _NS_PER_US
        return cls(
            record["delivery_id"],
            alarm["alarm_id"],
            alarm["alarm_name"],
            alarm["current"],
            at_ns,
        )


@dataclass(slots=True)
class Cloud:
    """What the demo put into the server; `alarms` maps a server's id to its alarm's."""

    session: Session
    hosts: int
    servers_per_host: int
    alarms: dict[str, str] = field(default_factory=dict)

    def servers_of(self, host: int) -> list[str]:
        """Return the ids of a host's servers."""
        return [derived("demo", host, number) for number in range(1, self.servers_per_host + 1)]

    def fill(self, address: Callable[[int], str] | None = None) -> None:
        """Import the inventory: hosts, servers, and the projects that own them in turn.

        Hosts have the addresses that `address` gives them, or none.
        """
        names = [f"tenant-{number}" for number in range(1, PROJECTS + 1)]
        document = {
            "projects": [{"id": derived("demo", name), "name": name} for name in names],
            "hosts": [
                {"name": host_name(host), "addresses": [address(host)] if address else []}
                for host in range(1, self.hosts + 1)
            ],
            "servers": [
                {
                    "id": server,
                    "name": f"vm-{host}-{number}",
                    "project": derived("demo", names[number % PROJECTS]),
                    "host": host_name(host),
                    "status": "ACTIVE",
                }
                for host in range(1, self.hosts + 1)
                for number, server in enumerate(self.servers_of(host), 1)
            ],
        }
        self.session.request("PATCH", "fault", "/v1/inventory", body=document)

    def watch(self, url: str) -> None:
        """Give each server's owner an event alarm on ``error`` that clears on ``active``."""
        document = self.session.get("fault", "/v1/inventory")
        for server in document["servers"]:
            mine = {"field": "traits.instance_id", "op": "eq", "value": server["id"]}
            alarm = {
                "name": f"alarm {server['name']}",
                "type": "event",
                "project_id": server["project"],
                "severity": "critical",
                "event_rule": {
                    "event_type": "compute.instance.update",
                    "query": [{**mine, "type": "string"}, _state("error")],
                    "clear": {"query": [{**mine, "type": "string"}, _state("active")]},
                },
                "alarm_actions": [f"{url}/{server['project']}"],
                "ok_actions": [f"{url}/{server['project']}"],
            }
            answer = self.session.request("POST", "alarming", "/v2/alarms", body=alarm)
            self.alarms[server["id"]] = answer["alarm_id"]

    def secrets(self) -> list[str]:
        """Return the signing secrets of every owner, for the one consumer that serves them."""
        document = self.session.get("fault", "/v1/inventory")
        found = []
        for project in document["projects"]:
            if project["name"].startswith("tenant-"):
                answer = self.session.get(
                    "alarming", "/v2/webhook-secret", {"project_id": project["id"]}
                )
                found += [one["secret"] for one in answer["secrets"]]
        return found

    def host(self, number: int) -> dict[str, Any]:
        """Return a host with its servers, as the administrator sees it."""
        answer: dict[str, Any] = self.session.get("fault", f"/v1/hosts/{host_name(number)}")
        return answer["host"]  # type: ignore[no-any-return]

    def probed(self, number: int) -> bool:
        """Return whether a monitor has heard of a host."""
        return bool(self.host(number)["monitored"])

    def fault_of(self, number: int) -> dict[str, Any] | None:
        """Return the host's open fault, if there is one."""
        answer = self.session.get(
            "fault", "/v1/faults", {"host": host_name(number), "state": "open"}
        )
        found: list[dict[str, Any]] = answer["faults"]
        return next((f for f in found if f["type"] == "compute.host.down"), None)

    def report(self, kind: str, number: int) -> None:
        """Post an event of a kind about a host."""
        event = {
            "time": datetime.now().astimezone().isoformat(),
            "type": kind,
            "details": {"hostname": host_name(number), "source": "demo"},
        }
        self.session.request("POST", "fault", "/v1/events", body=[event])


def _state(value: str) -> dict[str, str]:
    return {"field": "traits.state", "op": "eq", "type": "string", "value": value}


def in_order(records: Iterable[Received], current: str) -> list[Received]:
    """Return the webhooks that say `current`, by time of receipt."""
    return sorted((r for r in records if r.current == current), key=lambda r: r.at_ns)
