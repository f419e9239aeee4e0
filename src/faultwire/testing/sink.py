"""A consumer that does what a test tells it to: answers, hangs, breaks off, drips, redirects."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

WAIT_SECONDS = 60
"""How long `wait_for` waits before the test fails."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came, with lower-case names of headers."""

    path: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]
"""Answers one request by writing to the connection; it may close it."""


class Sink:
    """A server on a free port of 127.0.0.1, spoken to in plain HTTP/1.1, scripted by path."""

    def __init__(self, port: int = 0, context: ssl.SSLContext | None = None) -> None:
        """Answer 200 to every path that has no script; with a context, over TLS."""
        self._context = context
        self.requests: list[Received] = []
        self.scripts: dict[str, Script] = {}
        self.open = 0
        self.most_open = 0
        self.port = port
        self._busy: dict[str, int] = {}
        self.most_busy: dict[str, int] = {}
        self._news = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, backlog=2048, ssl=self._context
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        if self._server is not None:
            self._server.close()
            # A connection that was accepted a moment ago has no task yet.
            await _turns()
            for task in tuple(self._tasks):
                task.cancel()
            if self._tasks:
                await asyncio.wait(tuple(self._tasks))
            await self._server.wait_closed()
            # A transport that was closed is told of its end in a later turn.
            await _turns()

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def on(self, path: str, script: Script) -> str:
        """Have a path answered by a script; return its URL."""
        self.scripts[path] = script
        return self.url(path)

    def got(self, path: str) -> list[Received]:
        """Return the requests to a path so far."""
        return [one for one in self.requests if one.path == path]

    async def wait_for(self, true: Callable[[], bool]) -> None:
        """Return once the condition holds, looked at after each request."""
        async with asyncio.timeout(WAIT_SECONDS), self._news:
            await self._news.wait_for(true)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while not writer.is_closing():
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # The end of a connection ends its task, whoever wanted it.
            pass
        finally:
            self.open -= 1
            writer.close()
            if task is not None:
                self._tasks.discard(task)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Received(head[0].split(" ")[1], headers, body)
        path = request.path
        self.requests.append(request)
        self._busy[path] = self._busy.get(path, 0) + 1
        self.most_busy[path] = max(self.most_busy.get(path, 0), self._busy[path])
        async with self._news:
            self._news.notify_all()
        try:
            await self.scripts.get(path, answer())(request, writer)
            await writer.drain()
        finally:
            self._busy[path] -= 1


async def _turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def reply(status: int, body: bytes = b"", *headers: str) -> bytes:
    """Return an answer as bytes."""
    lines = [f"HTTP/1.1 {status} Scripted", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def answer(status: int = 200, body: bytes = b"", *headers: str) -> Script:
    """Answer always the same."""
    return answers(reply(status, body, *headers))


def answers(*replies: bytes) -> Script:
    """Give one answer after the other; the last one stays."""
    left = list(replies)

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        del request
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return script


def hang() -> Script:
    """Never answer."""

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        del request, writer
        await asyncio.Event().wait()

    return script


def held(gate: asyncio.Event, status: int = 200) -> Script:
    """Answer once the gate is open."""

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        del request
        await gate.wait()
        writer.write(reply(status))

    return script


def broken(raw: bytes = b"") -> Script:
    """Write something and close the connection."""

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        del request
        writer.write(raw)
        writer.close()

    return script


def dripping(first: bytes) -> Script:
    """Write the beginning of an answer, then a byte now and then, without an end."""

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        del request
        writer.write(first)
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.01)

    return script
