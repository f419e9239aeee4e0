"""Calls from the broker, taken by a process of their own and done here.

oslo.messaging's server is threads; on the hot process they would make its loop late (promise 3).
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Collection

from faultwire.domain.errors import NoConsumer, RpcError
from faultwire.messaging import relay
from faultwire.messaging.dispatch import Envelope
from faultwire.messaging.inprocess import InProcessExchange
from faultwire.messaging.settings import RabbitSettings, Settings
from faultwire.ports import Clock

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
LINE_BYTES = 1 << 20
STOP_SECONDS = 7.0


class CallDoor:
    """The child process that takes the calls of some APIs; `run` keeps it alive.

    What it takes is done by who serves these APIs on the exchange of this process.
    """

    def __init__(
        self,
        broker: tuple[Settings, RabbitSettings],
        apis: tuple[str, ...],
        topics: Collection[str],
        exchange: InProcessExchange,
        clock: Clock,
    ) -> None:
        """Start nothing; `topics` are those of the APIs."""
        self._first = relay.first_line(*broker, apis)
        self._topics = frozenset(topics)
        self._exchange = exchange
        self._clock = clock
        self._child: asyncio.subprocess.Process | None = None
        self._doing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Have the process run, again whenever it ends, until cancelled."""
        try:
            while True:
                try:
                    await self._converse()
                    log.warning("the process that takes calls from the broker ended")
                except OSError as error:
                    log.warning("no process takes calls from the broker: %s", error)
                await self._clock.sleep(AGAIN_SECONDS)
        finally:
            await self._end()

    async def _converse(self) -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", relay.PROCESS,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES, start_new_session=True,
        )  # fmt: skip
        self._child = child
        if child.stdin is None or child.stdout is None:
            return
        child.stdin.write(self._first)
        while line := await child.stdout.readline():
            task = asyncio.create_task(self._do(line, child.stdin))
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)
        await child.wait()

    async def _do(self, line: bytes, out: asyncio.StreamWriter) -> None:
        number, topic, envelope = relay.read_call(line)
        try:
            said = relay.answer_line(number, await self._dispatch(topic, envelope))
        except RpcError as error:
            said = relay.answer_line(number, error=error)
        with contextlib.suppress(ConnectionError):
            out.write(said)
            await out.drain()

    async def _dispatch(self, topic: str, envelope: Envelope) -> object:
        takes = self._exchange.topics.get(topic) if topic in self._topics else None
        if takes is None:
            raise NoConsumer(topic, str(envelope.method), "nobody listens there")
        return await takes.dispatch(envelope)

    async def _end(self) -> None:
        child = self._child
        if child is None or child.returncode is not None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.shield(child.wait())
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        for task in self._doing:
            task.cancel()
        await asyncio.gather(*self._doing, return_exceptions=True)
