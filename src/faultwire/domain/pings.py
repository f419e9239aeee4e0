"""What pinging a server found: three-valued, since silence and not knowing are two things."""

from dataclasses import dataclass
from enum import StrEnum


class PingState(StrEnum):
    """What is held of a server that is pinged."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ping:
    """The newest answer about a server: `checked_ns` is wall time, None where none was ever had.

    `rtt_ns` is how long the quickest of its addresses took; None unless it is alive.
    """

    state: PingState
    checked_ns: int | None = None
    rtt_ns: int | None = None


UNKNOWN = Ping(PingState.UNKNOWN)
