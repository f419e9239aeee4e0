"""A real listener with the monitors' routes, votes behind it, and monitors before it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self

import aiohttp
from fastapi import FastAPI
from starlette.routing import Mount

from faultwire.agent.credential import BoundCredential
from faultwire.agent.vantage import Monitor
from faultwire.app.listen import Address, Listener, Tls
from faultwire.domain.accounts import CredentialKind
from faultwire.domain.commands import ReportFaults
from faultwire.domain.faults import Report
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.faces.calls import Call, add_calls
from faultwire.faces.fault.monitors import MonitorPorts, monitor_routes, monitors_call
from faultwire.faces.fault.ports import ERROR, error_body
from faultwire.faces.http import install_errors
from faultwire.liveness.probes import Listener as ProbesListener
from faultwire.liveness.probes import Probes, Seen
from faultwire.liveness.quorum_settings import Settings as Quorum
from faultwire.liveness.settings import Engine, Settings
from faultwire.liveness.suspicion import Signal, State
from faultwire.monitors.hosts import Before, HostMonitor, Judging
from faultwire.monitors.vantage import VantagePoints
from faultwire.testing.clock import ManualClock
from tests.api.agent_stand import SECONDS, Doorkeeper, News, TellingIntake, TellingMeter
from tests.unit.monitors.fakes import pass_time

TERMS = {
    "heartbeat_ms": 500,
    "silence_ms": 3000,
    "probe_ms": 100,
    "confirm_ms": 60,
    "recover_answers": 3,
    "isolation_percent": 20,
    "isolation_hosts": 5,
}


class FakeProbing:
    """What a monitor needs of `liveness.probes.Probes`; the test says what is seen."""

    def __init__(self, news: News, settings: Settings) -> None:
        self.settings = settings
        self.retuned: list[Settings] = []
        self._news = news
        self.targets: dict[HostName, Sequence[str]] = {}
        self.gaps: list[HostName] = []
        self.doubted: list[HostName] = []
        self.states: dict[HostName, State] = {}
        self.trouble: str | None = None
        self.listener: ProbesListener | None = None

    def listen(self, listener: ProbesListener) -> None:
        self.listener = listener
        listener.started()

    async def run(self) -> None:
        await asyncio.Event().wait()

    def probe(
        self, hosts: Mapping[HostName, Sequence[str]], held: Mapping[HostName, State]
    ) -> None:
        for host, addresses in hosts.items():
            if self.targets.get(host) != addresses:
                self.targets[host] = addresses
        self._news.tell()

    def retune(self, settings: Settings) -> bool:
        self.retuned.append(settings)
        return settings != self.settings

    def leave(self, hosts: Iterable[HostName]) -> None:
        for host in hosts:
            if self.targets.pop(host, None) is not None:
                self.gaps.append(host)
        self._news.tell()

    def doubt(self, host: HostName) -> None:
        self.doubted.append(host)
        self._news.tell()

    def see(self, host: str, state: State) -> None:
        was = self.states.get(HostName(host), State.UNKNOWN)
        self.states[HostName(host)] = state
        evidence = {"silent_ms": 60.0, "unanswered": 6, "sent_ms_ago": [60.0, 55.0]}
        assert self.listener is not None
        self.listener.moved(
            Seen(HostName(host), "10.0.0.1", was, state, Signal.MISSED, evidence, 1, 0)
        )


class MonitorStand:
    """Server side and monitors in one loop, each with a clock in the test's hands."""

    def __init__(self, hosts: int = 10, quorum: Quorum | None = None) -> None:
        self.news = News()
        self.clock = ManualClock()
        self.intake = TellingIntake(self.news)
        self.meter = TellingMeter(self.news)
        self.doors = Doorkeeper()
        self.quorum = quorum or Quorum()
        self.hosts = HostMonitor(
            None, self.intake, self.clock, self.meter, "server", Judging(quorum=self.quorum)
        )
        self.points = VantagePoints(self.hosts, self.clock, self.meter, self.quorum)
        self.known = [self.host(number) for number in range(1, hosts + 1)]
        self.hosts.begin(self.known, Before())
        self.hosts.votes.here = self.points.here
        self.listener = Listener(Address("127.0.0.1", 0), Tls(), "listen")
        self.refused: list[tuple[str, ...]] = []
        self.lines: list[str] = []
        self.terms = dict(TERMS)
        self.probing: dict[str, FakeProbing] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._clocks: list[ManualClock] = []

    @staticmethod
    def host(number: int) -> Host:
        return Host(HostName(f"h{number}"), (f"10.0.{number // 256}.{number % 256}",))

    async def __aenter__(self) -> Self:
        ports = MonitorPorts(
            self.doors,
            self.doors,
            self.intake,
            self.clock,
            self.points,
            error_body,
            self.terms,
            self.quorum.message_bytes,
            refused=lambda *refused: self.refused.append(refused),
        )
        app = FastAPI()
        app.state.authenticator = self.doors
        install_errors(app, error_body)
        add_calls(app, [Call("GET", "/fault/v1/monitors", monitors_call(ports))], ERROR)
        app.router.routes.append(Mount("/fault/v1/monitors", routes=monitor_routes(ports)))
        await self.listener.start(app)
        self._start(self.points.run())
        for work, _ in self.hosts.works():
            self._start(work())
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.points.stop()
        await self.hosts.stop(0)
        await self.http.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.listener.stop()

    def _start(self, work: object) -> None:
        self._tasks.append(asyncio.create_task(work))  # type: ignore[arg-type]

    @property
    def server(self) -> str:
        return f"{self.listener.url}/fault"

    def start_monitor(self, name: str) -> Monitor:
        """Run a whole monitor whose probes are in the test's hands."""
        self.doors.enrol(CredentialKind.MONITOR, name, "s", id=f"c-{name}")
        clock = ManualClock()
        bound = BoundCredential("monitor", name, f"c-{name}", "s", self.server, None)

        def make(settings: Settings) -> Probes:
            assert settings.probe_ms == TERMS["probe_ms"]
            probing = self.probing[name] = FakeProbing(self.news, settings)
            return probing  # type: ignore[return-value]

        settings = Settings(engine=Engine.ICMP)
        monitor = Monitor(bound, settings, clock, self.meter, self._say, make)
        self._clocks.append(clock)
        self._start(monitor.run())
        return monitor

    async def voting(self, name: str) -> None:
        """Run a monitor that hears all hosts, and wait for its seat."""
        self.start_monitor(name)
        await self.until(
            lambda: name in self.probing and len(self.probing[name].targets) == len(self.known)
        )
        for host in self.known:
            self.probing[name].see(host.name, State.ALIVE)
        await self.until_presence(name, "voting")

    async def until(self, true: Callable[[], bool]) -> None:
        """Return once it is true; the monitors' clocks go on, the server's stands."""
        async with asyncio.timeout(SECONDS):
            while not true():
                await asyncio.sleep(0)
                for clock in self._clocks:
                    await pass_time(clock, 0.05)

    async def live(self, seconds: float) -> None:
        """Let time pass everywhere, so that whole monitors go on giving signs of life."""
        for _ in range(round(seconds / 0.5)):
            await pass_time(self.clock, 0.5)
            now = self.clock.mono_ns()
            await self.until(
                lambda now=now: all(  # type: ignore[misc]
                    session.seen == now
                    for name, session in self.points._sessions.items()
                    if name in self.probing
                )
            )

    async def until_presence(self, name: str, presence: str) -> None:
        """Wait until a seat stands so."""
        await self.until(lambda: self.presence(name) == presence)

    def presence(self, name: str) -> str:
        found = {one.name: one.presence for one in self.points.statuses()}
        return found.get(name, "nowhere")

    async def monitor_says(self, text: str, times: int = 1) -> None:
        await self.until(lambda: sum(text in line for line in self.lines) >= times)

    def _say(self, line: str) -> None:
        self.lines.append(line)
        self.news.tell()

    @property
    def reports(self) -> list[Report]:
        taken = [one for one in self.intake.commands if isinstance(one, ReportFaults)]
        return [report for one in taken for report in one.reports]

    def told(self) -> list[tuple[str, bool, str]]:
        return [(one.type.name, one.raised, one.evidence.reporter) for one in self.reports]

    async def dial(self, name: str) -> aiohttp.ClientWebSocketResponse:
        """Connect as a monitor would, by hand."""
        headers = {"X-Faultwire-Credential": f"monitor/{name}:s"}
        url = f"{self.server}/v1/monitors/{name}/session"
        async with asyncio.timeout(SECONDS):
            return await self.http.ws_connect(url, headers=headers)

    async def meet(self, name: str) -> aiohttp.ClientWebSocketResponse:
        """Connect by hand, be welcomed, and take the targets."""
        self.doors.enrol(CredentialKind.MONITOR, name, "s", id=f"c-{name}")
        wire = await self.dial(name)
        await wire.send_json({"hello": {"version": "1.0"}})
        first = await wire.receive_json(timeout=SECONDS)
        assert set(first) == {"welcome"}
        while (await wire.receive_json(timeout=SECONDS))["targets"]["more"]:
            pass
        return wire

    async def survey(self, wire: aiohttp.ClientWebSocketResponse, name: str) -> None:
        """Be seated by hand, hearing all."""
        await wire.send_json({"survey": {"standing": "voting", "down": {}, "unknown": []}})
        await self.until_presence(name, "voting")
