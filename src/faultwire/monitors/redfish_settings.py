"""Settings of what is heard from and asked of management controllers."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[redfish]`."""

    poll_seconds: float = field(
        default=0.0,
        metadata={"help": "How often each BMC is asked for its host's power; 0: never.", "min": 0},
    )
    health_seconds: float = field(
        default=60.0,
        metadata={"help": "How often fans, temperatures and power are looked at; 0: never."},
    )
    event_url: str = field(
        default="",
        metadata={
            "help": "URL of this server as BMCs reach it; with it, they are subscribed to.",
        },
    )
    subscribe_seconds: float = field(
        default=60.0,
        metadata={"help": "How often subscriptions are looked after: BMCs lose them.", "min": 1},
    )
    verify: bool = field(
        default=True, metadata={"help": "Require certificates of BMCs that we can verify."}
    )
    ca_file: str = field(
        default="",
        metadata={"help": "File with the authorities of BMCs' certificates; empty: the system's."},
    )
    connect_seconds: float = field(
        default=3.0, metadata={"help": "How long to wait for a connection.", "min": 0.1}
    )
    read_seconds: float = field(
        default=10.0, metadata={"help": "How long to wait for each answer.", "min": 0.1}
    )
