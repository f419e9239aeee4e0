"""The server's life: new, start, run, stop."""

import asyncio
import functools
import logging
from dataclasses import dataclass
from pathlib import Path

from faultwire.app import faces
from faultwire.app.acts import ears_of, hear_agents, hear_probes, watch_acts
from faultwire.app.certificate import pem_of
from faultwire.app.clouds import join_clouds
from faultwire.app.core import Core, Indexes, Tools
from faultwire.app.database import open_database
from faultwire.app.deadman import DeadMan, checks_of
from faultwire.app.doors import Doors, addresses_of, on_loopback
from faultwire.app.evaluating import check_of, periodic_of
from faultwire.app.expiry import EXPIRY_SECONDS, expiry
from faultwire.app.firststart import first_accounts, tell_clients
from faultwire.app.folder import StateFolder
from faultwire.app.forgetting import FORGET_SECONDS, forgetting
from faultwire.app.gauges import gauges
from faultwire.app.guests import GuestParts, Judging, guests_of
from faultwire.app.hearing import connected, forget_removed, hear
from faultwire.app.hosts import host_monitor, vantage_points, watch_hosts, watch_vantage
from faultwire.app.hoststatus import statuses_of, terms_of
from faultwire.app.imports import Imports
from faultwire.app.keystone import Keystone, keystone_of, serves_identity, signed_in
from faultwire.app.lane import Lane
from faultwire.app.latency import latency_of
from faultwire.app.life import Life
from faultwire.app.listen import Tls
from faultwire.app.listening import listen
from faultwire.app.marks import Marks
from faultwire.app.neighbours import PRUNE_SECONDS, Neighbours
from faultwire.app.offload import Offload
from faultwire.app.periodic import Periodic
from faultwire.app.pinging import ping_servers, watch_instances
from faultwire.app.refusals import GATHER_SECONDS
from faultwire.app.sending import Nobody, bus_of, endpoints_of, every, sender_of
from faultwire.app.signals import watch_signals
from faultwire.app.standing import Watched
from faultwire.app.tracing import tracing_of
from faultwire.app.whereabouts import Verdicts, Whereabouts
from faultwire.config.configuration import Configuration
from faultwire.domain.commands import RetryUnmatched
from faultwire.domain.shares import ALL_SHARES
from faultwire.identity.passwords import Passwords
from faultwire.identity.tokens import keep_key
from faultwire.monitors.agents import AgentMonitor, LoopGuard
from faultwire.monitors.hosts import HostMonitor
from faultwire.monitors.pinged import ServerPings
from faultwire.monitors.vantage import VantagePoints
from faultwire.notifier.delivery import guard
from faultwire.notifier.delivery.sender import Sender
from faultwire.ports import Bus
from faultwire.store import (
    Engine,
    Ledger,
    StoredAlarms,
    StoredFaults,
    StoredSubscriptions,
    embedded_file,
    load,
    tidy,
)
from faultwire.telemetry.lag import LagGauge

log = logging.getLogger(__name__)

KEY_FILE = "token.key"
FLUSH_SECONDS = 0.25
GAUGE_SECONDS = 2.0
TIDY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Opened:
    """What stands once the state is open; `others` is None where we are alone with it."""

    core: Core
    engine: Engine
    others: Neighbours | None
    passwords: Passwords
    doors: Doors
    keystone: Keystone | None

    @property
    def origin(self) -> str:
        """Name of this process in what it stores for itself; empty where it is alone."""
        return self.others.cluster.origin if self.others else ""


@dataclass(frozen=True, slots=True)
class Running:
    """What runs beside the lane."""

    lane: Lane
    sender: Sender
    monitor: AgentMonitor
    hosts: HostMonitor
    vantage: VantagePoints
    marks: Marks
    imports: Imports
    lag: LagGauge
    bus: Bus | None
    pings: ServerPings
    guests: GuestParts


