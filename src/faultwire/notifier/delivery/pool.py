"""Connections that wait for the next webhook: kept for a while, and not too many of them."""

import asyncio
import socket
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import ip_address

import aiohappyeyeballs
from yarl import URL

from faultwire.notifier.delivery.resolver import GuardedResolver
from faultwire.notifier.delivery.tls import PORT, Context
from faultwire.notifier.delivery.wire import Wire

KEEPALIVE_S = 15.0
NEXT_ADDRESS_S = 0.25
"""How long one address of a name may take before the next one is tried beside it (RFC 8305)."""

Origin = tuple[str, str, int]
"""Scheme, host and port."""


class Pool:
    """Opens connections and keeps idle ones, bounded over all origins; on one event loop."""

    def __init__(
        self,
        most_idle: int,
        resolver: GuardedResolver,
        context: Context,
        seconds: Callable[[], float],
    ) -> None:
        """Keep at most so many that nobody uses; `seconds` is a monotonic clock."""
        self._most_idle = max(1, most_idle)
        self._resolver = resolver
        self._context = context
        self._seconds = seconds
        self._idle: dict[Origin, deque[Wire]] = {}
        self._ages: OrderedDict[Wire, Origin] = OrderedDict()

    @property
    def idle(self) -> int:
        """How many connections are open and not in use."""
        return len(self._ages)

    def kept(self, origin: Origin) -> Wire | None:
        """Return a connection that was used before and is open still."""
        waiting = self._idle.get(origin)
        while waiting:
            wire = waiting.pop()
            if not waiting:
                del self._idle[origin]
            del self._ages[wire]
            if not wire.closed and self._seconds() - wire.kept_since < KEEPALIVE_S:
                return wire
            wire.close()
        return None

    def keep(self, origin: Origin, wire: Wire) -> None:
        """Keep a connection for the next one; close what has been idle longest or too long."""
        wire.kept_since = now = self._seconds()
        self._idle.setdefault(origin, deque()).append(wire)
        self._ages[wire] = origin
        while self._ages:
            oldest, its = next(iter(self._ages.items()))
            if len(self._ages) <= self._most_idle and now - oldest.kept_since < KEEPALIVE_S:
                break
            self._drop(oldest, its)

    def close(self) -> None:
        """Close all that are idle."""
        for wire in self._ages:
            wire.close()
        self._ages.clear()
        self._idle.clear()

    async def open(self, origin: Origin) -> Wire:
        """Return a new connection.

        Raises ForbiddenAddress, NameFailed, and what the network and TLS raise.
        """
        scheme, host, port = origin
        PORT.set(port)
        addresses = await self._addresses(host, port)
        loop = asyncio.get_running_loop()
        context = self._context if scheme == "https" else None
        name = host.rstrip(".") if context else None
        if len(addresses) == 1:
            _, wire = await loop.create_connection(
                Wire, addresses[0][1], port, ssl=context, server_hostname=name
            )
            return wire
        sock = await aiohappyeyeballs.start_connection(
            [
                (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
                for family, address in addresses
            ],
            happy_eyeballs_delay=NEXT_ADDRESS_S,
            interleave=1,
            loop=loop,
        )
        _, wire = await loop.create_connection(Wire, sock=sock, ssl=context, server_hostname=name)
        return wire

    async def _addresses(self, host: str, port: int) -> list[tuple[int, str]]:
        """Return the addresses of a host, every one of which was judged: the last door."""
        try:
            address = ip_address(host)
        except ValueError:
            found = await self._resolver.resolve(host, port, socket.AF_UNSPEC)
            return [(one["family"], one["host"]) for one in found]
        self._resolver.judge(host)
        return [(socket.AF_INET6 if address.version == 6 else socket.AF_INET, host)]

    def _drop(self, wire: Wire, origin: Origin) -> None:
        del self._ages[wire]
        waiting = self._idle[origin]
        waiting.remove(wire)
        if not waiting:
            del self._idle[origin]
        wire.close()


def origin_of(url: URL) -> Origin:
    """Return what connections are kept by; raises ValueError for a URL without a host."""
    host, port = url.raw_host, url.port
    if not host or port is None:
        raise ValueError("the URL names no host")
    return url.scheme, host, port
