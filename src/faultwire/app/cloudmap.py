"""The map follows a cloud: read whole at start and regularly, mended where it drifted (S1-S3)."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from faultwire.app.cloudears import Ear
from faultwire.app.core import Core
from faultwire.controllers.openstack.api import OpenStackApi
from faultwire.controllers.openstack.drift import Drift, Known, Missing, Owed, Touched, compare
from faultwire.controllers.openstack.hearing import Advice, Hearing
from faultwire.controllers.openstack.settings import Settings
from faultwire.controllers.openstack.snapshot import Snapshot, gone, look
from faultwire.domain.accounts import Actor
from faultwire.domain.errors import FaultwireError, Refused
from faultwire.domain.ids import HostName
from faultwire.domain.notices import Notice, ServiceNotice, TakeNotices
from faultwire.domain.services import ChangeService
from faultwire.domain.standing import CloudLook
from faultwire.ports import Clock, Intake, Inventory, Meter

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Notices of one command."""

MISSING_SECONDS = 5.0
"""Until a look that follows one that failed, or left open whether things are gone."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a map that follows clouds needs of the process it lives in.

    `alone`: no other process hears what clouds tell.
    """

    intake: Intake
    inventory: Inventory
    owed: Owed
    clock: Clock
    meter: Meter
    ours: Callable[[], bool]
    alone: bool = True


class CloudMap:
    """Follows one cloud; on the event loop. Of several processes the first one does it."""

    def __init__(self, api: OpenStackApi, ear: Ear, settings: Settings, reading: Reading) -> None:
        """Look every so many seconds, and at once."""
        self.name = self._name = ear.name
        self._api = api
        self._ear = ear
        self._settings = settings
        self._with = reading
        self._left = Missing()
        self._failed = False
        self._trouble = ""
        self._said: tuple[Advice, ...] = ()
        self._anothers = 0
        self.touched = Touched()
        self._actor = Actor(f"cloud {self._name}")
        self.looked_ns: int | None = None
        ear.hearing = Hearing(reading.clock.wall_ns())

    async def run(self) -> None:
        """Look until cancelled."""
        seconds = self._settings.reconcile_seconds
        while True:
            if self._with.ours():
                await self.once()
            wait = min(MISSING_SECONDS, seconds) if self.soon else seconds
            await self._with.clock.sleep(wait)

    @property
    def soon(self) -> bool:
        """Whether the last look calls for another one soon."""
        return self._failed or self._left != Missing()

    async def once(self) -> int:
        """Look once; return how many resources had drifted. What fails is logged, tried later."""
        clock = self._with.clock
        began_ns, began = clock.wall_ns(), clock.mono_ns()
        self._failed = True
        try:
            self.touched.begin()
            found = await look(self._api)
            drift = await self._compare(found)
            lost = await self._gone(drift)
            count = await self._mend((*drift.notices, *lost), drift.services)
        except FaultwireError as error:
            # What a cloud refuses it refuses in a second as well, and in the same words.
            self._failed = not isinstance(error, Refused)
            if self._failed or error.detail != self._trouble:
                log.warning("cloud %s: its resources cannot be read: %s", self._name, error.detail)
            self._trouble = error.detail
            return 0
        self._failed, self._trouble = False, ""
        self._ear.looked_ns = began_ns
        self._ear.claim(drift.nowhere)
        took = (clock.mono_ns() - began) / 1e9
        self._with.meter.gauge("faultwire_cloud_look_seconds", took, cloud=self._name)
        self._note(drift, count, lost)
        return count

    async def _compare(self, found: Snapshot) -> Drift:
        ear = self._ear
        known = Known(
            self._with.inventory, self._with.owed, ear.naming, self.touched, ear.elsewhere
        )
        for step in compare(found, known):
            if step is not None:
                return step
            await asyncio.sleep(0)
        raise AssertionError

    async def _gone(self, drift: Drift) -> tuple[Notice, ...]:
        """Return what the cloud does not have any more, of what its lists lacked."""
        missing = drift.missing
        lost = await gone(self._api, missing.servers, missing.ports, self._settings.concurrency)
        names = {getattr(one, "id", "") for one in lost}
        self._left = Missing(missing.servers - names, missing.ports - names)
        return lost

    async def _mend(self, notices: Sequence[Notice], services: Sequence[ServiceNotice]) -> int:
        for part in _parts(notices):
            await self._with.intake.submit(TakeNotices(tuple(part), (), self._actor))
        for told in services:
            await self._service(told)
        return len(notices) + len(services)

    async def _service(self, told: ServiceNotice) -> None:
        host, actor = HostName(told.host), self._actor
        command = ChangeService(host, actor, told.forced_down, told.disabled, told.reason)
        try:
            await self._with.intake.submit(command)
        except Refused as error:
            log.info("what was told of the service of %s is passed over: %s", host, error)

    # ---------------------------------------------------------------- what is said of it

    def _note(self, drift: Drift, count: int, lost: Sequence[Notice]) -> None:
        first, self.looked_ns = self.looked_ns is None, self._with.clock.wall_ns()
        meter = self._with.meter
        meter.gauge("faultwire_cloud_read_seconds", self.looked_ns / 1e9, cloud=self._name)
        if count:
            meter.count("faultwire_map_drift_total", count, cloud=self._name)
            log.info("cloud %s: %d resources of the map were mended", self._name, count)
        if len(drift.anothers) != self._anothers:
            self._anothers = len(drift.anothers)
            if drift.anothers:
                log.warning(
                    "cloud %s: %d of its servers and ports have the ids of another cloud's and"
                    " are not followed, such as %s",
                    self._name, len(drift.anothers), drift.anothers[0],
                )  # fmt: skip
        # What differed at the start changed while nobody listened.
        went = [(_KINDS[type(one).__name__], str(getattr(one, "id", ""))) for one in lost]
        hearing = self._ear.hearing
        differed = () if first else (*drift.differed, *went)
        untold = hearing.looked(differed, listening=not self._ear.line())
        for kind, number in untold.items():
            meter.count("faultwire_map_untold_total", number, cloud=self._name, kind=kind)
        heard_ns = hearing.known().last_ns
        if heard_ns is not None:
            meter.gauge("faultwire_cloud_heard_seconds", heard_ns / 1e9, cloud=self._name)
        if self._with.alone:
            self._advise()

    def _advise(self) -> None:
        """Say once what the cloud does not tell of, with the lines that mend it."""
        if self._ear.line() is None:
            return
        advice = self._ear.hearing.known().advice
        for one in advice:
            if one not in self._said:
                log.warning(
                    "cloud %s does not tell of %s; it would with: %s",
                    self._name,
                    one.what,
                    one.text,
                )
        self._said = advice

    def look(self) -> CloudLook:
        """Return how the map follows the cloud."""
        heard = self._ear.hearing.known()
        return CloudLook(
            self._name,
            self._settings.reconcile_seconds,
            self.looked_ns,
            self._trouble,
            self._ear.line(),
            heard.since_ns,
            heard.last_ns,
            heard.untold,
            tuple((one.what, one.lines) for one in heard.advice) if self._with.alone else (),
        )


_KINDS = {"ServerNotice": "server", "PortNotice": "port"}


def looks_of(core: Core) -> Callable[[], Iterable[str]]:
    """Return what tells how the map follows each cloud, a line each."""
    return lambda: (f"map: {one.name}: {one.words}" for one in core.follows.looks())


def _parts(notices: Sequence[Notice]) -> list[Sequence[Notice]]:
    return [notices[start : start + AT_ONCE] for start in range(0, len(notices), AT_ONCE)]
