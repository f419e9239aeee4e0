"""All watched hosts together: whom to probe besides the steady probes, and whom to judge.

Before the first silent host is held to be dead, every other host is looked at too (a roll call):
so it is known in time whether many are silent, which says more of us than of them. Pure: times
are arguments, monotonic nanoseconds; one caller, which calls `judge` with a time that it read
before it took in what had come.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from faultwire.liveness.isolation import Health, Isolation, Limits, Standing
from faultwire.liveness.suspicion import (
    BURST_NS,
    CONFIRM_PROBES,
    CORROBORATING_PROBES,
    FALLEN,
    MS,
    UNSENT_NS,
    Moved,
    Signal,
    State,
    Watch,
)

WINDOW_NS = 1_000_000_000
"""Hosts that fell within this time count as silent at once."""
ROLL_NS = 200 * MS
"""How long a roll call may hold a verdict up at most."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How hosts are judged; times in nanoseconds."""

    confirm_ns: int
    recover_answers: int
    limits: Limits


Vote = Callable[[int], bool | None]
"""Whether the vantage points agree that a host is dead; None: they are asked, see `settle`."""


def alone(slot: int) -> bool:
    """Agree: nobody else watches."""
    del slot
    return True


def asked(slot: int) -> None:
    """Leave the answer open: others watch too, and `settle` says what came of it."""
    del slot


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one look: hosts that moved; `standing` where ours is another one now."""

    moved: tuple[Moved, ...]
    standing: Standing | None = None


class Watches:
    """The state of every host; not thread-safe, one caller."""

    def __init__(self, terms: Terms, vote: Vote = alone) -> None:
        """Watch nobody; `vote` is asked of each host that is dead from here."""
        self._terms = terms
        self._vote = vote
        self._watches: dict[int, Watch] = {}
        self._waiting: dict[int, Watch] = {}
        self._suspects: dict[int, Watch] = {}
        self._fallen: dict[int, Watch] = {}
        self._canaries: dict[int, Watch] = {}
        self._alive = 0
        self._judged = self._rolled = self._since = 0
        self._rolling: set[int] = set()
        self._asked: list[int] = []
        self._moved: list[Moved] = []
        self.isolation = Isolation(terms.limits)
        self.strays = 0

    @property
    def suspecting(self) -> bool:
        """Whether somebody is suspect now."""
        return bool(self._suspects)

    @property
    def awaiting(self) -> bool:
        """Whether somebody who is alive has yet to answer a probe."""
        return any(watch.state is State.ALIVE for watch in self._waiting.values())

    def __len__(self) -> int:
        """Return how many are watched, canaries included."""
        return len(self._watches)

    def state(self, slot: int) -> State:
        """Return the state of a host; UNKNOWN for one that is not watched."""
        watch = self._watches.get(slot)
        return watch.state if watch else State.UNKNOWN

    def states(self) -> Iterator[State]:
        """Return the states of all hosts, canaries left out."""
        return (watch.state for watch in self._watches.values() if not watch.canary)

    # ------------------------------------------------------------ who is watched

    def add(self, slot: int, held: State = State.UNKNOWN, *, canary: bool = False) -> None:
        """Watch a host; `held` is what was held of it before: only DEAD stays what it was.

        One that was ALIVE or SUSPECT is UNKNOWN until it answers, and its silence counts.
        """
        watch = Watch(slot, canary, known=held is not State.UNKNOWN)
        self._watches[slot] = watch
        if canary:
            self._canaries[slot] = watch
        if held in FALLEN:
            watch.state = State.DEAD
            self._fallen[slot] = watch

    def remove(self, slot: int) -> None:
        """Watch a host no longer."""
        watch = self._watches.pop(slot, None)
        if watch is not None:
            self._alive -= watch.state is State.ALIVE and not watch.canary
        for table in (self._waiting, self._suspects, self._fallen, self._canaries):
            table.pop(slot, None)
        self._rolling.discard(slot)

    # ------------------------------------------------------------ what happens

    def sent(self, slots: Iterable[int], tick: int, at: int) -> None:
        """Note probes that the system took, at a time that is not before it did."""
        watches, waiting = self._watches, self._waiting
        for slot in slots:
            watch = watches.get(slot)
            if watch is not None:
                watch.out[tick] = at
                watch.sent = at
                watch.unsent = None
                waiting[slot] = watch

    def unsent(self, slot: int, errno: int, now: int) -> None:
        """Note a probe that the system did not take."""
        watch = self._watches.get(slot)
        if watch is None:
            return
        watch.errno = errno
        self._rolling.discard(slot)
        if watch.unsent is None:
            watch.unsent = now
        elif now - watch.unsent >= UNSENT_NS:
            self._move(watch, Signal.UNSENT, now)

    def answered(self, slots: Sequence[int], ticks: Sequence[int], now: int) -> None:
        """Take answers; those to probes that were never sent are strays and count for nothing."""
        watches, waiting = self._watches, self._waiting
        for slot, tick in zip(slots, ticks, strict=True):
            watch = watches.get(slot)
            if watch is None or watch.hear(tick, now) is None:
                self.strays += 1
                continue
            if not watch.out:
                waiting.pop(slot, None)
            if self._rolling and (watch.answered or 0) >= self._since:
                self._rolling.discard(slot)
            if watch.state is not State.ALIVE:
                self._good(watch, now)

    def due(self) -> int | None:
        """Return when a suspect may be confirmed whose time had not come at the last look."""
        if not self._suspects or self.isolation.holds:
            return None
        times = (one.missed + self._terms.confirm_ns for one in self._suspects.values())
        return min((at for at in times if at > self._judged), default=None)

    def settle(self, slot: int, *, agreed: bool, now: int) -> None:
        """Say what the vantage points hold of a host that is dead from here."""
        watch = self._watches.get(slot)
        if watch is not None:
            self._move(watch, Signal.AGREED if agreed else Signal.DISAGREED, now)

    def doubt(self, slot: int, now: int) -> None:
        """Judge a fallen host anew, from now on: the verdict on it did not hold."""
        watch = self._watches.get(slot)
        if watch is not None and self._move(watch, Signal.DOUBTED, now):
            watch.missed = now

    # ------------------------------------------------------------ judging

    def judge(self, now: int, health: Health | None = None) -> Judged:
        """Return what moved since the last look; everything that came before `now` was taken."""
        self._judged = now
        ripe = [
            (watch, at)
            for watch in self._waiting.values()
            if (at := next(iter(watch.out.values()))) <= now - watch.wait
        ]
        for watch, at in ripe:
            self._overdue(watch, at, now)
        standing = self._look(now, health or Health())
        if not self.isolation.holds:
            self._confirm(now)
        moved, self._moved = tuple(self._moved), []
        return Judged(moved, standing)

    def wanted(self, now: int) -> list[int]:
        """Return whom to probe now besides the steady probes: suspects, and the roll call."""
        slots, self._asked = self._asked, []
        if self.isolation.standing is Standing.ISOLATED:
            return slots
        slots += [slot for slot, one in self._suspects.items() if now - one.sent >= BURST_NS]
        return slots

    def _overdue(self, watch: Watch, at: int, now: int) -> None:
        """Look at a host whose oldest probe should have been answered."""
        self._rolling.discard(watch.slot)
        if watch.state is State.ALIVE or (watch.state is State.UNKNOWN and watch.known):
            watch.missed = at
            self._move(watch, Signal.MISSED, now)
        elif watch.state is not State.SUSPECT:
            watch.good = 0
        watch.forget_old(now)
        if not watch.out:
            self._waiting.pop(watch.slot, None)

    def _good(self, watch: Watch, now: int) -> None:
        """Take an answer of a host that is not ALIVE."""
        if watch.state not in FALLEN:
            self._move(watch, Signal.ANSWERED, now)
            return
        watch.good += 1
        if watch.good >= self._terms.recover_answers:
            self._move(watch, Signal.RECOVERED, now)

    def _look(self, now: int, health: Health) -> Standing | None:
        """Ask whether it is we; hosts that were held are confirmed anew once it was not."""
        canaries = [one for one in self._canaries.values() if one.known]
        silent = sum(one.state is State.SUSPECT for one in canaries)
        seen = Health(health.carriers_down, health.dropped, len(canaries), silent)
        suspects, eligible = self._silent(now)
        if not self.isolation.look(now, suspects, eligible, seen):
            return None
        if not self.isolation.holds:
            for watch in self._suspects.values():
                watch.missed = now
        return self.isolation.standing

    def _silent(self, now: int) -> tuple[int, int]:
        """Return how many fell silent within one window, and of how many that answered."""
        suspects = sum(not one.canary for one in self._suspects.values())
        fallen = sum(now - one.fell < WINDOW_NS for one in self._fallen.values() if one.fell)
        return suspects + fallen, self._alive + suspects + fallen

    def _confirm(self, now: int) -> None:
        for watch in list(self._suspects.values()):
            if watch.canary:
                continue
            probes = len(watch.unanswered(now))
            if probes >= CORROBORATING_PROBES and self._rolled < watch.missed:
                self._roll(watch.missed, now)
            due = now - watch.missed >= self._terms.confirm_ns and probes >= CONFIRM_PROBES
            if due and self._looked(watch, now):
                self._move(watch, Signal.CONFIRMED, now)
                agreed = self._vote(watch.slot)
                if agreed is not None:
                    self.settle(watch.slot, agreed=agreed, now=now)

    def _looked(self, watch: Watch, now: int) -> bool:
        """Return whether the others were looked at since the host fell silent."""
        return self._rolled >= watch.missed and (
            not self._rolling or now - self._rolled >= ROLL_NS
        )

    def _roll(self, since: int, now: int) -> None:
        """Look at every host of which nothing is known since then."""
        self._rolled, self._since = now, since
        self._rolling = {
            slot
            for slot, one in self._watches.items()
            if one.state is State.ALIVE and (one.answered is None or one.answered < since)
        }
        self._asked += [slot for slot in self._rolling if self._watches[slot].sent < since]

    def _move(self, watch: Watch, signal: Signal, now: int) -> bool:
        was = watch.state
        moved = watch.move(signal, now)
        if moved is None:
            return False
        state, slot = watch.state, watch.slot
        if not watch.canary:
            self._alive += (state is State.ALIVE) - (was is State.ALIVE)
            self._moved.append(moved)
        for table, held in ((self._suspects, {State.SUSPECT}), (self._fallen, FALLEN)):
            if state in held:
                table[slot] = watch
            else:
                table.pop(slot, None)
        self._rolling.discard(slot)
        return True
