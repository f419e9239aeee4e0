"""Our own spans for an OpenTelemetry collector: each fault a trace, each webhook a span of it.

They are made of what is kept anyhow, after the fault was dealt with: the chain spends nothing on
them, and of a webhook a few values are noted (docs/adr: our own spans).
"""

import asyncio
import logging
import os
import socket
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson

from faultwire import __version__
from faultwire.app.cluster import origin_of
from faultwire.app.core import Core
from faultwire.app.life import Life
from faultwire.app.marks import boot_of
from faultwire.domain.alarms import Delivery
from faultwire.domain.ids import FaultId
from faultwire.domain.tracing import fault_span_id, span_id, trace_id
from faultwire.ports import Clock, Meter
from faultwire.telemetry.collector import Collector, Taken
from faultwire.telemetry.profiler_settings import Settings
from faultwire_profiler import FAULTS_KEPT, Mark, Recorder, otlp
from faultwire_profiler.marks import since

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
STOP_SECONDS = 5.0
BATCH = 256
"""Spans of one request."""
MOST = 20_000
"""Spans that wait for a collector that is away; of more, the oldest are dropped."""
SLICE = 16
"""Spans written between two moments in which others are served."""
_FIRST = "T02"
"""The process that marked this opened the fault, and writes the first span of its trace."""

Sent = tuple[Delivery, int, int, int | None, str]
"""A webhook that is over: when it began and ended, its status, and what went wrong."""


class Door(Protocol):
    """Where batches go."""

    async def post(self, body: bytes) -> tuple[Taken, str]:
        """Return what came of a batch, and why it was not taken."""

    async def close(self) -> None:
        """Close the connection."""


def resource(origin: str) -> dict[str, str]:
    """Return what is said of this process in every batch."""
    own = origin or origin_of(f"{socket.gethostname()}:{os.getpid()}")
    return {
        "service.name": "faultwire",
        "service.version": __version__,
        "service.instance.id": own.partition(":")[2],
        "host.name": socket.gethostname(),
        otlp.BOOT: boot_of(own),
    }


def tracing_of(core: Core, settings: Settings, origin: str, life: Life) -> "Tracing | None":
    """Return what sends spans of this process, if the operator says where to; it runs from now.

    Senders that are made afterwards tell it of webhooks. Raises Invalid for a file of the
    settings that cannot be used.
    """
    if not settings.otlp_endpoint:
        return None
    tools, holds = core.tools, core.indexes.holds

    def host_of(fault: FaultId) -> str:
        found = holds.live_fault(fault)
        return (found.host or "") if found else ""

    door = Collector(settings.otlp_endpoint, settings.otlp_headers_file, settings.otlp_ca_file)
    made = Tracing(door, tools.recorder, tools.clock, tools.metrics, resource(origin), host_of)
    core.trace = made.webhook
    life.release.push_async_callback(made.stop)
    life.watch(made.run(), "spans")
    return made


class Tracing:
    """Follows the marks and the sender, and sends what they did; on the loop."""

    def __init__(
        self,
        door: Door,
        recorder: Recorder,
        clock: Clock,
        meter: Meter,
        about: dict[str, str],
        host_of: Callable[[FaultId], str],
    ) -> None:
        """Take where spans go, `about` this process, and who knows which host failed."""
        self._door = door
        self._recorder = recorder
        self._clock = clock
        self._meter = meter
        self._about = about
        self._host_of = host_of
        self._told: OrderedDict[FaultId, tuple[Mark, ...]] = OrderedDict()
        self._sent: deque[Sent] = deque()
        self._spans: deque[otlp.Json] = deque()
        self._number = 0
        self._away = ""

    def webhook(
        self, delivery: Delivery, began_ns: int, ended_ns: int, status: int | None, trouble: str
    ) -> None:
        """Note a webhook that is over."""
        self._sent.append((delivery, began_ns, ended_ns, status, trouble))
        if len(self._sent) > MOST:
            self._sent.popleft()
            self._lost(1)

    def loaded(self, fault: FaultId, marks: Sequence[Mark]) -> None:
        """Note marks that an earlier process had, and told of."""
        self._told[fault] = tuple(marks)

    async def changed(self, faults: Sequence[FaultId]) -> None:
        """Make spans of what was marked since the last call."""
        for place, fault in enumerate(faults, 1):
            marks = self._recorder.marks(fault)
            new = since(self._told.pop(fault, ()), marks)
            self._told[fault] = marks
            if new:
                self._queue(self._of_fault(fault, new))
            if place % SLICE == 0:
                await asyncio.sleep(0)
        while len(self._told) > FAULTS_KEPT:
            self._told.popitem(last=False)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._clock.sleep(EVERY_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Send all that waits; what is not taken now waits on."""
        await self._write()
        while self._spans:
            some = [self._spans.popleft() for _ in range(min(BATCH, len(self._spans)))]
            try:
                taken, why = await self._door.post(orjson.dumps(otlp.batch(self._about, some)))
            except asyncio.CancelledError:
                # It may have been taken: a span that comes twice is the same one.
                self._spans.extendleft(reversed(some))
                raise
            self._say(taken, why)
            if taken is Taken.LATER:
                self._spans.extendleft(reversed(some))
                return
            self._meter.count("faultwire_spans_total", len(some), result=taken.value)

    async def stop(self) -> None:
        """Send what waits, once and not for long, and close the connection."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.flush()
        except TimeoutError:
            log.warning("%d spans are not sent any more", len(self._spans))
        await self._door.close()

    async def _write(self) -> None:
        """Make spans of the webhooks that are over."""
        for place in range(1, len(self._sent) + 1):
            self._queue(_of_webhook(*self._sent.popleft()))
            if place % SLICE == 0:
                await asyncio.sleep(0)

    def _of_fault(self, fault: FaultId, marks: tuple[Mark, ...]) -> otlp.Json:
        """Return the span of a fault's new marks: the first of its trace, or one below it."""
        trace, first = trace_id(fault), fault_span_id(fault)
        host = self._host_of(fault)
        if any(mark.point == _FIRST for mark in marks):
            return otlp.fault_span(trace, first, fault, marks, host=host)
        self._number += 1
        own = span_id(f"{self._about['service.instance.id']} {fault} {self._number}")
        return otlp.fault_span(trace, own, fault, marks, first, host)

    def _queue(self, span: otlp.Json) -> None:
        self._spans.append(span)
        if len(self._spans) > MOST:
            self._spans.popleft()
            self._lost(1)

    def _lost(self, count: int) -> None:
        self._meter.count("faultwire_spans_total", count, result="dropped")

    def _say(self, taken: Taken, why: str) -> None:
        if why and why != self._away:
            log.warning("spans are not taken by the collector: %s", why)
        elif self._away and taken is Taken.YES:
            log.warning("spans are taken by the collector again")
        self._away = why


def _of_webhook(
    delivery: Delivery, began_ns: int, ended_ns: int, status: int | None, trouble: str
) -> otlp.Json:
    """Return the span that the webhook's traceparent names."""
    name = delivery.fault_id or delivery.id
    about: dict[str, Any] = {
        "faultwire.delivery": delivery.id,
        "faultwire.attempt": delivery.attempt + 1,
        "http.request.method": "POST",
    }
    if status is not None:
        about["http.response.status_code"] = status
    parent = fault_span_id(delivery.fault_id) if delivery.fault_id else ""
    times = began_ns, ended_ns
    own = span_id(delivery.id)
    return otlp.webhook_span(trace_id(name), own, parent, times, about, trouble)
