"""Makes plans for ports true, and decides on what clients and reporters do to ports (D7)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace

from faultwire.controllers.embedded import holding_ports
from faultwire.controllers.embedded.allocating import completed
from faultwire.controllers.embedded.telling_ports import NO_FAULT, PortNews, events, held_by
from faultwire.domain.accounts import Actor, AuditRecord
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.changes import (
    Audited,
    CausesRemoved,
    CausesSaved,
    Change,
    PortsRemoved,
    PortsSaved,
)
from faultwire.domain.commands import RetryUnmatched
from faultwire.domain.decided import Decided, Deciding, Realised, Steps, Work
from faultwire.domain.errors import NotFound, Stale
from faultwire.domain.events import Event
from faultwire.domain.faults import Fault, PlanRecord
from faultwire.domain.ids import FaultId, PortId
from faultwire.domain.instants import Instant
from faultwire.domain.network_commands import (
    CreatePorts,
    DataPlaneReport,
    PortReported,
    RemovePort,
    ReportDataPlane,
    UpdatePort,
)
from faultwire.domain.networks import PortDetails, Reported
from faultwire.domain.plans import PortsPlan
from faultwire.domain.resources import Port
from faultwire.domain.services import NOVA_TERMS, StatusTerms
from faultwire.ports import View

SLICE = 64
"""Ports worked on between two breathing points."""

NAMED = 10
"""Ports that a line of the audit record names; of more it gives the number."""

Rewired = Callable[[Iterable[Port], View], Work[PortsPlan]]
"""Gives the plan of what open faults hold of ports that are new or have moved."""

DETAILS = frozenset(one.name for one in fields(PortDetails))


def realise(
    plan: PortsPlan, view: View, now: Instant, terms: StatusTerms = NOVA_TERMS
) -> Work[Realised]:
    """Return the rows and facts of a plan; a port whose status stays is told to nobody."""
    work = _marked if plan.mark else _told_only
    return (yield from work(plan, view, now, terms))


def _marked(plan: PortsPlan, view: View, now: Instant, terms: StatusTerms) -> Work[Realised]:
    fault = plan.fault
    changed: list[PortNews] = []
    saved: list[Cause] = []
    dropped: list[Cause] = []
    for number, step in enumerate(plan.steps, 1):
        before = view.port(step.port.id) or step.port
        causes = view.causes_of(ResourceKind.PORT, before.id)
        about = fault.id if fault is not None else _about(step.holders, causes)
        why = _why(fault if plan.raised else None, about, view)
        held = holding_ports.held(before, step.holders, causes, why, now.wall_ns)
        saved += held.saved
        dropped += held.dropped
        if held.port is not before:
            stay = tuple(one for one in causes if one not in held.dropped)
            changed.append(PortNews(before, held.port, about, plan.raised, (*stay, *held.saved)))
        if number % SLICE == 0:
            yield

    def fault_of(name: FaultId) -> Fault | None:
        return fault if fault is not None and fault.id == name else view.live_fault(name)

    told: list[Event] = []
    for event in events(changed, view, now, fault_of=fault_of, terms=terms):
        told.append(event)
        if len(told) % SLICE == 0:
            yield
    made: list[Change] = []
    if changed:
        made.append(PortsSaved(tuple(one.after for one in changed if one.after is not None)))
    if dropped:
        made.append(CausesRemoved(tuple(dropped)))
    if saved:
        made.append(CausesSaved(tuple(saved)))
    record = PlanRecord(
        plan.rule,
        fault.host if fault is not None else None,
        ports=len(changed),
        degraded=plan.degraded,
    )
    return Realised(tuple(made), tuple(told), record)


def _told_only(plan: PortsPlan, view: View, now: Instant, terms: StatusTerms) -> Work[Realised]:
    """Tell what a fault would do to ports, or that it is over; none of them is touched."""
    fault = plan.fault
    about = fault.id if fault is not None else NO_FAULT
    why = _why(fault, about, view)
    told: list[PortNews] = []
    for number, step in enumerate(plan.steps, 1):
        port = view.port(step.port.id) or step.port
        causes = view.causes_of(ResourceKind.PORT, port.id)
        shown = holding_ports.held(port, step.holders, causes, why, now.wall_ns).port
        if shown is not port:
            before, after = (port, shown) if plan.raised else (shown, port)
            told.append(PortNews(before, after, about, plan.raised))
        if number % SLICE == 0:
            yield
    record = PlanRecord(plan.rule, fault.host if fault else None, degraded=plan.degraded)
    return Realised((), tuple(events(told, view, now, terms=terms)), record)


def _about(holders: tuple[FaultId, ...], causes: tuple[Cause, ...]) -> FaultId:
    """Return the fault that a port's change is about, where no fault came or went."""
    if holders:
        return holders[0]
    return causes[0].fault_id if causes else NO_FAULT


