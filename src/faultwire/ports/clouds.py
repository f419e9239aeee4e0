"""The port of a cloud that is not ours: what it is asked to do, one call a request."""

from typing import Protocol

from faultwire.domain.remote_acts import Standing


class CloudApi(Protocol):
    """Asynchronous; every call has a deadline, and asking twice does no harm.

    Raises Unavailable where it may be granted later, Conflict where the cloud says that it cannot
    be yet, NotFound where the thing is gone, and other Refused where asking again is in vain.
    """

    async def force_down(self, host: str, reason: str = "") -> None:
        """Force a host's compute service down (S166); with a reason disable it for that too."""

    async def let_up(self, host: str, *, enable: bool = False) -> None:
        """Take the force-down of a host's compute service back; `enable`: it is enabled too.

        Conflict while the cloud still keeps evacuations from there (S176).
        """

    async def reset_state(self, server: str, state: str) -> None:
        """Set the state of a server: ``error``, ``active``, or ``stopped`` if it is to be off."""

    async def mark_port(self, port: str, status: str) -> str:
        """Set the data plane status of a port; empty: nothing holds it down any more.

        Return why the cloud keeps no such status, empty where it does.
        """

    async def evacuate(self, server: str, host: str, *, stopped: bool = False) -> None:
        """Have a server built again on another host; empty: on any. It runs, or stays `stopped`.

        That is under way when this returns. Conflict while the cloud thinks its host alive, or
        has something else to do with the server.
        """

    async def standing(self, server: str) -> Standing:
        """Return how a server stands now."""

    async def close(self) -> None:
        """Give connections back."""
