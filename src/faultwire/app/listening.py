"""The line to the process that listens for notifications beside this server."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Mapping
from typing import Any

import orjson

from faultwire.app.core import Tools
from faultwire.app.life import Life
from faultwire.app.notified import Notified, count
from faultwire.config.configuration import Configuration
from faultwire.domain.accounts import Actor
from faultwire.domain.errors import FaultwireError, Refused, Unavailable
from faultwire.messaging import tls
from faultwire.messaging.reading import Word
from faultwire.messaging.topics import check_listener
from faultwire.monitors import listening
from faultwire.ports import Clock, Meter

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
LINE_BYTES = 32 << 20
"""A batch of messages; what is longer than the listener's own limit never comes."""
ACTOR = Actor("listener")


class ListenerLine:
    """Keeps the process running and gives what it hears to the lane; on the event loop."""

    def __init__(self, first: bytes, notified: Notified, clock: Clock, meter: Meter) -> None:
        """Take the line that tells the process what to do."""
        self._first = first
        self._notified = notified
        self._clock = clock
        self._meter = meter
        self.trouble: str | None = None
        meter.gauge("faultwire_listener_up", 0)

    async def run(self) -> None:
        """Keep it running until cancelled."""
        while True:
            try:
                await self._attend()
            except OSError as error:
                log.warning("notifications cannot be listened to: %s", error)
            await self._clock.sleep(AGAIN_SECONDS)

    async def _attend(self) -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", listening.__name__,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES, start_new_session=True,
        )  # fmt: skip
        source, out = child.stdin, child.stdout
        if source is None or out is None:
            return
        try:
            source.write(self._first)
            while line := await out.readline():
                said: Any = orjson.loads(line)
                if "messages" in said:
                    word, reason = await self._word(said)
                    source.write(orjson.dumps({"word": word, "reason": reason}) + b"\n")
                else:
                    self._note(said["say"], said["trouble"])
            log.warning("the process that listens ended; it is started again")
        finally:
            self._meter.gauge("faultwire_listener_up", 0)
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await asyncio.shield(child.wait())

    async def _word(self, said: Mapping[str, Any]) -> tuple[Word, str]:
        try:
            await self._notified.take(said, ACTOR)
        except Unavailable as error:
            return Word.AWAY, str(error)
        except Refused as error:
            return Word.REFUSED, str(error)
        except FaultwireError as error:
            return Word.FAILED, str(error)
        except Exception as error:
            log.exception("notifications could not be taken; this is a defect")
            return Word.FAILED, type(error).__name__
        return Word.TAKEN, ""

    def _note(self, counts: Mapping[str, int], trouble: str) -> None:
        count(self._meter, counts)
        before, self.trouble = self.trouble, trouble
        self._meter.gauge("faultwire_listener_up", 0 if trouble else 1)
        # How exactly a broker is away changes from try to try.
        if before is not None and trouble.partition(":")[0] == before.partition(":")[0]:
            return
        if trouble:
            log.warning("nothing is heard of other services: %s", trouble)
        elif before:
            log.warning("other services are heard again")


def listen(configuration: Configuration, notified: Notified, tools: Tools, life: Life) -> None:
    """Listen beside this server, where there is a broker; raises Invalid for what cannot be."""
    settings, default = configuration.listener, configuration.default
    rabbit = configuration.oslo_messaging_rabbit
    check_listener(settings, configuration.notifier.also_publish)
    broker = tls.configured(default, rabbit)
    if broker is None or not settings.enabled:
        return
    first = listening.line_of(default, rabbit, settings)
    log.info("notifications are heard from %s", broker)
    life.watch(ListenerLine(first, notified, tools.clock, tools.metrics).run(), "listener")
