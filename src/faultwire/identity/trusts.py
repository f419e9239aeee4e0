"""Tokens of users who trust us: fetched ahead of time, renewed while they are needed."""

import asyncio
from collections import OrderedDict

from faultwire.domain.errors import FaultwireError, NotFound, Unavailable
from faultwire.ports import Clock
from faultwire.ports.keystone import KeystoneApi

NS = 1_000_000_000
MOST = 1000
"""Trusts whose tokens are kept; the least used go first."""

RENEW_NS = 300 * NS
"""A token that ends within so long is renewed in the background."""

SPARE_NS = 30 * NS
"""A token that ends within so long is not sent any more: who gets it wants to use it."""

LOOK_SECONDS = 60.0
PAUSE_NS = 1 * NS
"""After a fetch that found no Keystone, the next is made after so long."""


class KeptTrustTokens:
    """Implements `ports.keystone.TrustTokens`; on the event loop.

    One fetch a trust at a time, so many trusts at once. While Keystone is away nobody waits for
    more than the one fetch that finds it so.
    """

    def __init__(
        self, api: KeystoneApi, clock: Clock, timeout: float, concurrency: int = 4
    ) -> None:
        """Keep nothing yet; a fetch takes `timeout` seconds at most."""
        self._api = api
        self._clock = clock
        self._timeout = timeout
        self._kept: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[str | FaultwireError]] = {}
        self._room = asyncio.Semaphore(concurrency)
        self._retry_ns = 0

    def _ready(self, trust: str, spare_ns: int) -> str | None:
        token, ends_ns = self._kept.get(trust, ("", 0))
        return token if ends_ns - self._clock.wall_ns() > spare_ns else None

    def warm(self, trust: str) -> None:
        """Fetch the token of a trust in the background unless it is there."""
        if self._ready(trust, RENEW_NS) is None:
            self._fetch(trust)

    async def token(self, trust: str) -> str:
        """Return a token of a trust; raises NotFound where it is gone, Unavailable."""
        ready = self._ready(trust, SPARE_NS)
        if ready is not None:
            self._kept.move_to_end(trust)
            return ready
        if self._clock.mono_ns() < self._retry_ns and trust not in self._fetching:
            raise Unavailable("Keystone does not answer")
        found = await asyncio.shield(self._fetch(trust))
        if isinstance(found, FaultwireError):
            raise type(found)(str(found))
        return found

    def _fetch(self, trust: str) -> "asyncio.Task[str | FaultwireError]":
        task = self._fetching.get(trust)
        if task is None:
            task = asyncio.create_task(self._fetched(trust), name="trust-token")
            self._fetching[trust] = task
            task.add_done_callback(lambda _: self._fetching.pop(trust, None))
        return task

    async def _fetched(self, trust: str) -> str | FaultwireError:
        try:
            async with self._room, asyncio.timeout(self._timeout):
                token, ends_ns = await self._api.trust_token(trust)
        except NotFound:
            self._kept.pop(trust, None)
            return NotFound("the trust of this action is gone")
        except (FaultwireError, TimeoutError):
            self._retry_ns = self._clock.mono_ns() + PAUSE_NS
            return Unavailable("Keystone does not answer")
        self._kept[trust] = token, ends_ns
        self._kept.move_to_end(trust)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return token

    async def run(self) -> None:
        """Renew what ends soon, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            for trust in tuple(self._kept):
                self.warm(trust)

    async def close(self) -> None:
        """End the fetches that are under way."""
        fetching = tuple(self._fetching.values())
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)
