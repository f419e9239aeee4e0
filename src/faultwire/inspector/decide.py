"""Decisions on reports, closings and waiting faults (S1, D4, D20, D22)."""

from collections.abc import Sequence
from dataclasses import replace

from faultwire.domain.accounts import AuditRecord
from faultwire.domain.changes import Audited, FaultsSaved
from faultwire.domain.commands import CloseFault, FaultAnswer, ReportFaults, RetryUnmatched
from faultwire.domain.decided import Decided, Deciding, Steps
from faultwire.domain.errors import NotFound
from faultwire.domain.faults import (
    EVIDENCE_KEPT,
    HOST_DOWN,
    Decision,
    Evidence,
    Fault,
    FaultState,
    Outcome,
    PlanRecord,
    Report,
)
from faultwire.domain.instants import Instant
from faultwire.domain.network_commands import RecheckPorts
from faultwire.domain.plans import PortsPlan
from faultwire.inspector import again, alerts, clearing, guards, telling
from faultwire.inspector.acting import TOLD_ONLY, Acting, Guards
from faultwire.inspector.match import Match, match
from faultwire.inspector.rules import NO_RULE, RULES, Rule
from faultwire.inspector.settings import Recover, Settings
from faultwire.ports import View

DEGRADED = "degraded"
"""Name of the decisions that say what has fewer ways than it should."""

NO_BOOK = Guards()
"""Guards that know of no act, no window and no sign: for tests of the rest."""

NAMED = 10
"""Faults that a line of the audit record names; of more it gives the number."""


class ReportsDecider:
    """Decides on reports, in order; each sees what the ones before it made true."""

    def __init__(self, settings: Settings, acts: Guards = NO_BOOK) -> None:
        """Take the settings, and the guards on acts; there is no other state."""
        self._settings = settings
        self._acts = acts

    def decide(self, command: ReportFaults, view: View, now: Instant) -> Deciding:
        """Answer a `FaultAnswer` per report: opened, folded, closed or waiting."""
        answers, moved = [], []
        acting = Acting(self._acts, self._settings, now)
        for report in command.reports:
            found = match(report.type, report.resource, view)
            known = replace(report, resource=found.resource)
            # What waits for its resource is known by the name under which it was reported.
            fault = view.open_fault(known.identity) or view.open_fault(report.identity)
            if not report.raised:
                answer = yield from self._clear(known, found, fault, view, now)
            elif fault is None:
                answer = yield from self._open(known, found, view, now, acting)
            else:
                answer = yield from self._fold(known, found, fault, view, now, acting)
            answers.append(answer)
            if command.actor.source and (fault is None or answer.state is FaultState.CLOSED):
                moved.append(answer)
        yield from acting.settle(view)
        line = _reported(moved, command, now) if moved else ()
        return Decided(answer=tuple(answers), changes=line)

    def _open(
        self, report: Report, found: Match, view: View, now: Instant, acting: Acting
    ) -> Steps[FaultAnswer]:
        record, vetoed = guards.ask(report, self._settings)
        fault = Fault(
            report.id,
            report.type,
            report.resource,
            FaultState.OPEN,
            now.wall_ns,
            now.wall_ns,
            found.host,
            evidence=(report.evidence,),
            decisions=(found.decision, *record),
        )
        if vetoed:
            closed = replace(
                fault, state=FaultState.CLOSED, closed_ns=now.wall_ns, closed_by="guard"
            )
            yield Decided(changes=(FaultsSaved((closed,)),))
            return FaultAnswer(closed.id, closed.state)
        if not found.found:
            waiting = replace(fault, state=FaultState.UNMATCHED)
            yield telling.raised(waiting, report.detected, now)
            return FaultAnswer(waiting.id, waiting.state)
        yield from open_fault(fault, report.detected, view, now, acting)
        return FaultAnswer(fault.id, fault.state)

    def _fold(
        self,
        report: Report,
        found: Match,
        fault: Fault,
        view: View,
        now: Instant,
        acting: Acting,
    ) -> Steps[FaultAnswer]:
        folded = replace(
            fault,
            repeats=fault.repeats + 1,
            updated_ns=now.wall_ns,
            evidence=with_evidence(fault.evidence, report.evidence),
        )
        if fault.state is FaultState.UNMATCHED and found.found:
            yield from appear(folded, found, view, now, acting)
            return FaultAnswer(fault.id, FaultState.OPEN)
        if report.evidence.source in guards.OWN_MONITORS and again.waits_for_verdict(folded):
            folded = yield from again.act(folded, view, acting)
        yield Decided(changes=(FaultsSaved((folded,)),))
        return FaultAnswer(folded.id, folded.state)

    def _clear(
        self, report: Report, found: Match, fault: Fault | None, view: View, now: Instant
    ) -> Steps[FaultAnswer]:
        if fault is None:
            why = "no such fault is open"
            nothing = Fault(
                report.id,
                report.type,
                report.resource,
                FaultState.CLOSED,
                now.wall_ns,
                now.wall_ns,
                found.host,
                closed_ns=now.wall_ns,
                closed_by=report.evidence.reporter,
                evidence=(report.evidence,),
                decisions=(found.decision, Decision("clear", Outcome.SKIPPED, why)),
            )
            yield Decided(changes=(FaultsSaved((nothing,)),))
            return FaultAnswer(nothing.id, nothing.state)
        told = replace(fault, evidence=with_evidence(fault.evidence, report.evidence))
        if alerts.still_firing(told, report.evidence):
            # One alert of several about the same thing is over.
            yield Decided(changes=(FaultsSaved((told,)),))
            return FaultAnswer(fault.id, fault.state)
        if (
            report.evidence.source in guards.OWN_MONITORS
            and fault.type.name != HOST_DOWN
            and clearing.holds_host(fault)
            and self._settings.recover is not Recover.AUTO
        ):
            # What merely answers again gives back no host that was forced down (D20).
            yield Decided(changes=(FaultsSaved((told,)),))
            return FaultAnswer(fault.id, fault.state)
        yield from clearing.close(told, report.evidence.reporter, view, now, self._settings)
        return FaultAnswer(fault.id, FaultState.CLOSED)


