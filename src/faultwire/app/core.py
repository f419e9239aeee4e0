"""The heart of the server: everything between a command and its commit, wired once."""

import asyncio
from dataclasses import dataclass
from typing import Any

from faultwire.app.lane import CatchUp, Lane
from faultwire.app.memory import Followers
from faultwire.app.writer import ReaderThreads, Writer
from faultwire.controllers.embedded.compute import EmbeddedController
from faultwire.domain import changes
from faultwire.domain.commands import (
    AgentChanged,
    CloseFault,
    EvaluateOwed,
    ImportInventory,
    ImportPart,
    MoveSession,
    RemoveAlarm,
    ReportFaults,
    RetryUnmatched,
    SaveAlarm,
    SetAlarmState,
)
from faultwire.identity.decide import deciders as identity_deciders
from faultwire.identity.directory import MemoryDirectory
from faultwire.inspector import settings as inspector_settings
from faultwire.inspector.agents import AgentDecider
from faultwire.inspector.decide import CloseDecider, ReportsDecider, RetryDecider
from faultwire.inspector.sessions import SessionDecider
from faultwire.notifier.evaluator.alarms import (
    RemoveAlarmDecider,
    SaveAlarmDecider,
    SetStateDecider,
)
from faultwire.notifier.evaluator.engine import EventEvaluator
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.notifier.evaluator.owed import OwedDecider
from faultwire.pipeline import Chain, Stages
from faultwire.ports import Commit, Decider, Evaluator, Ledger, Outbox
from faultwire.profiler import Recorder
from faultwire.resourcemap.diff import ImportDecider, PartDecider
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.sessions import SessionMap
from faultwire.store import Snapshot
from faultwire.telemetry.clock import SystemClock
from faultwire.telemetry.metrics import Metrics
from faultwire.telemetry.probe import RecordingProbe


@dataclass(frozen=True, slots=True)
class Indexes:
    """What is held in memory; written through `Followers.apply` alone."""

    inventory: ResourceMap
    holds: Holds
    alarms: AlarmIndex
    directory: MemoryDirectory
    sessions: SessionMap

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Indexes":
        """Fill the indexes with what was stored."""
        indexes = cls(ResourceMap(), Holds(), AlarmIndex(), MemoryDirectory(), SessionMap())
        for change in (
            changes.HostsSaved(snapshot.hosts),
            changes.SwitchesSaved(snapshot.switches),
            changes.ServersSaved(snapshot.servers),
            changes.PortsSaved(snapshot.ports),
            changes.GuestsSaved(snapshot.guests),
        ):
            indexes.inventory.apply(change)
        indexes.holds.apply(changes.FaultsSaved(snapshot.faults))
        indexes.holds.apply(changes.CausesSaved(snapshot.causes))
        indexes.alarms.apply(changes.AlarmsSaved(snapshot.alarms))
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
    def new(cls) -> "Tools":
        """Return fresh tools of the real system."""
        recorder = Recorder()
        return cls(SystemClock(), Metrics(), recorder, RecordingProbe(recorder))


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

    def __init__(self, tools: Tools, indexes: Indexes, ledger: Ledger) -> None:
        """Take what is there; `connect` joins the outbox before the first command."""
        self.tools = tools
        self.indexes = indexes
        self.writer = Writer(ledger, tools.clock, tools.metrics)
        self.reader = ReaderThreads()
        self.memory = Followers(
            indexes.inventory,
            indexes.holds,
            indexes.alarms,
            indexes.directory,
            indexes.sessions,
        )

    def connect(
        self,
        outbox: Outbox,
        settings: inspector_settings.Settings,
        others: Others | None = None,
    ) -> Lane:
        """Return the lane, whose chain wakes the outbox."""
        chain = Chain(
            Stages(
                deciders(self.indexes, settings),
                EmbeddedController(),
                EventEvaluator(self.indexes.alarms),
                others.commit if others else self.writer,
                self.memory,
                outbox,
                self.tools.probe,
                self.tools.clock,
                _breathe,
                others.queue if others else None,
            )
        )
        catch_up = others.catch_up if others else None
        return Lane(chain, self.tools.clock, self.tools.metrics, catch_up)


def deciders(indexes: Indexes, settings: inspector_settings.Settings) -> dict[type, Decider[Any]]:
    """Return who decides on which command; every command has exactly one."""
    alarms, directory = indexes.alarms, indexes.directory
    return {
        ReportFaults: ReportsDecider(settings),
        CloseFault: CloseDecider(settings),
        RetryUnmatched: RetryDecider(settings),
        AgentChanged: AgentDecider(settings),
        ImportInventory: ImportDecider(directory.projects),
        ImportPart: PartDecider(directory.projects),
        SaveAlarm: SaveAlarmDecider(alarms, directory.secrets),
        SetAlarmState: SetStateDecider(alarms),
        RemoveAlarm: RemoveAlarmDecider(alarms),
        EvaluateOwed: OwedDecider(),
        MoveSession: SessionDecider(indexes.sessions.at),
        **identity_deciders(directory, lambda project: alarms.owned(project) > 0),
    }


async def _breathe() -> None:
    await asyncio.sleep(0)
