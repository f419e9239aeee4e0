"""The contract suite of clouds over released services: the same acts, the same results."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from faultwire.controllers.openstack.api import OpenStackApi
from faultwire.controllers.openstack.session import CloudSession
from faultwire.controllers.openstack.settings import Settings
from faultwire.telemetry.clock import SystemClock
from tests.contract.clouds.asking import Asked, CloudsAsked
from tests.contract.clouds.truth import HOST, PORT, FaultsMadeTrue, World, without_repetitions
from tests.openstack.beside import wait_known, watch
from tests.openstack.client import Client
from tests.openstack.minicloud import NAME, MiniCloud
from tests.system.cloud import event
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]
WHERE = "cmp3"
KEYS = {HOST: "hostname", PORT: "port_id"}
SECONDS = 60.0
Pair = tuple[list[str], str]


@pytest.fixture(scope="module")
def pair(cloud: MiniCloud) -> Iterator[Pair]:
    """Give two servers of one host and a port of the first one."""
    admin = Client(cloud)
    servers = sorted(admin.boot(WHERE, 2, "contract"))
    yield servers, admin.port(servers[0], WHERE)
    for one in servers:
        admin.nova("DELETE", f"/servers/{one}")
    wait_for(lambda: not admin.servers(WHERE), "Nova deletes them", SECONDS)


class Real:
    """Nova and Neutron are the truth."""

    host = WHERE

    def __init__(self, server: Server, admin: Client, hooks: Hooks, pair: Pair) -> None:
        self._server, self._admin, self._hooks = server, admin, hooks
        self.servers, self.port = pair
        self._begin = 0

    def begin(self) -> None:
        """Take no note of what owners were told until now."""
        self._begin = len(self._hooks.raw)

    def report(self, kind: str, resource: str, *, down: bool) -> None:
        """Post it."""
        name = f"{kind}.{'down' if down else 'up'}"
        posted = event(name, **{KEYS.get(kind, "instance_id"): resource})
        answer = self._server.call("POST", "/fault/v1/events", [posted])
        assert answer.status == 202, answer.text

    def spoil(self, server: str, state: str) -> None:
        """Reset its state by hand, and wait until the map has it."""
        body = {"os-resetState": {"state": state}}
        self._admin.nova("POST", f"/servers/{server}/action", body)

        def known() -> bool:
            shown = self._server.get(f"/fault/v1/hosts/{WHERE}")["host"]["servers"]
            return state in {one["vm_state"] for one in shown if one["id"] == server}

        self.until(known, f"the map has {server} in {state}")

    def forced_down(self) -> bool:
        """Ask Nova."""
        return bool(self._admin.service(WHERE)["forced_down"])

    def states(self) -> list[str]:
        """Ask Nova."""
        found = {one["id"]: one["OS-EXT-STS:vm_state"] for one in self._admin.servers(WHERE)}
        return [found[one] for one in self.servers]

    def plane_is_down(self) -> bool:
        """Ask Neutron."""
        found = self._admin.neutron("GET", f"/ports/{self.port}")["port"]
        return bool(found["data_plane_status"] == "DOWN")

    def told(self, server: str) -> list[str]:
        """Look at the owner's webhooks."""
        states = {"alarm": "error", "ok": "active"}
        mine = [
            states[one.current]
            for one in self._hooks.since(self._begin)
            if one.path == f"/{server}"
        ]
        return without_repetitions(mine)

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait for it."""
        wait_for(true, what, SECONDS)


@pytest.fixture(scope="module")
def real(
    cloud: MiniCloud, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Real"]:
    """Give a server of ours beside the cloud, which knows both servers and has their alarms."""
    admin, hooks = Client(cloud), Hooks()
    settings = {"clouds": NAME, "clouds_yaml": cloud.clouds_yaml, "reconcile_seconds": 1}
    config = {"openstack": settings, "guards": {"flap_acts": 0}}
    server = Server(tmp_path_factory.mktemp("contract"), config)
    server.start()
    made = Real(server, admin, hooks, pair)

    wait_known(server, WHERE, pair[0])
    watch(server, admin, hooks, *pair[0])
    yield made
    server.close()
    hooks.close()


class TestReal(FaultsMadeTrue):
    """A server of ours beside the real services."""

    @pytest.fixture
    def world(self, real: "Real") -> World:
        """Give it as it was before: what was told so far is forgotten."""
        real.begin()
        return real


@pytest.mark.filterwarnings("ignore:Support for InfluxDB")
class TestRealAsked(CloudsAsked):
    """The requests by themselves."""

    @pytest.fixture
    def asked(self, cloud: MiniCloud, admin: Client, pair: Pair) -> Iterator[Asked]:
        """Give the product's own client of the cloud."""
        servers, port = pair
        settings = Settings(clouds=(NAME,), clouds_yaml=str(cloud.clouds_yaml))
        with asyncio.Runner() as runner:
            session = CloudSession(NAME, SystemClock(), settings)
            api = OpenStackApi(session, 60.0)

            def state() -> str:
                found = admin.nova("GET", f"/servers/{servers[0]}")["server"]
                return str(found["OS-EXT-STS:vm_state"])

            def plane() -> str:
                found = admin.neutron("GET", f"/ports/{port}")["port"]
                return str(found["data_plane_status"])

            def fresh() -> str:
                return admin.boot(WHERE, 1, "leaver")[0]

            def clean() -> None:
                cloud.kill_compute(WHERE)
                cloud.start_compute(WHERE)

            def until(true: Callable[[], bool], what: str) -> None:
                wait_for(true, what, SECONDS)

            yield Asked(
                api,
                runner.run,
                WHERE,
                servers[0],
                port,
                lambda: bool(admin.service(WHERE)["forced_down"]),
                state,
                plane,
                fresh,
                until,
                clean,
            )
            for one in admin.servers():
                if one["name"] == "leaver":
                    admin.nova("DELETE", f"/servers/{one['id']}")
            runner.run(api.close())
            session.close()
