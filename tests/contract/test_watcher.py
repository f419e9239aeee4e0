"""The watcher over real sockets: who may beat, and that its webhooks arrive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import pytest
from aiohttp import web

from faultwire.consumers.secrets import Secrets
from faultwire.consumers.signed_post import SignedPost
from faultwire.consumers.watch import Watch
from faultwire.consumers.watcher import BODY_BYTES, Watcher
from faultwire.domain import signature
from faultwire.domain.errors import Invalid
from faultwire.telemetry.clock import SystemClock
from faultwire.testing.sink import Sink, answers, reply

SECRET, FOREIGN = (signature.new_secret(bytes([n] * 32)) for n in (1, 2))
CLOCK = SystemClock()
BEAT = {"kind": "faultwire.beat", "name": "one", "well": True}


@dataclass
class Standing:
    """A watcher that listens, and where."""

    url: str
    watch: Watch

    async def status(self) -> dict[str, object]:
        """Return what it shows."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/status") as got:
            shown: dict[str, object] = await got.json()
            return shown

    async def beat(self, secret: str = SECRET, name: str = "b1") -> str:
        """Beat as an installation does; return what went wrong."""
        post = SignedPost(f"{self.url}/", Secrets((secret,)), CLOCK)
        try:
            return await post.post(name, BEAT)
        finally:
            await post.close()


@asynccontextmanager
async def _standing(hook: str, after_ns: int) -> AsyncIterator[Standing]:
    watch = Watch(after_ns, CLOCK.instant())
    secrets = Secrets((SECRET,))
    watcher = Watcher(watch, secrets, SignedPost(hook, secrets, CLOCK), CLOCK)
    runner = web.AppRunner(watcher.app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    running = asyncio.create_task(watcher.run())
    try:
        yield Standing(f"http://127.0.0.1:{runner.addresses[0][1]}", watch)
    finally:
        running.cancel()
        await asyncio.wait((running,))
        await runner.cleanup()


async def test_silence_and_return_arrive_signed_whatever_it_takes() -> None:
    """A webhook that is refused at first comes again under its id; then the return is told."""
    async with Sink() as sink:
        hook = sink.on("/page", answers(reply(503), reply(200)))
        async with _standing(hook, 100_000_000) as standing:
            await sink.wait_for(lambda: len(sink.requests) == 2)
            assert await standing.beat() == ""
            await sink.wait_for(lambda: len(sink.requests) >= 3)
    first, again, back = sink.requests[:3]
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    bodies = [orjson.loads(one.body) for one in (first, again, back)]
    assert [body["current"] for body in bodies] == ["alarm", "alarm", "ok"]
    for one in (first, again, back):
        signature.verify([SECRET], one.headers, one.body, CLOCK.wall_ns() / 1e9)


async def test_only_a_signed_beat_counts() -> None:
    """Unsigned, foreign, oversized and strange bodies are refused, and change nothing."""
    async with Sink() as sink, _standing(sink.url("/page"), 3600 * 10**9) as standing:
        assert await standing.beat(FOREIGN) == "HTTP 401"
        async with aiohttp.ClientSession() as session:
            for body, status in ((b"{}", 401), (b"x" * (BODY_BYTES + 1), 413)):
                async with session.post(standing.url, data=body) as answer:
                    assert answer.status == status
            for raw in (b"nothing", b"[]", b'{"kind": "alarm"}'):
                now_s = CLOCK.wall_ns() // 10**9
                headers = {
                    "webhook-id": "x",
                    "webhook-timestamp": str(now_s),
                    "webhook-signature": signature.sign([SECRET], "x", now_s, raw),
                }
                async with session.post(standing.url, data=raw, headers=headers) as answer:
                    assert answer.status == 400
            async with session.get(f"{standing.url}/healthcheck") as answer:
                assert answer.status == 200
        assert (await standing.status())["last_beat_at"] is None
        assert await standing.beat() == ""
        assert (await standing.status())["name"] == "one"


@pytest.mark.parametrize(
    ("url", "ca_file", "named"),
    [("ftp://x/", "", "url"), ("", "", "url"), ("http://x/", "none.pem", r"none\.pem")],
)
def test_what_cannot_be_posted_to_is_an_error_at_the_start(
    tmp_path: Path, url: str, ca_file: str, named: str
) -> None:
    """A foreign scheme and a missing file are named."""
    file = str(tmp_path / ca_file) if ca_file else ""
    with pytest.raises(Invalid, match=named):
        SignedPost(url, Secrets((SECRET,)), CLOCK, file)


async def test_what_goes_wrong_names_no_url() -> None:
    """Refusals, redirects, closed ports and odd URLs come back as words."""
    async with Sink() as sink:
        sink.on("/no", answers(reply(302, b"", "location: /elsewhere")))
        closed = sink.url("/x")
        post = SignedPost(sink.url("/no"), Secrets((SECRET,)), CLOCK)
        assert await post.post("1", {}) == "HTTP 302"
        await post.close()
    for url, words in ((closed, "no connection"), ("http://[x/", "URL"), ("http://:1:2/", "URL")):
        post = SignedPost(url, Secrets((SECRET,)), CLOCK)
        wrong = await post.post("1", {})
        await post.close()
        assert words in wrong
        assert url not in wrong
