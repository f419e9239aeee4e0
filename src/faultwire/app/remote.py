"""What clouds are owed is done: each act until it is over, many at a time, the host's first.

A cloud's services have lanes of their own: while Neutron is away, Nova is asked on.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from faultwire.app.leaving import Leaving, host_in_cloud
from faultwire.controllers.openstack.settings import Settings
from faultwire.domain.accounts import Actor
from faultwire.domain.changes import Change
from faultwire.domain.errors import Conflict, FaultwireError, NotFound, Refused, Unavailable
from faultwire.domain.ids import FaultId
from faultwire.domain.notices import ServerNotice, TakeNotices
from faultwire.domain.remote_acts import (
    DISABLED,
    ENABLED,
    Phase,
    ReleaseHeld,
    RemoteAct,
    RemoteActsSaved,
    RemoteKind,
    RemoteState,
    SettleRemoteActs,
    disabled_for,
)
from faultwire.domain.states import UNTOUCHED_BY_HOST_DOWN, VmState
from faultwire.ports import Clock, Intake, Inventory, Meter
from faultwire.ports.clouds import CloudApi
from faultwire.resourcemap.remote_acts import RemoteBook

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks where nobody told of anything."""

GATHER_SECONDS = 0.1
"""How long results are gathered for one commit; those of hosts, and the last ones, go at once."""

FIRST_RETRY, LONGEST_RETRY = 0.25, 30.0
"""Seconds until what was refused is asked again: at first, and at most."""

LONGEST_FOR_HOSTS = 5.0
"""The same for a host: until it is up again, nothing can be placed there."""

KEPT = frozenset(VmState) - {VmState.BUILDING} - UNTOUCHED_BY_HOST_DOWN
"""States in which a server that was being built may be by now, and to which it returns."""

NOTED = 1000
"""Characters of a refusal that are kept with the act."""

_NS = 1_000_000_000

COMPUTE, NETWORK, LEAVING = "compute", "network", "leaving"
LANES = {
    RemoteKind.FORCE_DOWN: COMPUTE,
    RemoteKind.LET_UP: COMPUTE,
    RemoteKind.RESET_STATE: COMPUTE,
    RemoteKind.MARK_PORT: NETWORK,
    RemoteKind.EVACUATE: LEAVING,
}
"""Which acts of a cloud wait for each other."""

Lane = tuple[str, str]
"""A cloud, and which of its lanes."""


@dataclass(slots=True)
class _Try:
    """An act under way: how often it was tried, since when the cloud says `not yet`, and why."""

    act: RemoteAct
    tries: int = 0
    refused_ns: int = 0
    said: str = ""

    @property
    def lane(self) -> Lane:
        """Where it waits."""
        return self.act.cloud, LANES[self.act.kind]


