"""Faultwire in one process: the very stages of the product, run at once and without doors.

No socket, no thread, no database and no event loop: a test says what happens, and everything
that follows from it is true when the call returns::

    product = InProcess()
    product.run(ImportInventory(document, replace=True, actor=ACTOR))
    product.report("compute.host.down", hostname="compute-1")
    product.deliveries  # what consumers are owed by now
"""

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar, cast

from faultwire.app.core import Indexes, deciders, evaluator_of
from faultwire.app.memory import Followers
from faultwire.controllers.embedded.compute import EmbeddedController
from faultwire.controllers.openstack.acts import CloudOf
from faultwire.controllers.openstack.beside import Beside
from faultwire.domain.accounts import Actor
from faultwire.domain.alarms import Delivery
from faultwire.domain.changes import Change
from faultwire.domain.commands import Command, FaultAnswer, ReportFaults
from faultwire.domain.decided import Fired, Work
from faultwire.domain.errors import Broken, Invalid
from faultwire.domain.events import Event
from faultwire.domain.faults import CLEARING_TYPES, FAULT_TYPES, Evidence, Fault, Report
from faultwire.domain.fencing import VOUCHED, FencingTerms
from faultwire.domain.guarding import Sign
from faultwire.domain.ids import FaultId, HostName, derived
from faultwire.domain.instants import Instant
from faultwire.domain.remote_acts import Notify
from faultwire.inspector import guard_settings
from faultwire.inspector.acting import Guards
from faultwire.inspector.settings import Settings
from faultwire.pipeline import Chain, Stages, answered
from faultwire.ports import Evaluator, Ledger
from faultwire.testing.clock import ManualClock
from faultwire.testing.store import MemoryLedger

T = TypeVar("T")

ACTOR = Actor("tester")


@dataclass(frozen=True, slots=True)
class Marked:
    """One mark as the chain made it."""

    fault: FaultId
    point: str
    first: Instant
    last: Instant
    count: int


