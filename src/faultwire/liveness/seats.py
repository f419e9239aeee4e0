"""Who has a vote on hosts, and what that vote is worth now.

Every vantage point has a seat: this server, each monitor with a session, other servers. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Presence(StrEnum):
    """How a vantage point stands.

    `DOUBTFUL`: it asks itself whether it is cut off. `ABSENT`: it has no session, or has not
    come since our start, and its seat is kept. `ISOLATED`: it says itself that it is cut off.
    `DISBELIEVED`: it holds more hosts down than can be. `BLIND`: it cannot probe.
    """

    VOTING = "voting"
    DOUBTFUL = "doubtful"
    ABSENT = "absent"
    ISOLATED = "isolated"
    DISBELIEVED = "disbelieved"
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class Worth:
    """What a presence is worth: whether its votes count, and whether its silence counts against.

    One that has a seat and no vote speaks against every verdict: it may know better.
    """

    votes: bool
    sits: bool


WORTH: Mapping[Presence, Worth] = {
    Presence.VOTING: Worth(votes=True, sits=True),
    Presence.DOUBTFUL: Worth(votes=False, sits=True),
    Presence.ABSENT: Worth(votes=False, sits=True),
    Presence.ISOLATED: Worth(votes=False, sits=False),
    Presence.DISBELIEVED: Worth(votes=False, sits=False),
    Presence.BLIND: Worth(votes=False, sits=False),
}
"""Every presence. Who knows that it knows nothing is as good as not there."""


@dataclass(frozen=True, slots=True)
class Down:
    """A vote that a host is down: since when (monotonic ns), and on what ground."""

    at: int
    evidence: Mapping[str, object]


@dataclass(slots=True)
class Seat:
    """One vantage point. Hosts that are in neither table it holds to be alive.

    `until` is when an ABSENT one loses its seat. `told` is the presence that it tells of itself.
    """

    name: str
    presence: Presence = Presence.VOTING
    told: Presence = Presence.VOTING
    reasons: Sequence[str] = ()
    down: dict[str, Down] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    until: int | None = None
    calm: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """The votes on one host, by the names of the seats.

    `alive`: somebody hears it. `absent`: somebody's seat is kept for his return.
    """

    down: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    abstained: tuple[str, ...] = ()
    alive: bool = False
    absent: bool = False

    def agreed(self, quorum: int) -> bool:
        """Return whether the host is dead: more than half of who has an opinion, and enough."""
        count = len(self.down)
        return count >= max(1, quorum) and count > len(self.against)


def tally(host: str, seats: Mapping[str, Seat]) -> Tally:
    """Count the votes on a host."""
    down, against, abstained, alive, absent = [], [], [], False, False
    for name, seat in seats.items():
        worth = WORTH[seat.presence]
        absent = absent or seat.presence is Presence.ABSENT
        if host in seat.unknown or not worth.sits:
            abstained.append(name)
        elif not worth.votes:
            against.append(name)
        elif host in seat.down:
            down.append(name)
        else:
            against.append(name)
            alive = True
    return Tally(tuple(down), tuple(against), tuple(abstained), alive, absent)
