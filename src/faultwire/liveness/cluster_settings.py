"""Settings of several processes on one database."""

from dataclasses import dataclass, field

from faultwire.domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """`[cluster]`; without effect on the embedded database, which serves one process."""

    listen: str = field(
        default="127.0.0.1:0",
        metadata={
            "help": (
                "HOST:PORT (UDP) where this process is told that there is work; an address that"
                " the other processes can reach. Port 0 takes a free one."
            )
        },
    )
    beat_ms: int = field(
        default=1000,
        metadata={
            "help": "How often a process shows the others that it lives.",
            "min": 50,
            "max": 10_000,
        },
    )
    silence_ms: int = field(
        default=3000,
        metadata={
            "help": "Silence of a process after which the others take over its work.",
            "min": 200,
            "max": 60_000,
        },
    )
    look_ms: int = field(
        default=500,
        metadata={
            "help": "How often a process looks for work that nobody told it of.",
            "min": 10,
            "max": 10_000,
        },
    )
    journal_minutes: int = field(
        default=60,
        metadata={
            "help": "How long a process may be cut off and still catch up without a new start.",
            "min": 1,
            "max": 10_080,
        },
    )

    def __post_init__(self) -> None:
        """Refuse a silence that a process in good health would reach."""
        if self.silence_ms < 2 * self.beat_ms:
            raise Invalid(
                "[cluster] silence_ms",
                f"must be at least twice beat_ms ({self.beat_ms}), is {self.silence_ms}",
            )
