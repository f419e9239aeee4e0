"""The line to the process that listens for notifications beside this server."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson

from faultwire.app.cloudears import Ear
from faultwire.app.core import Core
from faultwire.app.life import Life
from faultwire.app.notified import Notified, count
from faultwire.config.configuration import Configuration
from faultwire.domain.accounts import Actor
from faultwire.domain.errors import FaultwireError, Invalid, Refused, Unavailable
from faultwire.messaging import tls
from faultwire.messaging.reading import Word
from faultwire.messaging.settings import ListenerSettings, Settings
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

    def __init__(
        self, first: bytes, notified: Notified, clock: Clock, meter: Meter, ear: Ear | None = None
    ) -> None:
        """Take the line that tells the process what to do, and which cloud's bus it is."""
        self._first = first
        self._ear = ear
        self._of = {} if ear is None else {"cloud": ear.name}
        self._who = "other services" if ear is None else f"cloud {ear.name}"
        self._notified = notified
        self._clock = clock
        self._meter = meter
        self.trouble: str | None = None
        self._up(0)

    def _up(self, value: int) -> None:
        self._meter.gauge("faultwire_listener_up", value)
        if self._ear is not None:
            self._meter.gauge("faultwire_cloud_heard", value, cloud=self._ear.name)

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
            self._up(0)
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await asyncio.shield(child.wait())

    async def _word(self, said: Mapping[str, Any]) -> tuple[Word, str]:
        try:
            await self._notified.take({**said, **self._of}, ACTOR)
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
        self._up(0 if trouble else 1)
        # How exactly a broker is away changes from try to try.
        if before is not None and trouble.partition(":")[0] == before.partition(":")[0]:
            return
        if trouble:
            log.warning("nothing is heard of %s: %s", self._who, trouble)
        elif before:
            log.warning("%s: heard again", self._who)


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus that is listened to: whose it is, None where nobody in particular's."""

    url: Settings
    listener: ListenerSettings
    cloud: str | None


def buses_of(configuration: Configuration, clouds: Mapping[str, str]) -> tuple[Bus, ...]:
    """Return the buses to listen to; `clouds` gives the transport_url of each cloud, or nothing.

    The bus of `[DEFAULT] transport_url` is the only cloud's, where that names none of its own. Of
    several clouds it brings events for alarms alone: whose hosts it tells of is not known. Raises
    Invalid for what cannot be.
    """
    default, rabbit = configuration.default, configuration.oslo_messaging_rabbit
    settings = configuration.listener
    found: list[Bus] = []
    taken: dict[tuple[object, str], str] = {}
    for cloud, url in clouds.items():
        text = url or (default.transport_url if len(clouds) == 1 else "")
        broker = tls.configured(Settings(text), rabbit)
        if broker is None:
            continue
        where = (frozenset((one.host, one.port) for one in broker.hosts), broker.vhost)
        if where in taken:
            raise Invalid(
                "transport_url", f"of cloud {cloud} is cloud {taken[where]}'s; each has its own"
            )
        taken[where] = cloud
        found.append(Bus(Settings(text), settings, cloud))
    broker = tls.configured(default, rabbit)
    if broker is not None:
        where = (frozenset((one.host, one.port) for one in broker.hosts), broker.vhost)
        if where not in taken:
            mine = replace(settings, topics=()) if clouds else settings
            found.insert(0, Bus(default, mine, None))
    return tuple(found)


def listen(configuration: Configuration, notified: Notified, core: Core, life: Life) -> None:
    """Listen beside this server, where there are brokers; raises Invalid for what cannot be."""
    settings, rabbit = configuration.listener, configuration.oslo_messaging_rabbit
    check_listener(settings, configuration.notifier.also_publish)
    ears = {ear.name: ear for ear in core.follows.ears or ()}
    buses = buses_of(configuration, {ear.name: ear.transport_url for ear in ears.values()})
    if not settings.enabled:
        for ear in ears.values():
            ear.line = lambda: ""
        return
    for bus in buses:
        first = listening.line_of(bus.url, rabbit, bus.listener)
        mine = ears.get(bus.cloud or "")
        whose = f", cloud {bus.cloud}'s" if bus.cloud else ""
        log.info("notifications are heard from %s%s", tls.configured(bus.url, rabbit), whose)
        line = ListenerLine(first, notified, core.tools.clock, core.tools.metrics, mine)
        if mine is not None:
            mine.line = partial(_trouble, line)
        life.watch(line.run(), f"listener {bus.cloud or ''}".strip())


def _trouble(line: ListenerLine) -> str:
    return line.trouble or ""
