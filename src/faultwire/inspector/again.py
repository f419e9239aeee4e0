"""Acts that were refused, asked for once more: by a verdict of ours, or by an operator."""

from dataclasses import replace

from faultwire.domain import deeds
from faultwire.domain.accounts import AuditRecord
from faultwire.domain.acts import ActKind
from faultwire.domain.changes import Audited, FaultsSaved
from faultwire.domain.decided import Decided, Deciding, Steps
from faultwire.domain.errors import Conflict, NotFound
from faultwire.domain.faults import (
    AGENT_DOWN,
    HOST_DOWN,
    HUNG,
    Decision,
    Fault,
    FaultState,
    Outcome,
)
from faultwire.domain.guard_commands import ActOnFault
from faultwire.domain.instants import Instant
from faultwire.inspector.acting import Acting, Guards
from faultwire.inspector.guards import OWN_MONITORS
from faultwire.inspector.rules import RULES
from faultwire.inspector.settings import Settings
from faultwire.ports import View

FORCING = (HOST_DOWN, HUNG, AGENT_DOWN)
"""Types of fault from which a force-down may follow."""

DECISIONS_KEPT = 60
"""Lines of a record up to which further tries are written down; a fault may be asked often."""


def waits_for_verdict(fault: Fault) -> bool:
    """Whether a host was spared because somebody hears it: a verdict of ours says that it is over.

    That nobody hears it any more is no ground by itself: it may be we who are cut off. So only a
    host on which there is a verdict of ours is asked for again.
    What any other guard refused stays undone until an operator asks: a limit that lets a few
    more pass with every repeat would be no limit.
    """
    if fault.state is not FaultState.OPEN or fault.type.name not in FORCING:
        return False
    if deeds.undone(fault, ActKind.FORCE_DOWN) != "vantage":
        return False
    return any(one.source in OWN_MONITORS and one.vote == "down" for one in fault.evidence)


def act(fault: Fault, view: View, acting: Acting) -> Steps[Fault]:
    """Ask the guards again, and have done what they let pass; return the fault as it is then."""
    rule = RULES.get(fault.type.name)
    if rule is None:
        return fault
    wanted = yield from rule.plan(fault, view, acting.settings)
    plan, said = acting.ask(wanted, fault, rule.name, view)
    if plan is not wanted:
        # Owners have heard already: nothing is told twice, and no guard repeats itself.
        after = replace(fault, decisions=(*fault.decisions, *said))
        same = all(deeds.undone(fault, one) == deeds.undone(after, one) for one in deeds.of(after))
        if same or len(fault.decisions) >= DECISIONS_KEPT:
            acting.said_before()
            return fault
        return after
    realised = yield plan
    applied = Decision(rule.name, Outcome.APPLIED, rule.why)
    return replace(
        fault,
        plan=realised.record if realised else fault.plan,
        decisions=(*fault.decisions, applied, *said),
    )


def undone(fault: Fault) -> list[ActKind]:
    """Return what was refused of a fault and may be asked for; to evacuate is a wish apart."""
    return [kind for kind in deeds.left(fault) if kind is not ActKind.EVACUATE]


class ActDecider:
    """Decides on `ActOnFault`."""

    def __init__(self, settings: Settings, acts: Guards) -> None:
        """Take the settings and the guards on acts; there is no other state."""
        self._settings = settings
        self._acts = acts

    def decide(self, command: ActOnFault, view: View, now: Instant) -> Deciding:
        """Answer the fault as it is then."""
        fault = view.live_fault(command.fault)
        if fault is None:
            raise NotFound(f"no open fault {command.fault}")
        actor = command.actor
        if actor is None and not waits_for_verdict(fault):
            return Decided(answer=fault)
        left = undone(fault)
        if not left:
            raise Conflict(f"nothing was refused of fault {fault.id}")
        acting = Acting(self._acts, self._settings, now, actor.user if actor else "")
        after = yield from act(fault, view, acting)
        if actor is not None and acting.refused:
            _, refused = acting.refused[0]
            raise Conflict(f"{refused.guard}: {refused.words}")
        if after is not fault:
            after = replace(after, updated_ns=now.wall_ns)
            yield Decided(changes=(FaultsSaved((after,)),))
        yield from acting.settle(view)
        if actor is None:
            return Decided(answer=after)
        done = ", ".join(kind.value for kind in left)
        line = AuditRecord(now.wall_ns, actor, "fault.act", fault.id, done)
        return Decided(answer=after, changes=(Audited((line,)),))
