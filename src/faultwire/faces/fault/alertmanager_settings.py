"""Settings of what Alertmanager tells us."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[alertmanager]`."""

    mapping: str = field(
        default="",
        metadata={"help": "YAML file that says which alerts are which faults; empty: none is."},
    )
    body_bytes: int = field(
        default=33_554_432, metadata={"help": "Longest body of alerts.", "min": 1024}
    )
    most_alerts: int = field(
        default=10_000, metadata={"help": "Alerts that one body may carry.", "min": 1}
    )
