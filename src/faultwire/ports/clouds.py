"""The port of a cloud that is not ours: what it is asked to do, one call a request."""

from typing import Protocol


class CloudApi(Protocol):
    """Asynchronous; every call has a deadline, and asking twice does no harm.

    Raises Unavailable where it may be granted later, Conflict where the cloud says that it cannot
    be yet, NotFound where the thing is gone, and other Refused where asking again is in vain.
    """

    async def force_down(self, host: str) -> None:
        """Force a host's compute service down (S166)."""

    async def let_up(self, host: str) -> None:
        """Take the force-down of a host's compute service back."""

    async def reset_state(self, server: str, state: str) -> None:
        """Set the state of a server: ``error`` or ``active``."""

    async def mark_port(self, port: str, status: str) -> None:
        """Set the data plane status of a port; empty: nothing holds it down any more."""

    async def evacuate(self, server: str, host: str) -> None:
        """Have a server built again on another host; empty: on any."""

    async def close(self) -> None:
        """Give connections back."""
