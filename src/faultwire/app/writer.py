"""The writer thread: the ledger, awaited from the loop."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from faultwire.domain.alarms import Attempt
from faultwire.domain.changes import Change
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import FaultId, GuestId, HostName
from faultwire.domain.samples import Sample
from faultwire.ports import Clock, Ledger, Meter

T = TypeVar("T")

LONG_NS = 500_000_000
"""From so long on a refusal was one that made us wait: a lock."""

_NS = 1_000_000_000


class Writer:
    """Runs every transaction of a ledger on one thread, in the order of the calls.

    What waited behind a transaction that failed at a locked database fails with it: deadlines do
    not add up.
    """

    def __init__(self, ledger: Ledger, clock: Clock, meter: Meter) -> None:
        """Take the ledger; nobody else may call it."""
        self._ledger = ledger
        self._clock = clock
        self._meter = meter
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._refused_ns = 0
        self._refusal = ""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Return when the changes are durable; raises Unavailable, Conflict."""
        began = self._clock.mono_ns()
        await self._run(self._ledger.commit, changes)
        took = (self._clock.mono_ns() - began) / _NS
        self._meter.observe("faultwire_commit_seconds", took)

    def when_written(self, call: Callable[[], None]) -> None:
        """Have a call made on this loop whenever a commit waits for nothing but the disk."""
        loop = asyncio.get_running_loop()
        self._ledger.when_written(partial(_soon, loop, call))

    async def settle(self, attempts: Sequence[Attempt]) -> None:
        """Record what came of deliveries; raises Unavailable."""
        await self._run(self._ledger.settle, attempts)

    async def mark(self, rows: Sequence[tuple[FaultId, Mapping[str, object]]]) -> None:
        """Store checkpoints; raises Unavailable."""
        await self._run(self._ledger.mark, rows)

    async def seen(self, hosts: Sequence[tuple[HostName, int]]) -> None:
        """Store when hosts were last heard; raises Unavailable."""
        await self._run(self._ledger.seen, hosts)

    async def guests_heard(self, guests: Sequence[tuple[GuestId, int]]) -> None:
        """Store when guests were last heard; raises Unavailable."""
        await self._run(self._ledger.guests_heard, guests)

    async def sample(self, samples: Sequence[Sample]) -> None:
        """Keep samples; raises Unavailable."""
        await self._run(self._ledger.sample, samples)

    async def run(self, call: Callable[[], T]) -> T:
        """Return what a call of the ledger returns, between two of its transactions."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def _run(self, write: Callable[[Any], None], what: object) -> None:
        asked = self._clock.mono_ns()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._write, write, what, asked)

    def _write(self, write: Callable[[Any], None], what: object, asked: int) -> None:
        """Run on the writer's thread, which alone touches the refusal."""
        if asked < self._refused_ns:
            raise Unavailable(self._refusal)
        began = self._clock.mono_ns()
        try:
            write(what)
        except Unavailable as error:
            now = self._clock.mono_ns()
            if now - began >= LONG_NS:
                self._refused_ns, self._refusal = now, str(error)
            raise

    def close(self) -> None:
        """Finish what was handed over, then end the thread."""
        self._thread.shutdown(wait=True)


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(call)


class ReaderThreads:
    """Runs reads of the store on threads of their own; a call is a `ports.Reader`."""

    def __init__(self, threads: int = 2) -> None:
        """Start nothing yet; threads appear with the first reads."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reader")

    async def __call__(self, call: object, *args: object, **named: object) -> object:
        """Return what the synchronous `call` returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _Bound(call, args, named))

    def close(self) -> None:
        """End the threads once their reads are done."""
        self._threads.shutdown(wait=True)


class _Bound:
    __slots__ = ("_args", "_call", "_named")

    def __init__(self, call: object, args: Sequence[object], named: Mapping[str, object]) -> None:
        self._call, self._args, self._named = call, args, named

    def __call__(self) -> object:
        return self._call(*self._args, **self._named)  # type: ignore[operator]
