"""What follows from a change of a host's state after the request: silence noticed, owners told."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from faultwire.app.cluster import Cluster
from faultwire.app.core import Core
from faultwire.app.lane import Lane
from faultwire.domain import changes
from faultwire.domain.commands import AgentChanged
from faultwire.domain.errors import FaultwireError
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.domain.services import StatusTerms, TellOwners
from faultwire.domain.states import AgentState
from faultwire.faces.compute.settings import Settings
from faultwire.ports import Clock, Intake
from faultwire.resourcemap.owing import OwedStatuses

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks where nobody told of anything, and before a failure is tried again."""

ANSWER_SECONDS = 0.01
"""Between a change and its telling: the request that made it is answered first."""

_NS = 1_000_000_000


def terms_of(settings: Settings) -> StatusTerms:
    """Return how host_status is formed and told, by the options of the compute face."""
    return StatusTerms(settings.host_status_precedence, settings.tell_owners_host_status)


def statuses_of(
    core: Core, lane: Lane, settings: Settings, cluster: Cluster | None
) -> "HostStatuses":
    """Return who tells owners in this process; it follows the memory from now on."""
    statuses = HostStatuses(
        lane,
        core.tools.clock,
        core.indexes.owed,
        settings.service_down_time,
        (lambda: True) if cluster is None else (lambda: first_server(cluster)),
    )
    core.memory.follow(statuses.follow)
    statuses.begin(core.indexes.inventory.hosts())
    return statuses


def first_server(cluster: Cluster) -> bool:
    """Return whether this process is the first of the servers that live, by id.

    Two that both think so do no harm: each change is told once, by the order of commits.
    """
    return cluster.id == min(one.id for one in cluster.live() if one.role == "serve")


class HostStatuses:
    """Tells owners of changes of host_status (D19), and calls long-gone hosts silent (S146).

    Belongs to the event loop. A host is silent `down_seconds` after this process learnt of its
    agent's goodbye: no two clocks are compared. `ours` tells whether this process does it, of
    several on one database.
    """

    def __init__(
        self,
        intake: Intake,
        clock: Clock,
        owed: OwedStatuses,
        down_seconds: int,
        ours: Callable[[], bool],
    ) -> None:
        """Take the book of what is owed, which follows the ledger."""
        self._intake = intake
        self._clock = clock
        self._owed = owed
        self._down_ns = down_seconds * _NS
        self._ours = ours
        self._gone: dict[HostName, int] = {}
        self._work = asyncio.Event()

    def begin(self, hosts: Iterable[Host]) -> None:
        """Take hosts whose agents were gone before this process started."""
        self._hosts(hosts)

    def follow(self, change: changes.Change) -> None:
        """Take a committed change."""
        if isinstance(change, changes.HostsSaved):
            self._hosts(change.hosts)
        elif isinstance(change, changes.HostsRemoved):
            for name in change.hosts:
                self._gone.pop(name, None)
        elif isinstance(change, changes.StatusesOwed):
            self._work.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_telling(), name="owners told")
            group.create_task(self._keep_watching(), name="silent hosts")

    async def tell(self) -> None:
        """Tell owners until nothing is owed; raises Unavailable."""
        while self._owed and self._ours():
            await self._intake.submit(TellOwners())

    async def look(self) -> None:
        """Call those hosts silent that have been gone for long enough; raises Unavailable."""
        now = self._clock.mono_ns()
        due = [host for host, since in self._gone.items() if now - since >= self._down_ns]
        for host in due if self._ours() else ():
            await self._intake.submit(AgentChanged(host, AgentState.SILENT))
            self._gone.pop(host, None)

    def _hosts(self, hosts: Iterable[Host]) -> None:
        for host in hosts:
            if host.agent is AgentState.GONE:
                self._gone.setdefault(host.name, self._clock.mono_ns())
            else:
                self._gone.pop(host.name, None)

    async def _keep_telling(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._work.wait()
            except TimeoutError:
                pass
            self._work.clear()
            if self._owed:
                # Who made the change has his answer before anybody's work for others begins.
                await self._clock.sleep(ANSWER_SECONDS)
            try:
                await self.tell()
            except FaultwireError as error:
                log.warning("owners could not be told of a host_status: %s", error.detail)
                await self._clock.sleep(LOOK_SECONDS)
                self._work.set()

    async def _keep_watching(self) -> None:
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except FaultwireError as error:
                log.warning("a silent host could not be noted: %s", error.detail)
