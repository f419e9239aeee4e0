"""The demo's network: hosts in namespaces behind a bridge, so that one can be cut off; root only.

::

    server ── fwd<pid> (bridge) ─┬─ veth ── host 1
                                 ├─ veth ── host 2
                                 └─ veth ── gateway, which always answers
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from typing import Self

from faultwire.cli.demo_world import DemoError

SUBNET = "198.18.53"
"""Of the network for benchmarks (RFC 2544): nobody's own."""
GATEWAY = 254
SERVER = 1
IP_SECONDS = 30.0


class Network:
    """Makes the namespaces, and takes them away on leaving; raises DemoError where it cannot."""

    def __init__(self, hosts: int) -> None:
        """Make nothing yet."""
        self._hosts = (*range(1, hosts + 1), GATEWAY)
        self._bridge = f"fwd{os.getpid()}"
        self.gateway = self.address(GATEWAY)

    @staticmethod
    def address(host: int) -> str:
        """Return the address of a host."""
        return f"{SUBNET}.{host if host == GATEWAY else SERVER + host}"

    def __enter__(self) -> Self:
        """Make the bridge and the hosts."""
        if os.geteuid() != 0:
            raise DemoError("--fault cut makes network namespaces: run it as root")
        if shutil.which("ip") is None:
            raise DemoError("--fault cut makes network namespaces and needs the program ip")
        try:
            self._make()
        except DemoError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Take everything away again."""
        names = [f"netns del {self._name(host)}" for host in self._hosts]
        _ip((*names, f"link del {self._bridge}"), force=True)

    def cut(self, host: int) -> tuple[int, int]:
        """Cut a host off; return wall and monotonic nanoseconds from just before."""
        instant = time.time_ns(), time.monotonic_ns()
        _ip((f"link set {self._veth(host)} down",))
        return instant

    def heal(self, host: int) -> None:
        """Join a host again."""
        _ip((f"link set {self._veth(host)} up",))

    def _make(self) -> None:
        # Host 0 of the subnet's hosts is ourselves.
        ours = f"{SUBNET}.{SERVER}/24"
        _ip(
            (
                f"link add {self._bridge} type bridge",
                f"address add {ours} dev {self._bridge}",
                f"link set {self._bridge} up",
            )
        )
        for host in self._hosts:
            name, veth = self._name(host), self._veth(host)
            _ip(
                (
                    f"netns add {name}",
                    f"link add {veth} type veth peer name eth0 netns {name}",
                    f"link set {veth} master {self._bridge} up",
                )
            )
            within = (f"address add {self.address(host)}/24 dev eth0", "link set eth0 up")
            _ip(within, namespace=name)

    def _name(self, host: int) -> str:
        return f"{self._bridge}-{host}"

    def _veth(self, host: int) -> str:
        return f"{self._bridge}v{host}"


def _ip(lines: Iterable[str], *, namespace: str = "", force: bool = False) -> None:
    """Run ip once for all lines; raises DemoError with what it said, unless forced on."""
    options = ["-n", namespace] if namespace else []
    command = ["ip", *options, *(["-force"] if force else []), "-batch", "-"]
    done = subprocess.run(
        command,
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=IP_SECONDS,
    )
    if done.returncode and not force:
        raise DemoError(f"the demo's network cannot be made: {done.stderr.strip()[:500]}")
