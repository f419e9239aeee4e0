"""Webhook receivers that do what a test tells them to, beside the test."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from faultwire.testing import sink
from tests.databases.servers import free_port
from tests.system.waiting import SECONDS, wait_for


@dataclass(frozen=True, slots=True)
class Told:
    """One webhook as it came."""

    path: str
    delivery: str
    attempt: int
    alarm: dict[str, Any]

    @property
    def current(self) -> str:
        """The state that the alarm has now."""
        return str(self.alarm["current"])

    @property
    def alarm_id(self) -> str:
        """Whose webhook it is."""
        return str(self.alarm["alarm_id"])


def _told(one: sink.Received) -> Told:
    headers = one.headers
    return Told(
        one.path,
        headers["webhook-id"],
        int(headers["faultwire-attempt"]),
        json.loads(one.body),
    )


class Hooks:
    """A `faultwire.testing.sink.Sink` on a thread of its own; answers 200 unless told otherwise.

    `told` grows while the test looks on; `on_request` is called on that thread for each request.
    """

    def __init__(self) -> None:
        self.raw: list[sink.Received] = []
        self._scripts: dict[str, sink.Script] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._port = free_port()
        self._sink: sink.Sink | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.up()

    def up(self) -> None:
        """Listen; on the same port as before."""

        async def start() -> sink.Sink:
            made = sink.Sink(self._port)
            made.requests = self.raw
            made.scripts = self._scripts
            return await made.__aenter__()

        self._sink = self._do(start())
        self._port = self._sink.port

    def down(self) -> None:
        """Listen no more and break every connection."""
        if self._sink is not None:
            self._do(self._sink.__aexit__(None, None, None))
            self._sink = None

    def close(self) -> None:
        """End the thread."""
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    def url(self, path: str = "/") -> str:
        """Return the URL of a path."""
        return f"http://127.0.0.1:{self._port}{path}"

    def on(self, path: str, script: sink.Script) -> str:
        """Have a path answered by a script from now on; return its URL."""
        self._scripts[path] = script
        return self.url(path)

    def hold(self, path: str) -> str:
        """Have a path answer nothing until it is well; return its URL."""
        self._gates[path] = asyncio.Event()
        return self.on(path, sink.held(self._gates[path]))

    def well(self, path: str) -> None:
        """Have a path answer 200 from now on, also what it was asked before and holds."""
        self._scripts.pop(path, None)
        if path in self._gates:
            self._loop.call_soon_threadsafe(self._gates.pop(path).set)

    @property
    def told(self) -> list[Told]:
        """All webhooks so far, in the order in which they came."""
        return [_told(one) for one in list(self.raw)]

    def since(self, number: int) -> list[Told]:
        """Return the webhooks after so many."""
        return [_told(one) for one in self.raw[number:]]

    def wait(
        self, true: Callable[[list[Told]], bool], what: str, seconds: float = SECONDS
    ) -> None:
        """Return once what was told so far is as it should be."""
        seen = -1

        def changed() -> bool:
            nonlocal seen
            if len(self.raw) == seen:
                return False
            seen = len(self.raw)
            return true(self.told)

        wait_for(changed, f"{what}; {len(self.raw)} webhooks came", seconds)

    def wait_count(self, count: int, seconds: float = SECONDS) -> None:
        """Return once so many webhooks came."""
        wait_for(
            lambda: len(self.raw) >= count, f"{count} webhooks, {len(self.raw)} came", seconds
        )

    def wait_deliveries(self, count: int) -> None:
        """Return once so many different webhooks came, however often each."""
        self.wait(lambda told: len({one.delivery for one in told}) >= count, f"{count} webhooks")

    def quiet(self, seconds: float = 0.4) -> None:
        """Let webhooks that should not come show themselves."""
        time.sleep(seconds)
