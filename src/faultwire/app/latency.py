"""Standing figures of the chain: each span over the newest faults, by this process's marks."""

import asyncio
from collections.abc import Sequence
from typing import Any

from faultwire.domain.ids import FaultId
from faultwire.ports import Meter
from faultwire_profiler import Recorder, profile
from faultwire_profiler.window import Window

TAKEN = 100
"""Faults that one flush has looked at: of a burst the newest, for the loop has other work."""
SLICE = 4
"""Faults between two moments in which others are served; each takes a third of a millisecond."""


class Latency:
    """Keeps the window and its gauges; on the loop."""

    def __init__(self, recorder: Recorder, meter: Meter) -> None:
        """Take the recorder that holds the marks."""
        self._recorder = recorder
        self._meter = meter
        self._window = Window()

    async def changed(self, faults: Sequence[FaultId]) -> None:
        """Look at faults anew that were marked since, and set the gauges."""
        for place, fault in enumerate(faults[-TAKEN:]):
            marks = self._recorder.marks(fault)
            if marks:
                self._window.put(fault, profile(marks))
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        for span, figures in self._window.highest().items():
            for figure, ms in figures.items():
                self._meter.gauge("faultwire_latency_seconds", ms / 1000, span=span, figure=figure)

    def show(self) -> dict[str, Any]:
        """Return the window as plain JSON values."""
        return self._window.to_json()
