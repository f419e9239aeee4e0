"""Plans for guests, from their faults."""

from faultwire.domain.faults import Fault
from faultwire.domain.ids import GuestId
from faultwire.domain.plans import GuestPlan
from faultwire.ports import View

RULE = "guest down"


def opened(fault: Fault, view: View) -> GuestPlan:
    """Return what an opened fault of a guest holds."""
    return GuestPlan(fault, RULE, True, view.guest(GuestId(fault.resource["guest_id"])))


def closed(fault: Fault, view: View) -> GuestPlan:
    """Return what a fault of a guest that is being closed gives back."""
    return GuestPlan(fault, RULE, False, view.guest(GuestId(fault.resource["guest_id"])))
