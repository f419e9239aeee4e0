"""Settings of the alarming face."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[alarming]`."""

    require_resource_id: bool = field(
        default=False,
        metadata={"help": "Refuse alarms without resource_id (S24, D11)."},
    )
    alarm_bytes: int = field(
        default=65_536, metadata={"help": "Longest body of an alarm.", "min": 1024}
    )
    actions_limit: int = field(
        default=10, metadata={"help": "Most actions of one kind of an alarm.", "min": 1}
    )
