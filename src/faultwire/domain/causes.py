"""Causes: why a resource is in a fault state, so that closing a fault is not an undo.

A resource's fault state derives from its open causes. When a fault closes its causes go; the
prior state returns only when no cause is left and nobody else changed the resource since.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from faultwire.domain.faults import Fault, Severity, worst
from faultwire.domain.ids import FaultId
from faultwire.domain.states import PowerState, VmState


class ResourceKind(StrEnum):
    """What a cause holds."""

    HOST = "host"
    SERVER = "server"
    PORT = "port"
    GUEST = "guest"


@dataclass(frozen=True, slots=True)
class Cause:
    """One fault's hold on one resource.

    For a server: `wanted` is the vm_state the fault asks for, empty where it asks for none and
    only tells the owner (D6, unchanged); `prior` and `prior_power` are what returns. For a host:
    `wanted` and `prior` are ``"down"`` or ``"up"`` and `prior_power` is empty. For a port:
    `wanted` is ``"DOWN"`` and `prior` the data-plane status before, empty for none; the port
    itself tells whether somebody else has set it since. For a guest: ``"down"`` and ``"up"``.
    `revision` is the resource's revision
    after the latest change that causes made; for servers and hosts a higher one means that
    somebody else changed it. `awaiting_report` marks a cause whose fault is closed and which only
    waits for the agent to say that the server runs (D20).
    """

    kind: ResourceKind
    resource: str
    fault_id: FaultId
    wanted: str
    prior: str
    prior_power: str = ""
    revision: int = 0
    awaiting_report: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, resource, fault: no two causes share it."""
        return self.kind.value, self.resource, self.fault_id

    def prior_states(self) -> tuple[VmState, PowerState]:
        """Return the state that a server goes back to."""
        return VmState(self.prior), PowerState(self.prior_power)


def standing(causes: Iterable[Cause], fault_of: Callable[[FaultId], Fault | None]) -> Severity:
    """Return how bad a resource stands by what holds it: as its worst fault; CLEARED for nothing.

    `fault_of` knows live faults. A cause whose fault is closed still holds the resource, how bad
    is not known any more: INDETERMINATE.
    """
    return worst(
        fault.type.severity if (fault := fault_of(cause.fault_id)) else Severity.INDETERMINATE
        for cause in causes
    )
