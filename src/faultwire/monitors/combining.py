"""What an agent's silence means, by what probing holds of its host (D24)."""

from collections.abc import Mapping
from enum import StrEnum

from faultwire.domain.faults import AGENT_DOWN, HOST_DOWN, HUNG, UNREACHABLE
from faultwire.liveness.heartbeat import VerdictKind


class Icmp(StrEnum):
    """What probing holds of a host, as far as an agent's verdict depends on it.

    `UNWATCHED`: no vantage point has an opinion. `UNSURE`: it is about to be settled.
    `ISOLATED`: our own probing is, or may be, cut off.
    """

    UNWATCHED = "unwatched"
    ALIVE = "alive"
    UNSURE = "unsure"
    DEAD = "dead"
    UNREACHABLE = "unreachable"
    ISOLATED = "isolated"


WITHHELD = None
"""No verdict now: it is weighed again until there is one, or the agent is back."""

_ALIVE: Mapping[VerdictKind, str] = {
    # A connection that closes was closed by somebody: the system of the host runs.
    VerdictKind.CLOSED: AGENT_DOWN,
    VerdictKind.NOT_BACK: AGENT_DOWN,
    # One that stays and says nothing, on a host whose kernel answers.
    VerdictKind.SILENT: HUNG,
    VerdictKind.STILL_GONE: HUNG,
}

MEANS: Mapping[tuple[Icmp, VerdictKind], str | None] = {
    **{(Icmp.ALIVE, kind): fault for kind, fault in _ALIVE.items()},
    **{
        (icmp, kind): fault
        for icmp, fault in (
            # Without probing the agent's vote decides alone.
            (Icmp.UNWATCHED, HOST_DOWN),
            # The agent joins what probing found.
            (Icmp.DEAD, HOST_DOWN),
            (Icmp.UNREACHABLE, UNREACHABLE),
            (Icmp.UNSURE, WITHHELD),
            (Icmp.ISOLATED, WITHHELD),
        )
        for kind in VerdictKind
    },
}
"""Every combination, and the type of fault that it is."""
