"""Settings of the compute face."""

from dataclasses import dataclass, field

from faultwire.domain.states import Precedence


@dataclass(frozen=True, slots=True)
class Settings:
    """`[compute]`."""

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
    service_down_time: int = field(
        default=60,
        metadata={
            "help": "Seconds after the goodbye of a host's agent until its service is down and "
            "its servers' host_status is UNKNOWN.",
            "min": 1,
        },
    )
    host_status_precedence: Precedence = field(
        default=Precedence.DEFAULT,
        metadata={
            "help": "Which host_status wins: DOWN over MAINTENANCE (default) or MAINTENANCE over "
            "DOWN (manual)."
        },
    )
    tell_owners_host_status: bool = field(
        default=True,
        metadata={"help": "Tell owners of servers when the host_status of their host changes."},
    )
    servers_per_project: int = field(
        default=10_000,
        metadata={"help": "How many servers clients may have in a project; -1: any number."},
    )
    sweeps_per_minute: int = field(
        default=30,
        metadata={
            "help": "How often a minute a project may have servers pinged anew by os-fping; what "
            "is answered from memory does not count. -1: any number."
        },
    )
