"""Message buses, as the sender and listeners see them."""

from typing import Protocol

BUS = "bus"
"""Kind of the deliveries that a bus takes."""

PUBLISHER = "faultwire."
"""How the publisher of each notification of ours begins; who listens passes it over."""


def publisher(service: str) -> str:
    """Return the publisher_id under which we tell of a service's things."""
    return PUBLISHER + service


class Bus(Protocol):
    """Takes notifications; called on the event loop, by one sender."""

    async def publish(self, body: bytes) -> None:
        """Return once the bus has taken a notification (JSON); raises Unavailable.

        It may be taken twice: its `message_id` is the same then.
        """
