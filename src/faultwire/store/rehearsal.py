"""The hot path's changes over things that do not exist: see `Ledger.warm`."""

from faultwire.domain import changes
from faultwire.domain.alarms import AlarmState, Attempt, Delivery, DeliveryState, Transition
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.faults import FAULT_TYPES, HOST_DOWN, Fault, FaultState
from faultwire.domain.ids import AlarmId, DeliveryId, FaultId, HostName, ProjectId, ServerId
from faultwire.domain.resources import Host, Server
from faultwire.store.running import MOST_ROWS

_NAME = "rehearsal"
_NAMES = tuple(f"{_NAME}-{number}" for number in range(2 * MOST_ROWS - 1))
"""As many as need a statement of every size."""


def hot_changes() -> tuple[changes.Change, ...]:
    """Return one change of every kind that a fault with many servers brings."""
    host, project, fault = HostName(_NAME), ProjectId(_NAME), FaultId(_NAME)
    causes = tuple(Cause(ResourceKind.SERVER, name, fault, "error", "active") for name in _NAMES)
    return (
        changes.FaultsSaved(
            (Fault(fault, FAULT_TYPES[HOST_DOWN], {"hostname": host}, FaultState.CLOSED, 0, 0),)
        ),
        changes.HostsSaved((Host(host),)),
        changes.ServersMoved(
            host, tuple(Server(ServerId(name), name, project, host) for name in _NAMES)
        ),
        changes.CausesSaved(causes),
        changes.AlarmsMoved(
            tuple(
                Transition(AlarmId(name), project, AlarmState.OK, AlarmState.ALARM, "", 0, 0)
                for name in _NAMES
            )
        ),
        changes.DeliveriesQueued(
            tuple(Delivery(DeliveryId(name), project, "", name, b"", 0) for name in _NAMES)
        ),
        changes.CausesRemoved(causes),
    )


def attempts() -> tuple[Attempt, ...]:
    """Return as many settled deliveries."""
    return tuple(
        Attempt(DeliveryId(name), DeliveryState.DELIVERED, 1, 0, 0, "", created_ns=0)
        for name in _NAMES
    )
