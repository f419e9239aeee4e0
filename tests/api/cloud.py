"""The fault and alarming faces in process: the true chain and policy over a store in memory."""

import pickle
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from faultwire.app.acts import guarded
from faultwire.app.core import Indexes, deciders, evaluator_of
from faultwire.app.hoststatus import terms_of
from faultwire.app.memory import Followers
from faultwire.app.notified import Notified
from faultwire.controllers.embedded.compute import EmbeddedController
from faultwire.domain import signature
from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.changes import ProjectsSaved
from faultwire.domain.commands import Command
from faultwire.domain.decided import Fired, Work
from faultwire.domain.errors import FaultwireError
from faultwire.domain.events import Event
from faultwire.domain.ids import FaultId, HostName, ProjectId
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Project
from faultwire.domain.samples import Sample
from faultwire.faces import stack
from faultwire.faces.alarming import app as alarming
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.alarming.settings import Settings as AlarmingSettings
from faultwire.faces.compute import app as compute
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.settings import Settings as ComputeSettings
from faultwire.faces.database import app as database
from faultwire.faces.fault import app as fault
from faultwire.faces.fault.agents import AgentPorts
from faultwire.faces.fault.ports import AlertPorts, FaultPorts, error_body
from faultwire.faces.fault.settings import Settings as FaultSettings
from faultwire.faces.fault.status import StatusPorts
from faultwire.faces.network import app as network
from faultwire.faces.network.ports import NetworkPorts
from faultwire.faces.network.settings import Settings as NetworkSettings
from faultwire.inspector.settings import Settings as InspectorSettings
from faultwire.notifier.delivery import guard
from faultwire.pipeline import Chain, Stages, answered
from faultwire.policy.enforcer import PolicyEnforcer
from faultwire.ports import Evaluator
from faultwire.store import Snapshot
from faultwire.telemetry.metrics import Metrics
from faultwire.telemetry.probe import RecordingProbe
from faultwire.testing.clock import ManualClock
from faultwire.testing.pinging import FakePinger
from faultwire.testing.store import MemoryLedger
from faultwire_profiler import Recorder, profile, to_json
from tests.api.cloud_doors import (
    ADMIN_PROJECT,
    DEMO,
    DOCUMENT,
    ENFORCER,
    Commits,
    Doors,
    FixedStanding,
    NoSessions,
    Policy,
    no_monitors,
)
from tests.api.guest_doors import GuestDoors, parts_of

BASE = "http://cloud.example:8779"
SINK = "http://127.0.0.1:9/failure"
EVENT = {
    "time": "2018-11-28T10:00:00.123456",
    "type": "compute.host.down",
    "details": {"hostname": "compute-1"},
}


class Lane:
    """Implements `ports.Intake` by the true chain; `refuse` may end a command with an error."""

    def __init__(self, chain: Chain) -> None:
        self.commands: list[Command] = []
        self.refuse: Callable[[Command], Exception | None] = lambda _: None
        self._chain = chain

    async def submit(self, command: Command) -> object:
        error = self.refuse(command)
        if error is not None:
            raise error
        answer, follows = await self._chain.run(command)
        self.commands.append(command)
        for follow in follows:
            await self.submit(follow)
        return answered(answer)


class _Heard:
    """Implements `ports.Evaluator` by another one, and keeps the events."""

    def __init__(self, inner: Evaluator, events: list[Event]) -> None:
        self._inner = inner
        self._events = events

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        self._events.extend(events)
        return self._inner.evaluate(events, now)


