"""Work that would hold the interpreter for long: done by a child process.

What goes in and what comes out crosses a socket in pieces, on the loop. No thread of ours copies
or unpickles it as a whole: that would hold the interpreter, and with it the loop.
"""

import asyncio
import contextlib
import multiprocessing
import os
import pickle
import signal
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Any

from faultwire.app.collector import many_come_to_stay
from faultwire.domain.errors import FaultwireError, Unavailable

DEADLINE_SECONDS = 300.0
PIECE_BYTES = 131_072
NICENESS = 10
"""The child gives way where there are fewer cores than work."""

_HEAD = struct.Struct("!BQ")
_DATA, _END, _ERROR = range(3)

Produces = Callable[..., Iterable[bytes]]
"""A function of a module, called with bytes; what it gives is handed over piece by piece."""


class Offload:
    """One child, started when first needed: ``async for piece in offload(function, raw)``."""

    def __init__(self) -> None:
        """Start nothing."""
        self._child: _Child | None = None
        self._turn = asyncio.Lock()

    async def __call__(
        self, function: Produces, came: Sequence[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Give what the function gives, or raise what it raises; Unavailable if the child dies.

        The function gets the bytes of `came` as one. One call at a time; others wait. Who stops
        listening closes the generator, which ends the child. What is given comes to stay.
        """
        async with self._turn:
            with many_come_to_stay():
                async with contextlib.aclosing(self._pieces(function, came)) as pieces:
                    async for piece in pieces:
                        yield piece

    async def _pieces(
        self, function: Produces, came: Sequence[bytes]
    ) -> AsyncGenerator[bytes, None]:
        if self._child is None:
            self._child = await _Child.start()
        whole = False
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await self._child.ask(function, came)
                async for piece in self._child.answer():
                    yield piece
                whole = True
        except FaultwireError:
            whole = True
            raise
        except (EOFError, OSError):
            message = "the child process that reads large documents ended; try again"
            raise Unavailable(message) from None
        except TimeoutError:
            message = f"the document was not read within {DEADLINE_SECONDS:.0f} s"
            raise Unavailable(message) from None
        finally:
            if not whole:
                self.close()

    def close(self) -> None:
        """End the child, whatever it does."""
        if self._child is not None:
            self._child.close()
            self._child = None


class _Child:
    """Our end of the socket."""

    def __init__(
        self, process: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls) -> "_Child":
        ours, theirs = socket.socketpair()
        process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(theirs,), name="documents", daemon=True
        )
        process.start()
        theirs.close()
        ours.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=2 * PIECE_BYTES)
        return cls(process, reader, writer)

    async def ask(self, function: Produces, came: Sequence[bytes]) -> None:
        name = pickle.dumps(function)
        self._writer.write(_HEAD.pack(_DATA, len(name)) + name)
        self._writer.write(_HEAD.pack(_DATA, sum(map(len, came))))
        for piece in came:
            for start in range(0, len(piece), PIECE_BYTES):
                self._writer.write(piece[start : start + PIECE_BYTES])
                await self._writer.drain()

    async def answer(self) -> AsyncGenerator[bytes, None]:
        while True:
            kind, length = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
            piece = await self._reader.readexactly(length)
            if kind == _END:
                return
            if kind == _ERROR:
                raise pickle.loads(piece)  # noqa: S301  our own child's
            yield piece

    def close(self) -> None:
        """End it without waiting: to free what it holds may take long."""
        self._writer.close()
        self._process.kill()


def _serve(end: socket.socket) -> None:
    """Be the child: answer until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        # Whoever may not give way works all the same.
        os.nice(NICENESS)
    asked = end.makefile("rb")
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            function = pickle.loads(_asked(asked))  # noqa: S301  our own parent's
            try:
                for piece in function(_asked(asked)):
                    end.sendall(_HEAD.pack(_DATA, len(piece)))
                    end.sendall(piece)
                end.sendall(_HEAD.pack(_END, 0))
            except FaultwireError as error:
                told = pickle.dumps(error)
                end.sendall(_HEAD.pack(_ERROR, len(told)) + told)


def _asked(stream: Any) -> bytes:
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise EOFError
    _, length = _HEAD.unpack(head)
    raw: bytes = stream.read(length)
    if len(raw) < length:
        raise EOFError
    return raw
