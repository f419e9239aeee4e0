"""Pokes: datagrams by which processes on one database tell each other to look at it.

A poke carries no fact: a question (`asks`) is the one that does. One that is lost costs the time
until the next regular look; one that is forged costs a look, and is not even that without the
key, which only the database holds.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Iterable
from enum import IntFlag
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.messaging.asks import Asks

log = logging.getLogger(__name__)

MAC_BYTES = 16
MOST_BYTES = 512
LONGEST_NAME = 255

_MAGIC = b"FW1"
_DOUBT, _ASK, _ANSWER = 128, 129, 130


class Look(IntFlag):
    """What there is to look at."""

    JOURNAL = 1
    EVENTS = 2
    OUTBOX = 4
    SECRETS = 8


_LOOKS = sum(Look)


class Pokes(asyncio.DatagramProtocol):
    """One UDP socket; everything on the event loop. `looked` is called with what was poked."""

    def __init__(
        self, key: bytes, looked: Callable[[Look], None], doubted: Callable[[str], None]
    ) -> None:
        """Take the key that all processes of the installation share.

        `doubted` is called with the name of a host whose session another process doubts.
        """
        self._key = key
        self._looked = looked
        self._doubted = doubted
        self._transport: asyncio.DatagramTransport | None = None
        self.asks = Asks(
            lambda body, address: self._send(bytes((_ASK,)) + body, (address,)),
            lambda body, peer: self._post(bytes((_ANSWER,)) + body, peer),
        )
        self.address = ""

    async def start(self, host: str, port: int) -> None:
        """Bind; `address` is HOST:PORT from then on. Raises Invalid where that cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=(host, port)
            )
        except OSError as error:
            raise Invalid("[cluster] listen", f"cannot bind {host}:{port}: {error}") from None
        bound = self._transport.get_extra_info("sockname")
        self.address = f"[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"{bound[0]}:{bound[1]}"

    def stop(self) -> None:
        """Take and send nothing more."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def send(self, look: Look, addresses: Iterable[str]) -> None:
        """Poke these processes; never waits, never fails."""
        self._send(bytes((look,)), addresses)

    def doubt(self, host: str, address: str) -> None:
        """Ask a process to find out whether the session of a host is alive; never waits."""
        name = host.encode()[:LONGEST_NAME]
        self._send(bytes((_DOUBT,)) + name, (address,))

    def _send(self, what: bytes, addresses: Iterable[str]) -> None:
        for address in addresses:
            host, _, port = address.rpartition(":")
            try:
                target = host.removeprefix("[").removesuffix("]"), int(port)
            except ValueError as error:
                log.debug("no poke to %s: %s", address, error)
            else:
                self._post(what, target)

    def _post(self, what: bytes, target: Any) -> None:
        if self._transport is None:
            return
        body = _MAGIC + what
        try:
            self._transport.sendto(body + self._mac(body), target)
        except OSError as error:
            log.debug("no poke to %s: %s", target, error)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Take a poke; what is not one of ours is passed over."""
        body, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if len(body) <= len(_MAGIC) or not body.startswith(_MAGIC):
            return
        if not hmac.compare_digest(mac, self._mac(body)):
            return
        kind, name = body[len(_MAGIC)], body[len(_MAGIC) + 1 :]
        if kind == _ASK:
            self.asks.asked(name, addr)
        elif kind == _ANSWER:
            self.asks.answered(name)
        elif len(data) > MOST_BYTES:
            return
        elif kind == _DOUBT:
            self._doubted(name.decode(errors="replace"))
        elif not name:
            self._looked(Look(kind & _LOOKS))

    def error_received(self, exc: Exception) -> None:
        """Pass over what the network says of a process that is gone."""
        log.debug("a poke was not taken: %s", exc)

    def _mac(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, key=self._key, digest_size=MAC_BYTES).digest()
