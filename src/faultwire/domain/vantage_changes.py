"""Changes of what vantage points hold, for servers that share a database; memory only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from faultwire.domain.ids import HostName


@dataclass(frozen=True, slots=True)
class SeatTold:
    """A vantage point as the server `member` knows it: the whole of it.

    `own`: it is that server itself. `presence` is what it says of itself; ``absent``: it was
    lost, ``none``: it left.
    """

    member: str
    name: str
    own: bool
    presence: str
    reasons: tuple[str, ...] = ()
    down: Mapping[HostName, Mapping[str, object]] = field(default_factory=dict)
    unknown: tuple[HostName, ...] = ()


@dataclass(frozen=True, slots=True)
class SeatsTold:
    """Vantage points that are others than before; servers tell each other at will."""

    seats: tuple[SeatTold, ...]


@dataclass(frozen=True, slots=True)
class TellSeats:
    """Command: tell the other servers of seats here; answers None."""

    seats: tuple[SeatTold, ...]
