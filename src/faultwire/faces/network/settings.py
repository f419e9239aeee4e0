"""Settings of the network face."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[network]`."""

    listen: str = field(
        default="",
        metadata={
            "help": "HOST:PORT of a listener for this face alone, without its prefix; beside the "
            "main one."
        },
    )
    public_url: str = field(
        default="",
        metadata={"help": "Base URL of that listener for clients, where it is another."},
    )
    body_bytes: int = field(
        default=1_048_576, metadata={"help": "Longest body of a request.", "min": 1024}
    )
    bulk_limit: int = field(
        default=10_000,
        metadata={"help": "Most ports that one report on data planes may name.", "min": 1},
    )
    create_limit: int = field(
        default=1000, metadata={"help": "Most ports that one request creates.", "min": 1}
    )
