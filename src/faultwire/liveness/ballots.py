"""Ballots: what the vantage points together hold of a host.

::

    quiet ─ACCUSED─▶ contested ─AGREED─▶ dead ─ANSWERED─▶ quiet
    contested ─WAITED─▶ unreachable ─AGREED─▶ dead
    contested, unreachable ─WITHDRAWN─▶ quiet
    contested, unreachable, dead ─DOUBTED─▶ quiet

A host is dead once more than half of the vantage points that have an opinion hold it down, and
`quorum` of them at least. Where they disagree for longer than they are waited for it is
unreachable. A dead host is dead until nobody holds it down and somebody hears it. Pure: times
are arguments, monotonic nanoseconds; one caller.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from faultwire.liveness.seats import WORTH, Down, Presence, Seat, Tally, tally

WINDOW_NS = 1_000_000_000
"""Hosts that died within this time count as accused by one seat at once."""
CALM_NS = 1_000_000_000
"""How long a seat must accuse no more than it may before it is believed again."""


class State(StrEnum):
    """What is held of a host together."""

    QUIET = "quiet"
    CONTESTED = "contested"
    DEAD = "dead"
    UNREACHABLE = "unreachable"


class Signal(StrEnum):
    """What moves a host from one state to another."""

    ACCUSED = "accused"
    AGREED = "agreed"
    WAITED = "waited"
    WITHDRAWN = "withdrawn"
    ANSWERED = "answered"
    DOUBTED = "doubted"


MOVES: Mapping[tuple[State, Signal], State] = {
    (State.QUIET, Signal.ACCUSED): State.CONTESTED,
    (State.CONTESTED, Signal.AGREED): State.DEAD,
    (State.CONTESTED, Signal.WAITED): State.UNREACHABLE,
    (State.CONTESTED, Signal.WITHDRAWN): State.QUIET,
    (State.CONTESTED, Signal.DOUBTED): State.QUIET,
    (State.UNREACHABLE, Signal.AGREED): State.DEAD,
    (State.UNREACHABLE, Signal.WITHDRAWN): State.QUIET,
    (State.UNREACHABLE, Signal.DOUBTED): State.QUIET,
    (State.DEAD, Signal.ANSWERED): State.QUIET,
    (State.DEAD, Signal.DOUBTED): State.QUIET,
}
"""Every legal move; a signal without a row in the present state is ignored."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`quorum` is the least number of votes (0: one), `wait_ns` how long others are waited for.

    A seat that accuses more than `percent` of the hosts that it knows, and more than `hosts`, is
    not believed.
    """

    quorum: int
    wait_ns: int
    percent: int
    hosts: int


@dataclass(frozen=True, slots=True)
class Moved:
    """One move of one host, with the votes on it."""

    host: str
    was: State
    state: State
    signal: Signal
    votes: Tally


@dataclass(frozen=True, slots=True)
class Stood:
    """A seat is in another presence; None: it is gone."""

    seat: str
    was: Presence
    presence: Presence | None
    reasons: Sequence[str]


@dataclass(slots=True)
class _Case:
    state: State
    since: int


class Ballots:
    """The seats, and the hosts that are not quiet. Mutate, then ask `look`."""

    def __init__(self, terms: Terms) -> None:
        """Begin with nobody."""
        self._terms = terms
        self._cases: dict[str, _Case] = {}
        self._dirty: set[str] = set()
        self._moved: list[Moved] = []
        self._stood: list[Stood] = []
        self.seats: dict[str, Seat] = {}
        self.hosts = 0

    def state(self, host: str) -> State:
        """Return what is held of a host."""
        case = self._cases.get(host)
        return case.state if case else State.QUIET

    def cases(self) -> Mapping[str, State]:
        """Return the hosts that are not quiet."""
        return {host: case.state for host, case in self._cases.items()}

    def heard(self, host: str) -> bool:
        """Return whether some seat that votes holds a host to be alive."""
        return tally(host, self.seats).alive

    def known(self, host: str) -> bool:
        """Return whether some seat, whatever it is worth now, has an opinion on a host."""
        return any(host not in seat.unknown for seat in self.seats.values())

    # ------------------------------------------------------------ seats

    def expect(self, names: Iterable[str], until: int) -> None:
        """Keep seats for vantage points that may come until then."""
        for name in names:
            if name not in self.seats:
                self.seats[name] = Seat(name, Presence.ABSENT, until=until)
        self._all_dirty()

    def survey(
        self,
        name: str,
        presence: Presence,
        down: Mapping[str, Down],
        unknown: Iterable[str],
        now: int,
    ) -> None:
        """Take a seat, or take it again, with an opinion on every host."""
        seat = self.seats.get(name)
        if seat is None:
            seat = self.seats[name] = Seat(name)
        self._dirty |= seat.down.keys() | down.keys()
        seat.down, seat.unknown, seat.until = dict(down), set(unknown), None
        self._all_dirty()
        self.stand(name, presence, (), now)

    def cast(
        self,
        name: str,
        now: int,
        *,
        down: Mapping[str, Down] | None = None,
        alive: Iterable[str] = (),
        unknown: Iterable[str] = (),
    ) -> None:
        """Take votes of a seat, all of them before any is counted."""
        seat = self.seats.get(name)
        if seat is None:
            return
        for host, vote in (down or {}).items():
            seat.down[host] = vote
            seat.unknown.discard(host)
            self._dirty.add(host)
        for host in alive:
            if seat.down.pop(host, None) is not None or host in seat.unknown:
                self._dirty.add(host)
            seat.unknown.discard(host)
        for host in unknown:
            seat.down.pop(host, None)
            seat.unknown.add(host)
            self._dirty.add(host)
        self._believe(seat, now)

    def stand(self, name: str, presence: Presence, reasons: Sequence[str], now: int) -> None:
        """Take what a vantage point says of itself."""
        seat = self.seats.get(name)
        if seat is None:
            return
        seat.told = presence
        seat.until = None
        if presence is not Presence.VOTING or seat.presence is not Presence.DISBELIEVED:
            self._place(seat, presence, reasons)
        self._believe(seat, now)

    def leave(self, name: str, until: int) -> None:
        """Void the votes of a vantage point, and keep its seat until then."""
        seat = self.seats.get(name)
        if seat is None or seat.presence is Presence.ABSENT:
            return
        self._dirty |= seat.down.keys()
        seat.down.clear()
        seat.until = until
        self._place(seat, Presence.ABSENT, ())

    def dismiss(self, name: str) -> None:
        """Take a seat away."""
        seat = self.seats.pop(name, None)
        if seat is not None:
            self._dirty |= seat.down.keys()
            self._stood.append(Stood(name, seat.presence, None, ()))
            self._all_dirty()

    # ------------------------------------------------------------ hosts

    def hold(self, hosts: Iterable[str], state: State, now: int) -> None:
        """Begin with what was held of hosts before our start; nothing is told of it."""
        for host in hosts:
            self._cases[host] = _Case(state, now - WINDOW_NS)
            self._dirty.add(host)

    def forget(self, hosts: Iterable[str]) -> None:
        """Know nothing of hosts any more."""
        for host in hosts:
            self._cases.pop(host, None)
            for seat in self.seats.values():
                seat.down.pop(host, None)
                seat.unknown.discard(host)

    def doubt(self, host: str) -> None:
        """Take back a verdict that did not hold; who still means it votes anew."""
        for seat in self.seats.values():
            seat.down.pop(host, None)
        case = self._cases.get(host)
        if case is not None:
            self._move(host, case, Signal.DOUBTED, tally(host, self.seats), case.since)

    # ------------------------------------------------------------ counting

    def due(self) -> int | None:
        """Return when to look again if nothing happens before; None: never."""
        times = [seat.until for seat in self.seats.values() if seat.until is not None]
        times += [seat.calm for seat in self.seats.values() if seat.calm is not None]
        wait = self._terms.wait_ns
        times += [one.since + wait for one in self._cases.values() if one.state is State.CONTESTED]
        return min(times, default=None)

    def look(self, now: int) -> tuple[tuple[Stood, ...], tuple[Moved, ...]]:
        """Return the seats and then the hosts that moved since the last look."""
        for seat in [one for one in self.seats.values() if one.until is not None]:
            if seat.until is not None and seat.until <= now:
                self.dismiss(seat.name)
        for seat in self.seats.values():
            if seat.presence is Presence.DISBELIEVED:
                self._believe(seat, now)
        wait = self._terms.wait_ns
        for host, case in self._cases.items():
            if case.state is State.CONTESTED and now - case.since >= wait:
                self._dirty.add(host)
        dirty, self._dirty = self._dirty, set()
        for host in sorted(dirty):
            self._count(host, now)
        stood, self._stood = tuple(self._stood), []
        moved, self._moved = tuple(self._moved), []
        return stood, moved

    def _count(self, host: str, now: int) -> None:
        votes = tally(host, self.seats)
        case = self._cases.get(host)
        if case is None:
            if not votes.down:
                return
            case = self._cases[host] = _Case(State.QUIET, now)
            self._move(host, case, Signal.ACCUSED, votes, now)
        signal = self._signal(case, votes, now)
        if signal is not None:
            self._move(host, case, signal, votes, now)

    def _signal(self, case: _Case, votes: Tally, now: int) -> Signal | None:
        if votes.agreed(self._terms.quorum):
            return Signal.AGREED
        if votes.down:
            return Signal.WAITED if now - case.since >= self._terms.wait_ns else None
        if votes.absent and case.state is not State.CONTESTED:
            # Who held it down may be back in time to do so again.
            return None
        if case.state is State.DEAD:
            return Signal.ANSWERED if votes.alive else None
        return Signal.WITHDRAWN

    def _move(self, host: str, case: _Case, signal: Signal, votes: Tally, now: int) -> None:
        state = MOVES.get((case.state, signal))
        if state is None:
            return
        self._moved.append(Moved(host, case.state, state, signal, votes))
        case.state, case.since = state, now
        if state is State.QUIET:
            self._cases.pop(host, None)

    def _believe(self, seat: Seat, now: int) -> None:
        """Believe a seat that votes, or not, by how many hosts it accuses."""
        if seat.presence is Presence.DISBELIEVED:
            if self._too_many(seat, now):
                seat.calm = None
            elif seat.calm is None:
                seat.calm = now + CALM_NS
            elif now >= seat.calm:
                self._place(seat, seat.told, ())
        elif WORTH[seat.presence].votes and seat.down and self._too_many(seat, now):
            count, known = len(seat.down), self.hosts - len(seat.unknown)
            why = (
                f"it holds {count} of {known} hosts down (limits {self._terms.percent} % and"
                f" {self._terms.hosts})"
            )
            self._place(seat, Presence.DISBELIEVED, (why,))

    def _too_many(self, seat: Seat, now: int) -> bool:
        """Return whether it accuses more hosts than can be; those long dead are no news."""
        terms = self._terms
        if len(seat.down) <= terms.hosts:
            return False
        news = sum(
            1
            for host in seat.down
            if (case := self._cases.get(host)) is None
            or case.state is not State.DEAD
            or now - case.since < WINDOW_NS
        )
        known = self.hosts - len(seat.unknown)
        return news > terms.hosts and news * 100 > known * terms.percent

    def _place(self, seat: Seat, presence: Presence, reasons: Sequence[str]) -> None:
        if presence is seat.presence:
            return
        self._stood.append(Stood(seat.name, seat.presence, presence, reasons))
        seat.presence, seat.reasons, seat.calm = presence, reasons, None
        self._dirty |= seat.down.keys()
        self._all_dirty()

    def _all_dirty(self) -> None:
        """Count again wherever something is held: somebody has another weight."""
        self._dirty |= self._cases.keys()
