"""Settings of the image face."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[image]`."""

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
