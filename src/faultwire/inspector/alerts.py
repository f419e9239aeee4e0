"""Several alerts about one thing: the fault is over when the last of them is."""

from faultwire.domain.faults import Evidence, Fault

ALERT = "alert"
"""Key of the evidence by which its sender knows an alert again."""


def place_of(held: tuple[Evidence, ...], new: Evidence) -> int | None:
    """Return where the same alert spoke before; None for what is no alert, or a new one."""
    mark = new.details.get(ALERT)
    if mark is None:
        return None
    for place, one in enumerate(held):
        if one.source == new.source and one.details.get(ALERT) == mark:
            return place
    return None


def still_firing(fault: Fault, cleared: Evidence) -> int:
    """Return how many other alerts of the same source still say that the fault is there."""
    if cleared.details.get(ALERT) is None:
        return 0
    return sum(
        one.source == cleared.source
        and one.vote == "down"
        and one.details.get(ALERT) not in {None, cleared.details[ALERT]}
        for one in fault.evidence
    )
