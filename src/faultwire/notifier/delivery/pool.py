"""Connections that wait for the next webhook: kept for a while, and not too many of them."""

import heapq
from operator import itemgetter
from typing import Any

import aiohttp

KEEPALIVE_S = 15


class Pool(aiohttp.TCPConnector):
    """A connector whose idle connections are bounded, over all origins."""

    def __init__(self, most_idle: int, **more: Any) -> None:
        """Keep at most about so many open that nobody uses."""
        super().__init__(limit=0, limit_per_host=0, keepalive_timeout=KEEPALIVE_S, **more)
        self._most_idle = max(1, most_idle)
        self._every = max(1, self._most_idle // 8)
        self._since = 0

    @property
    def idle(self) -> int:
        """How many connections are open and not in use."""
        return sum(map(len, self._conns.values()))

    def used(self) -> None:
        """Note that a request is over; now and then close what has been idle longest."""
        self._since += 1
        if self._since < self._every:
            return
        self._since = 0
        surplus = self.idle - self._most_idle
        if surplus <= 0:
            return
        # The library keeps them by origin, and closes what it meets too old.
        ages = [(since, key) for key, kept in self._conns.items() for _, since in kept]
        for _, key in heapq.nsmallest(surplus, ages, key=itemgetter(0)):
            connection, _ = self._conns[key].popleft()
            if not self._conns[key]:
                del self._conns[key]
            connection.close()
