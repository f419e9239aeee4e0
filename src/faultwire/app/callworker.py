"""Processes that take calls from the broker and do them: task managers and conductors."""

import asyncio
import functools
import logging
from pathlib import Path

from faultwire.app.cluster import Cluster
from faultwire.app.conductor import Conductor
from faultwire.app.core import Core, Indexes, Tools
from faultwire.app.database import open_database
from faultwire.app.evaluating import check_of
from faultwire.app.guests import GuestParts, Judging, guests_of
from faultwire.app.hoststatus import terms_of
from faultwire.app.lane import Lane
from faultwire.app.neighbours import Neighbours
from faultwire.app.rpcs import Rpcs, proven
from faultwire.app.sending import Nobody
from faultwire.app.whereabouts import Verdicts
from faultwire.app.worker import Worker
from faultwire.domain.errors import Invalid, Unavailable
from faultwire.messaging.addresses import OPTION
from faultwire.messaging.rabbit_server import RabbitServer
from faultwire.messaging.seals import door
from faultwire.monitors.agents import LoopGuard
from faultwire.store import embedded_file, load
from faultwire.telemetry.lag import LagGauge

log = logging.getLogger(__name__)

CONDUCTOR = "conductor"
LOOK_SECONDS = 0.5
"""Between two looks of a conductor whether it is the one that takes calls."""


class CallWorker(Worker):
    """One task manager or conductor on a shared database; used as `Worker` is.

    Task managers share the calls. Of conductors one takes them and the others stand by: who
    hears a guest must hear all of it. While there is none, calls wait in the broker's queue.
    """

    async def start(self) -> None:
        """Join the others and begin to take calls; raises what a start can fail with."""
        configuration, release = self._configuration, self._life.release
        if not configuration.default.transport_url:
            raise Invalid(OPTION, f"is empty, and a {self._role} takes its calls from a broker")
        if not configuration.database.connection:
            raise Invalid("[database] connection", f"a {self._role} needs a shared database")
        tools = Tools.new(profiling=configuration.profiler.enabled)
        engine = open_database(configuration.database, Path())
        release.callback(engine.dispose)
        if embedded_file(engine) is not None:
            raise Invalid("[database] connection", "an SQLite database serves one process alone")
        others = Neighbours(engine, self._role, configuration.cluster, tools)
        release.callback(others.close)
        release.callback(others.ledger.close)
        now_ns = tools.clock.wall_ns()
        read = functools.partial(load, engine, now_ns=now_ns)
        core = Core(
            tools,
            Indexes.read(lambda alarms_to: read(alarms_to=alarms_to)),
            others.ledger,
            publish=bool(configuration.notifier.also_publish),
        )
        release.callback(core.reader.close)
        release.callback(core.writer.close)
        others.ledger.warm()
        lane = core.connect(
            Nobody(),
            configuration.inspector,
            others.others(core),
            check_of(configuration.prometheus),
            terms_of(configuration.compute),
            configuration.fencing.terms(),
        )
        await others.follow(core).catch_up()
        lag = LagGauge(tools.clock, tools.metrics)
        judged = Verdicts(lane, core.indexes.sessions, others.cluster)
        loop = LoopGuard(lag.recent_ms, configuration.inspector.stalled_ms)
        parts = guests_of(core, Judging(lane, judged, loop), configuration, engine, others)
        await self._serve(core, lane)
        self._life.run_lane(lane, configuration.server.drain_seconds)
        await others.join(lane, self._life)
        self._life.watch(lag.run(), "loop lag")
        await self._take(core, lane, parts, others.cluster)
        self.name = others.cluster.member().name

    async def _take(self, core: Core, lane: Lane, parts: GuestParts, cluster: Cluster) -> None:
        """Serve the role's API."""
        bus = parts.bus
        if bus is None:
            raise Invalid(OPTION, "is empty")
        await bus.client.start()
        self._life.release.push_async_callback(bus.client.stop)
        if self._role == CONDUCTOR:
            handler = Conductor(parts.monitor, lane, core.tools.clock, proven)
            indexes = core.indexes
            parts.monitor.begin(indexes.inventory.guest, (), indexes.guests_heard)
            self._life.release.push_async_callback(parts.monitor.stop)
            self._life.watch(parts.monitor.run(), "guests' monitor")
            self._life.watch(self._as_first(bus, handler, cluster), "calls")
            return
        self._life.release.push_async_callback(parts.manager.stop)
        server = self._server(bus, parts.manager)
        await server.start()
        self._life.release.push_async_callback(server.stop)

    def _server(self, bus: Rpcs, handler: object) -> RabbitServer:
        server = RabbitServer(bus.broker, door=door(bus.keys.of_sender))
        server.serve(self._role, handler)
        return server

    async def _as_first(self, bus: Rpcs, handler: object, cluster: Cluster) -> None:
        """Take calls while this is the first of the conductors that live, until cancelled."""
        server: RabbitServer | None = None
        try:
            while True:
                first = _first(cluster)
                if first and server is None:
                    server = self._server(bus, handler)
                    await server.start()
                    log.info("this conductor takes the calls")
                elif not first and server is not None:
                    await server.stop()
                    server = None
                    log.info("another conductor takes the calls")
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            if server is not None:
                await server.stop()


def _first(cluster: Cluster) -> bool:
    """Return whether this is the first conductor that lives, by id."""
    try:
        return cluster.id == min(one.id for one in cluster.live() if one.role == CONDUCTOR)
    except (Unavailable, ValueError):
        return False
