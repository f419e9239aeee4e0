"""What the benches of a real cloud stand on: the cloud, servers beside it, and bare requests."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import orjson

from bench.chain import _Child, _event
from faultwire.cli.verify_runs import OFTEN
from faultwire.controllers.openstack.settings import Settings
from tests.openstack import clones
from tests.openstack.client import Client
from tests.openstack.minicloud import NAME, MiniCloud
from tests.system.waiting import wait_for

T = TypeVar("T")

HOSTS = {1: "cmp1", 10: "cmp2", 50: "cmp3"}
"""Servers on a host, and the host that has so many."""

SPARE = "cmp4"
"""The host of the server that all others are clones of."""

CONCURRENCY = Settings().concurrency
STATES_SECONDS = 120.0
REST_SECONDS = 0.3
LOOK = "faultwire_cloud_look_seconds{"


class Stand:
    """A real cloud with hosts of 1, 10 and 50 servers."""

    def __init__(self, cloud: MiniCloud) -> None:
        """Fill a cloud that was started."""
        self.cloud = cloud
        self.admin = Client(cloud)
        self.project = self.admin.project
        (self.original,) = self.admin.boot(SPARE, 1, "original")
        self.servers = {
            count: clones.make(cloud, self.original, host, count) for count, host in HOSTS.items()
        }
        self.services = {host: self.admin.service(host)["id"] for host in HOSTS.values()}
        self.bare = Bare(self)

    def wait(self, count: int, *, down: bool) -> None:
        """Return once a host and all its servers are in a state, by Nova's own tables."""
        host, state = HOSTS[count], ("active", "error")[down]
        sql = self.cloud.sql

        def so() -> bool:
            rows = sql("SELECT host, vm_state FROM nova.instances WHERE deleted = 0")
            forced = dict(sql("SELECT host, forced_down FROM nova.services"))  # type: ignore[arg-type]
            return rows.count((host, state)) == count and bool(forced[host]) is down

        wait_for(so, f"all {count} servers of {host} are {state} in Nova", STATES_SECONDS)
        time.sleep(REST_SECONDS)


