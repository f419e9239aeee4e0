"""The receiver of both sides: a bare HTTP server that notes when each webhook arrived.

``GET /times?count=N`` answers once N have arrived (or after 30 s) with their monotonic
nanoseconds in order, and forgets them.
"""

import asyncio
import sys
import time
from typing import cast
from urllib.parse import parse_qs, urlsplit

import httptools
import orjson
import uvloop

_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
WAIT_SECONDS = 30


class Times:
    """Arrivals since they were last asked for."""

    def __init__(self) -> None:
        self.arrived: list[int] = []
        self.wanted = 0
        self.enough = asyncio.Event()

    def add(self) -> None:
        """Note one arrival."""
        self.arrived.append(time.monotonic_ns())
        if self.wanted and len(self.arrived) >= self.wanted:
            self.enough.set()


class Protocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Keep the URL."""
        self._url = url

    def on_message_complete(self) -> None:
        """Answer."""
        if self._parser.get_method() == b"GET":
            query = parse_qs(urlsplit(self._url.decode()).query)
            self._telling = asyncio.create_task(self._tell(int(query["count"][0])))
            return
        self._times.add()
        self._transport.write(_OK)

    async def _tell(self, count: int) -> None:
        times = self._times
        times.wanted = count
        times.enough.clear()
        if len(times.arrived) < count:
            try:
                await asyncio.wait_for(times.enough.wait(), WAIT_SECONDS)
            except TimeoutError:
                print("receiver: not all arrived", file=sys.stderr)
        body = orjson.dumps(times.arrived)
        times.arrived, times.wanted = [], 0
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def main() -> None:
    """Serve on a free port, which is printed."""
    loop, times = asyncio.get_running_loop(), Times()
    server = await loop.create_server(lambda: Protocol(times), "127.0.0.1", 0, backlog=4096)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
