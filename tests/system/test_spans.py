"""Spans of a real server, taken by a real OTLP receiver, and read back (S54)."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

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
