"""Settings of the server process itself."""

from dataclasses import dataclass, field
from enum import StrEnum


class LogLevel(StrEnum):
    """Levels of the log, from most to least said."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Settings:
    """`[server]`."""

    listen: str = field(
        default="127.0.0.1:8779",
        metadata={"help": "HOST:PORT of the one listener; port 0 takes a free one."},
    )
    tls_certificate: str = field(
        default="", metadata={"help": "PEM file with the certificate chain of the listener."}
    )
    tls_key: str = field(default="", metadata={"help": "PEM file with the listener's key."})
    behind_proxy: bool = field(
        default=False,
        metadata={"help": "Allow plain HTTP beyond loopback: a proxy in front does TLS."},
    )
    public_url: str = field(
        default="",
        metadata={"help": "Base URL that clients use, where it is not that of the listener."},
    )
    drain_seconds: int = field(
        default=10, metadata={"help": "Longest wait for work in flight at a stop.", "min": 0}
    )
    log_level: LogLevel = field(
        default=LogLevel.INFO, metadata={"help": "Level of the product's own log."}
    )
    connections: int = field(
        default=0,
        metadata={
            "help": (
                "HTTP connections at once, sessions of agents apart; one more gets 503. 0: as many"
                " as a quarter of the files that the process may open, at most 10000."
            ),
            "min": 0,
        },
    )
    connections_unproven: int = field(
        default=256,
        metadata={
            "help": "Connections from one address that have not made a request yet.",
            "min": 1,
        },
    )
    keep_alive_seconds: int = field(
        default=5,
        metadata={"help": "How long a connection may wait for a further request.", "min": 1},
    )
    head_seconds: int = field(
        default=10,
        metadata={"help": "Longest time from a request's begin to the end of its head.", "min": 1},
    )
    body_seconds: int = field(
        default=30,
        metadata={
            "help": "Longest time for a body, and one second more for each 16 KiB of it.",
            "min": 1,
        },
    )
    reader_seconds: int = field(
        default=20,
        metadata={
            "help": "How long a client may take nothing of an answer; six times that in all.",
            "min": 1,
        },
    )
