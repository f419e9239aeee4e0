"""Hosts are switched off, and on again: what records of fencing want, done by one process."""

import asyncio
import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from faultwire.app.cluster import Cluster
from faultwire.app.core import Core
from faultwire.app.hoststatus import first_server
from faultwire.app.lane import Lane
from faultwire.controllers.fencing.settings import Settings
from faultwire.domain.changes import Change
from faultwire.domain.errors import BmcTrouble, FaultwireError
from faultwire.domain.fencing import (
    Fencing,
    FencingsSaved,
    Power,
    PowerProof,
    SettleFencing,
    TakeFencing,
)
from faultwire.domain.ids import HostName
from faultwire.ports import Clock, Intake, Inventory, Meter
from faultwire.ports.bmcs import Bmcs
from faultwire.resourcemap.fencings import FencingBook

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks at what is owed where nobody told of anything."""

AGAIN_SECONDS = 10
"""After which a BMC that still says the old power is asked again."""

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Which process this is, whether it is the one that fences, and who lives beside it."""

    member: str
    ours: Callable[[], bool]
    living: Callable[[], frozenset[str]]


def place_of(cluster: Cluster | None) -> Place:
    """Return the place of this process among those on its database."""
    if cluster is None:
        return Place("", lambda: True, frozenset)
    return Place(
        cluster.id,
        lambda: first_server(cluster),
        lambda: frozenset(one.id for one in cluster.live()),
    )


class Fencer:
    """Does what is owed, each host for itself; belongs to the event loop.

    What a process that died had begun is begun anew by another one, or by itself after a restart:
    to ask for power-off twice does no harm, and only the controller's own word counts as done.
    """

    def __init__(
        self, intake: Intake, book: FencingBook, inventory: Inventory, bmcs: Bmcs, place: Place
    ) -> None:
        """Take the book of what is owed, and who reaches controllers."""
        self._intake = intake
        self._book = book
        self._inventory = inventory
        self._bmcs = bmcs
        self._place = place
        self._settings = Settings()
        self._tasks: dict[HostName, asyncio.Task[None]] = {}
        self._work = asyncio.Event()
        self._clock: Clock
        self._meter: Meter

    @classmethod
    def of(
        cls, core: Core, lane: Lane, settings: Settings, bmcs: Bmcs, cluster: Cluster | None
    ) -> "Fencer":
        """Return who fences in this process; it follows the memory from now on."""
        made = cls(
            lane, core.indexes.fencings, core.indexes.inventory, bmcs, place_of(cluster)
        ).by(settings, core.tools.clock, core.tools.metrics)
        core.memory.follow(made.follow)
        return made

    def by(self, settings: Settings, clock: Clock, meter: Meter) -> "Fencer":
        """Take the settings, the clock and the meter."""
        self._settings, self._clock, self._meter = settings, clock, meter
        return self

    def follow(self, change: Change) -> None:
        """Take a committed change."""
        if isinstance(change, FencingsSaved):
            self._work.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._begin()
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._work.wait()
                except TimeoutError:
                    pass
                self._work.clear()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _begin(self) -> None:
        """Begin what is owed and nobody here is at."""
        self._meter.gauge("faultwire_fencings_owed", len(self._book.wanted()))
        if not self._place.ours():
            return
        for row in self._book.wanted():
            if row.host not in self._tasks:
                task = asyncio.create_task(self._one(row), name=f"fencing {row.host}")
                self._tasks[row.host] = task
                task.add_done_callback(functools.partial(self._ended, row.host))

    def _ended(self, host: HostName, done: "asyncio.Task[None]") -> None:
        self._tasks.pop(host, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("fencing of host %s broke off; it is begun anew", host, exc_info=error)

    async def _one(self, row: Fencing) -> None:
        """Do what one record wants, and settle it."""
        try:
            command = TakeFencing(row.host, row.id, self._place.member, self._place.living())
            taken: Any = await self._intake.submit(command)
            if taken is None:
                # A guard refuses it now, or another process is at it: looked at again later.
                await self._clock.sleep(LOOK_SECONDS)
                return
            log.warning("host %s: power-%s is asked of its BMC", row.host, row.wanted.value)
            proof, error = await self._switched(row.host, row.wanted)
            settled = await self._intake.submit(
                SettleFencing(row.host, row.id, proof, "" if proof else error)
            )
        except FaultwireError as trouble:
            log.warning("fencing of host %s waits: %s", row.host, trouble.detail)
            await self._clock.sleep(LOOK_SECONDS)
            return
        if settled:
            self._tell(row, proof, error)

    async def _switched(self, name: HostName, wanted: Power) -> tuple[PowerProof | None, str]:
        """Ask until the controller says so, or the deadline; return its word, or what failed."""
        clock, settings = self._clock, self._settings
        until = clock.mono_ns() + settings.deadline_seconds * _NS
        error = ""
        # The power is read first: a host that is off already is not asked again.
        asked_ns: int | None = None
        while True:
            left = (until - clock.mono_ns()) / _NS
            # Looked up anew each time: the inventory may name another BMC by now.
            host = self._inventory.host(name)
            if host is None:
                return None, "the host is not in the inventory any more"
            if left <= 0:
                return None, error or f"its BMC still says {_other(wanted)}"
            try:
                async with asyncio.timeout(left):
                    proof = await self._bmcs.power(host)
                    if proof.power is wanted:
                        return replace(proof, heard_by="fencing"), ""
                    if asked_ns is None or clock.mono_ns() - asked_ns >= AGAIN_SECONDS * _NS:
                        await self._bmcs.switch(host, on=wanted is Power.ON)
                        asked_ns = clock.mono_ns()
                        continue
                    error = f"its BMC still says {proof.power.value}"
            except BmcTrouble as trouble:
                error = str(trouble)
                # Whether it was taken is not known: it is asked again.
                asked_ns = None
            except TimeoutError:
                return None, error or "its BMC did not answer in time"
            await clock.sleep(min(settings.retry_seconds, max(left, 0)))

    def _tell(self, row: Fencing, proof: PowerProof | None, error: str) -> None:
        outcome = "proven" if proof is not None else "failed"
        self._meter.count("faultwire_fencings_total", wanted=row.wanted.value, outcome=outcome)
        if proof is not None:
            log.warning("host %s: its BMC says %s", row.host, proof.power.value)
        else:
            log.error("host %s: no proof of power-%s: %s", row.host, row.wanted.value, error)


def _other(wanted: Power) -> str:
    return Power.ON.value if wanted is Power.OFF else Power.OFF.value