def _reported(
    moved: Sequence[FaultAnswer], command: ReportFaults, now: Instant
) -> tuple[Audited, ...]:
    """Return one line on the faults that a caller from outside opened or closed by a request.

    What our own monitors report stands in the faults alone, and so does what changed nothing.
    """
    first = command.reports[0]
    more = f" and {len(command.reports) - 1} more" if len(command.reports) > 1 else ""
    named = ", ".join(answer.id for answer in moved[:NAMED])
    rest = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    said = first.type.name if first.raised else first.type.clear
    about = "|".join(f"{key}={value}" for key, value in sorted(first.resource.items()))
    line = AuditRecord(
        now.wall_ns, command.actor, "fault.report", f"{named}{rest}", f"{said} {about}{more}"
    )
    return (Audited((line,)),)


def open_fault(
    fault: Fault, detected: Instant, view: View, now: Instant, acting: Acting
) -> Steps[None]:
    """Ask the rule of a matched fault's type, have its plan made true, and record both.

    What guards refuse of it is not done; owners are told in the same commit all the same.
    """
    rule = RULES.get(fault.type.name)
    if rule is None:
        why = f"no rule acts on {fault.type.name}; recorded"
        opened = replace(
            fault,
            plan=PlanRecord(NO_RULE, fault.host),
            decisions=(*fault.decisions, Decision(NO_RULE, Outcome.SKIPPED, why)),
        )
    else:
        wanted = yield from rule.plan(fault, view, acting.settings)
        plan, said = acting.ask(wanted, fault, rule.name, view)
        realised = yield plan
        left = plan.degraded if isinstance(plan, PortsPlan) else ()
        opened = replace(
            fault,
            plan=realised.record if realised else None,
            decisions=(
                *fault.decisions,
                _ruled(rule, done=plan is wanted),
                *said,
                *(Decision(DEGRADED, Outcome.APPLIED, text) for text in left[:NAMED]),
            ),
        )
    yield telling.raised(opened, detected, now)


