"""The decision to send a delivery again that is over."""

from dataclasses import replace

from faultwire.domain.accounts import AuditRecord
from faultwire.domain.alarms import DeliveryState
from faultwire.domain.changes import Audited, DeliveriesReplayed
from faultwire.domain.commands import ReplayDelivery
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import Conflict
from faultwire.domain.instants import Instant
from faultwire.ports import View


class ReplayDecider:
    """Owes a delivery anew, under its id: its tries and its age begin again.

    It never grows older by that, whatever the clock says: by its age a sender knows that it is
    owed anew. Who replays it is in the audit record. Raises Conflict for one that is owed still.
    """

    def decide(self, command: ReplayDelivery, view: View, now: Instant) -> Deciding:
        """Answer the delivery as it is owed now."""
        del view
        delivery, was = command.delivery, command.was
        if was is DeliveryState.PENDING:
            raise Conflict(f"delivery {delivery.id} is pending: it is tried again by itself")
        yield None
        since_ns = max(now.wall_ns, delivery.created_ns + 1)
        again = replace(delivery, attempt=0, created_ns=since_ns, next_ns=since_ns)
        detail = f"was {was.value}, of project {delivery.project}"
        line = AuditRecord(now.wall_ns, command.actor, "delivery.replay", delivery.id, detail)
        return Decided(answer=again, changes=(DeliveriesReplayed((again,), was), Audited((line,))))
