"""Settings of the door to a Prometheus server."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[prometheus]`: where alarms of the type prometheus are evaluated."""

    url: str = field(
        default="",
        metadata={
            "help": "The server that is asked, https://prometheus.example:9090; without it alarms "
            "of the type prometheus are refused."
        },
    )
    ca_file: str = field(
        default="",
        metadata={"help": "PEM file of authorities that are trusted besides the system's."},
    )
    client_certificate: str = field(
        default="",
        metadata={"help": "PEM file with the certificate that we show; needs client_key."},
    )
    client_key: str = field(
        default="", metadata={"help": "PEM file with its key, without a passphrase."}
    )
    username: str = field(default="", metadata={"help": "User of basic authentication."})
    password: str = field(default="", metadata={"help": "Its password."})
    deadline_ms: int = field(
        default=5000,
        metadata={"help": "Longest time of one query, connection included.", "min": 100},
    )
    queries: int = field(default=8, metadata={"help": "Queries at once.", "min": 1})
    project_label: str = field(
        default="project",
        metadata={
            "help": "Label whose value is the project's id: the queries of a project see its "
            "series alone."
        },
    )
