"""The process that speaks to management controllers, apart from the server.

sushy is synchronous and controllers are slow: here each request has a thread, and nothing of it
touches the server's interpreter. Lines of JSON come on standard input, whose end is its own:
``{"n", "op", "access": {…}, …}``; each is answered by ``{"n", "answer"}`` or
``{"n", "kind", "words"}`` on standard output, in whatever order. Started by `app.bmcs`.
"""

import contextlib
import json
import logging
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from faultwire.controllers.fencing.bmc import Access, Client, Trouble, client

log = logging.getLogger(__name__)

THREADS = 64
MEMORY_BYTES = 2 << 30
"""What a controller may make us hold by an answer without end."""

KEPT = 4096


class Clients:
    """Clients of controllers, kept as long as they work: to read the root again costs requests."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[Access, Client] = {}

    def ask(self, access: Access, op: str, given: Mapping[str, Any]) -> object:
        """Do one thing; a client that failed is not used again. Raises Trouble."""
        one = self._known.pop(access, None) or client(access)
        answer = _OPS[op](one, given)
        if len(self._known) < KEPT:
            self._known[access] = one
        return answer


_OPS: Mapping[str, Any] = {
    "power": lambda one, _: one.power(),
    "switch": lambda one, given: one.switch(given["wanted"]),
    "health": lambda one, _: one.health(),
    "subscribe": lambda one, given: one.subscribe(given["destination"], given["context"]),
}


def serve() -> None:
    """Answer until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # What sushy logs may hold what it was given.
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("sushy").setLevel(logging.CRITICAL)
    out, clients = threading.Lock(), Clients()

    def work(asked: Mapping[str, Any]) -> None:
        answer = _answered(clients, asked)
        with out, contextlib.suppress(BrokenPipeError):
            sys.stdout.write(json.dumps({"n": asked["n"], **answer}) + "\n")
            sys.stdout.flush()

    pool = ThreadPoolExecutor(THREADS, "bmc")
    for line in sys.stdin:
        pool.submit(work, json.loads(line))
    pool.shutdown(wait=False, cancel_futures=True)


def _answered(clients: Clients, asked: Mapping[str, Any]) -> dict[str, object]:
    try:
        access = Access(**asked["access"])
        return {"answer": clients.ask(access, asked["op"], asked)}
    except Trouble as trouble:
        return {"kind": trouble.kind, "words": trouble.words}
    except Exception as error:
        # The parent tells it as an error: nobody reads a log of this process.
        log.debug("a question to a BMC ended in a defect", exc_info=error)
        return {
            "kind": "protocol",
            "words": f"unexpected {type(error).__name__}",
            "defect": _where(error),
        }


def _where(error: BaseException) -> str:
    """Return the way to a defect: lines of code, without any value that they had."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames)


if __name__ == "__main__":
    serve()
    # Threads that wait for a controller are not waited for.
    import os

    os._exit(0)
