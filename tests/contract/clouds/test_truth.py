"""Faults are made true alike by the embedded controller and through the shipped fake cloud."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from faultwire.app.remote import RemoteActing
from faultwire.controllers.openstack.settings import Settings
from faultwire.domain import changes as c
from faultwire.domain.ids import HostName, PortId, ProjectId, ServerId
from faultwire.domain.remote_acts import Notify
from faultwire.domain.resources import Host, Port, Project, Server
from faultwire.domain.states import VmState
from faultwire.telemetry.clock import SystemClock
from faultwire.testing.chain import InProcess
from faultwire.testing.clouds import FakeCloud
from tests.contract.clouds.asking import Asked, CloudsAsked
from tests.contract.clouds.truth import HOST, PORT, FaultsMadeTrue, World, without_repetitions

OWNER, H1 = ProjectId("p1"), HostName("h1")
SERVERS = (ServerId("vm0"), ServerId("vm1"))
KEYS = {HOST: "hostname", PORT: "port_id"}


class Embedded:
    """Our own store is the truth."""

    host, servers, port = str(H1), SERVERS, "port1"
    notify: Notify | None = None

    def __init__(self) -> None:
        self.product = InProcess(notify=self.notify)
        self.product.commit(
            c.ProjectsSaved((Project(OWNER, "one"),)),
            c.HostsSaved((Host(H1),)),
            c.ServersSaved(tuple(Server(one, str(one), OWNER, H1) for one in SERVERS)),
            c.PortsSaved((Port(PortId(self.port), OWNER, server=SERVERS[0], host=H1),)),
        )

    def report(self, kind: str, resource: str, *, down: bool) -> None:
        """Report to the whole chain; all that follows is true afterwards."""
        key = KEYS.get(kind, "instance_id")
        self.product.report(f"{kind}.{'down' if down else 'up'}", **{key: resource})

    def spoil(self, server: str, state: str) -> None:
        """Have the map know it."""
        known = self.product.indexes.inventory.server(ServerId(server))
        assert known is not None
        moved = replace(known, vm_state=VmState(state))
        self.product.commit(c.ServersMoved(H1, (moved,)))

    def forced_down(self) -> bool:
        """Ask the map."""
        host = self.product.indexes.inventory.host(H1)
        assert host is not None
        return host.forced_down

    def states(self) -> list[str]:
        """Ask the map."""
        found = [self.product.indexes.inventory.server(one) for one in SERVERS]
        return [str(one.vm_state.value) for one in found if one is not None]

    def plane_is_down(self) -> bool:
        """Ask the map."""
        port = self.product.indexes.inventory.port(PortId(self.port))
        assert port is not None
        return port.data_plane_status == "DOWN"

    def told(self, server: str) -> list[str]:
        """Look at the events of the owner."""
        mine = [
            str(one.traits["state"])
            for one in self.product.events
            if one.project and one.traits.get("instance_id") == server
        ]
        return without_repetitions(mine)

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Whatever must come is there already."""
        assert true(), what


class Faked(Embedded):
    """The shipped fake is the truth: what is owed to it is done after each report."""

    notify = Notify.IMMEDIATELY

    def __init__(self) -> None:
        super().__init__()
        states = {str(one): "active" for one in SERVERS}
        self.cloud = FakeCloud({self.host: False}, states, {self.port: ""})

    def report(self, kind: str, resource: str, *, down: bool) -> None:
        """Report, and do what is owed."""
        super().report(kind, resource, down=down)
        if len(self.product.indexes.remote):
            asyncio.run(self._settle())

    async def _settle(self) -> None:
        settings = Settings(clouds=("east",))
        book = self.product.indexes.remote
        acting = RemoteActing(
            self.product,
            book,
            {"east": self.cloud},
            settings,
            SystemClock(),
            inventory=self.product.indexes.inventory,
        )
        over = asyncio.Event()
        self.product.memory.follow(acting.follow)
        self.product.memory.follow(lambda _: None if len(book) else over.set())
        task = asyncio.create_task(acting.run())
        async with asyncio.timeout(30):
            await over.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def spoil(self, server: str, state: str) -> None:
        """Have the cloud and the map know it."""
        super().spoil(server, state)
        self.cloud.servers[server] = state

    def forced_down(self) -> bool:
        """Ask the cloud."""
        return self.cloud.hosts[self.host]

    def states(self) -> list[str]:
        """Ask the cloud."""
        return [self.cloud.servers[one] for one in SERVERS]

    def plane_is_down(self) -> bool:
        """Ask the cloud."""
        return (self.cloud.ports or {})[self.port] == "DOWN"


class TestEmbedded(FaultsMadeTrue):
    """The embedded controller."""

    @pytest.fixture
    def world(self) -> World:
        """Give a product of its own."""
        return Embedded()


class TestFaked(FaultsMadeTrue):
    """The controller of clouds, on the shipped fake."""

    @pytest.fixture
    def world(self) -> World:
        """Give a product and a cloud of its own."""
        return Faked()


class TestFakeAsked(CloudsAsked):
    """The shipped fake is asked by itself."""

    @pytest.fixture
    def asked(self) -> Asked:
        """Give a cloud of its own."""
        hosts, places = {"h1": False, "h2": False}, {"vm0": "h1", "vm1": "h1"}
        states = dict.fromkeys(places, "active")
        cloud = FakeCloud(hosts, states, {"port1": ""}, places)

        def until(true: Callable[[], bool], what: str) -> None:
            assert true(), what

        return Asked(
            cloud,
            asyncio.run,
            "h1",
            "vm0",
            "port1",
            lambda: cloud.hosts["h1"],
            lambda: cloud.servers["vm0"],
            lambda: (cloud.ports or {})["port1"],
            lambda: "vm1",
            until,
            cloud.old_copies.clear,
        )
