"""Processes that take calls from the broker and do them: task managers and conductors."""

import functools
import logging
from pathlib import Path

from faultwire.app.clouds import beside
from faultwire.app.core import Core, Indexes, Tools
from faultwire.app.database import open_database
from faultwire.app.evaluating import check_of
from faultwire.app.guests import CONDUCTOR, GuestParts, Judging, guests_of
from faultwire.app.hoststatus import terms_of
from faultwire.app.lane import Lane
from faultwire.app.neighbours import Neighbours
from faultwire.app.sending import Nobody
from faultwire.app.whereabouts import Verdicts
from faultwire.app.worker import Worker
from faultwire.domain.errors import Invalid
from faultwire.messaging.addresses import OPTION
from faultwire.messaging.rabbit_server import RabbitServer
from faultwire.messaging.seals import door
from faultwire.monitors.agents import LoopGuard
from faultwire.store import embedded_file, load
from faultwire.telemetry.lag import LagGauge

log = logging.getLogger(__name__)


class CallWorker(Worker):
    """One task manager or conductor on a shared database; used as `Worker` is.

    They share the calls with each other and with the servers, which take them too. A heartbeat
    that comes to a process that does not hear the guest is handed to the one that does.
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
        core.cloud = beside(configuration, core)
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
        judging = Judging(lane, judged, loop)
        parts = guests_of(core, judging, configuration, engine, others, self._role)
        await self._serve(core, lane)
        self._life.run_lane(lane, configuration.server.drain_seconds)
        await self._join(core, lane, parts, others)
        self._life.watch(lag.run(), "loop lag")
        await self._take(parts)
        self.name = others.cluster.member().name

    async def _join(self, core: Core, lane: Lane, parts: GuestParts, others: Neighbours) -> None:
        """Be one of several: what one hears of a guest the others hand to it."""
        release = self._life.release
        afar = parts.join(others, core, lane)
        await others.join(lane, self._life)
        release.push_async_callback(afar.stop)
        afar.begin(core.indexes.inventory.guest, ())
        await parts.start(core, self._life, alone=False)
        release.push_async_callback(parts.stop)

    async def _take(self, parts: GuestParts) -> None:
        """Serve the role's API."""
        if parts.bus is None:
            raise Invalid(OPTION, "is empty")
        handler = parts.conductor if self._role == CONDUCTOR else parts.manager
        server = RabbitServer(parts.bus.broker, door=door(parts.bus.keys.of_sender))
        server.serve(self._role, handler)
        await server.start()
        self._life.release.push_async_callback(server.stop)
