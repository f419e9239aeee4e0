"""Receives the beats of an installation; posts a webhook when they stop and when they are back.

``POST`` to any path takes a beat, ``GET /status`` shows what is known, ``GET /healthcheck``
answers. State is in memory: a watcher that was restarted expects a beat from then on.
"""

import asyncio
import logging

import orjson
from aiohttp import web

from faultwire.consumers.secrets import Secrets
from faultwire.consumers.signed_post import SignedPost
from faultwire.consumers.watch import Watch
from faultwire.domain import signature
from faultwire.domain.errors import Unauthenticated
from faultwire.ports import Clock

log = logging.getLogger(__name__)

BODY_BYTES = 65_536
BODY_SECONDS = 10
SHORTEST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.05, 1.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
_NS = 1_000_000_000


class Watcher:
    """One watcher; `app` is what a server runs, `run` what must run beside it."""

    def __init__(self, watch: Watch, secrets: Secrets, post: SignedPost, clock: Clock) -> None:
        """Take what it needs; beats must be signed with one of the secrets."""
        self._watch = watch
        self._secrets = secrets
        self._post = post
        self._clock = clock
        self._news = asyncio.Event()
        self.app = web.Application(client_max_size=BODY_BYTES)
        self.app.router.add_get("/status", self._status)
        self.app.router.add_get("/healthcheck", self._healthcheck)
        self.app.router.add_post("/{path:.*}", self._beat)

    async def run(self) -> None:
        """Look and tell until cancelled."""
        looking = asyncio.create_task(self._look(), name="watching")
        try:
            await self._tell()
        finally:
            looking.cancel()
            await self._post.close()

    async def _look(self) -> None:
        while True:
            now = self._clock.instant()
            self._watch.look(now)
            if self._watch.news:
                self._news.set()
            left = self._watch.left_ns(now) / _NS
            await self._clock.sleep(min(LONGEST_LOOK_SECONDS, max(SHORTEST_LOOK_SECONDS, left)))

    async def _tell(self) -> None:
        """Post what there is to tell, in its order, each until it is taken."""
        while True:
            await self._news.wait()
            self._news.clear()
            wait = FIRST_WAIT_SECONDS
            while self._watch.news:
                news = self._watch.news[0]
                why = await self._post.post(news.id, news.body)
                if not why:
                    self._watch.news.popleft()
                    wait = FIRST_WAIT_SECONDS
                    log.warning("told: %s", news.body["reason"])
                    continue
                log.error("nobody could be told (%s): %s", news.body["reason"], why)
                await self._clock.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _beat(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                raw = await request.read()
        except TimeoutError:
            return web.Response(status=408)
        except web.HTTPRequestEntityTooLarge:
            return _refused(413, f"the body is longer than {BODY_BYTES} bytes")
        now = self._clock.instant()
        secrets = self._secrets.current()
        try:
            name = signature.verify(secrets, request.headers, raw, now.wall_ns / _NS)
        except Unauthenticated as error:
            return _refused(401, str(error))
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict) or body.get("kind") != "faultwire.beat":
            return _refused(400, "the body is no beat")
        self._watch.beat(name, body, now)
        if self._watch.news:
            self._news.set()
        return web.Response(status=204)

    async def _status(self, request: web.Request) -> web.Response:
        del request
        shown = orjson.dumps(self._watch.shown(self._clock.instant()))
        return web.Response(body=shown, content_type="application/json")

    async def _healthcheck(self, request: web.Request) -> web.Response:
        del request
        return web.Response(text="OK")


def _refused(status: int, reason: str) -> web.Response:
    body = orjson.dumps({"error": {"code": status, "message": reason}})
    return web.Response(status=status, body=body, content_type="application/json")