class Cloud:
    """Both faces behind the root application, and a client of them."""

    def __init__(
        self,
        fault_settings: FaultSettings | None = None,
        alarming_settings: AlarmingSettings | None = None,
        compute_settings: ComputeSettings | None = None,
        *,
        publish: bool = False,
    ) -> None:
        self._publish = publish
        self.clock = ManualClock()
        self.events: list[Event] = []
        self.indexes = Indexes.of(Snapshot())
        self.ledger = MemoryLedger()
        self.outbox = Commits(self.ledger)
        self.recorder = Recorder()
        self.read_calls = 0
        self.offloaded: list[str] = []
        self.compute_settings = compute_settings or ComputeSettings()
        self.lane = Lane(self._chain())
        self.secrets = 0
        self.seen: dict[HostName, int] = {}
        self.enforcer = Policy(ENFORCER)
        self.doors = Doors()
        self.standing = FixedStanding()
        self.pinger = FakePinger()
        self.guests = parts_of(self.indexes, self.lane, self.clock)
        self.guest_doors = GuestDoors(self.guests, self.doors, self.enforcer, self.lane)
        self.fault_ports = self._fault_ports(fault_settings or FaultSettings())
        self.faces = {
            "/fault": fault.create(self.fault_ports),
            "/alarming": alarming.create(
                self._alarming_ports(alarming_settings or AlarmingSettings())
            ),
            "/compute": compute.create(self._compute_ports()),
            "/network": network.create(self._network_ports()),
            "/database": database.create(self.guest_doors.database(self.indexes, self.clock)),
        }
        ports = stack.StackPorts(lambda: None, lambda: b"", self.clock)
        self.root = stack.create(dict(self.faces), ports)
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.root, raise_app_exceptions=False),
            base_url=BASE,
        )

    def _chain(self) -> Chain:
        indexes = self.indexes
        self.memory = Followers(
            indexes.inventory,
            indexes.holds,
            indexes.alarms,
            indexes.directory,
            indexes.subscriptions,
            indexes.quotas,
            *(indexes.owed, indexes.tasks, indexes.fencings, indexes.unmapped, indexes.acts),
        )
        terms = terms_of(self.compute_settings)
        return Chain(
            Stages(
                deciders(indexes, InspectorSettings(), terms=terms),
                EmbeddedController(terms),
                _Heard(evaluator_of(indexes, publish=self._publish), self.events),
                self.outbox,
                self.memory,
                self.outbox,
                RecordingProbe(self.recorder),
                self.clock,
                self._breathe,
            )
        )

    def _fault_ports(self, settings: FaultSettings) -> FaultPorts:
        agents = AgentPorts(
            self.doors, self.enforcer, self.lane, self.clock, NoSessions(), error_body,
            1000, 3000, 65_536,
        )  # fmt: skip
        return FaultPorts(
            authenticator=self.doors,
            enforcer=self.enforcer,
            intake=self.lane,
            clock=self.clock,
            inventory=self.indexes.inventory,
            projects=self.indexes.directory.projects,
            faults=self.ledger,
            alarms=self.ledger,
            read=self._read,
            timeline=self._timeline,
            mark=self._mark,
            signed=self._signed,
            offload=self._offload,
            agents=agents,
            monitors=no_monitors(self.doors, self.enforcer, self.lane, self.clock),
            settings=settings,
            status=self._status_ports(),
            user_name=lambda user: "admin" if user == "u-admin" else None,
            guests=self.guest_doors.fault(self.indexes, self.clock, self.ledger, self._read),
            guarded=guarded(self.indexes.acts),
            alerts=AlertPorts(unmapped=lambda: self.indexes.unmapped),
            notified=Notified(self.lane, self.clock, Metrics(), lambda _: False).take,
        )

    def _status_ports(self) -> StatusPorts:
        """Give a status whose figures are those of `standing`."""
        return StatusPorts(
            authenticator=self.doors,
            enforcer=self.enforcer,
            clock=self.clock,
            inventory=self.indexes.inventory,
            read=self._read,
            version="1.2.3",
            database=self.standing,
            members=lambda: self.standing.members,
            silence_ns=3_000_000_000,
            unhealthy=lambda: self.standing.unhealthy,
            live=self.indexes.holds.live,
            late=lambda: (1.25, 7.5),
            queue=lambda: 0,
            suspended=lambda: False,
            sessions=lambda: 0,
            held=lambda: 0,
            certificate_ns=self.standing.certificate_ns,
            guarded=guarded(self.indexes.acts),
        )

    def _alarming_ports(self, settings: AlarmingSettings) -> AlarmingPorts:
        rules = guard.Rules(loopback=True)
        return AlarmingPorts(
            authenticator=self.doors,
            enforcer=self.enforcer,
            intake=self.lane,
            clock=self.clock,
            directory=self.indexes.directory,
            alarms=self.ledger,
            read=self._read,
            check_action=lambda url: guard.check_url(url, rules),
            new_secret=self._new_secret,
            settings=settings,
            sample=self._sample,
            alarm_quota=self.indexes.quotas.alarms,
        )

    def _compute_ports(self) -> ComputePorts:
        return ComputePorts(
            authenticator=self.doors,
            enforcer=self.enforcer,
            intake=self.lane,
            clock=self.clock,
            inventory=self.indexes.inventory,
            directory=self.indexes.directory,
            settings=self.compute_settings,
            last_seen=self._last_seen,
            pinger=self.pinger,
        )

    def _network_ports(self) -> NetworkPorts:
        return NetworkPorts(
            self.doors,
            self.enforcer,
            self.lane,
            self.indexes.inventory,
            self.indexes.directory,
            NetworkSettings(),
        )

    async def _last_seen(self) -> dict[HostName, int]:
        return self.seen

    async def _sample(self, samples: Sequence[Sample]) -> None:
        self.ledger.sample(samples)

    async def _breathe(self) -> None:
        """Serve nobody: a test has one caller."""

    async def _read(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> object:
        self.read_calls += 1
        return function(*args, **kwargs)

    async def _timeline(self, fault: FaultId) -> dict[str, Any]:
        return to_json(profile(self.recorder.marks(fault)))

    async def _mark(
        self, fault: FaultId, point: str, at: Instant, *, source: str, count: int
    ) -> None:
        self.recorder.note(fault, point, at, at, count, source)

    def _signed(self, project: ProjectId, headers: Mapping[str, str], body: bytes) -> str:
        secrets = [one.secret for one in self.indexes.directory.secrets(project)]
        return signature.verify(secrets, headers, body, self.clock.wall_ns() // 1_000_000_000)

    async def _offload(
        self, function: Callable[..., Iterable[bytes]], came: Sequence[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Do as a child process would: bytes go in and out, what is raised is pickled."""
        self.offloaded.append(function.__name__)
        try:
            for piece in _pickled(function)(b"".join(came)):
                yield piece
        except FaultwireError as error:
            raise _pickled(error) from None

    def _new_secret(self, project: ProjectId) -> WebhookSecret:
        self.secrets += 1
        drawn = self.secrets.to_bytes(32, "big")
        return WebhookSecret(project, signature.new_secret(drawn), self.clock.wall_ns())

    # ------------------------------------------------------------ what tests do with it

    async def start(self) -> None:
        """Put projects, hosts and servers there."""
        projects = (Project(ADMIN_PROJECT, "admin"), Project(DEMO, "demo"))
        self.memory.apply((ProjectsSaved(projects),))
        answer = await self.call("PUT", "/fault/v1/inventory", body=DOCUMENT)
        assert answer.status_code == 200, answer.text
        self.lane.commands.clear()
        self.clock.advance(1)

    def open_policy(self, overrides: Mapping[str, str]) -> None:
        """Let a policy file say these rules from now on."""
        self.enforcer.inner = PolicyEnforcer(overrides=overrides)

    async def call(
        self, method: str, path: str, who: str = "admin", body: object = None, **more: Any
    ) -> httpx2.Response:
        """Call with a token of CALLERS, without one where it is empty."""
        headers = {"X-Auth-Token": who} if who else {}
        headers.update(more.pop("headers", {}))
        if body is not None:
            more["json"] = body
        return await self.client.request(method, path, headers=headers, **more)

    async def report(self, *events: Mapping[str, Any], who: str = "admin") -> list[str]:
        """Post events and return the ids of their faults."""
        answer = await self.call("POST", "/fault/v1/events", who, list(events))
        assert answer.status_code == 202, answer.text
        return [fault["id"] for fault in answer.json()["faults"]]

    async def alarm(self, who: str = "member", **changes: Any) -> dict[str, Any]:
        """Create an alarm for vm-1 in error and return it."""
        answer = await self.call("POST", "/alarming/v2/alarms", who, alarm_body(**changes))
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301  its own


def alarm_body(**changes: Any) -> dict[str, Any]:
    """Return the alarm that Doctor creates for each server; None takes an attribute away."""
    body = {
        "name": "doctor_alarm0",
        "description": "VM failure",
        "enabled": True,
        "alarm_actions": [SINK],
        "repeat_actions": False,
        "severity": "moderate",
        "type": "event",
        "event_rule": {
            "event_type": "compute.instance.update",
            "query": [
                {"field": "traits.instance_id", "type": "", "op": "eq", "value": "vm-1"},
                {"field": "traits.state", "type": "", "op": "eq", "value": "error"},
            ],
        },
    }
    body.update(changes)
    return {key: value for key, value in body.items() if value is not None}


@asynccontextmanager
async def running(
    fault_settings: FaultSettings | None = None,
    alarming_settings: AlarmingSettings | None = None,
    compute_settings: ComputeSettings | None = None,
    *,
    publish: bool = False,
) -> AsyncIterator[Cloud]:
    """Give a cloud with projects, hosts and servers."""
    cloud = Cloud(fault_settings, alarming_settings, compute_settings, publish=publish)
    await cloud.start()
    try:
        yield cloud
    finally:
        await cloud.client.aclose()