def _why(opened: Fault | None, about: FaultId, view: View) -> tuple[str, str]:
    """Return reason and source of the status that a fault sets."""
    fault = opened or view.live_fault(about)
    if fault is None:
        return "", f"fault {about}"
    resource = " ".join(f"{key}={value}" for key, value in sorted(fault.resource.items()))
    return f"{fault.type.name} {resource}", f"fault {fault.id}"


# ---------------------------------------------------------------- what clients do


class CreatePortsDecider:
    """Creates ports; what an open fault holds of them is down at once."""

    def __init__(self, rewired: Rewired, terms: StatusTerms = NOVA_TERMS) -> None:
        """Take what tells of open faults, and how host_status is formed."""
        self._rewired = rewired
        self._terms = terms

    def decide(self, command: CreatePorts, view: View, now: Instant) -> Deciding:
        """Answer the ports as they are once all of it is true."""
        made = completed(command.ports, view, now)
        yield Decided(changes=(PortsSaved(made),))
        yield from _rechecked(self._rewired, made, view)
        stored = tuple(view.port(one.id) or one for one in made)
        line = _line("port.create", [one.id for one in made], "", command.actor, now)
        return Decided(answer=stored, changes=(Audited((line,)),), then=(RetryUnmatched(),))


class UpdatePortDecider:
    """Changes a port; its data-plane status only where somebody reports one (S101)."""

    def __init__(self, rewired: Rewired, terms: StatusTerms = NOVA_TERMS) -> None:
        """Take what tells of open faults, and how host_status is formed."""
        self._rewired = rewired
        self._terms = terms

    def decide(self, command: UpdatePort, view: View, now: Instant) -> Deciding:
        """Answer the port as stored; what changes nothing is told nobody and written nowhere."""
        before = present(command.port, view, command.if_revision)
        edited = after = _edited(before, command.fields, view)
        if command.report is not None:
            after = holding_ports.reported(edited, _said(command.report, now))
        if after is before:
            yield None
            return Decided(answer=before)
        after = replace(
            after,
            revision=before.revision + 1,
            details=replace(after.details, updated_ns=now.wall_ns),
        )
        news = PortNews(before, after, holders=held_by(before, view))
        told: tuple[Event, ...] = ()
        if news.moved or edited is not before:
            told = tuple(events((news,), view, now, terms=self._terms))
        yield Decided(changes=(PortsSaved((after,)),), events=told)
        if _place(before) != _place(after):
            yield from _rechecked(self._rewired, (after,), view)
        detail = _reported(command.report) if news.moved else ""
        line = _line("port.update", [before.id], detail, command.actor, now)
        return Decided(answer=view.port(before.id), changes=(Audited((line,)),))


class RemovePortDecider:
    """Deletes a port; faults that held it hold nothing any more."""

    def __init__(self, terms: StatusTerms = NOVA_TERMS) -> None:
        """Take how host_status is formed."""
        self._terms = terms

    def decide(self, command: RemovePort, view: View, now: Instant) -> Deciding:
        """Answer None."""
        before = present(command.port, view, command.if_revision)
        told = tuple(events((PortNews(before, None),), view, now, terms=self._terms))
        yield None
        line = _line("port.delete", [before.id], "", command.actor, now)
        return Decided(changes=(PortsRemoved((before.id,)), Audited((line,))), events=told)


