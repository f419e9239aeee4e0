"""What follows from a fault, whoever makes it true: our own store, a fake cloud or a real one.

`tests/contract/clouds` runs these over the embedded controller and over the shipped fake,
`tests/openstack/test_contract.py` over released services.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

ERROR, ACTIVE = "error", "active"
HOST, SERVER, PORT = "compute.host", "compute.instance", "network.port"


class World(Protocol):
    """A host with two servers and a port, whose owners are told."""

    host: str
    servers: Sequence[str]
    port: str

    def report(self, kind: str, resource: str, *, down: bool) -> None:
        """Report that a host, server or port is down, or up."""

    def spoil(self, server: str, state: str) -> None:
        """Have somebody else give a server this state."""

    def forced_down(self) -> bool:
        """Return whether the host is forced down."""

    def states(self) -> list[str]:
        """Return the states of the servers."""

    def plane_is_down(self) -> bool:
        """Return whether the port's data plane is said to be down."""

    def told(self, server: str) -> list[str]:
        """Return the states that a server's owner was told, in order, without repetitions."""

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Return once something is so that must come."""


class FaultsMadeTrue:
    """The contract; a class below gives the fixture `world`, as it was before each test."""

    def test_a_host_goes_down_and_comes_back(self, world: World) -> None:
        """S5: it is forced down, its servers are in error, each owner hears it once; and back."""
        world.report(HOST, world.host, down=True)
        self._all(world, ERROR, forced=True)
        for one in world.servers:
            world.until(lambda one=one: world.told(one) == [ERROR], "its owner hears it")
        world.report(HOST, world.host, down=False)
        self._all(world, ACTIVE, forced=False)
        for one in world.servers:
            world.until(lambda one=one: world.told(one) == [ERROR, ACTIVE], "and of its end")

    def test_a_report_that_comes_twice_follows_once(self, world: World) -> None:
        """Two monitors that see the same make one fault of it; one clear ends it."""
        world.report(HOST, world.host, down=True)
        world.report(HOST, world.host, down=True)
        self._all(world, ERROR, forced=True)
        world.report(HOST, world.host, down=False)
        self._all(world, ACTIVE, forced=False)
        for one in world.servers:
            world.until(lambda one=one: world.told(one) == [ERROR, ACTIVE], "once, and its end")

    def test_a_server_that_fails_alone(self, world: World) -> None:
        """Its host and its neighbour stay as they are, and the neighbour's owner hears nothing."""
        first, second = world.servers
        world.report(SERVER, first, down=True)
        world.until(lambda: world.states() == [ERROR, ACTIVE], "one is in error")
        assert not world.forced_down()
        world.until(lambda: world.told(first) == [ERROR], "its owner hears it")
        world.report(SERVER, first, down=False)
        self._all(world, ACTIVE, forced=False)
        world.until(lambda: world.told(first) == [ERROR, ACTIVE], "and of its end")
        assert world.told(second) == []

    def test_what_another_fault_holds_stays(self, world: World) -> None:
        """A server that failed by itself is not given back with its host."""
        first, second = world.servers
        world.report(SERVER, first, down=True)
        world.report(HOST, world.host, down=True)
        self._all(world, ERROR, forced=True)
        world.report(HOST, world.host, down=False)
        world.until(lambda: world.states() == [ERROR, ACTIVE], "its own fault holds it")
        world.until(lambda: not world.forced_down(), "the host is back")
        world.until(lambda: world.told(second) == [ERROR, ACTIVE], "the neighbour's owner knows")
        world.report(SERVER, first, down=False)
        self._all(world, ACTIVE, forced=False)
        world.until(lambda: world.told(first) == [ERROR, ACTIVE], "its owner hears of both once")

    def test_what_was_in_error_before_is_left_so(self, world: World) -> None:
        """S119: nobody is told that a server failed which had failed before, nor given it back."""
        first, second = world.servers
        world.spoil(first, ERROR)
        world.report(HOST, world.host, down=True)
        self._all(world, ERROR, forced=True)
        world.report(HOST, world.host, down=False)
        world.until(lambda: world.states() == [ERROR, ACTIVE], "it is as it was")
        world.until(lambda: not world.forced_down(), "the host is back")
        world.until(lambda: world.told(second) == [ERROR, ACTIVE], "the neighbour's owner knows")
        world.spoil(first, ACTIVE)

    def test_a_port_goes_down_and_comes_back(self, world: World) -> None:
        """S63: its data plane is marked; its server and its host stay as they are."""
        world.report(PORT, world.port, down=True)
        world.until(world.plane_is_down, "it is marked")
        assert world.states() == [ACTIVE, ACTIVE]
        assert not world.forced_down()
        world.report(PORT, world.port, down=False)
        world.until(lambda: not world.plane_is_down(), "the mark is gone")

    @staticmethod
    def _all(world: World, state: str, *, forced: bool) -> None:
        world.until(lambda: world.states() == [state, state], f"all servers are {state}")
        world.until(lambda: world.forced_down() is forced, f"forced down is {forced}")


def without_repetitions(states: Sequence[str]) -> list[str]:
    """Return states without those that only repeat the one before."""
    return [one for place, one in enumerate(states) if place == 0 or states[place - 1] != one]
