"""The fail-over hook: a command per verified alarm, with the alarm on its standard input."""

import asyncio
import contextlib
import logging
import os
import shlex
import signal
from collections.abc import Awaitable, Callable

from faultwire.domain.errors import Invalid

log = logging.getLogger(__name__)

AT_ONCE = 16
WAITING = 1000
DEADLINE_SECONDS = 60.0
OUTPUT_BYTES = 4096
_CHUNK = 65_536

Done = Callable[[bool], Awaitable[None]]


class Reaction:
    """Runs the command, at most so many at once, each with a deadline."""

    def __init__(
        self,
        command: str,
        *,
        deadline: float = DEADLINE_SECONDS,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
    ) -> None:
        """Take a command line, which is split as a shell would and run without one.

        Raises Invalid for a line that is none.
        """
        try:
            self._arguments = shlex.split(command)
        except ValueError as error:
            raise Invalid("exec", str(error)) from None
        if not self._arguments:
            raise Invalid("exec", "names no command")
        self._deadline = deadline
        self._free = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Whether so many commands run and wait that no more should be taken."""
        return len(self._tasks) >= self._most

    def start(self, delivery_id: str, alarm: bytes, done: Done) -> None:
        """Run the command for an alarm; `done` is told whether it ended with status 0."""
        task = asyncio.create_task(self._run(delivery_id, alarm, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self, seconds: float) -> None:
        """Wait for commands under way for so long, then kill what is left."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=seconds)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def _run(self, delivery_id: str, alarm: bytes, done: Done) -> None:
        try:
            async with self._free:
                why = await self._child(delivery_id, alarm)
            if why:
                log.error("the reaction to delivery %s failed: %s", delivery_id, why)
            await done(not why)
        except Exception:
            log.exception("the reaction to delivery %s failed", delivery_id)

    async def _child(self, delivery_id: str, alarm: bytes) -> str:
        """Run one command in a session of its own; return what went wrong, empty if nothing."""
        try:
            child = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, "FAULTWIRE_DELIVERY_ID": delivery_id},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"{self._arguments[0]} cannot be run: {error}"
        output = bytearray()
        try:
            async with asyncio.timeout(self._deadline):
                await asyncio.gather(_feed(child, alarm), _drain(child, output))
                status = await child.wait()
        except TimeoutError:
            return f"ended after {self._deadline:g} s: {_text(output)}"
        finally:
            # What it left running goes with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
        return f"status {status}: {_text(output)}" if status else ""


async def _feed(child: asyncio.subprocess.Process, alarm: bytes) -> None:
    if child.stdin is None:
        return
    # A command need not read what it is given.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(alarm)
        await child.stdin.drain()
    child.stdin.close()


async def _drain(child: asyncio.subprocess.Process, output: bytearray) -> None:
    """Read all output, keep the beginning."""
    if child.stdout is None:
        return
    while chunk := await child.stdout.read(_CHUNK):
        output += chunk[: OUTPUT_BYTES - len(output)]


def _text(output: bytearray) -> str:
    return printable(output.decode(errors="replace").strip(), OUTPUT_BYTES)


def printable(text: str, limit: int = 500) -> str:
    """Return text that cannot speak to a terminal, and not too much of it."""
    return "".join(char if char.isprintable() else "?" for char in text[:limit])
