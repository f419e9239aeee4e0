"""Settings of database guests: how long we wait for one."""

from dataclasses import dataclass, field

from faultwire.domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """`[guests]`; raises Invalid where two options contradict each other."""

    heartbeat_ms: int = field(
        default=5000,
        metadata={
            "help": "How often a guest agent gives a sign of life.",
            "min": 100,
            "max": 600_000,
        },
    )
    silence_ms: int = field(
        default=15_000,
        metadata={
            "help": "Silence after which a guest is down, by the server's clock.",
            "min": 200,
            "max": 3_600_000,
        },
    )
    return_ms: int = field(
        default=5000,
        metadata={
            "help": "How long a guest agent whose connection closed without goodbye may take to "
            "be back.",
            "min": 1,
            "max": 3_600_000,
        },
    )
    start_grace_ms: int = field(
        default=30_000,
        metadata={
            "help": "After a start of the server: how long guest agents that were heard when it "
            "stopped may take to be back.",
            "min": 1000,
            "max": 3_600_000,
        },
    )
    ping_ms: int = field(
        default=3000,
        metadata={
            "help": "How long rpc_ping waits for a guest, and a bulk ping for all of them.",
            "min": 10,
            "max": 600_000,
        },
    )
    call_ms: int = field(
        default=30_000,
        metadata={
            "help": "How long other calls to a guest may take, as its restart.",
            "min": 100,
            "max": 3_600_000,
        },
    )
    message_bytes: int = field(
        default=65_536,
        metadata={"help": "Longest message of a guest agent.", "min": 4096, "max": 1_048_576},
    )
    bulk_limit: int = field(
        default=10_000,
        metadata={"help": "Most guests that one bulk ping may name.", "min": 1},
    )

    @property
    def agent_silence_ms(self) -> int:
        """The same in the words of the heartbeat engine."""
        return self.silence_ms

    @property
    def agent_return_ms(self) -> int:
        """The same in the words of the heartbeat engine."""
        return self.return_ms

    def __post_init__(self) -> None:
        """Refuse a silence that a guest in good health would reach."""
        if self.silence_ms <= self.heartbeat_ms:
            raise Invalid(
                "[guests] silence_ms",
                f"must be above heartbeat_ms ({self.heartbeat_ms}), is {self.silence_ms}",
            )
