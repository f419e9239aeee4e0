"""The system's clock: the one door to time."""

import asyncio
import time

from faultwire.domain.instants import Instant


class SystemClock:
    """Implements `ports.Clock`."""

    wall_ns = staticmethod(time.time_ns)
    mono_ns = staticmethod(time.monotonic_ns)
    sleep = staticmethod(asyncio.sleep)

    def instant(self) -> Instant:
        """Return both clocks, read one right after the other."""
        return Instant(time.time_ns(), time.monotonic_ns())
