"""Message buses, as the sender sees them."""

from typing import Protocol

BUS = "bus"
"""Kind of the deliveries that a bus takes."""


class Bus(Protocol):
    """Takes notifications; called on the event loop, by one sender."""

    async def publish(self, body: bytes) -> None:
        """Return once the bus has taken a notification (JSON); raises Unavailable.

        It may be taken twice: its `message_id` is the same then.
        """
