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