class ReportDecider:
    """Takes a report on many ports: one commit, an event for each port that changed."""

    def __init__(self, terms: StatusTerms = NOVA_TERMS) -> None:
        """Take how host_status is formed."""
        self._terms = terms

    def decide(self, command: ReportDataPlane, view: View, now: Instant) -> Deciding:
        """Answer a `PortReported` for each port, in order."""
        names = _meant(command, view)
        said = _said(command.report, now)
        answers: list[PortReported] = []
        news: dict[PortId, PortNews] = {}
        for number, name in enumerate(names, 1):
            before = view.port(name)
            if before is None:
                answers.append(PortReported(name, None, f"Port {name} could not be found."))
                continue
            after = holding_ports.reported(before, said)
            if after is not before:
                news[name] = PortNews(before, after, holders=held_by(before, view))
            answers.append(PortReported(name, after.data_plane_status))
            if number % SLICE == 0:
                yield None
        if not news:
            return Decided(answer=tuple(answers))
        told = yield from self._told([one for one in news.values() if one.moved], view, now)
        saved = PortsSaved(tuple(one.after for one in news.values() if one.after is not None))
        detail = _reported(command.report)
        line = _line("port.report", list(news), detail, command.actor, now)
        return Decided(answer=tuple(answers), changes=(saved, Audited((line,))), events=told)

    def _told(self, news: list[PortNews], view: View, now: Instant) -> Steps[tuple[Event, ...]]:
        found: list[Event] = []
        for event in events(news, view, now, terms=self._terms):
            found.append(event)
            if len(found) % SLICE == 0:
                yield None
        return tuple(found)


def present(name: PortId, view: View, if_revision: frozenset[int] | None) -> Port:
    """Return a port; raises NotFound, and Stale where its revision is none of these."""
    port = view.port(name)
    if port is None:
        raise NotFound(f"Port {name} could not be found.")
    refuse_stale("port", port.revision, if_revision)
    return port


def refuse_stale(kind: str, revision: int, if_revision: frozenset[int] | None) -> None:
    """Raise Stale where a revision is none of those that the caller knows."""
    if if_revision is not None and revision not in if_revision:
        known = ", ".join(map(str, sorted(if_revision)))
        raise Stale(f"Constrained to {known}, but current revision of the {kind} is {revision}")


def _meant(command: ReportDataPlane, view: View) -> tuple[PortId, ...]:
    if command.host is None:
        return tuple(dict.fromkeys(command.ports))
    if view.host(command.host) is None:
        raise NotFound(f"Host {command.host} could not be found.")
    return tuple(one.id for one in view.plugs.ports_on(command.host))


def _rechecked(rewired: Rewired, ports: tuple[Port, ...], view: View) -> Steps[None]:
    """Have what open faults hold of ports that came or moved made true."""
    plan = yield from rewired(ports, view)
    if plan.steps:
        yield plan


def _said(report: DataPlaneReport, now: Instant) -> Reported:
    if report.status is None and not report.reason:
        return Reported()
    return Reported(report.status, report.reason, report.source, now.wall_ns)


def _edited(before: Port, said: Mapping[str, object], view: View) -> Port:
    """Return a port with other values; the same one where they are as they were."""
    own = {name: value for name, value in said.items() if name not in DETAILS}
    about = {name: value for name, value in said.items() if name in DETAILS}
    details = replace(before.details, **about) if about else before.details  # type: ignore[arg-type]
    after = replace(before, details=details, **own)  # type: ignore[arg-type]
    if after == before:
        return before
    if (after.addresses, after.details.mac_address) != (
        before.addresses,
        before.details.mac_address,
    ):
        completed((after,), view, None, known=before)
    return after


def _place(port: Port) -> tuple[object, ...]:
    return port.server, port.host, port.network, port.physical_network


def _reported(report: DataPlaneReport | None) -> str:
    return f"data_plane_status {report.status or 'unset'}" if report is not None else ""


def _line(
    action: str, names: list[PortId], detail: str, actor: Actor, now: Instant
) -> AuditRecord:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    target = ", ".join(names[:NAMED])
    return AuditRecord(now.wall_ns, actor, action, f"{target}{more}", detail)
