"""Decisions on reports, closings and waiting faults (S1, D4, D20, D22)."""

from dataclasses import replace

from faultwire.domain.accounts import AuditRecord
from faultwire.domain.changes import Audited, FaultsSaved
from faultwire.domain.commands import CloseFault, FaultAnswer, ReportFaults, RetryUnmatched
from faultwire.domain.decided import Decided, Deciding, Steps
from faultwire.domain.errors import NotFound
from faultwire.domain.faults import (
    EVIDENCE_KEPT,
    Decision,
    Evidence,
    Fault,
    FaultState,
    Outcome,
    PlanRecord,
    Report,
)
from faultwire.domain.instants import Instant
from faultwire.inspector import clearing, guards, telling
from faultwire.inspector.match import Match, match
from faultwire.inspector.rules import NO_RULE, RULES
from faultwire.inspector.settings import Settings
from faultwire.ports import View


class ReportsDecider:
    """Decides on reports, in order; each sees what the ones before it made true."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; there is no other state."""
        self._settings = settings

    def decide(self, command: ReportFaults, view: View, now: Instant) -> Deciding:
        """Answer a `FaultAnswer` per report: opened, folded, closed or waiting."""
        answers = []
        for report in command.reports:
            found = match(report.type, report.resource, view)
            report_now = replace(report, resource=found.resource)
            fault = view.open_fault(report_now.identity)
            if not report.raised:
                answer = yield from self._clear(report_now, fault, view, now)
            elif fault is None:
                answer = yield from self._open(report_now, found, view, now)
            else:
                answer = yield from self._fold(report_now, fault, now)
            answers.append(answer)
        return Decided(answer=tuple(answers))

    def _open(self, report: Report, found: Match, view: View, now: Instant) -> Steps[FaultAnswer]:
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
        yield from open_fault(fault, report.detected, view, now, self._settings)
        return FaultAnswer(fault.id, fault.state)

    def _fold(self, report: Report, fault: Fault, now: Instant) -> Steps[FaultAnswer]:
        folded = replace(
            fault,
            repeats=fault.repeats + 1,
            updated_ns=now.wall_ns,
            evidence=with_evidence(fault.evidence, report.evidence),
        )
        yield Decided(changes=(FaultsSaved((folded,)),))
        return FaultAnswer(folded.id, folded.state)

    def _clear(
        self, report: Report, fault: Fault | None, view: View, now: Instant
    ) -> Steps[FaultAnswer]:
        if fault is None:
            nothing = Fault(
                report.id,
                report.type,
                report.resource,
                FaultState.CLOSED,
                now.wall_ns,
                now.wall_ns,
                closed_ns=now.wall_ns,
                closed_by=report.evidence.reporter,
                evidence=(report.evidence,),
                decisions=(Decision("clear", Outcome.SKIPPED, "no such fault is open"),),
            )
            yield Decided(changes=(FaultsSaved((nothing,)),))
            return FaultAnswer(nothing.id, nothing.state)
        told = replace(fault, evidence=with_evidence(fault.evidence, report.evidence))
        yield from clearing.close(told, report.evidence.reporter, view, now, self._settings)
        return FaultAnswer(fault.id, FaultState.CLOSED)


def open_fault(
    fault: Fault, detected: Instant, view: View, now: Instant, settings: Settings
) -> Steps[None]:
    """Ask the rule of a matched fault's type, have its plan made true, and record both."""
    rule = RULES.get(fault.type.name)
    if rule is None:
        why = f"no rule acts on {fault.type.name}; recorded"
        opened = replace(
            fault,
            plan=PlanRecord(NO_RULE, fault.host),
            decisions=(*fault.decisions, Decision(NO_RULE, Outcome.SKIPPED, why)),
        )
    else:
        plan = yield from rule.plan(fault, view, settings)
        realised = yield plan
        opened = replace(
            fault,
            plan=realised.record if realised else None,
            decisions=(*fault.decisions, Decision(rule.name, Outcome.APPLIED, rule.why)),
        )
    yield telling.raised(opened, detected, now)


def with_evidence(held: tuple[Evidence, ...], new: Evidence) -> tuple[Evidence, ...]:
    """Add a statement; beyond the limit the oldest but the first gives way."""
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

    def __init__(self, settings: Settings) -> None:
        """Take the settings; there is no other state."""
        self._settings = settings

    def decide(self, command: RetryUnmatched, view: View, now: Instant) -> Deciding:
        """Open every waiting fault whose resource has appeared, under its own id."""
        del command
        for fault in view.unmatched():
            found = match(fault.type, fault.resource, view)
            yield None
            if not found.found:
                continue
            known = replace(
                fault,
                resource=found.resource,
                host=found.host,
                state=FaultState.OPEN,
                updated_ns=now.wall_ns,
                decisions=(*fault.decisions, found.decision),
            )
            yield from open_fault(known, now, view, now, self._settings)
        return Decided()
