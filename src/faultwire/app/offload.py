"""Work that would hold the interpreter for long: done by a child process."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from faultwire.domain.errors import Unavailable

T = TypeVar("T")

DEADLINE_SECONDS = 300.0


class Offload:
    """One child, started when first needed; a call is ``await offload(function, *arguments)``."""

    def __init__(self) -> None:
        """Start nothing."""
        self._pool: ProcessPoolExecutor | None = None

    async def __call__(self, function: Callable[..., T], *arguments: object) -> T:
        """Return the function's result, or raise what it raises; Unavailable if the child dies."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await loop.run_in_executor(self._pool, function, *arguments)
        except BrokenProcessPool:
            self._pool = None
            message = "the child process that reads large documents ended; try again"
            raise Unavailable(message) from None
        except TimeoutError:
            self.close()
            message = f"the document was not read within {DEADLINE_SECONDS:.0f} s"
            raise Unavailable(message) from None

    def close(self) -> None:
        """End the child, whatever it does."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
