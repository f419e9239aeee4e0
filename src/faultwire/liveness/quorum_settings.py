"""Settings of several vantage points."""

from dataclasses import dataclass, field

from faultwire.domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class Settings:
    """`[quorum]`; raises Invalid where two options contradict each other."""

    votes: int = field(
        default=0,
        metadata={
            "help": (
                "Vantage points that must hold a host down before it is; more than half of those"
                " that have an opinion in any case. 0: that half is enough."
            ),
            "min": 0,
            "max": 100,
        },
    )
    wait_ms: int = field(
        default=500,
        metadata={
            "help": (
                "How long vantage points may disagree on a host before it is told to be"
                " unreachable; above probe_ms and confirm_ms together."
            ),
            "min": 50,
            "max": 600_000,
        },
    )
    heartbeat_ms: int = field(
        default=500,
        metadata={"help": "How often a monitor gives a sign of life.", "min": 50, "max": 60_000},
    )
    silence_ms: int = field(
        default=3000,
        metadata={
            "help": (
                "Silence of a monitor after which its votes expire; and for how long the seat of"
                " one that is gone is kept."
            ),
            "min": 200,
            "max": 600_000,
        },
    )
    start_grace_ms: int = field(
        default=15_000,
        metadata={
            "help": (
                "After a start of the server: how long the seats of enrolled monitors are kept"
                " for them. Monitors try again at least every 5 s."
            ),
            "min": 0,
            "max": 3_600_000,
        },
    )
    message_bytes: int = field(
        default=8_388_608,
        metadata={
            "help": "Longest message of a monitor; a host in it takes about 400 bytes.",
            "min": 65_536,
            "max": 268_435_456,
        },
    )

    def __post_init__(self) -> None:
        """Refuse a silence that a monitor in good health would reach."""
        if self.silence_ms < 2 * self.heartbeat_ms:
            raise Invalid(
                "[quorum] silence_ms",
                f"must be at least twice heartbeat_ms ({self.heartbeat_ms}), is {self.silence_ms}",
            )
