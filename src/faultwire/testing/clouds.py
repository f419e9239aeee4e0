"""A cloud that is not ours, in memory: it does what it is asked, refuses and fails as told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from faultwire.domain.errors import Conflict, NotFound, Unavailable

STATES = ("error", "active")


@dataclass
class FakeCloud:
    """Implements `ports.clouds.CloudApi`.

    `hosts` says which are forced down, `servers` their states, `ports` their data plane status
    and `old_copies` the hosts that Nova would not let up yet. Every request is in `asked`, in
    order, whether it was granted or not. While `up` is false nothing is; `before` is called with
    each request and may raise.
    """

    hosts: dict[str, bool] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)
    ports: dict[str, str] = field(default_factory=dict)
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

    async def force_down(self, host: str) -> None:
        """Force a host down; raises NotFound for one that it does not have."""
        await self._take("force_down", host)
        self._known(self.hosts, host)
        self.hosts[host] = True

    async def let_up(self, host: str) -> None:
        """Take it back; raises Conflict while old copies are there."""
        await self._take("let_up", host)
        self._known(self.hosts, host)
        if host in self.old_copies:
            raise Conflict("evacuation migration records remain associated with the host")
        self.hosts[host] = False

    async def reset_state(self, server: str, state: str) -> None:
        """Set a server's state."""
        await self._take("reset_state", server, state)
        self._known(self.servers, server)
        self.servers[server] = state

    async def mark_port(self, port: str, status: str) -> None:
        """Set a port's data plane status."""
        await self._take("mark_port", port, status)
        self._known(self.ports, port)
        self.ports[port] = status

    async def evacuate(self, server: str, host: str) -> None:
        """Take note of it."""
        await self._take("evacuate", server, host)
        self._known(self.servers, server)

    async def close(self) -> None:
        """Do nothing."""

    @staticmethod
    def _known(kept: object, name: str) -> None:
        if name not in kept:  # type: ignore[operator]
            raise NotFound(f"{name} is not here")
