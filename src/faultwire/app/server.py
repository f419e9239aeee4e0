"""The server's life: new, start, run, stop."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

from faultwire.app import faces
from faultwire.app.core import Core, Indexes, Tools
from faultwire.app.folder import StateFolder
from faultwire.app.lane import Lane
from faultwire.app.listen import Address, Listener, Tls, parse_address
from faultwire.app.marks import Marks
from faultwire.app.offload import Offload
from faultwire.config.configuration import Configuration
from faultwire.domain.changes import Change, HostsRemoved
from faultwire.domain.commands import RetryUnmatched
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.domain.states import AgentState
from faultwire.identity.bootstrap import draw_ids, first_changes, keep_passwords, write_clouds
from faultwire.identity.passwords import Passwords
from faultwire.monitors.agents import AgentMonitor, LoopGuard
from faultwire.notifier.delivery import guard
from faultwire.notifier.delivery.sender import Sender, Wiring
from faultwire.store import (
    Engine,
    Ledger,
    StoredAlarms,
    StoredFaults,
    engine_in_folder,
    load,
    tidy,
    upgrade,
)
from faultwire.telemetry.lag import LagGauge

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.25
GAUGE_SECONDS = 2.0
TIDY_SECONDS = 1.0


class Server:
    """The whole product in one process; `start`, `run_until` and `stop` in this order."""

    def __init__(self, configuration: Configuration, state_dir: Path) -> None:
        """Check what can be checked without touching anything; raises Invalid."""
        self._configuration = configuration
        self._state_dir = state_dir
        self._address = parse_address(configuration.server.listen, "[server] listen")
        server = configuration.server
        self._tls = Tls(server.tls_certificate, server.tls_key, server.behind_proxy)
        _refuse_open_door(self._address, self._tls, behind=configuration.server.behind_proxy)
        self._stack = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._broken: str | None = None
        self.url = ""

    async def start(self) -> None:
        """Open the state, wire everything, and accept connections."""
        configuration, tools = self._configuration, Tools.new()
        folder = StateFolder(self._state_dir)
        self._stack.callback(folder.release)
        engine = engine_in_folder(self._state_dir)
        self._stack.callback(engine.dispose)
        upgrade(engine)
        ledger = Ledger(engine)
        self._stack.callback(ledger.close)
        snapshot = load(engine, now_ns=tools.clock.wall_ns())
        core = Core(tools, Indexes.of(snapshot), ledger)
        self._stack.callback(core.reader.close)
        self._stack.callback(core.writer.close)
        ledger.warm()
        passwords = Passwords(configuration.identity, tools.clock)
        self._stack.callback(passwords.close)
        first = not snapshot.users
        if first:
            await self._first_start(core, passwords)
        listener = Listener(self._address, self._tls, "[server] listen")
        self.url = configuration.server.public_url.rstrip("/") or listener.url
        await self._wire(core, passwords, listener, engine)
        write_clouds(
            self._state_dir,
            self.url,
            keep_passwords(self._state_dir),
            first_start=first,
            cacert=self._tls.certificate,
        )

    async def _first_start(self, core: Core, passwords: Passwords) -> None:
        """Create the administrator and the demo user with random passwords."""
        drawn = keep_passwords(self._state_dir)
        hashes = {name: await passwords.hash(text, name) for name, text in drawn.items()}
        changes = first_changes(draw_ids(), hashes, core.tools.clock.wall_ns())
        await core.writer.commit(changes)
        core.memory.apply(changes)

    async def _wire(
        self, core: Core, passwords: Passwords, listener: Listener, engine: Engine
    ) -> None:
        configuration, tools = self._configuration, core.tools
        alarms, stored = StoredAlarms(engine), StoredFaults(engine)
        rules = guard.rules_of(configuration.notifier, on_loopback=self._address.loopback)
        if rules.loopback:
            log.info("webhooks to 127.0.0.0/8 and ::1 are allowed")
        sender = _sender(core, alarms, configuration, rules)
        lane = core.connect(sender, configuration.inspector)
        lag = LagGauge(tools.clock, tools.metrics)
        monitor = AgentMonitor(
            lane,
            tools.clock,
            tools.metrics,
            configuration.liveness,
            LoopGuard(lag.recent_ms, configuration.inspector.stalled_ms),
            core.writer.seen,
        )
        core.memory.follow(lambda change: _forget_removed(monitor, change))
        marks = Marks(tools.recorder, stored, core.writer, core.reader, tools.metrics)
        offload = Offload()
        self._stack.callback(offload.close)
        parts = faces.Parts(
            core,
            lane,
            marks,
            monitor,
            offload,
            passwords,
            stored,
            alarms,
            lambda url: guard.check_url(url, rules),
            lambda: self._broken or lane.broken,
            _pem(self._tls),
        )
        built = faces.build(parts, configuration, self._state_dir)
        # A crash may have come between an import and the faults that waited for it (D22).
        lane.begin_with(RetryUnmatched())
        lane_task = asyncio.create_task(lane.run(), name="lane")
        self._stack.push_async_callback(marks.flush)
        await sender.start()
        self._stack.push_async_callback(sender.stop, configuration.server.drain_seconds)
        self._stack.push_async_callback(self._close_lane, lane, lane_task)
        self._watch(lag.run(), "loop lag")
        self._watch(monitor.run(), "agents' monitor")
        for name, seconds, work in (
            ("marks", FLUSH_SECONDS, marks.flush),
            ("gauges", GAUGE_SECONDS, _gauges(core, lane)),
            ("tidying", TIDY_SECONDS, lambda: core.reader(tidy, engine)),
        ):
            self._watch(_every(seconds, work, tools.clock), name)
        monitor.expect(_connected(core.indexes.inventory.hosts()))
        await self._listen(listener, built)
        self._stack.push_async_callback(monitor.stop)

    async def _listen(self, listener: Listener, built: faces.Faces) -> None:
        text = self._configuration.fault.doctor_listener
        if text:
            doctor = Listener(
                parse_address(text, "[fault] doctor_listener"), Tls(), "[fault] doctor_listener"
            )
            await doctor.start(built.doctor)
            self._stack.push_async_callback(doctor.stop)
        await listener.start(built.root)
        self._stack.push_async_callback(listener.stop)

    async def _close_lane(self, lane: Lane, task: asyncio.Task[None]) -> None:
        """Run what waits, then end; what is not done by then was never acknowledged."""
        lane.close()
        drain = self._configuration.server.drain_seconds
        _, late = await asyncio.wait([task], timeout=drain)
        if late:
            log.error("%d changes could not be made within %d s", len(lane), drain)
            task.cancel()

    def _watch(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task for as long as the server; if it ends, we are not well and say so."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._note_end)
        self._tasks.append(task)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._broken = f"{task.get_name()} ended: {task.exception()!r}"
            log.critical("%s", self._broken)

    async def run_until(self, stopped: asyncio.Event) -> None:
        """Serve until the event is set."""
        await stopped.wait()
        log.info("stopping: no new work is taken")

    async def stop(self) -> None:
        """Take no more work, finish what was acknowledged, release everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()


