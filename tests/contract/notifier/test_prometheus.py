"""The door to Prometheus: settings that cannot work, and answers that are none."""

import asyncio
import ssl
from pathlib import Path

import orjson
import pytest

from faultwire.domain.errors import FaultwireError, Invalid, Refused, Unavailable
from faultwire.notifier.prometheus import LARGEST, Prometheus, check
from faultwire.notifier.prometheus_settings import Settings
from faultwire.testing.sink import Received, Script, Sink

VECTOR = {"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "2.5"]}]}}


def replying(status: int, body: bytes, *headers: str) -> Script:
    """Return a script that answers everything so."""

    async def script(received: Received, writer: asyncio.StreamWriter) -> None:
        del received
        head = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(head).encode() + body)
        await writer.drain()

    return script


async def asked(script: Script, **options: object) -> tuple[float, ...]:
    """Return what a query comes to at a server with this script."""
    async with Sink() as sink:
        sink.on("/prom/api/v1/query", script)
        door = Prometheus(Settings(url=sink.url("/prom/"), **options))  # type: ignore[arg-type]
        try:
            found = await door.query("up == 1")
            assert len(sink.requests) == 1
            return found
        finally:
            await door.close()


async def test_a_query_is_a_form_with_credentials() -> None:
    """The query as a form below the URL's path, with basic authentication where it is set."""
    async with Sink() as sink:
        sink.on("/api/v1/query", replying(200, orjson.dumps(VECTOR)))
        door = Prometheus(Settings(url=sink.url(""), username="ann", password="é:x"))
        assert await door.query("up == 1 + 2") == (2.5,)
        await door.close()
        (one,) = sink.requests
        assert one.body.startswith(b"query=up+%3D%3D+1+%2B+2&timeout=5000ms")
        assert one.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("status", "body", "error", "reason"),
    [
        (400, b'{"error": "parse error"}', Refused, "does not say why"),
        (400, b'{"errorType": "bad_data", "error": "x"}', Refused, "cannot be understood"),
        (422, b'{"errorType": "at 10.0.0.7", "error": 5}', Refused, "does not say why"),
        (422, b"[]", Refused, "does not say why"),
        (400, b"<html>", Refused, "does not say why"),
        (500, b"", Unavailable, "cannot be asked"),
        (503, b'{"error": "busy"}', Unavailable, "cannot be asked"),
        (401, b"", Unavailable, "cannot be asked"),
        (302, b"", Unavailable, "cannot be asked"),
        (200, b"", Unavailable, "cannot be asked"),
        (200, b"[]", Unavailable, "cannot be asked"),
        (200, b'{"data": null}', Unavailable, "cannot be asked"),
        (200, b'{"data": {"resultType": "vector", "result": [5]}}', Unavailable, "asked"),
        (
            200,
            b'{"data": {"resultType": "vector", "result": [{"value": [1, "x"]}]}}',
            Unavailable,
            "asked",
        ),
        (200, b'{"data": {"resultType": "matrix", "result": []}}', Refused, "a matrix"),
    ],
)
async def test_other_answers(
    status: int, body: bytes, error: type[FaultwireError], reason: str
) -> None:
    """A query that is not taken is a refusal by kind; all else is a server that is not there."""
    with pytest.raises(error, match=reason):
        await asked(replying(status, body, "location: http://127.0.0.1:9/"))


async def test_an_answer_without_end_is_cut() -> None:
    """More bytes than any honest answer has are not read."""
    with pytest.raises(Refused, match="more than"):
        await asked(replying(200, b" " * (LARGEST + 1)))


async def test_a_server_that_hangs_costs_the_deadline_and_no_more() -> None:
    """No answer, and one that drips, end at the deadline."""

    async def hang(received: Received, writer: asyncio.StreamWriter) -> None:
        del received, writer
        await asyncio.Event().wait()

    async def drip(received: Received, writer: asyncio.StreamWriter) -> None:
        del received
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    for script in (hang, drip):
        with pytest.raises(Unavailable) as caught:
            await asked(script, deadline_ms=100)
        assert caught.value.detail == "no answer in time"


async def test_a_certificate_is_verified() -> None:
    """A server whose certificate nobody vouches for is not asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    async with Sink(context=context) as sink:
        door = Prometheus(Settings(url=sink.url("/")))
        with pytest.raises(Unavailable):
            await door.query("up")
        await door.close()
        assert sink.requests == []


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "x"}, "url"),
        ({"url": "http://a:b@x"}, "url"),
        ({"url": "http://x?y"}, "url"),
        ({"url": "http://x:99999"}, "url"),
        ({"url": "http://[x"}, "url"),
        ({"url": "http://x", "ca_file": "/nowhere"}, "ca_file"),
        ({"url": "http://x", "client_certificate": "/nowhere"}, "client_key"),
        (
            {"url": "http://x", "client_certificate": "/nowhere", "client_key": "/nowhere"},
            "client_certificate",
        ),
        ({"project_label": "a-b"}, "project_label"),
    ],
)
def test_settings_that_cannot_work_are_named(options: dict[str, str], field: str) -> None:
    """At the start, with the option."""
    with pytest.raises(Invalid) as caught:
        check(Settings(**options))
    assert caught.value.field == f"[prometheus] {field}"


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    """Neither authority nor key: the option says so."""
    file = tmp_path / "file"
    file.write_text("nothing")
    with pytest.raises(Invalid, match="ca_file"):
        check(Settings(url="http://x", ca_file=str(file)))
