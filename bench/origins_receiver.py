"""A thousand consumers in one process: each listens on a port of its own.

`python -m bench.origins_receiver PORTS [CERTIFICATE KEY]` prints where it is controlled: GET
/ports returns the ports, /times as in `bench.receiver` when each was told first, /repeated how
many webhooks came besides, /close closes every connection, /sample returns one webhook as it
came, /reused how many handshakes took up a session.
"""

import asyncio
import functools
import ssl
import sys
from typing import cast

import orjson
import uvloop

from bench.receiver import _OK, Protocol, Times

ADDRESS = "127.77.0.1"
"""One of this machine's own where nobody else looks for a free port."""


class World:
    """What all origins of this process share."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.open: set[Origin] = set()
        self.sample: dict[str, object] = {}
        self.reused = 0
        # Origins that were told since the times were asked for, and what came besides.
        self.told: set[int] = set()
        self.repeated = 0


class Origin(Protocol):
    """One connection of a webhook's sender."""

    def __init__(self, times: Times, world: World, place: int) -> None:
        super().__init__(times)
        self._world = world
        self._place = place
        self._headers: dict[str, str] = {}
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        super().connection_made(transport)
        self._world.open.add(self)
        tls = transport.get_extra_info("ssl_object")
        self._world.reused += bool(tls is not None and tls.session_reused)

    def connection_lost(self, error: Exception | None) -> None:
        """Count it no more."""
        del error
        self._world.open.discard(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the headers of the first webhook."""
        if not self._world.sample:
            self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        """Keep the body of the first webhook."""
        if not self._world.sample:
            self._body += body

    def on_message_complete(self) -> None:
        """Keep the first webhook, note the time where it is the origin's first, and answer."""
        world = self._world
        if not world.sample:
            world.sample = {"headers": self._headers, "body": self._body.decode()}
        if self._place in world.told:
            world.repeated += 1
            self._transport.write(_OK)
        else:
            world.told.add(self._place)
            super().on_message_complete()

    def close(self) -> None:
        """End the connection."""
        self._transport.close()


class Control(Protocol):
    """The driver's connection."""

    def __init__(self, times: Times, world: World) -> None:
        super().__init__(times)
        self._world = world

    async def _tell(self, count: int) -> None:
        await super()._tell(count)
        self._world.told.clear()

    def on_message_complete(self) -> None:
        """Answer."""
        path, world = self._url.decode(), self._world
        if path.startswith("/times"):
            super().on_message_complete()
            return
        found: object = {}
        if path == "/ports":
            found = world.ports
        elif path == "/sample":
            found = world.sample
        elif path == "/reused":
            found, world.reused = world.reused, 0
        elif path == "/repeated":
            found, world.repeated = world.repeated, 0
        elif path == "/close":
            for origin in tuple(world.open):
                origin.close()
        body = orjson.dumps(found)
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def main(count: str, certificate: str = "", key: str = "") -> None:
    """Serve until ended."""
    loop, times, world = asyncio.get_running_loop(), Times(), World()
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    for place in range(int(count)):
        server = await loop.create_server(
            functools.partial(Origin, times, world, place), ADDRESS, 0, backlog=64, ssl=context
        )
        world.ports.append(cast("int", server.sockets[0].getsockname()[1]))
    control = await loop.create_server(lambda: Control(times, world), "127.0.0.1", 0)
    port = control.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await control.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
