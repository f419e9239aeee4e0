"""The product in one page: how a command becomes true, and who is told.

::

    monitors ──Fault──▶ inspector ──Plan──▶ controllers ──Event──▶ notifier ──Delivery──▶ consumers

One chain runs one command at a time: decide, make true, evaluate, commit, apply, answer, wake.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

from faultwire.domain.changes import Change, DeliveriesQueued, DeliveriesReplayed, ProjectsRemoved
from faultwire.domain.commands import Command, EvaluateOwed
from faultwire.domain.decided import Decided, Realised, Work
from faultwire.domain.errors import Broken, Refused
from faultwire.domain.events import SERVICE_UPDATE, Event
from faultwire.domain.ids import FaultId, ProjectId
from faultwire.domain.instants import Instant
from faultwire.domain.plans import GuestPlan, Plan, PortsPlan, RaisePlan
from faultwire.ports import (
    Breathe,
    Clock,
    Commit,
    Controller,
    Decider,
    Evaluator,
    Memory,
    Outbox,
    Probe,
    Scratch,
)

T = TypeVar("T")

SLICE_NS = 3_000_000
"""Longest stretch of pure work on the loop before others are served."""


@dataclass(slots=True)
class _Run:
    """One command on its way through the chain."""

    now: Instant
    view: Scratch
    changes: list[Change] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    detected: dict[FaultId, Instant] = field(default_factory=dict)
    found: dict[FaultId, Instant] = field(default_factory=dict)

    @property
    def gone(self) -> frozenset[ProjectId]:
        """The projects that this command removes."""
        removed = (one.projects for one in self.changes if isinstance(one, ProjectsRemoved))
        return frozenset(chain.from_iterable(removed))

    def take(self, decided: Decided) -> None:
        self.changes.extend(decided.changes)
        self.events.extend(decided.events)
        self.detected.update(decided.detected)
        self.view.absorb(decided.changes)

    def make_true(self, realised: Realised) -> None:
        self.changes.extend(realised.changes)
        self.events.extend(realised.events)
        self.view.absorb(realised.changes)


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages by their Protocols, and what joins them."""

    deciders: Mapping[type, Decider[Any]]
    controller: Controller
    evaluator: Evaluator
    ledger: Commit
    memory: Memory
    outbox: Outbox
    probe: Probe
    clock: Clock
    breathe: Breathe
    queue: Evaluator | None = None
    """Where several processes share the work: leaves events to evaluators instead of firing."""


class Chain:
    """Runs commands one after the other; the caller serialises calls to `run`."""

    def __init__(self, stages: Stages) -> None:
        """Take the stages; the chain keeps no state of its own between commands."""
        self._stages = stages

    async def run(self, command: Command) -> tuple[object, tuple[Command, ...]]:
        """Return the command's answer and the commands that follow from it.

        When it returns, everything is durable and visible and deliveries are on their way; an
        answer may be a `Refused`, which `answered` raises. When it raises, nothing has changed: a
        `Refused` by the decider, `Unavailable` by the ledger.
        """
        stages = self._stages
        run = _Run(stages.clock.instant(), stages.memory.scratch())
        decided = await self._decide(command, run)
        transformed = stages.clock.instant()
        evaluator = stages.evaluator
        if stages.queue is not None and not isinstance(command, EvaluateOwed):
            evaluator = stages.queue
        fired = await self._drive(evaluator.evaluate(run.events, run.now))
        run.changes.extend(fired.without(run.gone).changes)
        evaluated = stages.clock.instant()
        if run.changes:
            queued = [change for change in run.changes if isinstance(change, DeliveriesQueued)]
            if queued:
                stages.outbox.expect(queued[0].deliveries)
            await stages.ledger.commit(run.changes)
            await self._drive(stages.memory.steps(run.changes))
        if run.detected:
            self._mark(run, transformed, None if evaluator is stages.queue else evaluated)
        elif isinstance(command, EvaluateOwed):
            for fault, count in Counter(e.fault_id for e in run.events if e.project).items():
                if fault is not None:
                    stages.probe.mark(fault, "T07", evaluated, count=count)
        for change in run.changes:
            if isinstance(change, DeliveriesQueued | DeliveriesReplayed):
                stages.outbox.wake(change.deliveries)
        return decided.answer, decided.then

    async def _decide(self, command: Command, run: _Run) -> Decided:
        stages = self._stages
        decider = decider_for(stages.deciders, command)
        deciding = decider.decide(command, run.view, run.now)
        reply: Realised | None = None
        slice_end = stages.clock.mono_ns() + SLICE_NS
        while True:
            try:
                item = deciding.send(reply)
            except StopIteration as stop:
                decided: Decided = stop.value
                run.take(decided)
                return decided
            reply = None
            if isinstance(item, Decided):
                run.take(item)
            elif item is not None:
                reply = await self._make_true(item, run)
            if stages.clock.mono_ns() >= slice_end:
                await stages.breathe()
                slice_end = stages.clock.mono_ns() + SLICE_NS

    async def _make_true(self, plan: Plan, run: _Run) -> Realised:
        stages = self._stages
        opened = plan.fault if isinstance(plan, RaisePlan | PortsPlan | GuestPlan) else None
        if opened is not None:
            run.found[opened.id] = stages.clock.instant()
        realised = await self._drive(stages.controller.realise(plan, run.view, run.now))
        run.make_true(realised)
        return realised

    async def _drive(self, work: Work[T]) -> T:
        """Run pure work in slices, serving everybody else between two of them."""
        clock = self._stages.clock
        slice_end = clock.mono_ns() + SLICE_NS
        while True:
            try:
                next(work)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if clock.mono_ns() >= slice_end:
                await self._stages.breathe()
                slice_end = clock.mono_ns() + SLICE_NS

    def _mark(self, run: _Run, transformed: Instant, evaluated: Instant | None) -> None:
        """Mark T01-T07 of every fault that was opened; T03-T05 are the one commit (D5).

        Events that were left to an evaluator are `evaluated` later, by whoever does it. What did
        not happen is not marked: a fault without a plan found nobody affected.
        """
        probe, committed = self._stages.probe, self._stages.clock.instant()
        told = [e for e in run.events if e.event_type == SERVICE_UPDATE and not e.quiet]
        hosts = Counter(e.fault_id for e in told)
        owners = Counter(e.fault_id for e in run.events if e.project)
        for fault, detected in run.detected.items():
            probe.mark(fault, "T01", detected)
            if fault not in run.found:
                continue
            probe.mark(fault, "T02", run.found[fault])
            if hosts[fault]:
                probe.mark(fault, "T03", committed, count=hosts[fault])
            if count := owners[fault]:
                probe.mark(fault, "T06", run.found[fault], transformed, count)
                if evaluated is not None:
                    probe.mark(fault, "T07", evaluated, count=count)
                probe.mark(fault, "T04", committed, count=count)
                probe.mark(fault, "T05", committed, count=count)


def answered(answer: object) -> object:
    """Return an answer to its caller; raises the one that is a refusal."""
    if isinstance(answer, Refused):
        raise answer
    return answer


def decider_for(deciders: Mapping[type, Decider[Any]], command: Command) -> Decider[Any]:
    """Return the decider of a command; a missing one is a defect of the composition."""
    decider = deciders.get(type(command))
    if decider is None:
        message = f"nobody decides on {type(command).__name__}"
        raise Broken(message)
    return decider
