"""Spans of faults and webhooks on their way to a collector."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from faultwire.app.tracing import BATCH, MOST, Tracing, resource
from faultwire.domain.alarms import Delivery
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import DeliveryId, FaultId, ProjectId, derived
from faultwire.domain.tracing import fault_span_id, trace_id, traceparent
from faultwire.telemetry.collector import Collector, Taken
from faultwire.telemetry.metrics import Metrics
from faultwire.telemetry.profiler_settings import Settings
from faultwire.testing.clock import ManualClock
from faultwire_profiler import Recorder, joined, profile
from faultwire_profiler.merging import merge
from faultwire_profiler.spans import read_spans
from tests.unit.profiler.runs import own_run

FAULT = FaultId(derived("fault"))


class FakeDoor:
    """Takes batches, as long as it is told to."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []
        self.answer = (Taken.YES, "")
        self.closed = False

    async def post(self, body: bytes) -> tuple[Taken, str]:
        if self.answer[0] is Taken.YES:
            self.batches.append(json.loads(body))
        return self.answer

    async def close(self) -> None:
        self.closed = True

    @property
    def spans(self) -> list[dict[str, Any]]:
        """All spans that were taken."""
        return [
            span
            for batch in self.batches
            for one in batch["resourceSpans"]
            for scope in one["scopeSpans"]
            for span in scope["spans"]
        ]


class Bench:
    """Tracing with a door of the test."""

    def __init__(self) -> None:
        self.door, self.recorder, self.metrics = FakeDoor(), Recorder(), Metrics()
        about = resource("boot:one")
        self.tracing = Tracing(
            self.door, self.recorder, ManualClock(), self.metrics, about, lambda _: "compute-1"
        )

    def count(self, result: str) -> float:
        """How many spans had a result."""
        labels = {"result": result}
        return self.metrics.registry.get_sample_value("faultwire_spans_total", labels) or 0


def delivery(number: int = 1, fault: FaultId | None = FAULT) -> Delivery:
    """A webhook of a fault."""
    name = DeliveryId(derived("delivery", number))
    return Delivery(name, ProjectId("p"), "http://c/", "a", b"{}", 5, fault)


async def test_a_fault_is_told_in_steps_and_read_back_whole() -> None:
    """Marks that come later are a span of their own below the first; together they are all."""
    bench = Bench()
    marks = joined(own_run())
    for part in (marks[:5], marks[5:]):
        for mark in part:
            bench.recorder.mark(FAULT, mark)
        await bench.tracing.changed([FAULT])
        await bench.tracing.changed([FAULT])
        await bench.tracing.flush()
    first, second = bench.door.spans
    assert first["spanId"] == second["parentSpanId"] == fault_span_id(FAULT)
    assert first["spanId"] != second["spanId"]
    assert {first["traceId"], second["traceId"]} == {trace_id(FAULT)}
    (run,) = merge(read_spans(bench.door.batches, "spans")).runs
    assert run.profile == profile(marks)
    assert run.host == "compute-1"
    assert bench.count("sent") == 2


async def test_marks_of_an_earlier_process_are_not_told_again() -> None:
    """After a restart only what is new is exported: the trace has the rest already."""
    bench = Bench()
    marks = joined(own_run())
    bench.recorder.load(FAULT, marks[:5])
    bench.tracing.loaded(FAULT, marks[:5])
    for mark in marks[5:]:
        bench.recorder.mark(FAULT, mark)
    await bench.tracing.changed([FAULT])
    await bench.tracing.flush()
    (span,) = bench.door.spans
    assert len(span["events"]) == len(marks) - 5
    assert span["parentSpanId"] == fault_span_id(FAULT)


async def test_a_webhooks_span_is_the_one_that_its_header_names() -> None:
    """The consumer's span, made of the header, hangs below ours; without a fault by itself."""
    bench = Bench()
    bench.tracing.webhook(delivery(), 10, 20, 200, "")
    bench.tracing.webhook(delivery(2, None), 10, 30, 500, "HTTP 500")
    await bench.tracing.flush()
    good, bad = bench.door.spans
    _, trace, span, _ = traceparent(FAULT, delivery().id).split("-")
    assert (good["traceId"], good["spanId"]) == (trace, span)
    assert good["parentSpanId"] == fault_span_id(FAULT)
    assert (good["startTimeUnixNano"], good["endTimeUnixNano"]) == ("10", "20")
    assert "parentSpanId" not in bad
    assert bad["status"] == {"code": 2, "message": "HTTP 500"}


