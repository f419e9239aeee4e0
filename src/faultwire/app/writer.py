"""The writer thread: the ledger, awaited from the loop."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from faultwire.domain.alarms import Attempt
from faultwire.domain.changes import Change
from faultwire.domain.ids import FaultId, HostName
from faultwire.ports import Clock, Ledger, Meter

_NS = 1_000_000_000


class Writer:
    """Runs every transaction of a ledger on one thread, in the order of the calls."""

    def __init__(self, ledger: Ledger, clock: Clock, meter: Meter) -> None:
        """Take the ledger; nobody else may call it."""
        self._ledger = ledger
        self._clock = clock
        self._meter = meter
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    async def commit(self, changes: Sequence[Change]) -> None:
        """Return when the changes are durable; raises Unavailable, Conflict."""
        loop = asyncio.get_running_loop()
        began = self._clock.mono_ns()
        await loop.run_in_executor(self._thread, self._ledger.commit, changes)
        took = (self._clock.mono_ns() - began) / _NS
        self._meter.observe("faultwire_commit_seconds", took)

    async def settle(self, attempts: Sequence[Attempt]) -> None:
        """Record what came of deliveries; raises Unavailable."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._ledger.settle, attempts)

    async def mark(self, rows: Sequence[tuple[FaultId, Mapping[str, object]]]) -> None:
        """Store checkpoints; raises Unavailable."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._ledger.mark, rows)

    async def seen(self, hosts: Sequence[tuple[HostName, int]]) -> None:
        """Store when hosts were last heard; raises Unavailable."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._ledger.seen, hosts)

    def close(self) -> None:
        """Finish what was handed over, then end the thread."""
        self._thread.shutdown(wait=True)


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
