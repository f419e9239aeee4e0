"""The reference consumer: receives, verifies, records and reacts (interfaces.md, webhook).

``POST`` to any path takes an alarm; ``GET /received[?since=N]`` shows the records after number
N; ``GET /healthcheck`` answers. A repeated delivery is recorded once and reacted to once.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from faultwire.consumers.marks import Marks
from faultwire.consumers.reaction import Reaction
from faultwire.consumers.records import Record, Records
from faultwire.consumers.secrets import Secrets
from faultwire.domain import signature
from faultwire.domain.errors import Invalid, Unauthenticated
from faultwire.domain.instants import rfc3339
from faultwire.ports import Clock

BODY_BYTES = 1_048_576
BODY_SECONDS = 10
ENDPOINT_TEST = "subscription.test"
_NS = 1_000_000_000

Say = Callable[[Record, bool], None]


class Receiver:
    """One consumer; `app` is what a server runs."""

    def __init__(
        self,
        clock: Clock,
        secrets: Secrets,
        say: Say,
        reaction: Reaction | None = None,
        marks: Marks | None = None,
    ) -> None:
        """Take what it needs; `say` is called for each alarm, with whether it is new.

        Raises Invalid for a reaction to alarms that need not be signed.
        """
        if reaction is not None and not secrets.required:
            raise Invalid("exec", "is for signed alarms only: give a secret")
        self._clock = clock
        self._secrets = secrets
        self._say = say
        self._reaction = reaction
        self._marks = marks
        self._records = Records()
        self.app = web.Application(client_max_size=BODY_BYTES)
        self.app.router.add_get("/received", self._received)
        self.app.router.add_get("/healthcheck", self._healthcheck)
        self.app.router.add_post("/{path:.*}", self._alarm)

    async def close(self, seconds: float = 10.0) -> None:
        """Wait for reactions under way for so long and close connections."""
        if self._reaction is not None:
            await self._reaction.stop(seconds)
        if self._marks is not None:
            await self._marks.close()

    async def _healthcheck(self, request: web.Request) -> web.Response:
        del request
        return web.Response(text="OK")

    async def _received(self, request: web.Request) -> web.Response:
        since = request.query.get("since", "0")
        if not (since.isascii() and since.isdigit()) or len(since) > 18:
            return _refused(400, "since: must be the number of a record")
        return _json({"received": self._records.since(int(since))})

    async def _alarm(self, request: web.Request) -> web.Response:
        received_ns = self._clock.wall_ns()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                raw = await request.read()
        except TimeoutError:
            return _refused(408, f"the body did not come within {BODY_SECONDS} s")
        except web.HTTPRequestEntityTooLarge:
            return _refused(413, f"the body is longer than {BODY_BYTES} bytes")
        if self._secrets.required:
            try:
                signature.verify(self._secrets.current(), request.headers, raw, received_ns / _NS)
            except Unauthenticated as error:
                return _refused(401, str(error))
        alarm = _decoded(raw)
        if alarm is None:
            return _refused(400, "the body is no JSON object")
        if alarm.get("type") == ENDPOINT_TEST:
            # Whoever subscribes is asked whether it is there; that is no alarm.
            return _json({"received_at": rfc3339(received_ns), "handled_at": None})
        return self._take(request, raw, alarm, received_ns)

    def _take(
        self, request: web.Request, raw: bytes, alarm: dict[str, Any], received_ns: int
    ) -> web.Response:
        delivery_id = request.headers.get(signature.ID) or f"unnamed-{received_ns}"
        record = self._records.again(delivery_id)
        if record is not None:
            self._say(record, False)
            return _json(record.times())
        if self._reaction is not None and self._reaction.full:
            # Not taken: it comes again, when some are done.
            return _refused(503, "too many reactions wait already", {"retry-after": "5"})
        attempt = _attempt(request.headers.get("faultwire-attempt", ""))
        record = self._records.add(
            delivery_id, alarm, len(raw), request.path, attempt, received_ns
        )
        if self._reaction is not None:
            self._reaction.start(delivery_id, raw, lambda done: self._handled(record, done))
        else:
            record.handled_ns = self._clock.wall_ns()
        self._say(record, True)
        return _json(record.times())

    async def _handled(self, record: Record, succeeded: bool) -> None:  # noqa: FBT001
        if not succeeded:
            return
        record.handled_ns = self._clock.wall_ns()
        if self._marks is not None:
            await self._marks.handled(record)


def _attempt(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def _decoded(raw: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps({"error": {"code": status, "message": message}}),
        status=status,
        content_type="application/json",
        headers=headers,
    )
