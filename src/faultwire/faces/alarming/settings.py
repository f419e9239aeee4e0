"""Settings of the alarming face."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[alarming]`."""

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
    require_resource_id: bool = field(
        default=False,
        metadata={"help": "Refuse alarms without resource_id (S24, D11)."},
    )
    accept_unsupported_types: bool = field(
        default=False,
        metadata={
            "help": "Store alarms of Gnocchi's types and of load balancers' members; they are "
            "never evaluated here."
        },
    )
    alarm_bytes: int = field(
        default=65_536, metadata={"help": "Longest body of an alarm.", "min": 1024}
    )
    project_alarm_quota: int = field(
        default=-1,
        metadata={
            "help": "Most alarms of a project that has no quota of its own; -1: no limit.",
            "min": -1,
        },
    )
    user_alarm_quota: int = field(
        default=-1,
        metadata={"help": "Most alarms of one user, in all projects; -1: no limit.", "min": -1},
    )
    subscriptions_limit: int = field(
        default=1000, metadata={"help": "Most subscriptions of one project.", "min": 0}
    )
    events_bytes: int = field(
        default=4_194_304,
        metadata={"help": "Longest body of events that others publish.", "min": 1024},
    )
    actions_limit: int = field(
        default=10, metadata={"help": "Most actions of one kind of an alarm.", "min": 1}
    )
    evaluation_interval: int = field(
        default=60,
        metadata={
            "help": "Seconds between two looks at alarms that no event concerns: threshold, "
            "prometheus, composite.",
            "min": 1,
        },
    )
    samples_bytes: int = field(
        default=1_048_576,
        metadata={"help": "Longest body of a list of samples.", "min": 1024},
    )
    samples_limit: int = field(
        default=10_000, metadata={"help": "Most samples of one request.", "min": 1}
    )
