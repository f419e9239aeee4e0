"""A cloud and the Faultwire beside it, as `faultwire verify` asks them: in memory, as one."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from faultwire.client import ClientError
from faultwire_profiler import Instant, Mark, profile, to_json

WALL = 1_800_000_000_000_000_000
STAMP = "2027-01-15T08:00:00.000001+00:00"


@dataclass
class Both:
    """The state of both; `deaf`: Faultwire hears nothing; `vetoed`: a guard refuses.

    `broken` maps ``METHOD /path`` prefixes to what is raised there; `on` is called with every
    request before it is answered.
    """

    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    servers: dict[str, dict[str, Any]] = field(default_factory=dict)
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)
    received: list[dict[str, Any]] = field(default_factory=list)
    flavors: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    broken: dict[str, ClientError] = field(default_factory=dict)
    on: Callable[[str], None] = lambda _: None
    asked: list[str] = field(default_factory=list)
    deaf: bool = False
    vetoed: bool = False
    mapped: bool = True
    late: int = 0
    """How many looks at the map still show servers as being built."""
    builds: str = "ACTIVE"
    asks: list[dict[str, Any]] = field(default_factory=list)
    prefix: str = ""
    """What Faultwire has before the names of hosts."""

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        for name in ("cmp1", "cmp2"):
            self.host(name)
        self.flavors = [
            {"id": "f2", "name": "big", "ram": 512, "vcpus": 1, "disk": 1},
            {"id": "f1", "name": "tiny", "ram": 64, "vcpus": 1, "disk": 1},
        ]
        self.images = [
            {"id": "i0", "name": "huge", "size": 10, "min_ram": 4096, "min_disk": 0},
            {"id": "i1", "name": "small", "size": 20, "min_ram": 0, "min_disk": 0},
        ]

    def host(self, name: str, **more: Any) -> None:
        """Add a host."""
        one = {"id": f"s-{name}", "host": name, "forced_down": False, "status": "enabled"}
        self.hosts[name] = one | {"state": "up"} | more

    def other(self, host: str) -> None:
        """Put somebody else's server on a host."""
        self.servers[f"other-{host}"] = server(f"other-{host}", host, {})

    # ---------------------------------------------------------------- the API of both

    def endpoint(self, service: str) -> str:
        """Return where a service is."""
        return {"image": "http://127.0.0.1:9292/v2"}.get(service, f"http://127.0.0.1:1/{service}")

    def request(
        self,
        method: str,
        service: str,
        path: str,
        *,
        params: Mapping[str, str | int | bool] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Answer."""
        del headers
        url = urlsplit(path)
        query = {key: each[0] for key, each in parse_qs(url.query).items()}
        query |= {key: str(value) for key, value in (params or {}).items()}
        said = f"{method} {service} {url.path}"
        self.asked.append(said)
        self.on(said)
        for prefix, error in self.broken.items():
            if said.startswith(prefix):
                raise error
        kind = "/".join(
            url.path.split("/")[1:3] if service == "fault" else url.path.split("/")[1:2]
        )
        answer = getattr(self, f"_{service}_{method.lower()}_{_word(kind)}")
        return answer(url.path.rsplit("/", 1)[-1], query, body)

    # Nova

    def _compute_get_os_services(self, _last: str, _query: Any, _body: Any) -> Any:
        return {"services": list(self.hosts.values())}

    def _compute_put_os_services(self, last: str, _query: Any, body: Any) -> Any:
        for one in self.hosts.values():
            if one["id"] == last:
                self._force(one["host"], body["forced_down"])
                self._tell(one["host"], "host_status", ("UP", "DOWN")[body["forced_down"]])
        return {"service": {}}

    def _force(self, host: str, down: bool) -> None:
        self.hosts[host] |= {"forced_down": down, "state": ("up", "down")[down]}

    def _compute_get_servers(self, last: str, query: Any, _body: Any) -> Any:
        found = list(self.servers.values())
        if "host" in query:
            found = [one for one in found if one["host"] == query["host"]]
        if last == "detail":
            found = [one for one in found if one["name"].startswith(query["name"][1:])]
        return {"servers": found}

    def _compute_post_servers(self, _last: str, _query: Any, body: Any) -> Any:
        asked = body["server"]
        self.asks.append(asked)
        for _ in range(asked["min_count"]):
            name = f"vm-{next(self._numbers)}"
            made = server(name, asked["host"], asked["metadata"], asked["name"])
            made["status"] = self.builds
            made["fault"] = {"message": "No valid host was found."}
            self.servers[name] = made
        return {"server": {}}

    def _compute_delete_servers(self, last: str, _query: Any, _body: Any) -> None:
        assert self.servers[last]["metadata"], "a server of others is deleted"
        assert not self.hosts[self.servers[last]["host"]]["forced_down"], "its host is down"
        del self.servers[last]

    def _compute_get_flavors(self, *_: Any) -> Any:
        return {"flavors": self.flavors}

    def _image_get_images(self, *_: Any) -> Any:
        return {"images": self.images}

    def _network_get_v2_0(self, *_: Any) -> Any:
        return {"networks": [{"id": "n1", "name": "lan"}]}

    # Faultwire

    def _fault_get_v1_hosts(self, last: str, _query: Any, _body: Any) -> Any:
        name = last.removeprefix(self.prefix)
        if not self.mapped or name not in self.hosts or not last.startswith(self.prefix):
            raise ClientError("no such host", 404)
        state, self.late = "building" if self.late else "active", max(0, self.late - 1)
        mine = [one for one in self.servers.values() if one["host"] == name]
        shown = [{"id": one["id"], "vm_state": state} for one in mine]
        return {"host": {"name": last, "servers": shown}}

    def _fault_post_v1_events(self, _last: str, _query: Any, body: Any) -> Any:
        (event,) = body
        host = event["details"]["hostname"].removeprefix(self.prefix.replace("%2F", "/"))
        down = event["type"] == "compute.host.down"
        if not self.deaf:
            self.strike(host, down)
        return {"faults": []}

    def strike(self, host: str, down: bool) -> None:
        """Do what Faultwire does when a host goes down, or comes back."""
        if not down:
            self.faults.clear()
        else:
            self.faults["fault-1"] = _fault(self.vetoed)
        if self.vetoed:
            return
        self._force(host, down)
        for one in self.servers.values():
            if one["host"] == host:
                one["OS-EXT-STS:vm_state"] = ("active", "error")[down]
        self._tell(host, "state", ("active", "error")[down])

    def _tell(self, host: str, trait: str, value: str) -> None:
        for name, alarm in self.alarms.items():
            asked = alarm["event_rule"]
            for current, query in (("alarm", asked["query"]), ("ok", asked["clear"]["query"])):
                known = {one["field"]: one["value"] for one in query}
                vm = self.servers.get(known["traits.instance_id"])
                if vm and vm["host"] == host and known.get(f"traits.{trait}") == value:
                    self._receive(name, alarm["name"], current)

    def _receive(self, alarm: str, name: str, current: str) -> None:
        number = len(self.received) + 1
        told = {"alarm_id": alarm, "alarm_name": name, "current": current}
        record = {"number": number, "delivery_id": f"d{number}", "received_at": STAMP}
        self.received.append(record | {"alarm": told})

    def _fault_get_v1_faults(self, last: str, _query: Any, _body: Any) -> Any:
        if last == "faults":
            return {"faults": list(self.faults.values())}
        return {"timeline": _timeline(), "fault": self.faults["fault-1"]}

    def _fault_post_v1_faults(self, *_: Any) -> None:
        pass

    def _alarming_get_v2(self, last: str, _query: Any, _body: Any) -> Any:
        if last == "webhook-secret":
            return {"secrets": [{"secret": "s3cret"}]}
        return [{"alarm_id": key, "name": one["name"]} for key, one in self.alarms.items()]

    def _alarming_post_v2(self, _last: str, _query: Any, body: Any) -> Any:
        name = f"alarm-{next(self._numbers)}"
        self.alarms[name] = body
        return {"alarm_id": name}

    def _alarming_delete_v2(self, last: str, _query: Any, _body: Any) -> None:
        del self.alarms[last]


class Folder:
    """A `World` that starts nothing: the consumer is whoever reads `Both.received`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop nothing."""

    def start(self, _name: str, *_arguments: str) -> "Folder":
        return self

    def expect(self, _prefix: str) -> str:
        return "http://127.0.0.1:1"


def server(name: str, host: str, metadata: Any, called: str = "vm") -> dict[str, Any]:
    """Return a server as Nova shows it."""
    return {
        "id": name, "name": called, "host": host, "status": "ACTIVE", "metadata": metadata,
        "tenant_id": "p1", "OS-EXT-STS:vm_state": "active",
    }  # fmt: skip


def _fault(vetoed: bool) -> dict[str, Any]:
    decision = {"name": "act.force_down", "outcome": "vetoed", "why": "flap: 5 times an hour"}
    found = {"id": "fault-1", "type": "compute.host.down"}
    return found | {"decisions": [decision] if vetoed else []}


def _timeline() -> dict[str, Any]:
    first, last = Instant(WALL, 1_000_000), Instant(WALL + 20_000_000, 21_000_000)
    return to_json(profile((Mark("T01", first, first, 1), Mark("T09", last, last, 1))))


def _word(kind: str) -> str:
    return kind.replace("-", "_").replace("/", "_").replace(".", "_")
