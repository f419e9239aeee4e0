"""Spans of a real server, taken by a real OTLP receiver, and read back (S54)."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from faultwire.testing import sink
from faultwire_profiler import otlp
from faultwire_profiler.command import profile
from tests.system.cloud import Cloud, down
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

SERVERS = 3


class Receiver:
    """Takes OTLP over HTTP on a thread, and writes a batch a line as a collector's file has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                right = self.path == "/v1/traces" and (
                    self.headers["Content-Type"] == "application/json"
                )
                if right:
                    with outer.path.open("ab") as out:
                        out.write(raw + b"\n")
                self.send_response(200 if right else 404)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def spans(self) -> list[dict[str, Any]]:
        """All spans that came."""
        batches = [json.loads(line) for line in self.path.read_bytes().splitlines()]
        return [
            span
            for batch in batches
            for one in batch["resourceSpans"]
            for scope in one["scopeSpans"]
            for span in scope["spans"]
        ]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A collector that writes a file."""
    made = Receiver(tmp_path / "spans.json")
    yield made
    made.close()


HOUR_NS = 3_600_000_000_000


class Continued:
    """A consumer on a machine whose clock is an hour ahead: it continues the trace of webhooks."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.true_ns: list[int] = []

    async def answer(self, received: sink.Received, writer: asyncio.StreamWriter) -> None:
        """Take a webhook and note a span below the one that its header names."""
        began = ended = time.time_ns()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        _, trace, parent, _ = received.headers["traceparent"].split("-")
        about = {"faultwire.checkpoint": "T09"}
        self.true_ns.append(ended)
        self.spans.append(
            {
                "traceId": trace,
                "spanId": f"{len(self.spans) + 1:016x}",
                "parentSpanId": parent,
                "name": "POST /failure",
                "kind": 2,
                "startTimeUnixNano": str(began + HOUR_NS),
                "endTimeUnixNano": str(ended + HOUR_NS),
                "attributes": [
                    {"key": key, "value": {"stringValue": text}} for key, text in about.items()
                ],
            }
        )

    def batch(self) -> str:
        """What its own exporter would send."""
        about = {"service.name": "vnfm", "host.name": "vnfm-1"}
        return json.dumps(otlp.batch(about, self.spans)) + "\n"


def test_a_continued_trace_tells_how_far_the_consumers_clock_is_off(
    serve: Serve, hooks: Hooks, receiver: Receiver
) -> None:
    """The consumer's span below the webhook's is an exchange: an hour is found, with its error.

    Its own word on when it received takes the place of the bound that we know.
    """
    server = serve({"profiler": {"otlp_endpoint": receiver.url}})
    cloud = Cloud(server).fill(servers=SERVERS)
    consumer = Continued()
    for number, one in enumerate(cloud.servers(1, SERVERS)):
        cloud.alarm(one, hooks.on(f"/{one}", consumer.answer), number)
    cloud.report(down(cloud.host()))
    hooks.wait_count(SERVERS)
    cloud.settled()
    assert server.stop() == 0
    with receiver.path.open("a") as out:
        out.write(consumer.batch())
    told = CliRunner().invoke(profile, ["--format", "json", str(receiver.path)])
    document = json.loads(told.stdout)
    (offset,) = document["clocks"]["offsets"]
    assert (offset["machine"], offset["pairs"], offset["steady"]) == ("vnfm-1", SERVERS, True)
    assert abs(offset["ms"] - HOUR_NS / 1e6) <= offset["error_ms"] < 1000
    (run,) = document["runs"]
    received = run["profile"]["checkpoints"]["T09"]
    assert (received["count"], received["upper_bound"]) == (SERVERS, False)
    off_ms = abs(received["last_wall_ns"] - max(consumer.true_ns)) / 1e6
    assert off_ms <= offset["error_ms"]
    assert received["note"].startswith("the clock of vnfm-1 was +3,")
    assert run["profile"]["law"]["verdict"] == "met"


def test_exported_spans_give_the_same_profile(
    serve: Serve, hooks: Hooks, receiver: Receiver
) -> None:
    """S54: the file of a collector is profiled as the server itself profiles its trace points.

    Each webhook's traceparent names a span below the fault's.
    """
    server = serve({"profiler": {"otlp_endpoint": receiver.url}})
    cloud = Cloud(server).fill(servers=SERVERS)
    cloud.watch(hooks, 1, SERVERS)
    (fault,) = cloud.report(down(cloud.host()))
    hooks.wait_count(SERVERS)
    cloud.settled()
    path = f"/fault/v1/faults/{fault}/timeline"
    wait_for(lambda: server.get(path)["timeline"]["T09"] is not None, "the whole timeline")
    timeline = server.get(path)["timeline"]
    assert server.stop() == 0
    by_name: dict[str, list[dict[str, Any]]] = {}
    for span in receiver.spans:
        by_name.setdefault(span["name"], []).append(span)
    (root,) = [span for span in by_name["fault"] if "parentSpanId" not in span]
    assert root["traceId"] == fault.replace("-", "")
    named = {tuple(one.headers["traceparent"].split("-")[1:3]) for one in hooks.raw}
    assert named == {(span["traceId"], span["spanId"]) for span in by_name["webhook"]}
    assert {span["parentSpanId"] for span in by_name["webhook"]} == {root["spanId"]}
    told = CliRunner().invoke(profile, ["--format", "json", str(receiver.path)])
    (run,) = json.loads(told.stdout)["runs"]
    assert run["profile"] == timeline
    assert (run["id"], run["host"], run["conflicts"]) == (fault, cloud.host(), [])
