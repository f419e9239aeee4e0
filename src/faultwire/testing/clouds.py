"""A cloud that is not ours, in memory: it does what it is asked, refuses and fails as told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from faultwire.domain.errors import Conflict, NotFound, Unavailable
from faultwire.domain.remote_acts import Standing

REBUILDING = "rebuilding"


@dataclass
class FakeCloud:
    """Implements `ports.clouds.CloudApi`.

    `hosts` says which are forced down, `disabled` which for what reason, `servers` their states,
    `places` where they stand, `ports` their data plane status (None: the cloud keeps none) and
    `old_copies` the hosts that Nova would not let up yet. A server that is evacuated is `leaving`
    (for the host that is named) until `arrive`; those of `stuck` find no host. Every request is
    in `asked`, in order, whether it was granted or not. While `up` is false nothing is; `before`
    is called with each request and may raise.
    """

    hosts: dict[str, bool] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)
    ports: dict[str, str] | None = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    disabled: dict[str, str] = field(default_factory=dict)
    leaving: dict[str, str] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    slow: bool = False
    old_copies: set[str] = field(default_factory=set)
    up: bool = True
    asked: list[tuple[str, ...]] = field(default_factory=list)
    before: Callable[[tuple[str, ...]], None] = lambda _: None

    async def _take(self, *request: str) -> None:
        self.asked.append(request)
        await asyncio.sleep(0)
        if not self.up:
            raise Unavailable("the cloud does not answer")
        self.before(request)

    async def force_down(self, host: str, reason: str = "") -> None:
        """Force a host down; raises NotFound for one that it does not have."""
        await self._take("force_down", host, *([reason] if reason else []))
        self._known(self.hosts, host)
        self.hosts[host] = True
        if reason:
            self.disabled[host] = reason

    async def let_up(self, host: str, *, enable: bool = False) -> None:
        """Take it back; raises Conflict while old copies are there."""
        await self._take("let_up", host, *(["enable"] if enable else []))
        self._known(self.hosts, host)
        if host in self.old_copies:
            raise Conflict("evacuation migration records remain associated with the host")
        self.hosts[host] = False
        if enable:
            self.disabled.pop(host, None)

    async def reset_state(self, server: str, state: str) -> None:
        """Set a server's state."""
        await self._take("reset_state", server, state)
        self._known(self.servers, server)
        self.servers[server] = state

    async def mark_port(self, port: str, status: str) -> str:
        """Set a port's data plane status; say so where there are none."""
        if self.ports is None:
            return "no data plane status"
        await self._take("mark_port", port, status)
        self._known(self.ports, port)
        self.ports[port] = status
        return ""

    async def evacuate(self, server: str, host: str, *, stopped: bool = False) -> None:
        """Begin to build a server elsewhere; it is there at once, unless the cloud is `slow`."""
        await self._take("evacuate", server, host, *(["stopped"] if stopped else []))
        self._known(self.servers, server)
        place = self.places.get(server, "")
        if server in self.leaving:
            raise Conflict(f"Cannot 'evacuate' instance {server} while it is in task_state")
        if not self.hosts.get(place):
            raise Conflict(f"Compute service of {place} is still in use.")
        self.leaving[server] = host
        if stopped:
            self.off.add(server)
        if not self.slow:
            self.arrive(server)

    def arrive(self, server: str) -> None:
        """Have a server stand on its new host and run, if there is one for it."""
        wanted, old = self.leaving.pop(server), self.places[server]
        free = [name for name, down in self.hosts.items() if not down and name != old]
        if server in self.stuck or not free:
            self.servers[server] = "error"
            return
        self.places[server] = wanted or free[0]
        self.servers[server] = "stopped" if server in self.off else "active"
        self.old_copies.add(old)

    async def standing(self, server: str) -> Standing:
        """Return where a server is, and whether it is being built."""
        await self._take("standing", server)
        self._known(self.servers, server)
        task = REBUILDING if server in self.leaving else ""
        trouble = "No valid host was found." if server in self.stuck and not task else ""
        return Standing(self.places.get(server, ""), self.servers[server], task, trouble)

    async def close(self) -> None:
        """Do nothing."""

    @staticmethod
    def _known(kept: object, name: str) -> None:
        if name not in kept:  # type: ignore[operator]
            raise NotFound(f"{name} is not here")