def _sender(
    core: Core, alarms: StoredAlarms, configuration: Configuration, rules: guard.Rules
) -> Sender:
    directory, tools = core.indexes.directory, core.tools
    wiring = Wiring(
        tools.clock,
        core.writer.settle,
        lambda project: [one.secret for one in directory.secrets(project)],
        core.reader,
        alarms,
        tools.probe,
        tools.metrics,
    )
    return Sender(wiring, configuration.notifier, rules)


def _forget_removed(monitor: AgentMonitor, change: Change) -> None:
    if isinstance(change, HostsRemoved):
        monitor.forget(change.hosts)


def _connected(hosts: Iterable[Host]) -> list[HostName]:
    return [host.name for host in hosts if host.agent is AgentState.CONNECTED]


def _refuse_open_door(address: Address, tls: Tls, *, behind: bool) -> None:
    if bool(tls.certificate) != bool(tls.key):
        raise Invalid("[server] tls_key", "tls_certificate and tls_key go together")
    if not address.loopback and not tls.certificate and not behind:
        raise Invalid(
            "[server] listen",
            f"{address.host} is not loopback: give tls_certificate and tls_key, or behind_proxy",
        )


def _pem(tls: Tls) -> str | None:
    if not tls.certificate:
        return None
    try:
        return Path(tls.certificate).read_text()
    except OSError as error:
        raise Invalid("[server] tls_certificate", str(error)) from None


async def _every(seconds: float, work: Any, clock: Any) -> None:
    while True:
        await clock.sleep(seconds)
        try:
            await work()
        except Exception:
            log.exception("a regular task failed and goes on")


def _gauges(core: Core, lane: Lane) -> Any:
    async def measure() -> None:
        metrics, indexes = core.tools.metrics, core.indexes
        for kind, count in indexes.inventory.counts().items():
            metrics.gauge("faultwire_resources", count, kind=kind)
        metrics.gauge("faultwire_alarms", len(indexes.alarms))
        metrics.gauge("faultwire_open_faults", sum(1 for _ in indexes.holds.live()))
        metrics.gauge("faultwire_lane_queue", len(lane))
        indexes.directory.forget_revocations(core.tools.clock.wall_ns())

    return measure
