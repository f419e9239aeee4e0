"""Closing a fault: by a posted clear, by an operator, or by an agent's return (D20)."""

from dataclasses import replace

from faultwire.domain import deeds
from faultwire.domain.acts import ActKind
from faultwire.domain.decided import Steps
from faultwire.domain.faults import (
    CLOUD_REFUSED,
    GUEST_DOWN,
    HOST_DOWN,
    Decision,
    Fault,
    FaultState,
    Outcome,
    identity_of,
)
from faultwire.domain.ids import HostName
from faultwire.domain.instants import Instant
from faultwire.domain.plans import ClearPlan
from faultwire.domain.remote_acts import RemoteKind
from faultwire.domain.states import AgentState
from faultwire.inspector import telling, tending, wiring
from faultwire.inspector.settings import Settings
from faultwire.ports import View


def close(
    fault: Fault, closed_by: str, view: View, now: Instant, settings: Settings
) -> Steps[None]:
    """Close a live fault and have everything it holds let go."""
    decisions = [Decision("clear", Outcome.APPLIED, f"cleared by {closed_by}")]
    told_only = deeds.undone(fault, ActKind.MARK_PORTS)
    if fault.state is FaultState.OPEN and told_only is not None:
        yield (yield from wiring.untold(fault, view))
        why = f"no port was marked ({told_only}): owners are told that it is over"
        decisions.append(Decision(wiring.RULE, Outcome.SKIPPED, why))
    elif fault.state is FaultState.OPEN and fault.type.name in wiring.WIRING:
        plan = yield from wiring.closed(fault, view)
        yield plan
        decisions.append(Decision(wiring.RULE, Outcome.APPLIED, wiring.given_back(fault, plan)))
    elif fault.state is FaultState.OPEN and fault.type.name == GUEST_DOWN:
        yield tending.closed(fault, view)
        decisions.append(Decision(tending.RULE, Outcome.APPLIED, "the fault holds it no more"))
    elif fault.state is FaultState.OPEN:
        running, why = vouched(fault.host, view)
        decisions.append(Decision("return", Outcome.APPLIED, why))
        whole_host = fault.host if holds_host(fault) else None
        yield ClearPlan(fault, whole_host, settings.unforce_on_recovery, running)
        if whole_host is not None:
            decisions.append(_unforced(whole_host, view, settings))
    closed = replace(
        fault,
        state=FaultState.CLOSED,
        updated_ns=now.wall_ns,
        closed_ns=now.wall_ns,
        closed_by=closed_by,
        decisions=(*fault.decisions, *decisions),
    )
    yield telling.cleared(closed, now)
    for kind in RemoteKind:
        # What a cloud refused of it concerns nobody any more.
        resource = {"fault": fault.id, "act": kind.value}
        refused = view.open_fault(identity_of(CLOUD_REFUSED, resource))
        if refused is not None:
            yield from close(refused, closed_by, view, now, settings)


def holds_host(fault: Fault) -> bool:
    """Return whether a fault's rule put its whole host down."""
    if fault.type.name == HOST_DOWN:
        return True
    return fault.plan is not None and fault.plan.forced_down is not None


def _unforced(host: HostName, view: View, settings: Settings) -> Decision:
    """Say what became of the force-down, once the plan was made true."""
    after = view.host(host)
    if after is None:
        return Decision("unforce", Outcome.SKIPPED, f"host {host} is not in the map any more")
    if not after.forced_down:
        return Decision("unforce", Outcome.APPLIED, "no force-down is left on the host")
    if not settings.unforce_on_recovery:
        why = "unforce_on_recovery is off: the host stays forced down"
    elif left := len(view.evacuated(host)):
        why = f"old copies of {left} evacuated servers are unconfirmed there: it stays"
    else:
        why = "the force-down is not this fault's own, or was changed since: it stays"
    return Decision("unforce", Outcome.SKIPPED, why)


def vouched(host: HostName | None, view: View) -> tuple[frozenset[str] | None, str]:
    """Return the servers known to run on a host (None: the clear vouches for all), and why."""
    known = view.host(host) if host is not None else None
    agent = known.agent if known else AgentState.NEVER
    if agent is AgentState.LOST:
        return frozenset(), "the agent is not back: servers return as it reports them running"
    running = view.running(host) if host is not None and agent is AgentState.CONNECTED else None
    if running is None:
        return None, "no agent reports servers here: the clear vouches for them"
    return running, f"the agent reports {len(running)} servers running"