async def test_spans_wait_for_a_collector_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """They are kept in order; beyond a limit the oldest are dropped, and counted."""
    bench = Bench()
    bench.door.answer = (Taken.LATER, "no connection")
    for number in range(MOST + 7):
        bench.tracing.webhook(delivery(number), number, number + 1, 200, "")
        if number % 1000 == 0:
            await bench.tracing.flush()
    await bench.tracing.flush()
    assert bench.count("dropped") == 7
    assert caplog.text.count("spans are not taken") == 1
    bench.door.answer = (Taken.YES, "")
    await bench.tracing.stop()
    assert [span["startTimeUnixNano"] for span in bench.door.spans[:2]] == ["7", "8"]
    assert len(bench.door.spans) == MOST == bench.count("sent")
    assert len(bench.door.batches) == -(-MOST // BATCH)
    assert "taken by the collector again" in caplog.text
    assert bench.door.closed


class Slow(FakeDoor):
    """Takes a batch, and never says so."""

    async def post(self, body: bytes) -> tuple[Taken, str]:
        await super().post(body)
        await asyncio.Event().wait()
        return Taken.YES, ""


async def test_a_batch_that_is_cut_off_is_sent_again() -> None:
    """What is stopped in the middle of a sending is sent at the end, under its own name."""
    bench = Bench()
    bench.tracing._door = Slow()
    bench.tracing.webhook(delivery(), 1, 2, 200, "")
    sending = asyncio.create_task(bench.tracing.flush())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    bench.tracing._door = bench.door
    await bench.tracing.stop()
    (span,) = bench.door.spans
    assert span["startTimeUnixNano"] == "1"


async def test_what_a_collector_refuses_is_dropped() -> None:
    """A batch that is wrong for ever does not hold up the next one."""
    bench = Bench()
    bench.door.answer = (Taken.NEVER, "HTTP 400")
    bench.tracing.webhook(delivery(), 1, 2, 200, "")
    await bench.tracing.flush()
    bench.door.answer = (Taken.YES, "")
    bench.tracing.webhook(delivery(2), 3, 4, 200, "")
    await bench.tracing.flush()
    assert [span["startTimeUnixNano"] for span in bench.door.spans] == ["3"]
    assert bench.count("refused") == 1


async def test_the_door_says_what_came_of_a_batch(tmp_path: Path) -> None:
    """Taken, refused for ever or not now, by the status; headers of the file go along."""
    seen: list[dict[str, str]] = []
    statuses = iter([200, 202, 400, 302, 429, 503])

    async def take(request: web.Request) -> web.Response:
        seen.append({name.lower(): text for name, text in request.headers.items()})
        return web.Response(status=next(statuses))

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer secret\n\n")
    door = Collector(f"http://127.0.0.1:{port}/v1/traces", str(headers))
    try:
        found = [(await door.post(b"{}"))[0] for _ in range(6)]
    finally:
        await door.close()
        await runner.cleanup()
    assert found == [*[Taken.YES] * 2, *[Taken.NEVER] * 2, *[Taken.LATER] * 2]
    assert {one["authorization"] for one in seen} == {"Bearer secret"}
    gone = Collector(f"http://127.0.0.1:{port}/v1/traces")
    taken, why = await gone.post(b"{}")
    await gone.close()
    assert (taken, why.startswith("no connection")) == (Taken.LATER, True)


def test_settings_of_the_collector_are_checked(tmp_path: Path) -> None:
    """What cannot be used names its option."""
    with pytest.raises(Invalid, match="otlp_endpoint"):
        Settings(otlp_endpoint="127.0.0.1:4318")
    with pytest.raises(Invalid, match="enabled is false"):
        Settings(otlp_endpoint="http://127.0.0.1:4318/v1/traces", enabled=False)
    with pytest.raises(Invalid, match="budgets"):
        Settings(budgets=("soon",))
    wrong = tmp_path / "headers"
    wrong.write_text("no header\n")
    with pytest.raises(Invalid, match="otlp_headers_file"):
        Collector("http://c/", str(wrong))
    with pytest.raises(Invalid, match="otlp_headers_file"):
        Collector("http://c/", str(tmp_path / "none"))
    with pytest.raises(Invalid, match="otlp_ca_file"):
        Collector("http://c/", "", str(tmp_path / "none"))
