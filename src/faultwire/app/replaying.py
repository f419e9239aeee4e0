"""A recorded history decided again by other settings: what would have been done, and what not.

The deciders, guards and controller of the product run over an empty memory; nothing is stored
and nobody is told. What no setting decides is taken from the record: a hold, windows, and who
heard a host.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from faultwire.app.core import Indexes, deciders
from faultwire.app.history import History
from faultwire.app.memory import Followers
from faultwire.config.configuration import Configuration
from faultwire.controllers.embedded.compute import EmbeddedController
from faultwire.domain import deeds
from faultwire.domain.accounts import Actor
from faultwire.domain.acts import ActKind
from faultwire.domain.alarms import Delivery
from faultwire.domain.changes import Change
from faultwire.domain.commands import CloseFault, Command, ImportInventory, ReportFaults
from faultwire.domain.decided import Fired, Work
from faultwire.domain.errors import FaultwireError
from faultwire.domain.events import Event
from faultwire.domain.faults import (
    ACTS_REFUSED,
    CLOUD_REFUSED,
    Evidence,
    Fault,
    FaultState,
    Outcome,
    Report,
)
from faultwire.domain.guard_commands import ActOnFault
from faultwire.domain.ids import FaultId, derived
from faultwire.domain.instants import Instant
from faultwire.inspector.acting import Guards
from faultwire.inspector.limits import ACT_GUARDS, ActGuard, Facts
from faultwire.pipeline import Chain, Stages
from faultwire.store import Snapshot

ACTOR = Actor("history")
FROM_RECORD = ("hold", "maintenance", "silence", "vantage")
"""Guards whose word depends on what operators and hosts did at the time."""

_OURS = frozenset({ACTS_REFUSED, CLOUD_REFUSED})
"""Our own words on what was refused: nobody reported them."""

NOT_ASKED = "not asked"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Difference:
    """One act of one fault that would come out otherwise."""

    fault: FaultId
    type: str
    host: str
    act: str
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay; `acts` counts by (act, recorded, replayed)."""

    faults: int
    acts: Mapping[tuple[str, str, str], int]
    differences: tuple[Difference, ...]


async def replay(history: History, configuration: Configuration) -> Replayed:
    """Decide a history again; deterministic, without a clock, a file or a socket."""
    faults = [one for one in history.faults if one.type.name not in _OURS]
    course = _Course(configuration, faults)
    if history.inventory.hosts or history.inventory.servers or history.inventory.switches:
        await course.run(
            min((one.opened_ns for one in faults), default=0),
            ImportInventory(history.inventory, replace=False, actor=ACTOR),
        )
    for at_ns, command in _commands(faults):
        await course.run(at_ns, command)
    acts: dict[tuple[str, str, str], int] = {}
    differences = []
    for fault in faults:
        # One that was told to nobody is no longer known under its id.
        now = course.faults.get(fault.id)
        for kind in (ActKind.FORCE_DOWN, ActKind.MARK_PORTS, ActKind.FENCE):
            before, after = outcome(fault, kind), outcome(now, kind)
            if (before, after) == (NOT_ASKED, NOT_ASKED):
                continue
            key = (kind.value, before, after)
            acts[key] = acts.get(key, 0) + 1
            if before != after:
                about = fault.host or " ".join(fault.resource.values())
                name = fault.type.name
                differences.append(Difference(fault.id, name, about, kind.value, before, after))
    return Replayed(len(faults), acts, tuple(differences))


def outcome(fault: Fault | None, kind: ActKind) -> str:
    """Return what came of an act: done, not asked, or refused by whom."""
    if fault is None or kind not in deeds.of(fault):
        return NOT_ASKED
    guard = deeds.undone(fault, kind)
    if guard is not None:
        return f"refused by {guard}" if guard != deeds.SHADOW else deeds.SHADOW
    return DONE if deeds.of(fault)[kind].outcome is Outcome.APPLIED else NOT_ASKED


def _commands(faults: Iterable[Fault]) -> Iterator[tuple[int, Command]]:
    """Give everything that happened, in order of time."""
    order = count()
    found: list[tuple[int, int, Command]] = []
    for fault in faults:
        for at_ns, command in _of_fault(fault):
            heapq.heappush(found, (at_ns, next(order), command))
    while found:
        at_ns, _, command = heapq.heappop(found)
        yield at_ns, command


def _of_fault(fault: Fault) -> Iterator[tuple[int, Command]]:
    first, *later = fault.evidence
    yield fault.opened_ns, _reported(fault, first, fault.id, fault.opened_ns)
    if _by_hand(fault):
        yield fault.opened_ns + 1, ActOnFault(fault.id, ACTOR)
    for number, said in enumerate(later):
        again = said.vote == first.vote and said.received_ns >= fault.opened_ns
        if again and (fault.closed_ns is None or said.received_ns < fault.closed_ns):
            name = FaultId(derived("replayed", fault.id, number))
            yield said.received_ns, _reported(fault, said, name, said.received_ns)
    if fault.closed_ns is not None and fault.state is FaultState.CLOSED:
        yield max(fault.closed_ns, fault.opened_ns + 2), CloseFault(fault.id, ACTOR)


