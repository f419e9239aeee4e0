"""The port of management controllers: a host's power, read and switched."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from faultwire.domain.fencing import PowerProof
from faultwire.domain.resources import Host


class Bmcs(Protocol):
    """Asynchronous; every call has a deadline and raises `BmcTrouble` alone."""

    async def power(self, host: Host) -> PowerProof:
        """Return what the controller of a host says of its power now."""

    async def switch(self, host: Host, *, on: bool) -> None:
        """Ask for power, or for none at once; that it was asked proves nothing."""

    async def health(self, host: Host) -> Sequence[Mapping[str, str]]:
        """Return the parts that are not OK: `part`, `name`, `health`."""

    async def subscribe(self, host: Host, destination: str, context: str) -> Mapping[str, object]:
        """Have its events sent to an address, once; answers whether that had to be `created`."""
