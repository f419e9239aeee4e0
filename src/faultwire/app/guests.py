"""Guests and tasks, wired: who hears guests, who calls them, and who does what takes long."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from faultwire.app.conductor import Conductor
from faultwire.app.core import Core
from faultwire.app.guestabouts import GuestWhereabouts
from faultwire.app.guestcalls import GuestCalls, GuestPinger, GuestVersions, LastHeard
from faultwire.app.guestsessions import GuestSessions
from faultwire.app.hoststatus import first_server
from faultwire.app.lane import Lane
from faultwire.app.life import Life
from faultwire.app.neighbours import Neighbours
from faultwire.app.rpcs import Keys, Rpcs, guests_keys, proven
from faultwire.app.tasks import TaskKeeper, TaskManager, Way
from faultwire.app.taskworld import LaneWorld
from faultwire.config.configuration import Configuration
from faultwire.domain.accounts import CredentialKind
from faultwire.domain.changes import Change
from faultwire.domain.enrolment import CredentialsRemoved
from faultwire.domain.guest_changes import GuestsRemoved
from faultwire.domain.ids import GuestId
from faultwire.liveness.guest_settings import Settings
from faultwire.messaging.caps import Caps
from faultwire.messaging.inprocess import InProcessClient, InProcessExchange, InProcessServer
from faultwire.monitors.agents import LoopGuard
from faultwire.monitors.guests import GuestMonitor, HeardRows
from faultwire.ports import Clock, Intake, Inventory, Meter
from faultwire.resourcemap.remote_acts import RemoteBook
from faultwire.resourcemap.tasks import TaskBook
from faultwire.store import Engine, StoredMembers, StoredSeen

RPC_KEY = "rpc"
"""Name of the key with which processes of the installation prove calls on the bus."""
KEY_BYTES = 32

SERVE, CONDUCTOR, TASKS = "serve", "conductor", "taskmanager"
BOTH = (CONDUCTOR, TASKS)
"""Roles of processes: a server takes the calls of both others too."""

_MS = 1000.0


@dataclass(frozen=True, slots=True)
class GuestParts:
    """What the server has for guests and tasks."""

    monitor: GuestMonitor
    sessions: GuestSessions
    calls: GuestCalls
    pinger: GuestPinger
    heard: LastHeard
    keeper: TaskKeeper
    manager: TaskManager
    server: InProcessServer
    local: InProcessClient
    bus: Rpcs | None = None
    conductor: Conductor | None = None

    async def start(self, core: Core, life: Life, *, alone: bool) -> None:
        """Begin to take calls and to judge; `alone` with its database, wait for every guest."""
        indexes = core.indexes
        guests = tuple(indexes.inventory.guests()) if alone else ()
        self.monitor.begin(indexes.inventory.guest, guests, indexes.guests_heard)
        core.memory.follow(self._forget_removed)
        await self.server.start()
        life.release.push_async_callback(self.server.stop)
        life.release.push_async_callback(self.manager.stop)
        life.watch(self.monitor.run(), "guests' monitor")
        life.watch(self.keeper.run(), "tasks")
        if self.bus is not None:
            await self.bus.start(life)

    def join(self, others: Neighbours, core: Core, lane: Lane) -> GuestWhereabouts:
        """Be one of several servers, before they see us; what it returns must begin, and stop."""
        sessions = core.indexes.sessions
        found = GuestWhereabouts(others.cluster, sessions, lane, self.monitor, self.local)
        self.monitor.neighbours(found)
        self.calls.neighbours(found)
        if self.conductor is not None:
            self.conductor.neighbours(found)
        core.memory.follow(found.follow)
        return found

    async def stop(self) -> None:
        """Judge no guest any more; before the connections of guests are closed by us."""
        await self.monitor.stop()
        self.sessions.stop()

    def _forget_removed(self, change: Change) -> None:
        if isinstance(change, GuestsRemoved):
            self.monitor.forget(change.guests)
        elif isinstance(change, CredentialsRemoved) and change.kind is CredentialKind.GUEST:
            self.sessions.revoked(map(GuestId, change.names))


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Ground:
    """What the parts stand on.

    Verdicts go to `judged`, all else to `intake`; `note` stores when guests were heard. `ours`
    tells whether this process looks after tasks, of several; `stored` gives when guests were
    heard by any of them. Over `bus`, if there is one, go calls to guests that have no session,
    and to task managers while `managers` says that there are processes of that kind.
    """

    clock: Clock
    meter: Meter
    inventory: Inventory
    tasks: TaskBook
    intake: Intake
    judged: Intake
    guard: LoopGuard
    note: HeardRows
    ours: Callable[[], bool]
    stored: tuple[Callable[..., Any], ...] = ()
    bus: Rpcs | None = None
    managers: Callable[[], bool] = _never
    remote: RemoteBook = field(default_factory=RemoteBook)


def build(ground: Ground, settings: Settings) -> GuestParts:
    """Return the parts; nothing runs yet."""
    clock, meter, inventory = ground.clock, ground.meter, ground.inventory
    exchange = InProcessExchange()
    monitor = GuestMonitor(ground.judged, clock, meter, settings, ground.guard, ground.note)
    sessions = GuestSessions(monitor, ground.intake, clock, exchange)
    caps = Caps(peers=GuestVersions(inventory.guest))
    local, bus = InProcessClient(exchange, caps, clock), ground.bus
    calls = GuestCalls(local, sessions.here, bus.client if bus is not None else None)
    pinger = GuestPinger(calls, inventory.guest, clock, meter, settings.ping_ms / _MS)
    world = LaneWorld(ground.intake, inventory, ground.tasks.get, ground.remote)
    manager = TaskManager(world, calls, clock, meter, settings.call_ms / _MS)
    server = InProcessServer(exchange)
    server.serve("taskmanager", manager)

    def way() -> Way:
        # Any of them takes it, ours among them.
        elsewhere = bus is not None and ground.managers()
        return (calls, None) if elsewhere else (local, manager.doing)

    keeper = TaskKeeper(ground.tasks.live, way, clock, ground.ours)
    conductor = None
    if bus is not None:
        conductor = Conductor(monitor, ground.intake, clock, proven)
        bus.server.serve("conductor", conductor)
        bus.server.serve("taskmanager", manager)
    heard = LastHeard(monitor.status, inventory.guests, *ground.stored)
    return GuestParts(
        monitor, sessions, calls, pinger, heard, keeper, manager, server, local, bus, conductor
    )


@dataclass(frozen=True, slots=True)
class Judging:
    """The lane, the way that verdicts take to it, and what keeps them while we are late."""

    lane: Lane
    judged: Intake
    guard: LoopGuard


def guests_of(
    core: Core,
    judging: Judging,
    configuration: Configuration,
    engine: Engine,
    others: Neighbours | None,
    role: str = SERVE,
) -> GuestParts:
    """Return the parts over a process's memory and lane; a server has both roles."""
    tools, indexes = core.tools, core.indexes
    cluster = others.cluster if others is not None else None
    ground = Ground(
        tools.clock,
        tools.metrics,
        indexes.inventory,
        indexes.tasks,
        judging.lane,
        judging.judged,
        judging.guard,
        core.writer.guests_heard,
        _never if role != SERVE else (lambda: cluster is None or first_server(cluster)),
        _stored(core, engine) if others is not None else (),
        _bus(core, configuration, engine, BOTH if role == SERVE else ()),
        lambda: any(one.role == TASKS for one in cluster.live()) if cluster else False,
        indexes.remote,
    )
    return build(ground, configuration.guests)


def _bus(
    core: Core, configuration: Configuration, engine: Engine, served: tuple[str, ...]
) -> Rpcs | None:
    """Return the way over the broker; None: there is no broker."""
    if not configuration.default.transport_url:
        return None
    own = StoredMembers(engine).key(RPC_KEY, secrets.token_hex(KEY_BYTES))
    keys = Keys(bytes.fromhex(own), guests_keys(core.indexes.directory.credential))
    versions = GuestVersions(core.indexes.inventory.guest)
    return Rpcs(configuration, core.tools, versions, keys, served)


def _stored(core: Core, engine: Engine) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the reads of what other processes on the database heard."""
    stored = StoredSeen(engine)

    async def every() -> Mapping[GuestId, int]:
        found: Any = await core.reader(stored.guests)
        return dict(found)

    async def one(guest: GuestId) -> int | None:
        found: Any = await core.reader(stored.guest, guest)
        return found if isinstance(found, int) else None

    return every, one
