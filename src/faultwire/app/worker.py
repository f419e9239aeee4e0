"""Processes that do one kind of the shared work and nothing else: evaluators and senders."""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from faultwire.app.core import Core, Indexes, Tools
from faultwire.app.database import open_database
from faultwire.app.doors import on_loopback
from faultwire.app.evaluating import periodic_of
from faultwire.app.keystone import keystone_of
from faultwire.app.lane import Lane
from faultwire.app.latency import latency_of
from faultwire.app.life import Life
from faultwire.app.listen import Listener, Tls, parse_address
from faultwire.app.marks import Marks
from faultwire.app.neighbours import Neighbours
from faultwire.app.sending import Nobody, bus_of, every, sender_of
from faultwire.app.tracing import tracing_of
from faultwire.config.configuration import Configuration
from faultwire.domain.errors import Invalid
from faultwire.faces import stack
from faultwire.notifier.delivery import guard
from faultwire.notifier.delivery.sender import Sender
from faultwire.store import StoredAlarms, StoredFaults, embedded_file, load_alarms, load_secrets
from faultwire.telemetry.lag import LagGauge

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.25

LOADS = {
    "evaluator": lambda engine: Indexes.read(lambda taken: load_alarms(engine, alarms_to=taken)),
    "sender": lambda engine: Indexes.of(load_secrets(engine)),
}
"""What fills the memory of a role."""


class Worker:
    """One evaluator or sender on a shared database; `start`, `run_until`, `stop` in this order.

    `role` is ``evaluator`` or ``sender``. `listen` is where /metrics and /healthcheck are served,
    empty for nowhere.
    """

    def __init__(self, configuration: Configuration, role: str, listen: str) -> None:
        """Touch nothing yet."""
        self._configuration = configuration
        self._role = role
        self._listen = listen
        self._life = Life()
        self.name = ""

    async def start(self) -> None:
        """Join the others and begin to work; raises what a start can fail with."""
        configuration, release = self._configuration, self._life.release
        tools = Tools.new(profiling=configuration.profiler.enabled)
        if not configuration.database.connection:
            raise Invalid("[database] connection", f"a {self._role} needs a shared database")
        engine = open_database(configuration.database, Path())
        release.callback(engine.dispose)
        if embedded_file(engine) is not None:
            raise Invalid("[database] connection", "an SQLite database serves one process alone")
        others = Neighbours(engine, self._role, configuration.cluster, tools)
        release.callback(others.close)
        release.callback(others.ledger.close)
        publish = bool(configuration.notifier.also_publish)
        core = Core(tools, LOADS[self._role](engine), others.ledger, publish=publish)
        release.callback(core.reader.close)
        release.callback(core.writer.close)
        others.ledger.warm()
        lane = core.connect(Nobody(), configuration.inspector, others.others(core))
        await others.follow(core).catch_up()
        await self._serve(core, lane)
        origin = others.cluster.origin
        stored = StoredFaults(engine, origin)
        latency = latency_of(tools, lane, origin, configuration.profiler)
        tracing = tracing_of(core, configuration.profiler, origin, self._life)
        marks = Marks(tools.recorder, stored, core.writer, core.reader, latency, origin)
        if tracing is not None:
            marks.follow(tracing)
        release.push_async_callback(marks.flush)
        await self._begin(others, core, lane, StoredAlarms(engine))
        if self._role == "evaluator":
            periodic = periodic_of(core, lane, configuration, engine, others.evaluated, release)
            self._life.watch(periodic.run(), "periodic alarms")
        self._life.watch(every(FLUSH_SECONDS, marks.flush, tools.clock), "marks")
        self._life.watch(LagGauge(tools.clock, tools.metrics).run(), "loop lag")
        self.name = others.cluster.member().name

    async def _begin(
        self, others: Neighbours, core: Core, lane: Lane, alarms: StoredAlarms
    ) -> None:
        drain = self._configuration.server.drain_seconds
        if self._role == "evaluator":
            work: Coroutine[Any, Any, None] = others.evaluate(core, lane).run()
        else:
            sender = self._sender(core, alarms)
            await sender.start(load=False)
            self._life.release.push_async_callback(sender.stop, drain)
            work = others.send(sender, core, lane).run()
        self._life.run_lane(lane, drain)
        await others.join(lane, self._life)
        self._life.watch(work, f"{self._role}'s work")

    def _sender(self, core: Core, alarms: StoredAlarms) -> Sender:
        configuration = self._configuration
        bus = bus_of(configuration, core.tools, self._life.release)
        # A sender obeys the rules of the servers, whose configuration it has.
        rules = guard.rules_of(configuration.notifier, on_loopback=on_loopback(configuration))
        keystone = keystone_of(configuration, core.tools, self._life)
        trusts = keystone.trusts if keystone else None
        return sender_of(core, alarms, configuration, rules, bus, trusts)

    async def _serve(self, core: Core, lane: Lane) -> None:
        if not self._listen:
            return
        address = parse_address(self._listen, "--listen")
        listener = Listener(address, Tls(), "--listen")
        ports = stack.StackPorts(
            lambda: self._life.broken or lane.broken,
            core.tools.metrics.page,
            core.tools.clock,
        )
        await listener.start(stack.create({}, ports))
        self._life.release.push_async_callback(listener.stop)

    async def run_until(self, stopped: asyncio.Event) -> None:
        """Work until the event is set."""
        await stopped.wait()
        log.info("stopping: no new work is taken")

    async def stop(self) -> None:
        """Hand the work over, finish what was begun, release everything."""
        await self._life.stop()
