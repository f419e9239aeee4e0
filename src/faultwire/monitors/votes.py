"""What the vantage points together hold of hosts, told to the lane."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from faultwire.domain.accounts import Actor
from faultwire.domain.commands import HostAnswered, ReportFaults
from faultwire.domain.faults import (
    HOST_DOWN,
    MONITOR_ISOLATED,
    UNREACHABLE,
    Evidence,
    identity_of,
)
from faultwire.domain.ids import HostName
from faultwire.domain.instants import Instant
from faultwire.liveness.ballots import Ballots, Moved, Signal, State, Stood
from faultwire.liveness.seats import Down, Presence, Tally
from faultwire.monitors.damped import Damped
from faultwire.monitors.owed import Owed
from faultwire.monitors.reports import instant_of, reports
from faultwire.ports import Clock, Meter

log = logging.getLogger(__name__)

SOURCE = "icmp"
ACTOR = Actor("monitor hosts")
TICK_SECONDS = 0.05
APART = frozenset({Presence.ISOLATED, Presence.DISBELIEVED})
"""How a vantage point stands that sees nothing of the world, or cannot be believed."""


class Follower(Protocol):
    """Who holds votes: it is told what came of them."""

    def settled(self, host: HostName, *, agreed: bool) -> None:
        """Note that a host is dead, or (not agreed) unreachable."""

    def doubted(self, host: HostName) -> None:
        """Find out anew how a host is: the verdict on it did not hold."""


class Votes:
    """On the event loop; `run` must be running. Seats are changed through this alone.

    `here` says whether a seat is of this server: of verdicts on votes from elsewhere others tell.
    """

    def __init__(
        self, ballots: Ballots, damped: Damped, owed: Owed, clock: Clock, meter: Meter
    ) -> None:
        """Take the machine, and what tells and owes."""
        self.ballots = ballots
        self.here: Callable[[str], bool] = lambda _: True
        self.on_change: Callable[[str], None] = lambda _: None
        self.own = ""
        self._damped = damped
        self._owed = owed
        self._clock = clock
        self._meter = meter
        self._followers: list[Follower] = []
        self._isolated: set[str] = set()
        self._is_open: Callable[[str], bool] = lambda _: False

    def follow(self, follower: Follower) -> None:
        """Have somebody told what came of votes."""
        self._followers.append(follower)

    def begin(
        self,
        own: str,
        hosts: int,
        held: Mapping[State, Iterable[HostName]],
        is_open: Callable[[str], bool],
    ) -> None:
        """Take what open faults say still; `own` is the name of this server's seat."""
        now = self._clock.mono_ns()
        self.own, self._is_open = own, is_open
        self.ballots.hosts = hosts
        for state, names in held.items():
            self.ballots.hold(names, state, now)

    # ------------------------------------------------------------ seats

    def survey(
        self, name: str, presence: Presence, down: Mapping[str, Down], unknown: Iterable[str]
    ) -> None:
        """Seat a vantage point with its opinion on every host."""
        self.ballots.survey(name, presence, down, unknown, self._clock.mono_ns())
        self._changed(name)

    def cast(
        self,
        name: str,
        *,
        down: Mapping[str, Down] | None = None,
        alive: Iterable[str] = (),
        unknown: Iterable[str] = (),
    ) -> None:
        """Take votes of a seat."""
        now = self._clock.mono_ns()
        self.ballots.cast(name, now, down=down, alive=alive, unknown=unknown)
        self._changed(name)

    def stand(self, name: str, presence: Presence, reasons: Iterable[str] = ()) -> None:
        """Take what a vantage point says of itself."""
        self.ballots.stand(name, presence, tuple(reasons), self._clock.mono_ns())
        self._changed(name)

    def leave(self, name: str, keep_ns: int) -> None:
        """Void the votes of a vantage point that was lost; its seat is kept so long."""
        seat = self.ballots.seats.get(name)
        if seat is not None and seat.presence is not Presence.ABSENT:
            self._meter.count("faultwire_votes_expired_total", max(1, len(seat.down)))
        self.ballots.leave(name, self._clock.mono_ns() + keep_ns)
        self._changed(name)

    def dismiss(self, name: str) -> None:
        """Take the seat of a vantage point that left, or is none any more."""
        self.ballots.dismiss(name)
        self._changed(name)

    def expect(self, names: Iterable[str], keep_ns: int) -> None:
        """Keep seats for vantage points that may come."""
        self.ballots.expect(names, self._clock.mono_ns() + keep_ns)

    # ------------------------------------------------------------ hosts

    def removed(self, hosts: Iterable[HostName]) -> None:
        """Know nothing of hosts any more."""
        gone = tuple(hosts)
        self.ballots.forget(gone)
        for host in gone:
            self._damped.forget(host)

    def vetoed(self, host: HostName) -> None:
        """Have a host judged anew whose verdict a guard vetoed."""
        self._meter.count("faultwire_verdicts_suspended_total")
        self._damped.taken_back(HOST_DOWN, host)
        self.ballots.doubt(host)
        for follower in self._followers:
            follower.doubted(host)
        self.look()

    async def run(self) -> None:
        """Look regularly until cancelled: waits end, seats are lost."""
        while True:
            await self._clock.sleep(TICK_SECONDS)
            due = self.ballots.due()
            if due is not None and due <= self._clock.mono_ns():
                self.look()
            self._figures()
            await asyncio.sleep(0)

    def look(self) -> None:
        """Count, and tell what came of it."""
        stood, moved = self.ballots.look(self._clock.mono_ns())
        for one in stood:
            self._stood(one)
        for move in moved:
            self._moved(move)

    def _changed(self, name: str) -> None:
        self.look()
        self.on_change(name)

    # ------------------------------------------------------------ telling

    def _moved(self, move: Moved) -> None:
        host = HostName(move.host)
        if move.state is State.DEAD:
            self._meter.count("faultwire_verdicts_total", kind=SOURCE)
            silent = self._ground(move.host, move.votes.down[0]).get("silent_ms")
            names = ", ".join(move.votes.down)
            log.warning("host %s is down: silent to probes of %s for %s ms", host, names, silent)
            told = self._dead(host, move.votes)
            if move.was is State.UNREACHABLE:
                told = self._in_its_place(host, move, told)
            if self._is_ours(move.votes):
                self._damped.bad(HOST_DOWN, host, told)
        elif move.state is State.UNREACHABLE:
            self._meter.count("faultwire_verdicts_total", kind="unreachable")
            log.warning("host %s is unreachable: %s", host, _words(move.votes))
            if self._is_ours(move.votes):
                self._damped.bad(UNREACHABLE, host, self._unreachable(host, move.votes))
        elif move.was is State.DEAD and move.signal is Signal.ANSWERED:
            log.warning("host %s answers again", host)
            said = Evidence(SOURCE, self._speaker(move.votes), "up", self._clock.wall_ns())
            self._damped.well(
                *(HOST_DOWN, host, HostAnswered(host, said)),
                identity=identity_of(HOST_DOWN, {"hostname": host}),
            )
        elif move.was is State.UNREACHABLE:
            self._clear_unreachable(host, move)
        if move.state in {State.DEAD, State.UNREACHABLE}:
            for follower in self._followers:
                follower.settled(host, agreed=move.state is State.DEAD)

    def _in_its_place(self, host: HostName, move: Moved, told: ReportFaults) -> ReportFaults:
        """Clear first, and in one commit, what says that somebody hears the host."""
        identity = identity_of(UNREACHABLE, {"hostname": host})
        if not self._is_open(identity):
            self._clear_unreachable(host, move)
            return told
        self._damped.taken_back(UNREACHABLE, host)
        clear = self._reachable(host, move)
        return ReportFaults((*clear.reports, *told.reports), ACTOR)

    def _clear_unreachable(self, host: HostName, move: Moved) -> None:
        identity = identity_of(UNREACHABLE, {"hostname": host})
        self._damped.well(UNREACHABLE, host, self._reachable(host, move), identity=identity)

    def _reachable(self, host: HostName, move: Moved) -> ReportFaults:
        resource = {"hostname": host}
        vote = "down" if move.state is State.DEAD else "reachable"
        details = {"votes": _counted(move.votes)}
        said = Evidence(SOURCE, self.own, vote, self._clock.wall_ns(), details=details)
        return reports(UNREACHABLE, resource, (said,), self._now(), ACTOR, raised=False)

    def _dead(self, host: HostName, votes: Tally) -> ReportFaults:
        own_first = sorted(votes.down, key=lambda name: (name != self.own, name))
        counted: dict[str, object] = {"verdict": "dead"}
        if len(self.ballots.seats) > 1:
            counted["votes"] = _counted(votes)
        seats = self.ballots.seats
        said = [
            self._evidence(name, "down", {**self._ground(host, name), **counted})
            for name in own_first
        ]
        at = max(seats[name].down[host].at for name in votes.down)
        detected = instant_of(self._clock, at)
        return reports(HOST_DOWN, {"hostname": host}, said, detected, ACTOR, raised=True)

    def _unreachable(self, host: HostName, votes: Tally) -> ReportFaults:
        counted = {"votes": _counted(votes)}
        said = [
            *(
                self._evidence(name, "down", {**self._ground(host, name), **counted})
                for name in votes.down
            ),
            *(self._evidence(name, "up", {}) for name in votes.against),
        ]
        resource = {"hostname": host}
        return reports(UNREACHABLE, resource, said, self._now(), ACTOR, raised=True)

    def _stood(self, stood: Stood) -> None:
        name, presence = stood.seat, stood.presence
        why = "; ".join(stood.reasons)
        log.info("monitor %s is %s, was %s: %s", name, presence or "gone", stood.was, why)
        if name == self.own and Presence.DISBELIEVED not in {presence, stood.was}:
            return
        if not self.here(name):
            return
        if presence in APART and name not in self._isolated:
            self._isolated.add(name)
            log.warning("monitor %s is %s: its votes do not count: %s", name, presence, why)
            self._meter.count("faultwire_verdicts_total", kind="isolated")
            self._about(name, str(presence), {"reasons": list(stood.reasons)}, raised=True)
        elif presence not in APART:
            identity = identity_of(MONITOR_ISOLATED, {"monitor": name})
            if name in self._isolated or self._is_open(identity):
                self._isolated.discard(name)
                self._about(name, "connected", {}, raised=False)

    def _about(self, name: str, vote: str, details: Mapping[str, object], *, raised: bool) -> None:
        said = Evidence(SOURCE, name, vote, self._clock.wall_ns(), details=details)
        resource = {"monitor": name}
        owing = reports(MONITOR_ISOLATED, resource, (said,), self._now(), ACTOR, raised=raised)
        # A key that is no host's name.
        self._owed.turn(HostName(f"monitor {name}"), owing)

    def _is_ours(self, votes: Tally) -> bool:
        return any(self.here(name) for name in votes.down)

    def _speaker(self, votes: Tally) -> str:
        return self.own if self.own in votes.against or not votes.against else votes.against[0]

    def _ground(self, host: str, name: str) -> Mapping[str, object]:
        vote = self.ballots.seats[name].down.get(host)
        return vote.evidence if vote else {}

    def _evidence(self, name: str, vote: str, details: Mapping[str, object]) -> Evidence:
        return Evidence(SOURCE, name, vote, self._clock.wall_ns(), details=details)

    def _now(self) -> Instant:
        return instant_of(self._clock, self._clock.mono_ns())

    def _figures(self) -> None:
        seats = [one.presence for name, one in self.ballots.seats.items() if name != self.own]
        for presence in Presence:
            self._meter.gauge("faultwire_monitors", seats.count(presence), state=presence.value)


def _counted(votes: Tally) -> dict[str, object]:
    return {
        "down": list(votes.down),
        "against": list(votes.against),
        "abstained": list(votes.abstained),
    }


def _words(votes: Tally) -> str:
    down, against = ", ".join(votes.down), ", ".join(votes.against)
    return f"{down} hold it down, {against} do not"
