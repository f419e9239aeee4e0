"""Acts in the decision record of a fault: what was done, what was not, and by whose word."""

from faultwire.domain.acts import ActKind
from faultwire.domain.faults import Decision, Fault, Outcome

_PREFIX = "act."
SHADOW = "shadow"
"""Stands for a guard where an act was decided and, on purpose, not done."""


def done(kind: ActKind, why: str) -> Decision:
    """Return the line of an act that was done."""
    return Decision(_PREFIX + kind.value, Outcome.APPLIED, why)


def refused(kind: ActKind, guard: str, words: str) -> Decision:
    """Return the line of an act that a guard refused."""
    return Decision(_PREFIX + kind.value, Outcome.VETOED, f"{guard}: {words}")


def shadowed(kind: ActKind, why: str) -> Decision:
    """Return the line of an act that would have been done."""
    return Decision(_PREFIX + kind.value, Outcome.SKIPPED, f"{SHADOW}: {why}")


def is_act(decision: Decision) -> bool:
    """Whether a line of the record is about an act."""
    return decision.name.startswith(_PREFIX)


def of(fault: Fault) -> dict[ActKind, Decision]:
    """Return the last word on each act of a fault, in the order in which they were asked."""
    found: dict[ActKind, Decision] = {}
    for one in fault.decisions:
        if one.name.startswith(_PREFIX):
            found[ActKind(one.name.removeprefix(_PREFIX))] = one
    return found


def left(fault: Fault) -> list[ActKind]:
    """Return the acts of a fault that somebody kept from being done."""
    return [kind for kind in of(fault) if undone(fault, kind) is not None]


def undone(fault: Fault, kind: ActKind) -> str | None:
    """Return who kept an act of a fault from being done; None where it was done or not wanted."""
    name = _PREFIX + kind.value
    for one in reversed(fault.decisions):
        if one.name == name:
            guard = one.why.partition(":")[0]
            kept = one.outcome is Outcome.VETOED or guard == SHADOW
            return guard if kept else None
    return None
