"""Acts on their way from a plan to a controller: guards are asked, what they say is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from faultwire.domain import deeds
from faultwire.domain.acts import Act, ActKind, Verdict
from faultwire.domain.changes import Change, FaultsSaved
from faultwire.domain.decided import Decided, Steps
from faultwire.domain.faults import (
    ACTS_REFUSED,
    HOST_DOWN,
    Decision,
    Evidence,
    Fault,
    identity_of,
)
from faultwire.domain.guard_changes import ActsDone, ActsNoted
from faultwire.domain.guarding import Acted, Refused
from faultwire.domain.ids import HostName, derived
from faultwire.domain.instants import Instant
from faultwire.domain.plans import GuestPlan, PortsPlan, RaisePlan, ServerStep
from faultwire.domain.states import VmState
from faultwire.inspector import guard_settings, telling
from faultwire.inspector.limits import ACT_GUARDS, ActGuard, Facts, Signs, ask, no_signs, planned
from faultwire.inspector.settings import Settings
from faultwire.ports import View
from faultwire.resourcemap.acts import ActBook

P = TypeVar("P", bound=RaisePlan | PortsPlan | GuestPlan)

LET_PASS = "no guard has anything against it"  # noqa: S105 - a sentence
TOLD_ONLY = "owners are told; nothing is done"
SOURCE = "guard"


@dataclass(frozen=True, slots=True)
class Guards:
    """Implements `ports.Judge`; all that guards need beside the view, wired once.

    The book and the signs are only read. `rows` are asked in order.
    """

    settings: guard_settings.Settings = field(default_factory=guard_settings.Settings)
    book: ActBook = field(default_factory=ActBook)
    signs: Signs = no_signs
    rows: Sequence[ActGuard] = ACT_GUARDS

    def judge(self, act: Act, view: View, now: Instant, about: Fault | None = None) -> Verdict:
        """Return the word of the guards on an act that is about to be done."""
        return ask(self.facts(act, view, now, about), self.rows)

    def facts(
        self,
        act: Act,
        view: View,
        now: Instant,
        about: Fault | None = None,
        pending: tuple[Acted, ...] = (),
    ) -> Facts:
        """Return what guards look at; the fault is looked up where none is given."""
        if about is None and act.fault is not None:
            about = view.live_fault(act.fault)
        return Facts(act, about, self.book, view, now, self.settings, self.signs, pending)

    def asked(self, act: Act, view: View, now: Instant) -> Steps[Verdict]:
        """Judge an act that somebody asks for by name, and have the word on it kept."""
        verdict = self.judge(act, view, now)
        fault = _fault_of(act, view)
        said = deeds.undone(fault, act.kind) if fault is not None else None
        if verdict.allowed:
            if fault is not None and said is not None:
                yield _recorded(fault, deeds.done(act.kind, LET_PASS), now)
            yield Decided(changes=self.noted(act, now))
            return verdict
        if fault is None or said != verdict.guard:
            refused = Refused(act.kind, act.host, verdict.guard, verdict.words)
            if fault is not None:
                line = deeds.refused(act.kind, verdict.guard, verdict.words)
                yield _recorded(fault, line, now)
            yield Decided(changes=kept((), now, (refused,)))
            yield from _told(verdict.guard, [(fault, refused)], view, now)
        return verdict

    def noted(self, act: Act, now: Instant) -> tuple[Change, ...]:
        """Return the changes by which an act that is done counts from now on.

        Evacuating a host is one act, however many servers leave it one after the other.
        """
        window_ns = self.settings.window_seconds * 1_000_000_000
        same = (act.kind, act.host, act.fault)
        for one in self.book.recent(now, window_ns):
            if (one.kind, one.host, one.fault) == same and not one.shadow:
                return ()
        return kept((acted(act, now),), now)


def acted(act: Act, now: Instant, *, shadow: bool = False) -> Acted:
    """Return an act as it is remembered."""
    name = derived("act", act.kind, act.host, act.fault or "", now.wall_ns)
    return Acted(name, now.wall_ns, act.kind, act.host, act.fault, act.asked_by, shadow)


def kept(
    acts: tuple[Acted, ...], now: Instant, refused: tuple[Refused, ...] = ()
) -> tuple[Change, ...]:
    """Return what remembers acts, and what counts those that were refused."""
    made: list[Change] = [ActsDone(acts)] if acts else []
    if acts or refused:
        made.append(ActsNoted(now.mono_ns, acts, refused))
    return tuple(made)


class Acting:
    """The acts of one command; `settle` records them once all are known."""

    def __init__(
        self, guards: Guards, settings: Settings, now: Instant, asked_by: str = ""
    ) -> None:
        """Take the guards; `asked_by` is the operator whose own wish it is."""
        self.settings = settings
        self.refused: list[tuple[Fault, Refused]] = []
        self._guards = guards
        self._now = now
        self._asked_by = asked_by
        self._done: list[Acted] = []

    def ask(self, plan: P, fault: Fault, rule: str, view: View) -> tuple[P, tuple[Decision, ...]]:
        """Return the plan as far as guards let it be done, and what they said."""
        kind = _act_of(plan)
        if kind is None:
            return plan, ()
        host = fault.host or HostName("")
        act = Act(kind, host, fault.id, f"rule {rule}", self._asked_by)
        # What an operator asks for by name he wants done.
        shadow = not self._asked_by and self.settings.shadows(rule)
        facts = replace(
            self._guards.facts(act, view, self._now, fault, tuple(self._done)), shadow=shadow
        )
        verdict = ask(facts, self._guards.rows)
        if not verdict.allowed:
            self.refused.append((fault, Refused(kind, host, verdict.guard, verdict.words)))
            told = _told_only(plan)
            if isinstance(told, RaisePlan) and planned(facts):
                told = replace(told, planned=True)
            return told, (deeds.refused(kind, verdict.guard, verdict.words),)
        self._done.append(acted(act, self._now, shadow=shadow))
        if shadow:
            return _told_only(plan), (deeds.shadowed(kind, f"it would be done; {LET_PASS}"),)
        return plan, (deeds.done(kind, LET_PASS),)

    def said_before(self) -> None:
        """Leave out the last refusal: it was counted and told when it was first made."""
        if self.refused and not self._asked_by:
            self.refused.pop()

    def settle(self, view: View) -> Steps[None]:
        """Remember what was done, and tell the administrators once of what was not."""
        refused = tuple(one for _, one in self.refused)
        changes = kept(tuple(self._done), self._now, refused)
        if changes:
            yield Decided(changes=changes)
        by_guard: dict[str, list[tuple[Fault, Refused]]] = {}
        for fault, one in self.refused:
            by_guard.setdefault(one.guard, []).append((fault, one))
        for guard, some in by_guard.items():
            yield from _told(guard, some, view, self._now)
        self._done, self.refused = [], []


def _told(
    guard: str, some: Sequence[tuple[Fault | None, Refused]], view: View, now: Instant
) -> Steps[None]:
    """Open the fault that says that a guard refuses, or fold into the one that is open."""
    said = tuple(
        Evidence(SOURCE, guard, "refused", now.wall_ns, details=_details(fault, one))
        for fault, one in some
    )
    yield from telling.counted(ACTS_REFUSED, {"guard": guard}, said, view, now)


def _fault_of(act: Act, view: View) -> Fault | None:
    """Return the fault in whose record the word on an act belongs."""
    if act.fault is not None:
        return view.live_fault(act.fault)
    return view.open_fault(identity_of(HOST_DOWN, {"hostname": act.host}))


def _recorded(fault: Fault, line: Decision, now: Instant) -> Decided:
    after = replace(fault, decisions=(*fault.decisions, line), updated_ns=now.wall_ns)
    return Decided(changes=(FaultsSaved((after,)),))


def _details(fault: Fault | None, refused: Refused) -> dict[str, object]:
    return {
        "fault": fault.id if fault is not None else "",
        "act": refused.kind.value,
        "host": refused.host,
        "words": refused.words,
    }


def _act_of(plan: RaisePlan | PortsPlan | GuestPlan) -> ActKind | None:
    if isinstance(plan, RaisePlan):
        return ActKind.FORCE_DOWN if plan.force_down else None
    return ActKind.MARK_PORTS if isinstance(plan, PortsPlan) and plan.steps else None


def _told_only(plan: P) -> P:
    """Return a plan by which owners hear the same, and nothing is done to anything."""
    if isinstance(plan, RaisePlan):
        steps = tuple([ServerStep(one.server, None, VmState.ERROR) for one in plan.servers])
        return replace(plan, force_down=False, servers=steps)
    return replace(plan, mark=False) if isinstance(plan, PortsPlan) else plan
