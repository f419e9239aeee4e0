"""Settings of the notifier."""

from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.remote_acts import Notify


class Loopback(StrEnum):
    """Whether webhooks may go to 127.0.0.0/8 and ::1."""

    AUTO = "auto"
    ALLOW = "allow"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Settings:
    """`[notifier]`."""

    loopback: Loopback = field(
        default=Loopback.AUTO,
        metadata={
            "help": "Webhooks to this machine; auto: allowed while we listen on loopback only."
        },
    )
    notify: Notify = field(
        default=Notify.IMMEDIATELY,
        metadata={
            "help": "When owners hear of a fault that clouds have to act on: at once, or once "
            "the cloud has the host down, or all states."
        },
    )
    notify_within: float = field(
        default=10.0,
        metadata={"help": "Seconds after which owners hear of it whatever is owed.", "min": 0.1},
    )
    allow_networks: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Networks beyond the public ones that webhooks may reach: 10.20.0.0/16. "
            "Loopback and link-local addresses need a network that lies within theirs."
        },
    )
    ca_file: str = field(
        default="",
        metadata={"help": "PEM file of authorities that are trusted besides the system's."},
    )
    client_certificate: str = field(
        default="",
        metadata={
            "help": "PEM file with a certificate that we show to consumers who ask for one; "
            "needs client_key."
        },
    )
    client_key: str = field(
        default="", metadata={"help": "PEM file with its key, without a passphrase."}
    )
    idle_connections: int = field(
        default=2048,
        metadata={
            "help": "Connections kept open between webhooks, all consumers together; those idle "
            "longest are closed first. At most an eighth of the files that we may open.",
            "min": 0,
        },
    )
    deadline_ms: int = field(
        default=5000,
        metadata={"help": "Longest time of one try, name and connection included.", "min": 100},
    )
    slow_ms: int = field(
        default=500,
        metadata={"help": "A try that takes longer may have to give way to others.", "min": 50},
    )
    retry_first_ms: int = field(
        default=500, metadata={"help": "Wait before the first retry; it doubles.", "min": 10}
    )
    retry_max_s: int = field(
        default=300, metadata={"help": "Longest wait between two tries.", "min": 1}
    )
    callback_tests: int = field(
        default=120,
        metadata={
            "help": "Callbacks of new subscriptions that one project may have tested in a minute.",
            "min": 1,
        },
    )
    dead_letter_s: int = field(
        default=86_400,
        metadata={"help": "Age at which a delivery is given up and shown as dead.", "min": 1},
    )
    window: int = field(
        default=32,
        metadata={"help": "Tries at once to one destination that answers well.", "min": 1},
    )
    origin_ceiling: int = field(
        default=512,
        metadata={"help": "Tries at once to one scheme, host and port.", "min": 4},
    )
    ceiling: int = field(
        default=1024, metadata={"help": "Tries at once to all destinations.", "min": 4}
    )
    aodh_topics: tuple[str, ...] = field(
        default=("alarm.all",),
        metadata={"help": "Those topics of also_publish that an Aodh reads: events in its form."},
    )
    also_publish: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Topics under which the message bus gets every event too: notifications. "
            "Empty: nothing is published. Without a broker that is a bus within the process."
        },
    )
    pending_quota: int = field(
        default=4000,
        metadata={"help": "Deliveries of one project held in memory; others wait in the store."},
    )
    resolver_slots: int = field(default=8, metadata={"help": "Names looked up at once.", "min": 2})
    resolver_deadline_ms: int = field(
        default=2000, metadata={"help": "Longest wait for a name.", "min": 50}
    )
    resolver_cache_s: int = field(
        default=30, metadata={"help": "How long the addresses of a name are used.", "min": 0}
    )
