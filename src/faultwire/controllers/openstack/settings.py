"""Settings of clouds that are not ours."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[openstack]`."""

    clouds: tuple[str, ...] = field(
        default=(),
        metadata={"help": "Clouds of clouds.yaml that faults are acted on in; none: standalone."},
    )
    clouds_yaml: str = field(
        default="",
        metadata={"help": "Where they are described; empty: where OpenStack's clients look."},
    )
    concurrency: int = field(
        default=8,
        metadata={"help": "Requests to one cloud at the same time.", "min": 1, "max": 64},
    )
    timeout: float = field(
        default=30.0,
        metadata={"help": "Seconds that one request to a cloud may take.", "min": 0.1},
    )
    reconcile_seconds: float = field(
        default=60.0,
        metadata={"help": "Between two looks at all that a cloud has.", "min": 1.0},
    )
    retry_for: int = field(
        default=600,
        metadata={"help": "Seconds during which a cloud's `not yet` is asked again.", "min": 1},
    )
