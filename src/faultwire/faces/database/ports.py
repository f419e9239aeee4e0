"""What the database face needs of the rest."""

from dataclasses import dataclass

from faultwire.ports import Authenticator, Clock, Enforcer, Intake, Inventory
from faultwire.ports.guests import HeardGuests, Pinger, Wakes


@dataclass(frozen=True, slots=True)
class DatabasePorts:
    """Ports; `ping_seconds` is the deadline of a bulk ping that names none.

    `bulk_limit` is how many guests one bulk ping may name.
    """

    authenticator: Authenticator
    enforcer: Enforcer
    intake: Intake
    clock: Clock
    inventory: Inventory
    heard: HeardGuests
    pinger: Pinger
    keeper: Wakes
    ping_seconds: float
    bulk_limit: int
