"""The map follows a cloud: read whole at start and regularly, mended where it drifted (S1-S3)."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faultwire.controllers.openstack.api import OpenStackApi
from faultwire.controllers.openstack.drift import Drift, Missing, Naming, Owed, Touched, compare
from faultwire.controllers.openstack.snapshot import Snapshot, look
from faultwire.domain.accounts import Actor
from faultwire.domain.errors import FaultwireError, Refused
from faultwire.domain.ids import HostName
from faultwire.domain.notices import Notice, ServiceNotice, TakeNotices
from faultwire.domain.services import ChangeService
from faultwire.ports import Clock, Intake, Inventory, Meter

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Notices of one command."""

MISSING_SECONDS = 5.0
"""Until a look that follows one that failed, or in which something was missing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a map that follows clouds needs of the process it lives in."""

    intake: Intake
    inventory: Inventory
    owed: Owed
    clock: Clock
    meter: Meter
    ours: Callable[[], bool]


class CloudMap:
    """Follows one cloud; on the event loop. Of several processes the first one does it."""

    def __init__(
        self, name: str, api: OpenStackApi, naming: Naming, seconds: float, reading: Reading
    ) -> None:
        """Look every so many seconds, and at once."""
        self._name = name
        self._api = api
        self._naming = naming
        self._seconds = seconds
        self._with = reading
        self._missing = Missing()
        self._failed = False
        self.touched = Touched()
        self._actor = Actor(f"cloud {name}")
        self.looked_ns: int | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            if self._with.ours():
                await self.once()
            soon = self._failed or self._missing != Missing()
            await self._with.clock.sleep(
                min(MISSING_SECONDS, self._seconds) if soon else self._seconds
            )

    async def once(self) -> int:
        """Look once; return how many resources had drifted. What fails is logged, tried later."""
        began = self._with.clock.mono_ns()
        self._failed = True
        try:
            self.touched.begin()
            found = await look(self._api)
            drift = await self._compare(found)
            count = await self._mend(drift)
        except FaultwireError as error:
            log.warning("cloud %s: its resources cannot be read: %s", self._name, error.detail)
            return 0
        self._failed, self._missing = False, drift.missing
        self.looked_ns = self._with.clock.wall_ns()
        meter = self._with.meter
        took = (self._with.clock.mono_ns() - began) / 1e9
        meter.gauge("faultwire_cloud_look_seconds", took, cloud=self._name)
        meter.gauge("faultwire_cloud_read_seconds", self.looked_ns / 1e9, cloud=self._name)
        if count:
            meter.count("faultwire_map_drift_total", count, cloud=self._name)
            log.info("cloud %s: %d resources of the map were mended", self._name, count)
        return count

    async def _compare(self, found: Snapshot) -> Drift:
        with_ = self._with
        steps = compare(
            found, with_.inventory, with_.owed, self._naming, self._missing, self.touched
        )
        for step in steps:
            if step is not None:
                return step
            await asyncio.sleep(0)
        raise AssertionError

    async def _mend(self, drift: Drift) -> int:
        for part in _parts(drift.notices):
            await self._with.intake.submit(TakeNotices(tuple(part), (), self._actor))
        for told in drift.services:
            await self._service(told)
        return len(drift.notices) + len(drift.services)

    async def _service(self, told: ServiceNotice) -> None:
        host, actor = HostName(told.host), self._actor
        command = ChangeService(host, actor, told.forced_down, told.disabled, told.reason)
        try:
            await self._with.intake.submit(command)
        except Refused as error:
            log.info("what was told of the service of %s is passed over: %s", host, error)


def _parts(notices: Sequence[Notice]) -> list[Sequence[Notice]]:
    return [notices[start : start + AT_ONCE] for start in range(0, len(notices), AT_ONCE)]
