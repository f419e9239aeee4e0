"""Settings of liveness: how long we wait before a host is held to be dead."""

from dataclasses import dataclass, field

from faultwire.domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """`[liveness]`; raises Invalid where two options contradict each other."""

    heartbeat_ms: int = field(
        default=1000,
        metadata={"help": "How often an agent gives a sign of life.", "min": 100, "max": 60_000},
    )
    agent_silence_ms: int = field(
        default=3000,
        metadata={
            "help": "Silence of a connected agent after which its host is down (D24).",
            "min": 200,
            "max": 600_000,
        },
    )
    agent_return_ms: int = field(
        default=200,
        metadata={
            "help": (
                "How long an agent whose connection closed without goodbye may take to be back"
                " (D24); above the agent's restart time where no other monitor watches the host."
            ),
            "min": 1,
            "max": 600_000,
        },
    )
    agent_start_grace_ms: int = field(
        default=15_000,
        metadata={
            "help": (
                "After a start of the server: how long agents that were connected when it stopped"
                " may take to be back. Agents try again at least every 5 s."
            ),
            "min": 1000,
            "max": 3_600_000,
        },
    )
    agent_message_bytes: int = field(
        default=1_048_576,
        metadata={
            "help": "Longest message of an agent; a server in its list takes about 40 bytes.",
            "min": 4096,
            "max": 16_777_216,
        },
    )
    datagrams: bool = field(
        default=True,
        metadata={
            "help": (
                "Agents may beat by UDP datagrams, to the port of the listener; they use their"
                " connections where no datagram gets through."
            )
        },
    )

    @property
    def grants_datagrams(self) -> bool:
        """Whether a lost datagram is made up for before the silence is long enough to count."""
        return self.datagrams and self.agent_silence_ms >= 2 * self.heartbeat_ms

    def __post_init__(self) -> None:
        """Refuse a silence that an agent in good health would reach."""
        if self.agent_silence_ms <= self.heartbeat_ms:
            raise Invalid(
                "[liveness] agent_silence_ms",
                f"must be above heartbeat_ms ({self.heartbeat_ms}), is {self.agent_silence_ms}",
            )
