"""Checkpoints: kept in memory while a fault is young, stored lazily, read from either."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from faultwire.app.latency import Latency
from faultwire.app.writer import ReaderThreads, Writer
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant
from faultwire.ports import FaultStore
from faultwire.telemetry.probe import write_line
from faultwire_profiler import (
    Mark,
    Moment,
    Recorder,
    joined,
    marks_from_json,
    marks_to_json,
    profile,
    to_json,
)
from faultwire_profiler.checkpoints import BY_KEY

log = logging.getLogger(__name__)

_BEGINS_HERE = "T02"
"""A fault with this mark in memory was opened by this process: nothing older is stored."""


class Follower(Protocol):
    """Looks at marks once they are stored; on the loop."""

    async def changed(self, faults: Sequence[FaultId]) -> None:
        """Look at faults that were marked since; the recorder has their marks."""

    def loaded(self, fault: FaultId, marks: Sequence[Mark]) -> None:
        """Note marks that an earlier process stored, before what this one adds."""


class Marks:
    """Joins the recorder with what is stored; on the loop."""

    def __init__(
        self,
        recorder: Recorder,
        store: FaultStore,
        writer: Writer,
        reader: ReaderThreads,
        latency: Latency,
        origin: str = "",
    ) -> None:
        """Take the recorder that the probe fills; `origin` names this process and its boot."""
        self._origin = origin
        self._recorder = recorder
        self._store = store
        self._writer = writer
        self._reader = reader
        self.latency = latency
        self._followers: list[Follower] = []

    def follow(self, follower: "Follower") -> None:
        """Have somebody told of faults whose marks are stored, after each flush."""
        self._followers.append(follower)

    async def timeline(self, fault: FaultId) -> dict[str, Any]:
        """Return the profile of a fault as JSON values; all unknown for one without marks."""
        others = await self._elsewhere(fault)
        if not self._recorder.marks(fault):
            return to_json(profile(joined((*await self._stored(fault), *others))))
        await self._complete(fault)
        return to_json(profile(joined((*self._recorder.marks(fault), *others))))

    async def add(
        self, fault: FaultId, point: str, at: Instant, *, source: str, count: int
    ) -> None:
        """Take a mark that somebody reported; KeyError for a checkpoint that is none."""
        if point not in BY_KEY:
            raise KeyError(point)
        if self.latency.enabled:
            await self._complete(fault)
            self._recorder.note(fault, point, at, at, count, source)
        if log.isEnabledFor(logging.DEBUG):
            write_line(fault, point, at, at, count, source)

    async def flush(self) -> None:
        """Store what changed since the last flush; what cannot be stored now is tried again."""
        changed = [FaultId(fault) for fault, _ in self._recorder.drain_changed()]
        if not changed:
            return
        try:
            for fault in changed:
                await self._complete(fault)
            await self._writer.mark(
                [(fault, marks_to_json(self._recorder.marks(fault))) for fault in changed]
            )
            await self.latency.changed(changed)
            for follower in self._followers:
                await follower.changed(changed)
        except asyncio.CancelledError:
            # Whoever stops us flushes once more at the end.
            self._recorder.changed_again(changed)
            raise
        except Unavailable as error:
            self._recorder.changed_again(changed)
            self.latency.meter.count("faultwire_marks_late_total", len(changed))
            log.warning(
                "checkpoints of %d faults are not stored yet: %s", len(changed), error.detail
            )

    async def _complete(self, fault: FaultId) -> None:
        """Put what an earlier process stored under what this one recorded.

        Monotonic times of before mean nothing beside those of now: the machine may have been
        started anew in between.
        """
        if self._recorder.loaded(fault) or self._began_here(fault):
            return
        stored = await self._stored(fault)
        if not self._recorder.loaded(fault):
            older = [_by_wall(mark) for mark in stored]
            self._recorder.load(fault, older)
            for follower in self._followers:
                follower.loaded(fault, older)

    def _began_here(self, fault: FaultId) -> bool:
        return any(mark.point == _BEGINS_HERE for mark in self._recorder.marks(fault))

    async def _stored(self, fault: FaultId) -> tuple[Mark, ...]:
        found: Any = await self._reader(self._store.marks, fault)
        return marks_from_json(found)

    async def _elsewhere(self, fault: FaultId) -> list[Mark]:
        """Return what other processes stored.

        The monotonic clock is the machine's: another process of this boot reads the same one.
        """
        if not self._origin:
            return []
        found: Any = await self._reader(self._store.marks_elsewhere, fault)
        marks: list[Mark] = []
        for origin, stored in found:
            ours = boot_of(origin) == boot_of(self._origin)
            one = marks_from_json(stored)
            marks.extend(one if ours else map(_by_wall, one))
        return marks


def boot_of(origin: str) -> str:
    """Return the part of an origin that names a boot of a machine."""
    return origin.rpartition(":")[0]


def _by_wall(mark: Mark) -> Mark:
    return replace(
        mark, first=Moment(mark.first.wall_ns, None), last=Moment(mark.last.wall_ns, None)
    )
