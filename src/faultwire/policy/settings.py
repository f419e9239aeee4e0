"""Settings of policy."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[policy]`."""

    policy_file: str = field(
        default="",
        metadata={"help": "YAML file whose rules replace the defaults of the same name."},
    )
