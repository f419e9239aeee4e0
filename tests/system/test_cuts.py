"""Ways of being cut off, over kernels that answer as hosts do: fifty of them on one bridge.

Each host is an address of one of two namespaces behind the bridge, whose kernels answer; one host
has a namespace to itself.
"""

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.system.namespaces import Probing, ip, needs_namespaces
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, needs_namespaces]

HOSTS = {f"c{number}": f"198.18.54.{number}" for number in range(1, 51)}
ALONE = "c50"


class Bridge:
    """A namespace with the bridge and the prober, and two behind it with hosts."""

    def __init__(self) -> None:
        self.name, self.many, self.one = (f"fw-{os.getpid()}-{os.urandom(2).hex()}" for _ in "abc")
        for name in (self.name, self.many, self.one):
            ip("netns", "add", name)
        self.ip("link", "add", "br0", "type", "bridge")
        self.ip("address", "add", "198.18.54.254/24", "dev", "br0")
        for veth, name in (("many0", self.many), ("one0", self.one)):
            self.ip("link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", name)
            self.ip("link", "set", veth, "master", "br0", "up")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        self.ip("link", "set", "br0", "up")
        for name, at in HOSTS.items():
            ip("-n", self.behind(name), "address", "add", f"{at}/24", "dev", "eth0")

    def within(self, *command: str) -> list[str]:
        """Return a command that runs beside the bridge."""
        return ["ip", "netns", "exec", self.name, *command]

    def ip(self, *words: str) -> None:
        """Run ip beside the bridge."""
        ip("-n", self.name, *words)

    def behind(self, host: str) -> str:
        """Return the namespace of a host."""
        return self.one if host == ALONE else self.many

    def close(self) -> None:
        """Take all of it away."""
        for name in (self.name, self.many, self.one):
            ip("netns", "del", name)


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    """Give fifty hosts behind a bridge."""
    made = Bridge()
    yield made
    made.close()


Way = Callable[[Bridge], None]


def _tc(space: str, *words: str) -> None:
    done = subprocess.run(["tc", "-n", space, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this kernel has no such discipline: {done.stderr.strip()[:200]}")


def _link_down(bridge: Bridge) -> None:
    bridge.ip("link", "set", "one0", "down")


def _link_up(bridge: Bridge) -> None:
    bridge.ip("link", "set", "one0", "up")


def _blackhole(bridge: Bridge) -> None:
    # The host hears, and its answers lead nowhere.
    ip("-n", bridge.one, "route", "add", "blackhole", "198.18.54.254/32")


def _no_blackhole(bridge: Bridge) -> None:
    ip("-n", bridge.one, "route", "del", "blackhole", "198.18.54.254/32")


def _netem(bridge: Bridge) -> None:
    _tc(bridge.name, "qdisc", "add", "dev", "one0", "root", "netem", "loss", "100%")


def _dropped(bridge: Bridge) -> None:
    # What this discipline takes is lost as on a wire, where the kernel has no netem.
    _tc(bridge.name, "qdisc", "add", "dev", "one0", "root", "blackhole")


def _no_discipline(bridge: Bridge) -> None:
    _tc(bridge.name, "qdisc", "del", "dev", "one0", "root")


WAYS: dict[str, tuple[Way, Way]] = {
    "link down": (_link_down, _link_up),
    "blackhole": (_blackhole, _no_blackhole),
    "netem": (_netem, _no_discipline),
    "all dropped": (_dropped, _no_discipline),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_host_is_dead_however_it_is_cut_off_and_returns(bridge: Bridge, way: str) -> None:
    """It alone is dead; forty-nine others answer all the time; joined again it is alive."""
    cut, join = WAYS[way]
    with Probing(bridge) as probing:  # type: ignore[arg-type]
        probing.watch(HOSTS)
        cut(bridge)
        wait_for(lambda: probing.in_state("dead"), "a dead host")
        join(bridge)
        wait_for(lambda: probing.in_state("alive") == set(HOSTS), "it is back")
        assert probing.ever("dead") == {ALONE}
        assert probing.standings() == []
