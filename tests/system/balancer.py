"""A load balancer for TCP in front of several servers, as small as one can be."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from tests.system.waiting import SECONDS

CHUNK = 65_536

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Balancer:
    """Hands each connection to the first of its backends that takes it, in turn."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._backends = [(str(urlsplit(url).hostname), urlsplit(url).port) for url in urls]
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._pipes: set[asyncio.Task[None]] = set()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Break every connection and listen no more."""

        async def end() -> None:
            self._server.close()
            while self._pipes:
                ending = tuple(self._pipes)
                for task in ending:
                    task.cancel()
                await asyncio.gather(*ending, return_exceptions=True)

        self._do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: object) -> object:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)  # type: ignore[arg-type]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            await self._carry(reader, writer)
        except asyncio.CancelledError:
            # The end of the balancer is no error of this connection.
            return
        finally:
            self._pipes.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._backends:
            host, port = self._backends[self._turn % len(self._backends)]
            self._turn += 1
            try:
                far = await asyncio.open_connection(host, port)
            except OSError:
                continue
            await self._join((reader, writer), far)
            return

    async def _join(self, near: Streams, far: Streams) -> None:
        """Carry both ways until either end closes."""
        pipes = (self._pipe(near[0], far[1]), self._pipe(far[0], near[1]))
        tasks = {asyncio.create_task(pipe) for pipe in pipes}
        self._pipes |= tasks
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._pipes -= tasks
            for _, writer in (near, far):
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                writer.write(data)
                await writer.drain()
