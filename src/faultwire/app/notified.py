"""What listeners bring from buses, made commands: each message once, however often it comes."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from faultwire.app.cloudears import Ear, Ears
from faultwire.app.core import Core
from faultwire.app.lane import Lane
from faultwire.domain.accounts import Actor
from faultwire.domain.causes import ResourceKind
from faultwire.domain.errors import Refused
from faultwire.domain.ids import HostName
from faultwire.domain.notices import (
    Notice,
    ServiceNotice,
    TakeNotices,
    Told,
    messages_of,
    told_of,
)
from faultwire.domain.remote_acts import ABOUT, RemoteKind
from faultwire.domain.services import ChangeService
from faultwire.messaging.reading import Fate
from faultwire.ports import Clock, Intake, Meter

TOTAL = "faultwire_notifications_total"
OLD = "old"
"""Result of what the map knows better, or has as another cloud's."""

log = logging.getLogger(__name__)

REMEMBERED = 50_000
"""Names of messages that were taken and are known when they come again."""
MOST_COUNTED = 1_000_000
SLICE = 20
"""Messages read before others are served."""


def count(meter: Meter, counts: Mapping[str, object]) -> None:
    """Count what a listener says became of messages; anything else it says is passed over."""
    for result in (*(fate.value for fate in Fate), "retried"):
        amount = counts.get(result, 0)
        if isinstance(amount, int) and 0 < amount < MOST_COUNTED:
            meter.count(TOTAL, amount, result=result)


class Notified:
    """Takes messages of listeners; on the event loop."""

    def __init__(
        self,
        intake: Intake,
        clock: Clock,
        meter: Meter,
        held: Callable[[HostName], bool],
        ears: Ears | None = None,
    ) -> None:
        """Take where commands go, and whose notices may come.

        `held` says of a host whether a fault holds it, or a cloud is to be told of it.
        """
        self._ears = ears
        self._intake = intake
        self._meter = meter
        self._held = held
        self._clock = clock
        self._taken: OrderedDict[str, None] = OrderedDict()

    async def take(self, value: object, actor: Actor) -> int:
        """Return how many messages were new, once all that they say is durable.

        All or none of the map's part. Raises Invalid naming what is wrong, and what the intake
        raises.
        """
        items = messages_of(value)
        if isinstance(value, dict) and isinstance(value.get("counts"), dict):
            count(self._meter, value["counts"])
        ear = self._ear(value)
        fresh = await self._read(items)
        notices = tuple(one for told in fresh.values() for one in self._news(told, ear))
        events = tuple(one for told in fresh.values() for one in told.events)
        if notices or events:
            await self._intake.submit(TakeNotices(notices, events, actor))
        for one in notices:
            if isinstance(one, ServiceNotice):
                await self._service(one, actor)
        for name in fresh:
            self._taken[name] = None
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        return len(fresh)

    def _ear(self, value: object) -> Ear | None:
        """Return what hears the cloud that these messages are of; raises Invalid."""
        name = value.get("cloud") if isinstance(value, dict) else None
        return None if self._ears is None else self._ears.of(name)

    def _news(self, told: Told, ear: Ear | None) -> tuple[Notice, ...]:
        if ear is None or not told.notices:
            return told.notices
        news = ear.news(told.notices, told.told_ns, self._clock.wall_ns())
        if len(news) < len(told.notices):
            self._meter.count(TOTAL, result=OLD)
        return news

    async def _read(self, items: Sequence[object]) -> dict[str, Told]:
        """Return what is new, by its name."""
        fresh: dict[str, Told] = {}
        now_ns = self._clock.wall_ns()
        for number, item in enumerate(items):
            told = told_of(item, now_ns, f"messages[{number}]")
            if told.message_id not in self._taken:
                fresh.setdefault(told.message_id, told)
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        return fresh

    async def _service(self, told: ServiceNotice, actor: Actor) -> None:
        """Take what is told of a service; a fault that holds the host is not ended by it.

        Nor does the echo of what we asked a cloud for make it somebody else's.
        """
        host = HostName(told.host)
        forced = None if self._held(host) else told.forced_down
        command = ChangeService(host, actor, forced, told.disabled, told.reason)
        try:
            await self._intake.submit(command)
        except Refused as error:
            log.info("what was told of the service of %s is passed over: %s", host, error)


def notified_of(core: Core, lane: Lane) -> Notified:
    """Return what takes messages into a server's lane."""
    holds, remote = core.indexes.holds.causes_of, core.indexes.remote.on

    def held(host: HostName) -> bool:
        owed = remote((ABOUT[RemoteKind.FORCE_DOWN], host))
        return owed is not None or bool(holds(ResourceKind.HOST, host))

    return Notified(lane, core.tools.clock, core.tools.metrics, held, core.follows.ears)
