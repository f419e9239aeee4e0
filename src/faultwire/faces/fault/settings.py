"""Settings of the fault face."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[fault]`."""

    doctor_listener: str = field(
        default="",
        metadata={"help": "HOST:PORT on which Doctor's own path /events is served, no token."},
    )
    doctor_networks: tuple[str, ...] = field(
        default=(),
        metadata={"help": "Networks besides loopback whose monitors may use that listener."},
    )
    event_bytes: int = field(
        default=524_288, metadata={"help": "Longest body of posted events.", "min": 1024}
    )
    notifications_bytes: int = field(
        default=8_388_608,
        metadata={"help": "Longest body of what a listener of its own brings.", "min": 1024},
    )
    inventory_bytes: int = field(
        default=268_435_456, metadata={"help": "Longest inventory document.", "min": 1024}
    )
