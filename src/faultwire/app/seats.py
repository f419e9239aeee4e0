"""Seats of several servers: each tells the others of its own, and of those of monitors there."""

import logging

from faultwire.app.cluster import Cluster
from faultwire.domain.changes import Change
from faultwire.domain.errors import FaultwireError
from faultwire.domain.ids import HostName
from faultwire.domain.vantage_changes import SeatsTold, SeatTold, TellSeats
from faultwire.liveness.seats import Down, Presence
from faultwire.monitors.votes import Votes
from faultwire.ports import Clock, Intake

log = logging.getLogger(__name__)

TOGETHER_SECONDS = 0.01
"""Votes that come within this time are told together."""
LOOK_NS = 1_000_000_000
"""How often is looked who lives."""
LEFT = "none"


class Seats:
    """On the event loop; `run` must be running, and `follow` gets every change.

    Votes here are counted at once; what is told to others is the whole seat, as often as it
    changes.
    """

    def __init__(
        self, cluster: Cluster, votes: Votes, intake: Intake, clock: Clock, keep_ns: int
    ) -> None:
        """Follow the seats of a server; those of servers that are gone are kept for a while."""
        self._cluster = cluster
        self._votes = votes
        self._intake = intake
        self._clock = clock
        self._keep = keep_ns
        self._news: set[str] = set()
        self._at: dict[str, tuple[str, str]] = {}
        self._live: frozenset[str] = frozenset()
        self._looked = 0
        votes.on_change = self._changed

    def elsewhere(self, name: str) -> bool:
        """Return whether another server that lives has a monitor's session."""
        member, presence = self._at.get(name, ("", LEFT))
        return member in self._live and presence not in {LEFT, Presence.ABSENT.value}

    def follow(self, change: Change) -> None:
        """Take what another server tells of its seats."""
        if isinstance(change, SeatsTold):
            for told in change.seats:
                if told.member != self._cluster.id:
                    self._take(told)

    async def run(self) -> None:
        """Tell what changed, and see who lives, until cancelled."""
        while True:
            await self._clock.sleep(TOGETHER_SECONDS)
            if self._clock.mono_ns() - self._looked >= LOOK_NS:
                self._looked = self._clock.mono_ns()
                self._look()
            if self._news:
                await self._tell()

    def _changed(self, name: str) -> None:
        if self._votes.here(name):
            self._news.add(name)

    def _look(self) -> None:
        """Tell who is new everything; void the votes that came by servers that are gone."""
        live = frozenset(one.id for one in self._cluster.live() if one.role == "serve")
        if live - self._live - {self._cluster.id}:
            self._news |= {name for name in self._votes.ballots.seats if self._votes.here(name)}
        for key, (member, presence) in list(self._at.items()):
            if member not in live and member in self._live and presence != LEFT:
                log.warning("the votes of %s came by a server that is gone", key)
                self._votes.leave(key, self._keep)
                self._at[key] = member, LEFT
        self._live = live

    async def _tell(self) -> None:
        names, self._news = self._news, set()
        if self._live <= {self._cluster.id}:
            return
        told = tuple(self._told(name) for name in sorted(names))
        try:
            await self._intake.submit(TellSeats(told))
        except FaultwireError as error:
            self._news |= names
            log.warning("other servers were not told of votes: %s", error.detail)
            await self._clock.sleep(1.0)

    def _told(self, name: str) -> SeatTold:
        seat = self._votes.ballots.seats.get(name)
        member, own = self._cluster.id, name == self._votes.own
        if seat is None:
            return SeatTold(member, name, own, LEFT)
        absent = seat.presence is Presence.ABSENT
        presence = Presence.ABSENT if absent else seat.told
        down = {HostName(host): vote.evidence for host, vote in seat.down.items()}
        unknown = tuple(HostName(host) for host in sorted(seat.unknown))
        return SeatTold(member, name, own, presence.value, tuple(seat.reasons), down, unknown)

    def _take(self, told: SeatTold) -> None:
        # Two servers of one machine may have one name; monitors have names of their own.
        key = f"{told.name}@{told.member[:6]}" if told.own else told.name
        if self._votes.here(key):
            return
        self._at[key] = told.member, told.presence
        if told.presence == LEFT:
            self._votes.dismiss(key)
        elif told.presence == Presence.ABSENT.value:
            self._votes.leave(key, self._keep)
        else:
            now = self._clock.mono_ns()
            down: dict[str, Down] = {
                host: Down(now, grounds) for host, grounds in told.down.items()
            }
            self._votes.survey(key, Presence(told.presence), down, told.unknown)
