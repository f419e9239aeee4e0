"""Makes plans true on the embedded store: hosts, servers and their causes (D6, D20)."""

from collections import defaultdict
from dataclasses import dataclass, field, replace

from faultwire.controllers.embedded import guests, holding, ports, telling
from faultwire.domain.causes import Cause, ResourceKind, standing
from faultwire.domain.changes import (
    CausesRemoved,
    CausesSaved,
    Change,
    EvacuationsRemoved,
    HostsSaved,
    ServersMoved,
)
from faultwire.domain.decided import Realised, Work
from faultwire.domain.events import Event
from faultwire.domain.faults import Fault, PlanRecord, Severity, worst
from faultwire.domain.ids import FaultId, HostName, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.plans import ClearPlan, GuestPlan, Plan, PortsPlan, RaisePlan, ReturnPlan
from faultwire.domain.resources import Evacuation, Host, Server
from faultwire.domain.services import NOVA_TERMS, StatusTerms
from faultwire.domain.states import AgentState
from faultwire.ports import View

SLICE = 64
"""Servers worked on between two breathing points."""

_DOWN, _UP = "down", "up"


@dataclass(slots=True)
class _Harvest:
    """What one plan gathers on its way."""

    moved: dict[HostName, list[Server]] = field(default_factory=lambda: defaultdict(list))
    hosts: list[Host] = field(default_factory=list)
    saved: list[Cause] = field(default_factory=list)
    dropped: list[Cause] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    confirmed: tuple[Evacuation, ...] = ()
    seen: int = 0

    def keep(self, before: Server, held: holding.Held) -> None:
        self.seen += 1
        if held.server is not before:
            self.moved[held.server.host].append(held.server)
        self.saved.extend(held.saved)
        self.dropped.extend(held.dropped)

    def realised(self, record: PlanRecord | None = None) -> Realised:
        changes: list[Change] = []
        if self.hosts:
            changes.append(HostsSaved(tuple(self.hosts)))
        changes.extend(ServersMoved(host, tuple(some)) for host, some in self.moved.items())
        if self.confirmed:
            changes.append(EvacuationsRemoved(self.confirmed))
        if self.dropped:
            changes.append(CausesRemoved(tuple(self.dropped)))
        if self.saved:
            changes.append(CausesSaved(tuple(self.saved)))
        return Realised(tuple(changes), tuple(self.events), record)


class EmbeddedController:
    """Implements `ports.Controller` for the store that we own; pure."""

    def __init__(self, terms: StatusTerms = NOVA_TERMS) -> None:
        """Take how host_status is formed."""
        self._terms = terms

    def realise(self, plan: Plan, view: View, now: Instant) -> Work[Realised]:
        """Return the rows and facts that follow; one event per affected server, no more."""
        match plan:
            case RaisePlan():
                return _raise(plan, view, now, self._terms)
            case ClearPlan():
                return _clear(plan, view, now, self._terms)
            case ReturnPlan():
                return _return(plan, view, now, self._terms)
            case PortsPlan():
                return ports.realise(plan, view, now, self._terms)
            case GuestPlan():
                return guests.realise(plan, view, now)


class _Standing:
    """How bad servers stand after a plan: by what holds them, and by what holds their hosts.

    `fault` is the plan's own, which the view may not know yet; `host` is the one that it holds
    once the plan is true.
    """

    def __init__(
        self, view: View, fault: Fault | None = None, host: HostName | None = None
    ) -> None:
        self._view = view
        self._fault = fault
        self._host = host
        self._hosts: dict[HostName, Severity] = {}

    def host(self, host: HostName) -> Severity:
        found = self._hosts.get(host)
        if found is None:
            mine = self._fault
            held = self._view.causes_of(ResourceKind.HOST, host)
            others = [cause for cause in held if mine is None or cause.fault_id != mine.id]
            found = standing(others, self._fault_of)
            if mine is not None and host == self._host:
                found = worst((found, mine.type.severity))
            self._hosts[host] = found
        return found

    def server(self, held: holding.Held, before: tuple[Cause, ...]) -> str:
        # A thousand servers share the host that dies: they stand as it does, or as it and nothing.
        host = held.server.host
        of_host = self._hosts.get(host) or self.host(host)
        if not held.saved and len(held.dropped) == len(before):
            return of_host._value_
        if not before and host == self._host:
            return of_host._value_
        return worst((of_host, holding.severity(held, before, self._fault_of)))._value_

    def _fault_of(self, fault: FaultId) -> Fault | None:
        if self._fault is not None and fault == self._fault.id:
            return self._fault
        return self._view.live_fault(fault)


def _raise(plan: RaisePlan, view: View, now: Instant, terms: StatusTerms) -> Work[Realised]:
    harvest = _Harvest()
    fault_id = plan.fault.id
    down = _force_down(plan, view, now, harvest)
    changed = (terms.status(down[0]), terms.status(down[1])) if down else None
    bad = _Standing(view, plan.fault, plan.host if down else None)
    untouched = []
    for step in plan.servers:
        before = view.server(step.server.id) or step.server
        held_by = view.causes_of(ResourceKind.SERVER, before.id)
        held = holding.take(before, fault_id, step.wanted, held_by, now.wall_ns)
        if not held.saved:
            untouched.append(before.id)
        harvest.keep(before, held)
        statuses = changed or (terms.status(view.host(before.host)),) * 2
        shown = step.shown if held.saved else None
        ports, severity = view.ports_of(before.id), bad.server(held, held_by)
        told = telling.Told(before, held.server, shown, statuses, ports, severity, plan.planned)
        harvest.events.append(telling.instance_update(told, fault_id, now, raised=True))
        if harvest.seen % SLICE == 0:
            yield
    moved = sum(map(len, harvest.moved.values()))
    record = PlanRecord(
        plan.rule,
        plan.host,
        forced_down=bool(harvest.hosts) if down else None,
        servers=harvest.seen,
        changed=moved,
        untouched=tuple(untouched[:100]),
    )
    return harvest.realised(record)


