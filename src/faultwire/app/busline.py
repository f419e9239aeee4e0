"""The line to the process that publishes to the broker: nothing of it runs on our loop or threads.

The process is started with the first notification, and again when it ends. What it has not
confirmed is not published: the sender tries it again, under the same message id.
"""

import asyncio
import contextlib
import itertools
import logging
import sys
from typing import Any

import orjson

from faultwire.domain.errors import Unavailable
from faultwire.messaging import publisher
from faultwire.messaging.settings import RabbitSettings, Settings
from faultwire.ports import Clock, Meter

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""Least time between two starts of the process."""
LINE_BYTES = 1 << 20
STOP_SECONDS = 2.0

_S = 1_000_000_000


class BusLine:
    """Implements `ports.buses.Bus` by a child process; on the event loop."""

    def __init__(
        self,
        broker: tuple[Settings, RabbitSettings],
        topics: tuple[str, ...],
        clock: Clock,
        meter: Meter,
        aodh: tuple[str, ...] = (),
    ) -> None:
        """Start nothing; `aodh` are those of the topics that an Aodh reads."""
        self._first = publisher.line_of(*broker, topics, aodh)
        self._clock = clock
        self._meter = meter
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._started_ns: int | None = None
        # None: not known yet.
        self.trouble: str | None = None
        meter.gauge("faultwire_bus_up", 0)

    async def publish(self, body: bytes) -> None:
        """Return once the broker has the notification for good; raises Unavailable."""
        writer = await self._ready()
        number = next(self._numbers)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            writer.write(b'{"id":%d,"message":%b}\n' % (number, body))
            trouble = await answer
        finally:
            self._waiting.pop(number, None)
        self._note(trouble)
        if trouble:
            raise Unavailable(trouble)

    async def _ready(self) -> asyncio.StreamWriter:
        async with self._starting:
            if self._child is None or self._child.returncode is not None:
                await self._start()
            child = self._child
        if child is None or child.stdin is None:
            raise Unavailable("the process that publishes cannot be started")
        return child.stdin

    async def _start(self) -> None:
        now_ns = self._clock.mono_ns()
        if self._started_ns is not None and now_ns - self._started_ns < AGAIN_SECONDS * _S:
            raise Unavailable("the process that publishes ended, and is started again soon")
        self._started_ns = now_ns
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", publisher.PROCESS,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                limit=LINE_BYTES, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise Unavailable(f"the process that publishes cannot be started: {error}") from None
        self._child = child
        if child.stdin is not None:
            child.stdin.write(self._first)
        self._reader = asyncio.create_task(self._read(child), name="bus")

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        try:
            while child.stdout is not None and (line := await child.stdout.readline()):
                said: Any = orjson.loads(line)
                answer = self._waiting.get(said["id"])
                if answer is not None and not answer.done():
                    answer.set_result(said["trouble"])
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_result("the process that publishes ended")
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await asyncio.shield(child.wait())

    def _note(self, trouble: str) -> None:
        """Say once what is wrong, and once that it is over."""
        before, self.trouble = self.trouble, trouble
        # How exactly a broker is away changes from try to try.
        if before is not None and trouble.partition(":")[0] == before.partition(":")[0]:
            return
        if trouble:
            log.warning("nothing is published, and kept meanwhile: %s", trouble)
        elif before:
            log.warning("notifications are published again")
        self._meter.gauge("faultwire_bus_up", 0 if trouble else 1)

    async def close(self) -> None:
        """End the process; what it has not confirmed stays owed."""
        child, reader = self._child, self._reader
        if child is None or reader is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        _, late = await asyncio.wait((reader,), timeout=STOP_SECONDS)
        if late:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
