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