def _force_down(
    plan: RaisePlan, view: View, now: Instant, harvest: _Harvest
) -> tuple[Host, Host] | None:
    host = view.host(plan.host) if plan.force_down and plan.host is not None else None
    if host is None:
        return None
    held = view.causes_of(ResourceKind.HOST, host.name)
    inherited = bool(held) and all(cause.revision == host.revision for cause in held)
    prior = held[0].prior if inherited else (_DOWN if host.forced_down else _UP)
    after = host
    if not host.forced_down:
        after = replace(host, forced_down=True, revision=host.revision + 1)
        harvest.hosts.append(after)
    severity = _Standing(view, plan.fault, host.name).host(host.name).value
    told = telling.service_update(after, plan.fault.id, now, raised=True, severity=severity)
    # A host that was down already stands worse now: subscribers know, alarms have nothing to hear.
    harvest.events.append(told if after is not host else replace(told, quiet=True))
    harvest.saved.append(
        Cause(ResourceKind.HOST, host.name, plan.fault.id, _DOWN, prior, revision=after.revision)
    )
    return host, after


def _clear(plan: ClearPlan, view: View, now: Instant, terms: StatusTerms) -> Work[Realised]:
    harvest = _Harvest()
    fault_id = plan.fault.id
    causes = {ServerId(c.resource): c for c in view.causes_by(fault_id) if _is_server(c)}
    freed = _unforce(plan, view, now, harvest)
    statuses = (terms.status(freed[0]), terms.status(freed[1])) if freed else None
    bad = _Standing(view, plan.fault)
    entry = view.entry(plan.host) if plan.host is not None else None
    told: dict[ServerId, Server] = {s.id: s for s in (entry.servers if entry else ())}
    for name in causes:
        server = view.server(name)
        if server is not None:
            told[name] = server
    for name, before in told.items():
        mine = causes.get(name)
        held, held_by = holding.Held(before), view.causes_of(ResourceKind.SERVER, name)
        if mine is not None:
            held = holding.let_go(before, mine, held_by, plan.running, now.wall_ns)
        harvest.keep(before, held)
        if before.host != plan.host or statuses is None:
            here = (terms.status(view.host(before.host)),) * 2
        else:
            here = statuses
        ports, severity = view.ports_of(name), bad.server(held, held_by)
        told_now = telling.Told(before, held.server, held.shown, here, ports, severity)
        harvest.events.append(telling.instance_update(told_now, fault_id, now, raised=False))
        if harvest.seen % SLICE == 0:
            yield
    return harvest.realised()


def _is_server(cause: Cause) -> bool:
    return cause.kind is ResourceKind.SERVER


def _unforce(
    plan: ClearPlan, view: View, now: Instant, harvest: _Harvest
) -> tuple[Host, Host] | None:
    """Take back the force-down that this fault set; an operator's own stays (D20)."""
    host = view.host(plan.host) if plan.host is not None else None
    if host is None:
        return None
    after = host
    for mine in view.causes_by(plan.fault.id):
        if _is_server(mine):
            continue
        harvest.dropped.append(mine)
        others = [
            c for c in view.causes_of(ResourceKind.HOST, host.name) if c.fault_id != plan.fault.id
        ]
        ours = mine.revision == host.revision and mine.prior == _UP and not others
        if ours and plan.unforce and host.forced_down and _confirmed(host, view, harvest):
            after = replace(host, forced_down=False, revision=host.revision + 1)
            harvest.hosts.append(after)
            severity = standing(others, view.live_fault).value
            told = telling.service_update(
                after, plan.fault.id, now, raised=False, severity=severity
            )
            harvest.events.append(told)
    return host, after


def _confirmed(host: Host, view: View, harvest: _Harvest) -> bool:
    """Whether no old copy waits on a host; the clear vouches for one without an agent (D17)."""
    waiting = view.evacuated(host.name)
    if waiting and host.agent is AgentState.NEVER:
        harvest.confirmed = waiting
        return True
    return not waiting


def _return(plan: ReturnPlan, view: View, now: Instant, terms: StatusTerms) -> Work[Realised]:
    harvest = _Harvest()
    entry = view.entry(plan.host)
    status = (terms.status(entry.host if entry else None),) * 2
    bad = _Standing(view)
    for before in entry.servers if entry else ():
        held_by = view.causes_of(ResourceKind.SERVER, before.id)
        waiting = next((c for c in held_by if c.awaiting_report), None)
        if waiting is None or not (plan.running is None or before.id in plan.running):
            continue
        held = holding.let_go(before, waiting, held_by, plan.running, now.wall_ns)
        harvest.keep(before, held)
        ports, severity = view.ports_of(before.id), bad.server(held, held_by)
        told = telling.Told(before, held.server, None, status, ports, severity)
        event = telling.instance_update(told, waiting.fault_id, now, raised=False)
        # Where somebody else changed the server meanwhile, its owner has nothing to learn.
        quiet = held.server is before and bool(waiting.wanted)
        harvest.events.append(replace(event, quiet=True) if quiet else event)
        if harvest.seen % SLICE == 0:
            yield
    return harvest.realised()
