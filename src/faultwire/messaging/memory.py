"""The bus within the process: for an installation without a broker, and for tests."""

from collections import deque

from faultwire.domain.errors import Unavailable

KEPT = 1000
"""Notifications that are remembered; older ones give way."""


class MemoryBus:
    """Implements `ports.buses.Bus`; remembers what came last. `up` false: it takes nothing."""

    def __init__(self) -> None:
        """Start empty and up."""
        self.up = True
        self.taken: deque[bytes] = deque(maxlen=KEPT)

    async def publish(self, body: bytes) -> None:
        """Take a notification; raises Unavailable while it is down."""
        if not self.up:
            raise Unavailable("the bus does not answer")
        self.taken.append(body)