class Server:
    """The whole product in one process; `start`, `run_until` and `stop` in this order."""

    def __init__(self, configuration: Configuration, state_dir: Path) -> None:
        """Check what can be checked without touching anything; raises Invalid."""
        self._configuration = configuration
        self._state_dir = state_dir
        self._addresses = addresses_of(configuration)
        server = configuration.server
        self._tls = Tls(server.tls_certificate, server.tls_key, server.behind_proxy)
        self._life = Life()
        self.url = ""

    async def start(self) -> None:
        """Open the state, wire everything, and accept connections."""
        opened = self._open()
        core, others = opened.core, opened.others
        if others is not None:
            await others.follow(core).catch_up()
        accounts, first = serves_identity(self._configuration), False
        if accounts:
            first = await first_accounts(self._state_dir, core, opened.passwords, others)
        self.url = self._configuration.server.public_url.rstrip("/") or opened.doors.main.url
        await self._run(opened)
        if accounts:
            certificate, shared = self._tls.certificate, others is not None
            tell_clients(self._state_dir, self.url, certificate, first=first, shared=shared)

    def _open(self) -> Opened:
        """Take the folder, the database, what it holds, and the listener's address."""
        configuration, release = self._configuration, self._life.release
        tools = Tools.new(profiling=configuration.profiler.enabled)
        folder = StateFolder(self._state_dir)
        release.callback(folder.release)
        engine = open_database(configuration.database, self._state_dir)
        release.callback(engine.dispose)
        others: Neighbours | None = None
        ledger = Ledger(engine)
        if embedded_file(engine) is None:
            others = Neighbours(engine, "serve", configuration.cluster, tools)
            release.callback(others.close)
            ledger = others.ledger
        release.callback(ledger.close)
        now_ns = tools.clock.wall_ns()
        core = Core(
            tools,
            Indexes.read(lambda alarms_to: load(engine, now_ns=now_ns, alarms_to=alarms_to)),
            ledger,
            publish=bool(self._configuration.notifier.also_publish),
        )
        alarming = self._configuration.alarming
        core.indexes.quotas.default(alarming.project_alarm_quota, alarming.user_alarm_quota)
        release.callback(core.reader.close)
        release.callback(core.writer.close)
        ledger.warm()
        passwords = Passwords(configuration.identity, tools.clock)
        release.callback(passwords.close)
        doors = Doors.bind(configuration, self._addresses, self._tls, tools.metrics)
        keystone = keystone_of(configuration, tools, self._life)
        return Opened(core, engine, others, passwords, doors, keystone)

    async def _run(self, opened: Opened) -> None:
        """Build the stages and the faces over what is open, and let them run."""
        core, others = opened.core, opened.others
        loopback = on_loopback(self._configuration)
        rules = guard.rules_of(self._configuration.notifier, on_loopback=loopback)
        if rules.loopback:
            log.info("webhooks to 127.0.0.0/8 and ::1 are allowed")
        offload = Offload()
        self._life.release.callback(offload.close)
        running = self._stages(opened, rules, offload)
        built = await self._faces(opened, running, rules, offload)
        # A crash may have come between an import and the faults that waited for it (D22).
        running.lane.begin_with(RetryUnmatched())
        drain = self._configuration.server.drain_seconds
        release = self._life.release
        release.push_async_callback(running.marks.flush)
        await running.sender.start(load=others is None)
        release.push_async_callback(running.sender.stop, drain)
        self._life.run_lane(running.lane, drain)
        release.push_async_callback(built.refusals.write)
        if others is None:
            running.monitor.expect(connected(core.indexes.inventory.hosts()))
        else:
            await self._join(others, running, core)
        await running.guests.start(core, self._life, alone=others is None)
        self._regularly(opened, running, built)
        self._life.watch(self._periodic(opened, running.lane).run(), "periodic alarms")
        self._life.watch(self._deadman(core, running).run(), "dead-man's beat")
        await opened.doors.start(built, self._configuration.fault.doctor_listener, self._life)
        listen(self._configuration, built.notified, core, self._life)
        self._life.watch(running.imports.run(), "imports")
        watch_signals(core, running.lane, self._configuration, others, built.signals, self._life)
        release.push_async_callback(running.monitor.stop)
        cluster = others.cluster if others else None
        watch_vantage(running.vantage, running.hosts, core, self._life, running.lane, cluster)
        watch_hosts(running.hosts, core, self._life)
        liveness = self._configuration.liveness
        watch_instances(core, running.lane, liveness, self._life, running.pings, running.hosts)
        release.push_async_callback(running.guests.stop)
        release.push_async_callback(running.imports.stop)

    def _stages(self, opened: Opened, rules: guard.Rules, offload: Offload) -> Running:
        """Return the lane with its chain, and what feeds it and follows it."""
        configuration, core, others = self._configuration, opened.core, opened.others
        tools = core.tools
        bus = bus_of(configuration, tools, self._life.release)
        tracing = tracing_of(core, configuration.profiler, opened.origin, self._life)
        trusts = opened.keystone.trusts if opened.keystone else None
        sender = sender_of(core, StoredAlarms(opened.engine), configuration, rules, bus, trusts)
        ears = ears_of(core, configuration.guards)
        cluster = others.cluster if others else None
        begin_clouds = join_clouds(core, configuration, cluster, self._life)
        lane = core.connect(
            Nobody() if others else sender,
            configuration.inspector,
            others.others(core) if others else None,
            check_of(configuration.prometheus),
            terms_of(configuration.compute),
            configuration.fencing.terms(),
        )
        begin_clouds(lane)
        core.writer.when_written(sender.drafts.write)
        lag = LagGauge(tools.clock, tools.metrics)
        member = others.cluster.id if others else ""
        judged = Verdicts(lane, core.indexes.sessions, others.cluster) if others else lane
        loop = LoopGuard(lag.recent_ms, configuration.inspector.stalled_ms)
        monitor = AgentMonitor(
            judged, tools.clock, tools.metrics, configuration.liveness, loop, core.writer.seen
        )
        monitor.verdicts.damped.set_terms(configuration.damping)
        hosts = host_monitor(core, lane, configuration)
        monitor.verdicts.icmp = hosts.icmp
        guests = guests_of(core, Judging(lane, judged, loop), configuration, opened.engine, others)
        hear_agents(ears, core, monitor, configuration.liveness, member)
        hear_probes(ears, hosts.icmp)
        watch_acts(core, lane, ears, self._life)
        beats = hear(monitor, opened.doors.main, configuration.liveness, tools)
        if beats is not None:
            self._life.release.callback(beats.stop)
            self._life.watch(beats.run(), "beats by datagram")
        holds = core.indexes.holds
        monitor.verdicts.damped.is_open = lambda one: holds.open_fault(one) is not None
        core.memory.follow(lambda change: forget_removed(monitor, change))
        stored = StoredFaults(opened.engine, opened.origin)
        latency = latency_of(tools, lane, opened.origin, configuration.profiler)
        marks = Marks(tools.recorder, stored, core.writer, core.reader, latency, opened.origin)
        if tracing is not None:
            marks.follow(tracing)
        imports = Imports.of(core, lane, opened.engine, offload, member)
        pings = ping_servers(core, configuration, self._life)
        vantage = vantage_points(hosts, core, configuration)
        return Running(
            *(lane, sender, monitor, hosts, vantage, marks, imports, lag, bus, pings, guests)
        )

    async def _faces(
        self, opened: Opened, running: Running, rules: guard.Rules, offload: Offload
    ) -> faces.Faces:
        """Return the applications of the listeners."""
        others, lane, certificate = opened.others, running.lane, pem_of(self._tls)
        endpoints = endpoints_of(opened.core, self._configuration, rules)
        self._life.release.push_async_callback(endpoints.close)
        parts = faces.Parts(
            opened.core,
            lane,
            running.imports,
            running.marks,
            running.monitor,
            running.vantage,
            offload,
            opened.passwords,
            StoredFaults(opened.engine, opened.origin),
            StoredAlarms(opened.engine),
            StoredSubscriptions(opened.engine),
            lambda url: guard.check_url(url, rules),
            endpoints.ask,
            lambda: self._life.broken or lane.broken,
            certificate,
            await others.token_key() if others else keep_key(self._state_dir / KEY_FILE),
            Watched(
                opened.engine,
                running.lag.last_minute,
                others.cluster if others else None,
                certificate,
                running.bus,
                running.vantage.statuses,
            ),
            opened.doors.known(self._configuration),
            running.pings,
            running.guests,
            functools.partial(
                signed_in,
                opened.keystone,
                configuration=self._configuration,
                tools=opened.core.tools,
                life=self._life,
            ),
        )
        return faces.build(parts, self._configuration)

    async def _join(self, others: Neighbours, running: Running, core: Core) -> None:
        """Be one of several: follow the others, and stand in for evaluators and senders."""
        lane, monitor, inventory = running.lane, running.monitor, core.indexes.inventory
        feed = others.evaluate(core, lane)
        tail = others.send(running.sender, core, lane)
        guests = running.guests.join(others, core, lane)
        await others.join(lane, self._life)
        self._life.watch(feed.run(), "owed events")
        self._life.watch(tail.run(), "queued deliveries")
        prune = functools.partial(others.prune, core.writer.run)
        self._life.watch(every(PRUNE_SECONDS, prune, core.tools.clock), "pruning")
        whereabouts = Whereabouts(others.cluster, core.indexes.sessions, lane, monitor)
        monitor.neighbours(whereabouts)
        core.memory.follow(whereabouts.follow)
        self._life.release.push_async_callback(whereabouts.stop)
        whereabouts.begin(inventory.host, inventory.hosts())
        self._life.release.push_async_callback(guests.stop)
        guests.begin(inventory.guest, tuple(inventory.guests()))

    def _regularly(self, opened: Opened, running: Running, built: faces.Faces) -> None:
        """Watch what judges, and do what has to be done now and then."""
        core, engine = opened.core, opened.engine
        self._life.watch(running.lag.run(), "loop lag")
        self._life.watch(running.monitor.run(), "agents' monitor")
        cluster = opened.others.cluster if opened.others else None
        told = statuses_of(core, running.lane, self._configuration.compute, cluster)
        self._life.watch(told.run(), "host_status")
        for name, seconds, work in (
            ("marks", FLUSH_SECONDS, running.marks.flush),
            ("gauges", GAUGE_SECONDS, gauges(core, running.lane)),
            ("refusals", GATHER_SECONDS, built.refusals.write),
            ("tidying", TIDY_SECONDS, lambda: core.reader(tidy, engine)),
            ("forgetting", FORGET_SECONDS, forgetting(core, running.lane)),
            ("retention", EXPIRY_SECONDS, expiry(core, engine, self._configuration.retention)),
        ):
            self._life.watch(every(seconds, work, core.tools.clock), name)

    def _periodic(self, opened: Opened, lane: Lane) -> Periodic:
        """Return the evaluator of what no event concerns; elsewhere where there are evaluators."""
        others = opened.others
        owned = others.evaluated if others else lambda: ALL_SHARES
        release = self._life.release
        return periodic_of(opened.core, lane, self._configuration, opened.engine, owned, release)

    def _deadman(self, core: Core, running: Running) -> DeadMan:
        checks = checks_of(
            running.lane,
            core.writer,
            running.sender,
            running.lag.recent_ms,
            self._configuration.inspector.stalled_ms,
            lambda: self._life.broken or running.lane.broken,
        )
        tools = core.tools
        return DeadMan(self._configuration.deadman, checks, tools.clock, tools.metrics, self.url)

    async def run_until(self, stopped: asyncio.Event) -> None:
        """Serve until the event is set."""
        await stopped.wait()
        log.info("stopping: no new work is taken")

    def reload(self) -> None:
        """Have those files read again that may change while we run."""
        self._life.reload()

    async def stop(self) -> None:
        """Take no more work, finish what was acknowledged, release everything."""
        await self._life.stop()
