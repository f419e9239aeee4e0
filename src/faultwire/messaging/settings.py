"""Settings of the message broker; their names are those that operators know from OpenStack."""

from dataclasses import dataclass, field, fields


@dataclass(frozen=True, slots=True)
class Settings:
    """`[DEFAULT]`."""

    transport_url: str = field(
        default="",
        # Holds a password: whoever shows settings must not show it.
        repr=False,
        metadata={
            "help": "The message broker: rabbit://USER:PASSWORD@HOST:PORT[,…]/VIRTUAL_HOST."
            " Empty: there is none, and processes talk without one."
        },
    )
    conductor_queue: str = field(
        default="trove-conductor",
        metadata={
            "help": "Queue of the calls of guests to conductors; the same for all who share it."
        },
    )
    taskmanager_queue: str = field(
        default="taskmanager",
        metadata={"help": "Queue of the calls to task managers; the same for all who share it."},
    )


@dataclass(frozen=True, slots=True)
class RabbitSettings:
    """`[oslo_messaging_rabbit]`: those of oslo.messaging's options that are used here."""

    rabbit_quorum_queue: bool = field(
        default=True,
        metadata={
            "help": "Queues are replicated quorum queues. All who share a queue must say the"
            " same, here and in the services."
        },
    )
    amqp_durable_queues: bool = field(
        default=True,
        metadata={
            "help": "Queues and exchanges outlive a restart of the broker; quorum queues do."
        },
    )
    ssl: bool = field(default=False, metadata={"help": "Connect to the broker by TLS."})
    ssl_ca_file: str = field(
        default="", metadata={"help": "PEM file of the authorities that vouch for the broker."}
    )
    ssl_cert_file: str = field(
        default="", metadata={"help": "PEM file with the certificate that we show to the broker."}
    )
    ssl_key_file: str = field(default="", metadata={"help": "PEM file with its key."})
    heartbeat_timeout_threshold: int = field(
        default=30,
        metadata={
            "help": "Seconds of silence after which the broker is taken to be gone.",
            "min": 2,
        },
    )


@dataclass(frozen=True, slots=True)
class UpgradeLevels:
    """`[upgrade_levels]`: the version above which no call is sent (S222, D16)."""

    baseapi: str = field(
        default="auto",
        metadata={
            "help": "Highest version of calls that every process answers: a release, a version"
            " like 1.1, or auto: the lowest that the live peers speak."
        },
    )
    taskmanager: str = field(
        default="auto", metadata={"help": "The same for calls to task managers (S218)."}
    )
    guestagent: str = field(
        default="auto", metadata={"help": "For calls to guests; auto is per guest (S219)."}
    )
    conductor: str = field(
        default="auto", metadata={"help": "For calls of guests to conductors (S220)."}
    )

    def by_api(self) -> dict[str, str]:
        """Return each API's level."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """`[listener]`."""

    enabled: bool = field(
        default=True,
        metadata={
            "help": "A server listens for notifications, where there is a broker. Off: other"
            " processes do (faultwire listener), or nobody."
        },
    )
    event_alarm_topic: tuple[str, ...] = field(
        default=("alarm.all", "event_eval"),
        metadata={"help": "Topics of events for alarms, in Aodh's shape, priority sample."},
    )
    topics: tuple[str, ...] = field(
        default=("notifications", "versioned_notifications"),
        metadata={"help": "Topics of the services' notifications, priorities info and error."},
    )
    exchanges: tuple[str, ...] = field(
        default=("nova", "neutron", "trove", "ceilometer", "aodh", "openstack"),
        metadata={
            "help": "Exchanges of the services that are listened to. They are never made here:"
            " one that is not there yet is looked for again."
        },
    )
    queue: str = field(
        default="faultwire.listener",
        metadata={
            "help": "Name of our queues: .notifications, .events and .dead are added to it."
        },
    )
    message_bytes: int = field(
        default=1_048_576,
        metadata={"help": "Longest message; longer ones are dead letters.", "min": 1024},
    )
    retries: int = field(
        default=5,
        metadata={
            "help": "Tries of a message that fails, before it is a dead letter. A server that is"
            " away is waited for without end.",
            "min": 1,
        },
    )
    dead_letters: int = field(
        default=10_000,
        metadata={"help": "Dead letters that are kept; the oldest give way.", "min": 1},
    )