class InProcess:
    """The whole chain on memory; implements `ports.Intake`.

    `ledger` may be told to fail (`MemoryLedger.fail`), `clock` only moves by `advance`.
    `events` are all facts that were told, and `deliveries` all webhooks that were ever owed, in
    order; nobody sends them. `marks` is what the profiler was told. `signs` are who hears which
    host now, for the guards on acts.
    """

    def __init__(  # noqa: PLR0913  a test names what it changes
        self,
        settings: Settings | None = None,
        *,
        clock: ManualClock | None = None,
        ledger: MemoryLedger | None = None,
        publish: bool = False,
        guards: guard_settings.Settings | None = None,
        notify: Notify | None = None,
        disable: bool = False,
        fencing: FencingTerms = VOUCHED,
        cloud_of: CloudOf = lambda host: "east" if host else "",
    ) -> None:
        """Start with what the ledger holds: nothing, unless one is given."""
        self._cloud_of = cloud_of
        self.settings = settings or Settings()
        self.clock = clock or ManualClock()
        self.ledger = ledger or MemoryLedger()
        self.indexes = Indexes.of(self.ledger.load(now_ns=self.clock.wall_ns()))
        self.memory = Followers(
            self.indexes.inventory,
            self.indexes.holds,
            self.indexes.alarms,
            self.indexes.directory,
            self.indexes.subscriptions,
            self.indexes.quotas,
            self.indexes.owed,
            self.indexes.acts,
            self.indexes.remote,
            self.indexes.fencings,
            self.indexes.unmapped,
        )
        self.guards = Guards(guards or guard_settings.Settings(), self.indexes.acts, self._heard)
        self.signs: dict[HostName, tuple[Sign, ...]] = {}
        self.events: list[Event] = []
        self.deliveries: list[Delivery] = []
        self.marks: list[Marked] = []
        self._numbers = count(1)
        beside = self._beside(notify, disable=disable)
        self._chain = Chain(
            Stages(
                deciders(
                    self.indexes, self.settings, fencing=fencing, guards=self.guards, cloud=beside
                ),
                beside.controller(EmbeddedController()) if beside else EmbeddedController(),
                _Listening(evaluator_of(self.indexes, publish=publish), self.events),
                _AtOnce(self.ledger),
                self.memory,
                _Owed(self.deliveries),
                _Marks(self.marks),
                self.clock,
                _breathe,
            )
        )

    def _beside(self, notify: Notify | None, *, disable: bool) -> Beside | None:
        """Return the clouds beside us; with `notify` every host is in one."""
        if notify is None:
            return None
        return Beside(self._cloud_of, self.indexes.remote, notify, disable)

    def _heard(self, host: HostName) -> tuple[Sign, ...]:
        return self.signs.get(host, ())

    def run(self, command: Command) -> object:
        """Return the command's answer once it and all that follows from it are true.

        Raises what the lane would raise. A follow-up that is refused
        raises too: here nobody would read its log line.
        """
        told = len(self.events)
        try:
            answer, follows = finished(self._chain.run(command))
        except BaseException:
            del self.events[told:]
            raise
        for follow in follows:
            self.run(follow)
        return answered(answer)

    async def submit(self, command: Command) -> object:
        """Run a command, as a face or a monitor asks for it."""
        return self.run(command)

    def restart(
        self, settings: Settings | None = None, guards: guard_settings.Settings | None = None
    ) -> "InProcess":
        """Return a new process on the same ledger and clock; what was memory only is lost."""
        begun = InProcess(
            settings or self.settings,
            clock=self.clock,
            ledger=self.ledger,
            guards=guards or self.guards.settings,
        )
        begun._numbers = self._numbers
        return begun

    def commit(self, *changes: Change) -> None:
        """Make changes true that no command of today asks for: somebody else did it."""
        self.ledger.commit(changes)
        self.memory.apply(changes)

    def reported(
        self,
        type_name: str,
        *,
        source: str = "posted:test",
        details: Mapping[str, object] | None = None,
        **resource: str,
    ) -> Report:
        """Return a report of now, by the name of a fault type or of what clears it."""
        kind = FAULT_TYPES.get(type_name) or CLEARING_TYPES.get(type_name)
        if kind is None:
            raise Invalid("type", f"no such type: {type_name}")
        raised = type_name == kind.name
        now = self.clock.instant()
        evidence = Evidence(
            source, ACTOR.user, "down" if raised else "up", now.wall_ns, details=details or {}
        )
        fault_id = FaultId(derived("report", next(self._numbers)))
        return Report(fault_id, kind, raised, resource, evidence, now)

    def take(self, reports: Iterable[Report]) -> tuple[FaultAnswer, ...]:
        """Take reports as one list, all or none."""
        answers = self.run(ReportFaults(tuple(reports), ACTOR))
        return cast("tuple[FaultAnswer, ...]", answers)

    def report(
        self,
        type_name: str,
        *,
        source: str = "posted:test",
        details: Mapping[str, object] | None = None,
        **resource: str,
    ) -> FaultAnswer:
        """Take one report; what it raises or clears is true when this returns."""
        return self.take([self.reported(type_name, source=source, details=details, **resource)])[0]

    def fault(self, fault: FaultId) -> Fault:
        """Return a fault with its record, live or closed; raises NotFound."""
        return self.ledger.fault(fault)


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that has nothing to wait for; raises Broken if it waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)
    coroutine.close()
    raise Broken("this runs without an event loop: nothing may wait")


async def _breathe() -> None:
    """Serve nobody: there is nobody else."""


class _Listening:
    """Implements `ports.Evaluator` by another one, and keeps the events that it is given."""

    def __init__(self, evaluator: Evaluator, events: list[Event]) -> None:
        self._evaluator = evaluator
        self._events = events

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        self._events.extend(events)
        return self._evaluator.evaluate(events, now)


class _AtOnce:
    """Implements `ports.Commit` without a thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def commit(self, changes: Iterable[Change]) -> None:
        self._ledger.commit(tuple(changes))


class _Owed:
    """Implements `ports.Outbox` by keeping what is owed."""

    def __init__(self, deliveries: list[Delivery]) -> None:
        self._deliveries = deliveries

    def expect(self, deliveries: Iterable[Delivery]) -> None:
        pass

    def wake(self, deliveries: Iterable[Delivery]) -> None:
        self._deliveries.extend(deliveries)


class _Marks:
    """Implements `ports.Probe` by keeping every mark."""

    def __init__(self, marks: list[Marked]) -> None:
        self._marks = marks

    def mark(
        self,
        fault: FaultId,
        point: str,
        first: Instant,
        last: Instant | None = None,
        count: int = 1,
        source: str = "faultwire",
    ) -> None:
        del source
        self._marks.append(Marked(fault, point, first, last or first, count))
