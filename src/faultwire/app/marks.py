"""Checkpoints: kept in memory while a fault is young, stored lazily, read from either."""

import logging
from collections import OrderedDict
from typing import Any

from faultwire.app.writer import ReaderThreads, Writer
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant
from faultwire.ports import FaultStore, Meter
from faultwire.profiler import (
    Mark,
    Moment,
    Recorder,
    marks_from_json,
    marks_to_json,
    profile,
    to_json,
)

log = logging.getLogger(__name__)

_BEGINS_HERE = "T02"
"""A fault with this mark in memory was opened by this process: nothing older is stored."""

_KEPT = 4096


class Marks:
    """Joins the recorder with what is stored; on the loop."""

    def __init__(
        self,
        recorder: Recorder,
        store: FaultStore,
        writer: Writer,
        reader: ReaderThreads,
        meter: Meter,
    ) -> None:
        """Take the recorder that the probe fills."""
        self._recorder = recorder
        self._store = store
        self._writer = writer
        self._reader = reader
        self._meter = meter
        self._whole: OrderedDict[str, None] = OrderedDict()

    async def timeline(self, fault: FaultId) -> dict[str, Any]:
        """Return the profile of a fault as JSON values; all unknown for one without marks."""
        await self._complete(fault)
        return to_json(profile(self._recorder.marks(fault)))

    async def add(
        self, fault: FaultId, point: str, at: Instant, *, source: str, count: int
    ) -> None:
        """Take a mark that somebody reported; KeyError for a checkpoint that is none."""
        await self._complete(fault)
        moment = Moment(at.wall_ns, at.mono_ns)
        self._recorder.mark(fault, Mark(point, moment, moment, count, source))

    async def flush(self) -> None:
        """Store what changed since the last flush; what cannot be stored now is tried again."""
        rows = []
        for fault, _ in self._recorder.drain_changed():
            await self._complete(FaultId(fault))
            rows.append((FaultId(fault), marks_to_json(self._recorder.marks(fault))))
        if not rows:
            return
        try:
            await self._writer.mark(rows)
        except Unavailable as error:
            self._meter.count("faultwire_marks_dropped_total", len(rows))
            log.warning("checkpoints of %d faults were not stored: %s", len(rows), error)

    async def _complete(self, fault: FaultId) -> None:
        """Put what was stored before this process began under what it recorded."""
        if fault in self._whole:
            return
        if not any(mark.point == _BEGINS_HERE for mark in self._recorder.marks(fault)):
            stored: Any = await self._reader(self._store.marks, fault)
            if fault in self._whole:
                return
            self._recorder.load(fault, marks_from_json(stored))
        self._whole[fault] = None
        while len(self._whole) > _KEPT:
            self._whole.popitem(last=False)