@contextmanager
def stand() -> Iterator[Stand]:
    """Start a cloud, and end it."""
    with TemporaryDirectory(prefix="faultwire-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        cloud = MiniCloud(Path(folder), hosts=len(HOSTS) + 1, aodh=True)
        try:
            made = Stand(cloud.start())
            yield made
            made.bare.close()
        finally:
            cloud.stop()


class Ours:
    """A server of ours beside the cloud, which nobody else's requests move."""

    def __init__(self, on: Stand, name: str, notify: str = "immediately") -> None:
        """Start it; its map is read once, at the start."""
        self._stand = on
        folder = on.cloud.folder / name
        folder.mkdir()
        config = folder / "faultwire.conf"
        config.write_text(
            f"{OFTEN}[openstack]\nclouds = {NAME}\nclouds_yaml = {on.cloud.clouds_yaml}\n"
            f"reconcile_seconds = 3600\n[notifier]\nnotify = {notify}\nnotify_within = 300\n"
        )
        self.child = _Child(
            "faultwire.cli", "serve", "--state-dir", str(folder / "state"),
            "--config", str(config), "--listen", "127.0.0.1:0",
        )  # fmt: skip
        self.token = str(on.admin.session.get_token())

    def looked(self) -> float:
        """Return the seconds that the first look at the cloud took, once it is over."""
        found: list[float] = []

        def over() -> bool:
            # Asked seldom: its answers take time from what is measured.
            time.sleep(0.5)
            text = self.child.call("GET", "/metrics", token=self.token).decode()
            lines = [one for one in text.splitlines() if one.startswith(LOOK)]
            found.extend(float(one.rpartition(" ")[2]) for one in lines)
            return bool(found)

        wait_for(over, "the cloud was read", STATES_SECONDS)
        return found[0]

    def watch(self, url: str) -> "Ours":
        """Give the servers of all hosts an alarm."""
        self.looked()
        for server in (one for each in self._stand.servers.values() for one in each):
            body = alarm(self._stand.project, server, url)
            self.child.call("POST", "/alarming/v2/alarms", json.dumps(body).encode(), self.token)
        return self

    def down(self, count: int, receiver: _Child) -> list[float]:
        """Report a host; return the ms from then to each webhook, and bring all back."""
        began = time.monotonic_ns()
        self._post("down", count)
        arrived = times(receiver, count)
        self._stand.wait(count, down=True)
        self._post("up", count)
        self._stand.wait(count, down=False)
        return [(at - began) / 1e6 for at in arrived]

    def _post(self, status: str, count: int) -> None:
        self.child.call("POST", "/fault/v1/events", _event(status, HOSTS[count]), self.token)

    def stop(self) -> None:
        """End it."""
        self.child.stop()


class Bare:
    """The same requests by a pooled client that does nothing else."""

    def __init__(self, on: Stand) -> None:
        """Sign in."""
        self._runner = asyncio.Runner()
        self._compute = f"{on.cloud.urls['compute']}/v2.1"
        self._network = f"{on.cloud.urls['network']}/v2.0"
        self._keystone = on.admin.session
        self._token = str(self._keystone.get_token())
        self._session: aiohttp.ClientSession | None = None

    def _timed(self, work: Callable[[], Coroutine[Any, Any, object]]) -> float:
        async def run() -> float:
            if self._session is None:
                connector = aiohttp.TCPConnector(limit=0)
                self._session = aiohttp.ClientSession(connector=connector)
            began = time.perf_counter()
            await work()
            return time.perf_counter() - began

        return self._runner.run(run())

    def close(self) -> None:
        """Give connections back."""
        if self._session is not None:
            self._runner.run(self._session.close())
        self._runner.close()

    def put(self, service: str, *, down: bool) -> float:
        """Force a service down or let it up; return the ms."""
        url = f"{self._compute}/os-services/{service}"
        return self._timed(lambda: self._ask("PUT", url, {"forced_down": down}, "2.53")) * 1e3

    def reset(self, servers: Sequence[str], state: str) -> float:
        """Reset the states of servers, as many at a time as we do; return the ms."""

        async def all_of_them() -> None:
            left = iter(servers)

            async def some() -> None:
                for one in left:
                    body = {"os-resetState": {"state": state}}
                    await self._ask("POST", f"{self._compute}/servers/{one}/action", body)

            await asyncio.gather(*(some() for _ in range(CONCURRENCY)))

        return self._timed(all_of_them) * 1e3

    def look(self, fields: Sequence[str], page: int) -> float:
        """Sign in and read what our first look does; return the seconds."""
        ports = [("fields", name) for name in fields]
        ports += [("limit", str(page)), ("sort_key", "id"), ("sort_dir", "asc")]
        servers = [("all_tenants", "1"), ("limit", str(page))]

        def sign_in() -> None:
            self._keystone.invalidate()
            self._token = str(self._keystone.get_token())

        async def all_of_it() -> None:
            await asyncio.to_thread(sign_in)
            await asyncio.gather(
                self._ask("GET", f"{self._compute}/os-aggregates", None),
                self._ask("GET", f"{self._compute}/os-services?binary=nova-compute", None, "2.53"),
                self._pages(f"{self._compute}/servers/detail", "servers", servers, "2.16"),
                self._pages(f"{self._network}/ports", "ports", ports),
            )

        return self._timed(all_of_it)

    async def _pages(
        self, url: str, name: str, query: list[tuple[str, str]], version: str = ""
    ) -> None:
        marker: list[tuple[str, str]] = []
        while True:
            found = await self._ask("GET", f"{url}?{urlencode(query + marker)}", None, version)
            if not found[name] or not found.get(f"{name}_links"):
                return
            marker = [("marker", found[name][-1]["id"])]

    async def _ask(self, method: str, url: str, body: object, version: str = "") -> Any:
        headers = {"X-Auth-Token": self._token, "Content-Type": "application/json"}
        if version:
            headers["OpenStack-API-Version"] = f"compute {version}"
        data = None if body is None else orjson.dumps(body)
        assert self._session is not None
        async with self._session.request(method, url, data=data, headers=headers) as answer:
            raw = await answer.read()
            assert answer.status < 300, (method, url, answer.status, raw[:300])
            return orjson.loads(raw) if raw else None


def alarm(project: str, server: str, url: str) -> dict[str, object]:
    """Return an alarm on a server's error that fires each time, as Aodh and we take it."""
    query = [
        {"field": f"traits.{trait}", "op": "eq", "type": "string", "value": value}
        for trait, value in (("instance_id", server), ("state", "error"))
    ]
    return {
        "name": f"alarm of {server}",
        "type": "event",
        "project_id": project,
        "repeat_actions": True,
        "event_rule": {"event_type": "compute.instance.update", "query": query},
        "alarm_actions": [f"{url}/hook"],
    }


def times(receiver: _Child, count: int) -> list[int]:
    """Return when so many webhooks arrived; fails where they did not all come."""
    arrived: list[int] = json.loads(receiver.call("GET", f"/times?count={count}"))
    assert len(arrived) == count, f"{len(arrived)} of {count} webhooks came"
    return arrived
