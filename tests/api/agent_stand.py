"""A real listener with the agents' routes, a monitor behind it, and agents before it."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
from fastapi import FastAPI
from starlette.routing import Mount

from faultwire.agent.credential import BoundCredential
from faultwire.agent.process import Agent
from faultwire.app.listen import Address, Listener, Tls
from faultwire.domain.accounts import Caller, CredentialKind, Role
from faultwire.domain.commands import Command, Enrol, ReportFaults
from faultwire.domain.errors import FaultwireError, Forbidden, Unauthenticated
from faultwire.domain.faults import Report
from faultwire.domain.ids import HostName, ProjectId, UserId
from faultwire.domain.resources import Evacuation
from faultwire.faces.fault.agents import AgentPorts, agent_routes
from faultwire.faces.http import install_errors
from faultwire.liveness.settings import Settings
from faultwire.monitors.agents import AgentMonitor, LoopGuard
from faultwire.monitors.sessions import Session
from faultwire.testing.clock import ManualClock
from faultwire.testing.intake import RecordingIntake
from tests.unit.monitors.fakes import pass_time

SECONDS = 60
"""How long anything may take before the test fails."""

ADMIN = Caller(UserId("u1"), "admin", ProjectId("p1"), roles=frozenset({Role.ADMIN}))
MEMBER = Caller(UserId("u2"), "member", ProjectId("p2"), roles=frozenset({Role.MEMBER}))


class News:
    """Wakes who waits for something to become true."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        self._event.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not true():
                self._event.clear()
                await self._event.wait()


class TellingMeter:
    """Implements `ports.Meter`; every figure is news."""

    def __init__(self, news: News) -> None:
        self._news = news
        self.counts: Counter[str] = Counter()
        self.gauges: dict[str, float] = {}

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts[name] += amount
        self._news.tell()

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        self._news.tell()

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.gauges[name] = value
        self._news.tell()


class TellingIntake(RecordingIntake):
    """An intake whose every command is news."""

    def __init__(self, news: News) -> None:
        super().__init__()
        self._tell = news.tell

    async def submit(self, command: Command) -> object:
        try:
            return await super().submit(command)
        finally:
            self._tell()


class TellingMonitor(AgentMonitor):
    """A monitor for which every beat is news."""

    news: News
    heard = 0

    def beaten(self, session: Session, now: int) -> bool:
        heard = super().beaten(session, now)
        self.heard += 1
        self.news.tell()
        return heard


class Doorkeeper:
    """Implements `ports.Authenticator` and `ports.Enforcer` for a few callers."""

    def __init__(self) -> None:
        self.tokens = {"admin": ADMIN, "member": MEMBER}
        self.bonds: dict[str, Caller] = {}

    def enrol(self, kind: CredentialKind, name: str, secret: str, id: str = "c1") -> None:
        caller = Caller(UserId(id), name, ProjectId(""), kind=kind, name=name)
        self.bonds[f"{kind.value}/{name}:{secret}"] = caller

    def enrol_agent(self, host: str) -> None:
        self.enrol(CredentialKind.AGENT, host, "s")

    def token(self, token: str) -> Caller:
        return self._found(self.tokens, token)

    def bound(self, credential: str) -> Caller:
        return self._found(self.bonds, credential)

    @staticmethod
    def _found(known: dict[str, Caller], key: str) -> Caller:
        if key not in known:
            raise Unauthenticated("not authenticated")
        return known[key]

    def allowed(self, rule: str, caller: Caller, project: ProjectId | None = None) -> bool:
        return caller.admin

    def enforce(self, rule: str, caller: Caller, project: ProjectId | None = None) -> None:
        if not caller.admin:
            raise Forbidden(f"{rule} is not allowed")