def _ruled(rule: Rule, *, done: bool) -> Decision:
    if done:
        return Decision(rule.name, Outcome.APPLIED, rule.why)
    return Decision(rule.name, Outcome.SKIPPED, f"{rule.why}: {TOLD_ONLY}")


def appear(waiting: Fault, found: Match, view: View, now: Instant, acting: Acting) -> Steps[None]:
    """Open a fault whose resource has appeared, under its own id.

    If another fault stands for that resource already, it joins that one and is closed: no two
    open faults are about the same thing.
    """
    known = replace(
        waiting,
        resource=found.resource,
        host=found.host,
        state=FaultState.OPEN,
        updated_ns=now.wall_ns,
        decisions=(*waiting.decisions, found.decision),
    )
    other = view.open_fault(known.identity)
    if other is None or other.state is FaultState.UNMATCHED:
        # It was detected when it was first reported, not when its resource appeared.
        detected = Instant(waiting.evidence[0].received_ns)
        yield from open_fault(known, detected, view, now, acting)
        return
    why = f"fault {other.id} is open for it already"
    joined = replace(
        known,
        state=FaultState.CLOSED,
        closed_ns=now.wall_ns,
        closed_by=f"fault {other.id}",
        decisions=(*known.decisions, Decision("join", Outcome.APPLIED, why)),
    )
    evidence = other.evidence
    for one in waiting.evidence:
        evidence = with_evidence(evidence, one)
    repeats = other.repeats + waiting.repeats + 1
    told = replace(other, repeats=repeats, updated_ns=now.wall_ns, evidence=evidence)
    yield Decided(changes=(FaultsSaved((told,)),))
    yield telling.cleared(joined, now)


def with_evidence(held: tuple[Evidence, ...], new: Evidence) -> tuple[Evidence, ...]:
    """Add a statement; beyond the limit the oldest but the first gives way.

    What an alert says anew stands where it spoke before.
    """
    place = alerts.place_of(held, new)
    if place is not None:
        return (*held[:place], new, *held[place + 1 :])
    if len(held) < EVIDENCE_KEPT:
        return (*held, new)
    return (held[0], *held[2:], new)


class CloseDecider:
    """Decides on an operator's wish to close a fault (D20)."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; there is no other state."""
        self._settings = settings

    def decide(self, command: CloseFault, view: View, now: Instant) -> Deciding:
        """Close a live fault; NotFound for one that is closed or unknown."""
        fault = view.live_fault(command.fault_id)
        if fault is None:
            message = f"no open fault {command.fault_id}"
            raise NotFound(message)
        actor = command.actor
        yield from clearing.close(fault, actor.user, view, now, self._settings)
        line = AuditRecord(now.wall_ns, actor, "fault.close", fault.id, fault.identity)
        return Decided(
            answer=FaultAnswer(fault.id, FaultState.CLOSED), changes=(Audited((line,)),)
        )


class RetryDecider:
    """Looks again at the faults whose resource was not in the map (D22)."""

    def __init__(self, settings: Settings, acts: Guards = NO_BOOK) -> None:
        """Take the settings, and the guards on acts; there is no other state."""
        self._settings = settings
        self._acts = acts

    def decide(self, command: RetryUnmatched, view: View, now: Instant) -> Deciding:
        """Open every waiting fault whose resource has appeared, under its own id."""
        del command
        acting = Acting(self._acts, self._settings, now)
        for fault in view.unmatched():
            found = match(fault.type, fault.resource, view)
            yield None
            if found.found:
                yield from appear(fault, found, view, now, acting)
        yield from acting.settle(view)
        # What appeared may hang on a link or a switch that is known to be down.
        return Decided(then=(RecheckPorts(),))