def _reported(fault: Fault, said: Evidence, name: FaultId, at_ns: int) -> ReportFaults:
    report = Report(name, fault.type, True, fault.resource, said, Instant(at_ns, at_ns))
    return ReportFaults((report,), ACTOR)


def _by_hand(fault: Fault) -> bool:
    """Whether an operator had done what a guard had refused."""
    name = f"act.{ActKind.FORCE_DOWN.value}"
    said = [
        one for one in fault.decisions if one.name in {name, f"act.{ActKind.MARK_PORTS.value}"}
    ]
    refused = [one for one in said if one.outcome is Outcome.VETOED]
    by = {one.why.partition(":")[0] for one in refused}
    return bool(by - {"vantage"}) and said[-1].outcome is Outcome.APPLIED


class _Course:
    """The product over an empty memory, at the times of the record."""

    def __init__(self, configuration: Configuration, faults: Iterable[Fault]) -> None:
        self.faults: dict[FaultId, Fault] = {}
        self._now_ns = 0
        self._recorded = {fault.id: _kept_by(fault) for fault in faults}
        indexes = Indexes.of(Snapshot())
        memory = Followers(
            indexes.inventory,
            indexes.holds,
            indexes.directory,
            indexes.quotas,
            indexes.owed,
            indexes.fencings,
            indexes.acts,
        )
        memory.follow(self._follow)
        settings = configuration.guards
        guards = Guards(settings, indexes.acts, rows=self._rows(vantage=settings.vantage))
        nobody = _Nobody()
        self._chain = Chain(
            Stages(
                deciders(
                    indexes,
                    configuration.inspector,
                    fencing=configuration.fencing.terms(),
                    guards=guards,
                ),
                EmbeddedController(),
                nobody,
                nobody,
                memory,
                nobody,
                nobody,
                self,
                nobody.breathe,
            )
        )

    async def run(self, at_ns: int, command: Command) -> None:
        """Run a command and what follows from it; one that is refused changes nothing."""
        self._now_ns = max(at_ns, self._now_ns)
        try:
            _, follows = await self._chain.run(command)
        except FaultwireError:
            # What was closed when it was recorded may never have been opened here.
            return
        for follow in follows:
            await self.run(at_ns, follow)

    # ------------------------------------------------------------ ports.Clock

    def wall_ns(self) -> int:
        return self._now_ns

    def mono_ns(self) -> int:
        return self._now_ns

    def instant(self) -> Instant:
        return Instant(self._now_ns, self._now_ns)

    async def sleep(self, seconds: float) -> None:
        del seconds

    # ------------------------------------------------------------ the rest

    def _follow(self, change: Change) -> None:
        for fault in getattr(change, "faults", ()):
            if fault.id in self._recorded:
                self.faults[fault.id] = fault

    def _rows(self, *, vantage: bool) -> Sequence[ActGuard]:
        rows = []
        for guard in ACT_GUARDS:
            if guard.name in FROM_RECORD:
                off = guard.name == "vantage" and not vantage
                rows.append(replace(guard, veto=_silent if off else self._veto(guard.name)))
            else:
                rows.append(guard)
        return rows

    def _veto(self, name: str) -> Any:
        def veto(facts: Facts) -> str:
            kept = self._recorded.get(facts.about.id) if facts.about is not None else None
            return "as it was recorded" if kept is not None and kept == name else ""

        return veto


def _silent(facts: Facts) -> str:
    del facts
    return ""


def _kept_by(fault: Fault) -> str | None:
    """Return the guard that kept the first act of a fault from being done, to the end."""
    for kind in deeds.of(fault):
        guard = deeds.undone(fault, kind)
        if guard is not None:
            return guard
    return None


class _Nobody:
    """Evaluator, ledger, outbox and probe: nothing fires, is stored, sent or marked."""

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        del events, now
        yield from ()
        return Fired()

    async def commit(self, changes: Sequence[Change]) -> None:
        del changes

    def expect(self, deliveries: Sequence[Delivery]) -> None:
        del deliveries

    def wake(self, deliveries: Iterable[Delivery]) -> None:
        del deliveries

    def mark(
        self,
        fault: FaultId,
        point: str,
        first: Instant,
        last: Instant | None = None,
        count: int = 1,
        source: str = "faultwire",
    ) -> None:
        del fault, point, first, last, count, source

    async def breathe(self) -> None:
        """Serve nobody: there is nobody else."""
