"""Names of things, as distinct types, and ids that are derived instead of drawn."""

import hashlib
from typing import NewType

HostName = NewType("HostName", str)
ServerId = NewType("ServerId", str)
PortId = NewType("PortId", str)
GuestId = NewType("GuestId", str)
ProjectId = NewType("ProjectId", str)
UserId = NewType("UserId", str)
FaultId = NewType("FaultId", str)
AlarmId = NewType("AlarmId", str)
DeliveryId = NewType("DeliveryId", str)
SubscriptionId = NewType("SubscriptionId", str)
NetworkId = NewType("NetworkId", str)
SubnetId = NewType("SubnetId", str)

ADMINISTRATORS = ProjectId("")
"""The project of events that belong to no tenant; only administrators' alarms live there (S47)."""


def derived(*parts: object) -> str:
    """Return a UUID-shaped id that is the same for the same parts, on every machine.

    Deciding code may not draw random numbers; what it creates (messages, deliveries) is named
    after what caused it, so that a decision repeated after a crash names the same things.
    """
    text = "\x1f".join(map(str, parts))
    raw = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{raw[:8]}-{raw[8:12]}-8{raw[13:16]}-8{raw[17:20]}-{raw[20:]}"
