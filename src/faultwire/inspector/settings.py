"""Settings of the inspector."""

from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.errors import Invalid
from faultwire.domain.states import ServerStateOnHostDown

ACTING_RULES = ("host down", "host hung", "agent down", "data plane")
"""Rules from which acts follow; a test holds them against the rules."""


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
    shadow: bool = field(
        default=False,
        metadata={
            "help": "Acts are decided and recorded, and not done; owners are told all the same."
        },
    )
    shadow_rules: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": (
                "Rules whose acts alone are not done: host down, host hung, agent down, data"
                " plane."
            )
        },
    )

    def __post_init__(self) -> None:
        """Refuse a rule that does nothing that could be left undone."""
        for one in self.shadow_rules:
            if one not in ACTING_RULES:
                known = ", ".join(ACTING_RULES)
                raise Invalid("[inspector] shadow_rules", f"{one!r} is none of {known}")

    def shadows(self, rule: str) -> bool:
        """Whether what a rule asks for is decided and recorded only."""
        return self.shadow or rule in self.shadow_rules