class RemoteActing:
    """Does acts; belongs to the event loop.

    Of several processes the first one does them (`ours`). What a process that died had begun is
    asked again: every act may be asked twice.
    """

    def __init__(  # noqa: PLR0913 - what acts stand on
        self,
        intake: Intake,
        book: RemoteBook,
        clouds: Mapping[str, CloudApi],
        settings: Settings,
        clock: Clock,
        *,
        inventory: Inventory,
        within: float = 10.0,
    ) -> None:
        """Take the book, which follows the ledger as the map does, and who reaches the clouds.

        Owners hear of a fault `within` so many seconds, whatever a cloud owes.
        """
        self._leaving = Leaving(intake, inventory, clock, settings.retry_for)
        self._intake = intake
        self._book = book
        self._clouds = clouds
        self._settings = settings
        self._within_ns = int(within * _NS)
        self._clock = clock
        self._ours: Callable[[], bool] = lambda: True
        self._meter: Meter | None = None
        self._known: set[str] = set()
        self._queues: dict[Lane, deque[_Try]] = {
            (name, lane): deque() for name in clouds for lane in set(LANES.values())
        }
        self._due: dict[Lane, asyncio.Semaphore] = {}
        self._busy: dict[tuple[str, str], list[_Try]] = {}
        self._behind: dict[FaultId, list[_Try]] = {}
        self._over: list[RemoteAct] = []
        self._news = asyncio.Event()
        self._results = asyncio.Event()
        self._enough = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, ours: Callable[[], bool], meter: Meter) -> "RemoteActing":
        """Take who tells whether this process does it, and where it is counted."""
        self._ours, self._meter = ours, meter
        return self

    def follow(self, change: Change) -> None:
        """Take a committed change."""
        if isinstance(change, RemoteActsSaved):
            self._news.set()
        self._leaving.follow(change)

    async def run(self) -> None:
        """Work until cancelled."""
        for lane in self._queues:
            self._due[lane] = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_looking(), name="remote acts")
            group.create_task(self._keep_settling(), name="remote acts over")
            for lane in self._queues:
                for number in range(self._at_once(lane)):
                    name = f"cloud {lane[0]} {lane[1]} {number}"
                    group.create_task(self._keep_doing(lane), name=name)

    def _at_once(self, lane: Lane) -> int:
        leaving = lane[1] == LEAVING
        return self._settings.evacuations if leaving else self._settings.concurrency

    # ---------------------------------------------------------------- what is due

    async def _keep_looking(self) -> None:
        while True:
            self._look()
            await self._release()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()

    def _look(self) -> None:
        """Put what is owed and new in line."""
        if self._meter is not None:
            self._meter.gauge("faultwire_remote_acts_owed", len(self._book))
        if not self._ours():
            return
        owed = self._book.owed()
        for act in owed:
            if act.id in self._known:
                continue
            self._known.add(act.id)
            if act.cloud not in self._clouds:
                text = f"cloud {act.cloud} is not in [openstack] clouds"
                self._finished(act, RemoteState.FAILED, text)
                continue
            one = _Try(act)
            if act.phase is not Phase.HOST and self._host_first(act):
                self._behind.setdefault(FaultId(act.fault or ""), []).append(one)
            else:
                self._put(one)
        if len(self._known) > len(owed):
            self._known.intersection_update(act.id for act in owed)

    def _host_first(self, act: RemoteAct) -> bool:
        return act.fault is not None and self._book.left(act.fault, (Phase.HOST,)) > 0

    def _put(self, one: _Try) -> None:
        queue = self._queues[one.lane]
        if one.act.phase is Phase.HOST:
            queue.appendleft(one)
        else:
            queue.append(one)
        self._due[one.lane].release()

    def _follow_on(self, act: RemoteAct) -> None:
        """Let the acts go that waited for their host's first answer, whatever it was."""
        if act.phase is Phase.HOST and act.fault is not None:
            for one in self._behind.pop(act.fault, ()):
                self._put(one)

    async def _release(self) -> None:
        """Tell owners whom a cloud made wait for too long."""
        held = self._book.held()
        before = self._clock.wall_ns() - self._within_ns
        if not held or not self._ours() or held[0].held_ns >= before:
            return
        log.warning("owners are told although a cloud still owes its word")
        try:
            await self._intake.submit(ReleaseHeld(before))
        except FaultwireError as error:
            log.warning("held events could not be released: %s", error.detail)

    # ---------------------------------------------------------------- doing

    async def _keep_doing(self, lane: Lane) -> None:
        api, queue = self._clouds[lane[0]], self._queues[lane]
        while True:
            await self._due[lane].acquire()
            one = queue.popleft()
            # Void by now, or done by another process.
            if self._book.get(one.act.id) is None:
                self._known.discard(one.act.id)
                self._follow_on(one.act)
                continue
            about = one.act.about
            if about in self._busy:
                # What took its place is begun once it is over, whatever came of it.
                self._busy[about].append(one)
                continue
            self._busy[about] = []
            try:
                await self._one(api, one)
            finally:
                for waiting in self._busy.pop(about):
                    self._put(waiting)
                if not self._busy and not any(self._queues.values()):
                    self._enough.set()

    async def _do(self, api: CloudApi, act: RemoteAct) -> str:
        """Ask for it; return what there is to say of it although it was granted."""
        match act.kind:
            case RemoteKind.FORCE_DOWN:
                reason = disabled_for(act.fault) if act.wanted == DISABLED else ""
                await api.force_down(host_in_cloud(act.target), reason)
            case RemoteKind.LET_UP:
                await api.let_up(host_in_cloud(act.target), enable=act.wanted == ENABLED)
            case RemoteKind.RESET_STATE:
                if act.origin:
                    await self._look_first(api, act)
                await api.reset_state(act.target, act.wanted)
            case RemoteKind.MARK_PORT:
                return await api.mark_port(act.target, act.wanted)
            case RemoteKind.EVACUATE:
                await self._leaving.leave(api, act)
        return ""

    async def _look_first(self, api: CloudApi, act: RemoteAct) -> None:
        """Learn what a server that the map has as being built is in: to that it returns."""
        found = (await api.standing(act.target)).vm_state
        if found in KEPT:
            notice = ServerNotice(act.target, vm_state=VmState(found))
            await self._intake.submit(TakeNotices((notice,), (), Actor(f"cloud {act.cloud}")))

    async def _one(self, api: CloudApi, one: _Try) -> None:
        act = one.act
        try:
            detail = await self._do(api, act)
        except Unavailable as error:
            self._again(one, error.detail)
        except Conflict as error:
            now = self._clock.mono_ns()
            one.refused_ns = one.refused_ns or now
            if now - one.refused_ns > self._settings.retry_for * _NS:
                self._finished(act, RemoteState.FAILED, str(error))
            else:
                self._again(one, str(error))
        except NotFound as error:
            # A server or port that is gone needs nothing any more.
            gone = act.phase is not Phase.HOST
            self._finished(act, RemoteState.VOID if gone else RemoteState.FAILED, str(error))
        except Refused as error:
            self._finished(act, RemoteState.FAILED, str(error))
        except Exception as error:
            log.exception("act %s on %s %s broke off; this is a defect", act.kind, *act.about)
            self._finished(act, RemoteState.FAILED, f"{type(error).__name__}")
        else:
            self._finished(act, RemoteState.DONE, detail)
        self._follow_on(act)

    def _again(self, one: _Try, why: str) -> None:
        longest = LONGEST_FOR_HOSTS if one.act.phase is Phase.HOST else LONGEST_RETRY
        wait = min(FIRST_RETRY * 2 ** min(one.tries, 20), longest)
        one.tries += 1
        if one.tries == 1:
            log.warning("cloud %s: %s is tried again: %s", one.act.cloud, one.act.kind, why)
        if why != one.said:
            # Whoever looks at the fault shall know what stands in the way.
            one.said = why
            self._over.append(replace(one.act, detail=why[:NOTED]))
            self._results.set()
        task = asyncio.create_task(self._later(one, wait), name=f"again {one.act.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, one: _Try, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._put(one)

    # ---------------------------------------------------------------- over

    def _finished(self, act: RemoteAct, state: RemoteState, detail: str) -> None:
        if state is RemoteState.FAILED:
            log.error("cloud %s: %s of %s failed: %s", act.cloud, act.kind, act.target, detail)
        if self._meter is not None:
            self._meter.count("faultwire_remote_acts_total", kind=act.kind, outcome=state)
        self._over.append(replace(act, state=state, detail=detail[:NOTED]))
        self._results.set()
        if act.phase is Phase.HOST:
            self._enough.set()

    async def _keep_settling(self) -> None:
        while True:
            await self._results.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._enough.wait()
            self._enough.clear()
            self._results.clear()
            over, self._over = self._over, []
            try:
                await self._intake.submit(SettleRemoteActs(tuple(over)))
            except FaultwireError as error:
                log.warning("%d acts are over and not recorded: %s", len(over), error.detail)
                self._over = [*over, *self._over]
                await self._clock.sleep(LOOK_SECONDS)
                self._results.set()