class Stand:
    """Server side and agents in one loop, each with a clock in the test's hands."""

    def __init__(self, settings: Settings | None = None, tls: Tls | None = None) -> None:
        self.settings = settings or Settings()
        self.news = News()
        self.clock = ManualClock()
        self.intake = TellingIntake(self.news)
        self.meter = TellingMeter(self.news)
        self.doors = Doorkeeper()
        self.monitor = TellingMonitor(
            self.intake, self.clock, self.meter, self.settings, LoopGuard(lambda: 0.0, 500), _note
        )
        self.monitor.news = self.news
        self.listener = Listener(Address("127.0.0.1", 0), tls or Tls(), "listen")
        self.lines: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._agents: list[Agent] = []

    async def __aenter__(self) -> Self:
        self.refused: list[tuple[str, ...]] = []
        self.evacuations: list[Evacuation] = []
        ports = AgentPorts(
            authenticator=self.doors,
            enforcer=self.doors,
            intake=self.intake,
            clock=self.clock,
            sessions=self.monitor,
            error_body=_error_body,
            heartbeat_ms=self.settings.heartbeat_ms,
            silence_ms=self.settings.agent_silence_ms,
            message_bytes=self.settings.agent_message_bytes,
            refused=lambda *refused: self.refused.append(refused),
            evacuated=lambda host: [one for one in self.evacuations if one.host == host],
        )
        app = FastAPI()
        app.state.authenticator = self.doors
        install_errors(app, _error_body)
        app.router.routes.append(Mount("/fault/v1/agents", routes=agent_routes(ports)))
        await self.listener.start(app)
        self._tasks.append(asyncio.create_task(self.monitor.run()))
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.monitor.stop(0)
        await self.http.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.listener.stop()

    @property
    def server(self) -> str:
        return f"{self.listener.url}/fault"

    def start_agent(
        self, host: str, listed: Path | None = None, certificate: str | None = None
    ) -> tuple[Agent, ManualClock]:
        self.doors.enrol(CredentialKind.AGENT, host, "s")
        clock = ManualClock()
        bound = BoundCredential("agent", host, "c1", "s", self.server, certificate)
        agent = Agent(bound, clock, self._say, listed)
        self._agents.append(agent)
        self._tasks.append(asyncio.create_task(agent.run(), name=f"agent {host}"))
        return agent, clock

    async def ended(self, agent: Agent) -> None:
        """Wait for an agent's `run` to return."""
        index = self._agents.index(agent)
        async with asyncio.timeout(SECONDS):
            await self._tasks[1 + index]

    def _say(self, line: str) -> None:
        self.lines.append(line)
        self.news.tell()

    async def connected(self, count: int) -> None:
        """Wait until that many sessions are held."""
        name = "faultwire_agents_connected"
        await self.news.until(lambda: self.meter.gauges.get(name) == count)

    async def seen_after(self, host: str, mark: int | None) -> None:
        """Wait until a host gave a sign of life at another time than `mark`."""
        await self.news.until(lambda: self.seen(host) != mark)

    def seen(self, host: str) -> int | None:
        status = self.monitor.status(HostName(host))
        return status.seen_ns if status else None

    async def agent_says(self, text: str, times: int = 1) -> None:
        await self.news.until(lambda: sum(text in line for line in self.lines) >= times)

    async def wait(self, seconds: float) -> None:
        """Move the server's clock."""
        await pass_time(self.clock, seconds)

    async def pass_agent(self, clock: ManualClock, seconds: float) -> None:
        """Move an agent's clock."""
        await pass_time(clock, seconds)

    async def settled(self) -> None:
        """Let what was said arrive: a call over the same listener comes after it."""
        for _ in range(3):
            async with self.http.get(self.url("nobody", "")) as answer:
                await answer.read()

    async def reported(self, count: int) -> list[Report]:
        await self.news.until(lambda: len(self.reports) >= count)
        return self.reports

    @property
    def reports(self) -> list[Report]:
        taken = [one for one in self.intake.commands if isinstance(one, ReportFaults)]
        return [report for one in taken for report in one.reports]

    @property
    def enrolled(self) -> list[Enrol]:
        return [one for one in self.intake.commands if isinstance(one, Enrol)]

    def url(self, host: str, what: str = "session") -> str:
        return f"{self.server}/v1/agents/{host}/{what}"

    async def dial(self, host: str) -> aiohttp.ClientWebSocketResponse:
        """Connect as an agent would, by hand."""
        headers = {"X-Faultwire-Credential": f"agent/{host}:s"}
        async with asyncio.timeout(SECONDS):
            return await self.http.ws_connect(self.url(host), headers=headers)

    async def meet(self, host: str) -> aiohttp.ClientWebSocketResponse:
        """Connect by hand and be welcomed."""
        self.doors.enrol(CredentialKind.AGENT, host, "s")
        wire = await self.dial(host)
        await wire.send_json({"hello": {"version": "1.0", "servers": None}})
        first = await wire.receive_json(timeout=SECONDS)
        assert set(first) == {"welcome"}
        return wire


async def closing(wire: aiohttp.ClientWebSocketResponse) -> tuple[int, str]:
    """Return the code and the reason with which the server closes."""
    message = await wire.receive(timeout=SECONDS)
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    await wire.close()
    return int(message.data), str(message.extra)


def digest(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def _note(hosts: Sequence[tuple[HostName, int]]) -> None:
    del hosts


def _error_body(status: int, error: FaultwireError) -> dict[str, Any]:
    return {"error": {"code": status, "message": str(error)}}
