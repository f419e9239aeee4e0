"""What deciding code hands to the lane."""

from collections.abc import Collection, Generator
from dataclasses import dataclass
from typing import TypeVar

from faultwire.domain.changes import Change, DeliveriesQueued, WatchesMoved
from faultwire.domain.commands import Command
from faultwire.domain.events import Event
from faultwire.domain.faults import PlanRecord
from faultwire.domain.ids import FaultId, ProjectId
from faultwire.domain.instants import Instant
from faultwire.domain.plans import Plan

T = TypeVar("T")

Work = Generator[None, None, T]
"""Pure work in slices: it yields where the event loop may serve others, and returns its result."""


@dataclass(frozen=True, slots=True)
class Realised:
    """What a controller makes of a plan: rows to write and facts to tell."""

    changes: tuple[Change, ...] = ()
    events: tuple[Event, ...] = ()
    record: PlanRecord | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision on one command, before any evaluator saw it.

    `answer` goes to the caller after the commit; one that is a `Refused` is raised there, where
    what was refused had to be recorded. `then` are commands that follow at once.
    `detected` maps each fault that this decision opened to its T01; a clear has no timeline.
    """

    answer: object = None
    changes: tuple[Change, ...] = ()
    events: tuple[Event, ...] = ()
    then: tuple[Command, ...] = ()
    detected: tuple[tuple[FaultId, Instant], ...] = ()


Steps = Generator[Plan | Decided | None, Realised | None, T]
"""Part of a decision in the making.

It yields a plan that a controller must make true before it goes on (and is sent what came of
it), a part of the decision that the rest builds on, or None where others may be served.
"""

Deciding = Steps[Decided]
"""A whole decision in the making."""


@dataclass(frozen=True, slots=True)
class Fired:
    """What the evaluator makes of events: alarms that moved and webhooks that are owed."""

    changes: tuple[Change, ...] = ()
    transitions: int = 0
    deliveries: int = 0

    def without(self, gone: Collection[ProjectId]) -> "Fired":
        """Return the same without what subscribers of these projects are told: they are gone."""
        if not gone:
            return self
        kept: list[Change] = []
        for change in self.changes:
            match change:
                case WatchesMoved(watches):
                    kept.append(WatchesMoved(tuple(w for w in watches if w.project not in gone)))
                case DeliveriesQueued(deliveries):
                    left = tuple(one for one in deliveries if one.project not in gone)
                    kept.append(DeliveriesQueued(left))
                case _:
                    kept.append(change)
        return Fired(tuple(kept), self.transitions, self.deliveries)
