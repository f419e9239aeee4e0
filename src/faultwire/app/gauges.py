"""Gauges of what is in memory."""

from collections.abc import Awaitable, Callable

from faultwire.app.core import Core
from faultwire.app.lane import Lane


def gauges(core: Core, lane: Lane) -> Callable[[], Awaitable[None]]:
    """Return what measures them, and forgets what is over."""

    async def measure() -> None:
        metrics, indexes = core.tools.metrics, core.indexes
        for kind, count in indexes.inventory.counts().items():
            metrics.gauge("faultwire_resources", count, kind=kind)
        metrics.gauge("faultwire_alarms", len(indexes.alarms))
        metrics.gauge("faultwire_open_faults", sum(1 for _ in indexes.holds.live()))
        metrics.gauge("faultwire_lane_queue", len(lane))
        indexes.directory.forget_revocations(core.tools.clock.wall_ns())

    return measure
