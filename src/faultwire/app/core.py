"""The heart of the server: everything between a command and its commit, wired once."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from faultwire.app.cloudears import Follows
from faultwire.app.lane import CatchUp, Lane
from faultwire.app.memory import Followers
from faultwire.app.rush import Rush
from faultwire.app.settling import acting
from faultwire.app.settling import deciders as settling_deciders
from faultwire.app.writer import ReaderThreads, Writer
from faultwire.controllers.embedded import tasks
from faultwire.controllers.embedded.compute import EmbeddedController
from faultwire.controllers.embedded.freed import FreeingDecider
from faultwire.controllers.embedded.networks import deciders as network_deciders
from faultwire.controllers.embedded.notices import NoticesDecider
from faultwire.controllers.embedded.requests import deciders as server_deciders
from faultwire.controllers.embedded.services import deciders as service_deciders
from faultwire.controllers.embedded.telling_ports import everything
from faultwire.controllers.openstack.beside import Beside
from faultwire.domain import changes, guard_changes, guest_changes, network_changes
from faultwire.domain.commands import (
    AgentChanged,
    CloseFault,
    EvaluateOwed,
    HostAnswered,
    HostsWatched,
    ImportInventory,
    ImportPart,
    InstanceAnswered,
    MoveAlarms,
    RemoveAlarm,
    ReplayDelivery,
    ReportFaults,
    RetryUnmatched,
    SaveAlarm,
    SetAlarmState,
    SetQuota,
    TakeEvents,
)
from faultwire.domain.computing import EvacuateServer
from faultwire.domain.faults import Fault
from faultwire.domain.fencing import VOUCHED, FencingsSaved, FencingTerms
from faultwire.domain.guard_commands import ActOnFault
from faultwire.domain.guest_commands import GuestChanged, MoveTask, StartTask
from faultwire.domain.ids import GuestId
from faultwire.domain.network_commands import RecheckPorts
from faultwire.domain.notices import TakeNotices
from faultwire.domain.remote_acts import EventsHeld, RemoteActsSaved
from faultwire.domain.services import NOVA_TERMS, StatusTerms
from faultwire.domain.signals import UnmappedSaved
from faultwire.identity.decide import deciders as identity_deciders
from faultwire.identity.directory import MemoryDirectory
from faultwire.inspector import settings as inspector_settings
from faultwire.inspector.acting import Guards
from faultwire.inspector.agents import AgentDecider
from faultwire.inspector.answers import AnsweredDecider, WatchedDecider
from faultwire.inspector.decide import CloseDecider, ReportsDecider, RetryDecider
from faultwire.inspector.fences import deciders as fence_deciders
from faultwire.inspector.fencing import FencingDecider, ProofDecider
from faultwire.inspector.guests import GuestDecider
from faultwire.inspector.sessions import session_deciders
from faultwire.inspector.unmapped import deciders as unmapped_deciders
from faultwire.inspector.windows import deciders as window_deciders
from faultwire.inspector.wiring import WIRING, RecheckDecider, RewiringDecider, rewired
from faultwire.notifier.delivery.trying import Trace
from faultwire.notifier.evaluator.alarms import (
    CheckRule,
    RemoveAlarmDecider,
    SaveAlarmDecider,
    SetStateDecider,
)
from faultwire.notifier.evaluator.engine import EventEvaluator
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.notifier.evaluator.owed import OwedDecider
from faultwire.notifier.evaluator.periodic import MoveDecider
from faultwire.notifier.evaluator.publishing import PublishingDecider, PublishingEvaluator
from faultwire.notifier.evaluator.quotas import QuotaBook, SetQuotaDecider, WithinQuota
from faultwire.notifier.evaluator.replay import ReplayDecider
from faultwire.notifier.evaluator.subscribing import TakeEventsDecider, subscription_deciders
from faultwire.notifier.evaluator.watching import (
    Both,
    SubscriptionEvaluator,
    SubscriptionIndex,
)
from faultwire.pipeline import Chain, Stages
from faultwire.ports import Commit, Controller, Decider, Evaluator, Ledger, Outbox
from faultwire.resourcemap.acts import ActBook
from faultwire.resourcemap.diff import ImportDecider, PartDecider
from faultwire.resourcemap.fencings import FencingBook
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.owing import OwedStatuses
from faultwire.resourcemap.remote_acts import RemoteBook
from faultwire.resourcemap.sessions import SessionMap
from faultwire.resourcemap.tasks import TaskBook
from faultwire.resourcemap.unmapped import UnmappedBook
from faultwire.store import AlarmsTo, Snapshot
from faultwire.telemetry.clock import SystemClock
from faultwire.telemetry.metrics import Metrics
from faultwire.telemetry.probe import RecordingProbe
from faultwire_profiler import Recorder


@dataclass(frozen=True, slots=True)
class Indexes:
    """What is held in memory; written through `Followers.apply` alone.

    `guests_heard` are the times at which guests were heard before this process began.
    """

    inventory: ResourceMap
    holds: Holds
    alarms: AlarmIndex
    directory: MemoryDirectory
    sessions: SessionMap
    subscriptions: SubscriptionIndex = field(default_factory=SubscriptionIndex)
    quotas: QuotaBook = field(default_factory=QuotaBook)
    owed: OwedStatuses = field(default_factory=OwedStatuses)
    tasks: TaskBook = field(default_factory=TaskBook)
    guests_heard: dict[GuestId, int] = field(default_factory=dict)
    fencings: FencingBook = field(default_factory=FencingBook)
    unmapped: UnmappedBook = field(default_factory=UnmappedBook)
    acts: ActBook = field(default_factory=ActBook)
    remote: RemoteBook = field(default_factory=RemoteBook)

    @classmethod
    def read(cls, load: Callable[[AlarmsTo], Snapshot]) -> "Indexes":
        """Fill the indexes with what `load` reads; alarms are taken in as they come."""
        alarms = AlarmIndex()
        return cls.of(load(lambda some: alarms.apply(changes.AlarmsSaved(tuple(some)))), alarms)

    @classmethod
    def of(cls, snapshot: Snapshot, alarms: AlarmIndex | None = None) -> "Indexes":
        """Fill the indexes with what was stored; `alarms` may hold those that were read before."""
        alarms = AlarmIndex() if alarms is None else alarms
        indexes = cls(ResourceMap(), Holds(), alarms, MemoryDirectory(), SessionMap())
        for change in (
            changes.HostsSaved(snapshot.hosts),
            changes.SwitchesSaved(snapshot.switches),
            changes.ServersSaved(snapshot.servers),
            changes.EvacuationsSaved(snapshot.evacuations),
            network_changes.NetworksSaved(snapshot.networks),
            network_changes.SubnetsSaved(snapshot.subnets),
            changes.PortsSaved(snapshot.ports),
            guest_changes.GuestsSaved(snapshot.guests),
        ):
            indexes.inventory.apply(change)
        indexes.holds.apply(changes.FaultsSaved(snapshot.faults))
        indexes.holds.apply(changes.CausesSaved(snapshot.causes))
        indexes.alarms.apply(changes.AlarmsSaved(snapshot.alarms))
        indexes.subscriptions.apply(changes.SubscriptionsSaved(snapshot.subscriptions))
        indexes.subscriptions.apply(changes.WatchesMoved(snapshot.watches))
        indexes.quotas.apply(changes.QuotasSaved(snapshot.quotas))
        indexes.owed.apply(changes.StatusesOwed(snapshot.owed_statuses))
        indexes.tasks.apply(guest_changes.TasksSaved(snapshot.tasks))
        indexes.guests_heard.update(snapshot.guests_heard)
        indexes.fencings.apply(FencingsSaved(snapshot.fencings))
        indexes.unmapped.apply(UnmappedSaved(snapshot.unmapped))
        for kept in (
            changes.HostsSaved(snapshot.hosts),
            guard_changes.HoldSaved(snapshot.hold),
            guard_changes.WindowsSaved(snapshot.windows),
            guard_changes.ActsDone(snapshot.acts),
        ):
            indexes.acts.apply(kept)
        indexes.remote.apply(RemoteActsSaved(snapshot.remote_acts))
        indexes.remote.apply(EventsHeld(snapshot.held))
        indexes.directory.load(
            users=snapshot.users,
            projects=snapshot.projects,
            assignments=snapshot.assignments,
            revocations=snapshot.revocations,
            credentials=snapshot.credentials,
            secrets=snapshot.secrets,
        )
        return indexes


@dataclass(frozen=True, slots=True)
class Tools:
    """Clock, metrics and marks: what every part tells about itself."""

    clock: SystemClock
    metrics: Metrics
    recorder: Recorder
    probe: RecordingProbe

    @classmethod
    def new(cls, *, profiling: bool = True) -> "Tools":
        """Return fresh tools of the real system; without `profiling` marks are only logged."""
        recorder = Recorder()
        probe = RecordingProbe(recorder if profiling else None)
        return cls(SystemClock(), Metrics(), recorder, probe)


@dataclass(frozen=True, slots=True)
class Others:
    """What a chain needs where other processes share the database.

    Commits tell the others, `queue` leaves events to evaluators, `catch_up` brings what others
    committed into memory.
    """

    commit: Commit
    queue: Evaluator
    catch_up: CatchUp


class Core:
    """Memory, writer, readers and the lane."""

    def __init__(
        self, tools: Tools, indexes: Indexes, ledger: Ledger, *, publish: bool = False
    ) -> None:
        """Take what is there; `connect` joins the outbox before the first command.

        `publish`: message buses get events too. `guards` on acts may be replaced until then.
        """
        self.publish = publish
        self.trace: Trace | None = None
        self.cloud: Beside | None = None  # adds what clouds that are not ours are owed
        self.follows = Follows()
        self.guards = Guards(book=indexes.acts)
        self.tools = tools
        self.indexes = indexes
        self.writer = Writer(ledger, tools.clock, tools.metrics)
        self.reader = ReaderThreads()
        self.rush = Rush(tools.clock, tools.metrics)
        self.memory = Followers(
            indexes.inventory,
            indexes.holds,
            indexes.alarms,
            indexes.directory,
            indexes.sessions,
            indexes.subscriptions,
            indexes.quotas,
            indexes.owed,
            indexes.tasks,
            indexes.fencings,
            indexes.unmapped,
            indexes.acts,
            indexes.remote,
        )

    def connect(
        self,
        outbox: Outbox,
        settings: inspector_settings.Settings,
        others: Others | None = None,
        check_rule: CheckRule | None = None,
        terms: StatusTerms = NOVA_TERMS,
        fencing: FencingTerms = VOUCHED,
    ) -> Lane:
        """Return the lane, whose chain wakes the outbox.

        `check_rule` refuses alarms that could never be evaluated here; `terms` say what
        host_status is, `fencing` what is done about dead hosts.
        """
        controller: Controller = EmbeddedController(terms)
        chain = Chain(
            Stages(
                self._deciders(settings, check_rule, terms, fencing),
                self.cloud.controller(controller) if self.cloud else controller,
                evaluator_of(self.indexes, publish=self.publish),
                others.commit if others else self.writer,
                self.memory,
                outbox,
                self.tools.probe,
                self.tools.clock,
                partial(asyncio.sleep, 0),
                others.queue if others else None,
            )
        )
        catch_up = others.catch_up if others else None
        lane = Lane(chain, self.tools.clock, self.tools.metrics, catch_up)
        self.rush.when(lambda: lane.hurries)
        return lane

    def _deciders(
        self,
        settings: inspector_settings.Settings,
        check_rule: CheckRule | None,
        terms: StatusTerms,
        fencing: FencingTerms,
    ) -> dict[type, Decider[Any]]:
        found = deciders(
            self.indexes,
            settings,
            check_rule,
            terms,
            fencing=fencing,
            guards=self.guards,
            cloud=self.cloud,
        )
        if self.publish:
            for command in (SetAlarmState, MoveAlarms):
                found[command] = PublishingDecider(found[command], self.indexes.alarms.severity)
        return found


def evaluator_of(indexes: Indexes, *, publish: bool = False) -> Evaluator:
    """Return who looks at events: alarms first, then subscriptions, then buses."""
    found = Both(EventEvaluator(indexes.alarms), SubscriptionEvaluator(indexes.subscriptions))
    return PublishingEvaluator(found, indexes.alarms.severity) if publish else found


_IMPORTS: Mapping[type, Callable[..., Decider[Any]]] = {
    ImportInventory: ImportDecider,
    ImportPart: PartDecider,
}


def _imports(
    directory: MemoryDirectory, terms: StatusTerms, wiring: Callable[[], Iterable[Fault]]
) -> dict[type, Decider[Any]]:
    """Return who decides on what documents and notices say of the map."""
    found: dict[type, Decider[Any]] = {
        kind: RewiringDecider(FreeingDecider(made(directory.projects), terms), wiring)
        for kind, made in _IMPORTS.items()
    }
    found[TakeNotices] = NoticesDecider(found[ImportPart], directory.projects, terms)
    return found


def deciders(  # noqa: PLR0913 - what all decisions stand on
    indexes: Indexes,
    settings: inspector_settings.Settings,
    check_rule: CheckRule | None = None,
    terms: StatusTerms = NOVA_TERMS,
    *,
    fencing: FencingTerms = VOUCHED,
    guards: Guards | None = None,
    cloud: Beside | None = None,
) -> dict[type, Decider[Any]]:
    """Return who decides on which command; every command has exactly one."""
    guards = guards or Guards(book=indexes.acts)
    alarms, directory = indexes.alarms, indexes.directory
    wiring = partial(indexes.holds.live_of, WIRING)
    known = indexes.fencings.of
    fenced = partial(FencingDecider, known=known, terms=fencing, guards=guards)
    servers = dict(server_deciders(terms, guards))
    evacuating = cloud.evacuating(guards) if cloud else servers[EvacuateServer]
    servers[EvacuateServer] = ProofDecider(evacuating, known, fencing)
    return {
        ReportFaults: fenced(ReportsDecider(settings, guards)),
        CloseFault: CloseDecider(settings),
        RetryUnmatched: fenced(RetryDecider(settings, guards)),
        ActOnFault: fenced(acting(settings, guards, indexes.remote)),
        **window_deciders(settings, indexes.acts),
        **fence_deciders(known, fencing, guards),
        **unmapped_deciders(indexes.unmapped.get, lambda: indexes.unmapped),
        AgentChanged: AgentDecider(settings, terms),
        HostAnswered: AnsweredDecider(settings),
        GuestChanged: GuestDecider(settings),
        StartTask: tasks.StartDecider(indexes.tasks.of),
        MoveTask: tasks.MoveDecider(indexes.tasks.get),
        HostsWatched: WatchedDecider(),
        InstanceAnswered: AnsweredDecider(settings),
        **_imports(directory, terms, wiring),
        **settling_deciders(indexes.remote, settings),
        SaveAlarm: WithinQuota(
            SaveAlarmDecider(alarms, directory.secrets, check_rule), alarms, indexes.quotas
        ),
        SetQuota: SetQuotaDecider(),
        SetAlarmState: SetStateDecider(alarms),
        RemoveAlarm: RemoveAlarmDecider(alarms),
        EvaluateOwed: OwedDecider(),
        MoveAlarms: MoveDecider(alarms),
        ReplayDelivery: ReplayDecider(),
        TakeEvents: TakeEventsDecider(),
        **subscription_deciders(
            indexes.subscriptions,
            directory.secrets,
            partial(everything, indexes.holds.causes, terms=terms),
        ),
        **session_deciders(indexes.sessions.at),
        # A server that moves or goes takes its ports with it.
        **{kind: RewiringDecider(decider, wiring) for kind, decider in servers.items()},
        **service_deciders(indexes.owed, terms),
        RecheckPorts: RecheckDecider(wiring),
        **network_deciders(rewired, terms),
        **identity_deciders(directory, lambda project: alarms.owned(project) > 0),
    }
