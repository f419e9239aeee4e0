"""Settings of the inspector."""

from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.states import ServerStateOnHostDown


class Recover(StrEnum):
    """Who closes the fault of a host that answers again (D20)."""

    MANUAL = "manual"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Settings:
    """`[inspector]`."""

    server_state_on_host_down: ServerStateOnHostDown = field(
        default=ServerStateOnHostDown.ERROR,
        metadata={"help": "What becomes of the servers of a dead host (D6)."},
    )
    recover: Recover = field(
        default=Recover.MANUAL,
        metadata={"help": "manual: a clear or an operator closes; auto: the agent's return does."},
    )
    hung_forces_down: bool = field(
        default=False,
        metadata={"help": "A host whose hypervisor hangs is forced down, as a dead one is."},
    )
    agent_down_forces_down: bool = field(
        default=False,
        metadata={"help": "A host that answers while its agent is gone is forced down too."},
    )
    unforce_on_recovery: bool = field(
        default=True,
        metadata={"help": "Closing a fault clears the force-down which that fault set (D20)."},
    )
    stalled_ms: int = field(
        default=500,
        metadata={
            "help": "Verdicts of our own monitors are vetoed while the event loop is this late.",
            "min": 10,
        },
    )
