"""The suspicion machine: which hosts answer, and which are held to be dead, and on what ground.

::

    unknown ─ANSWERED─▶ alive ─MISSED─▶ suspect ─ANSWERED─▶ alive
    unknown ─MISSED─▶ suspect   (only one that answered before)
    alive, suspect ─UNSENT─▶ unknown
    suspect ─CONFIRMED─▶ dead-from-here ─AGREED─▶ dead
    dead-from-here ─DISAGREED─▶ unreachable ─AGREED─▶ dead
    dead-from-here, dead, unreachable ─RECOVERED─▶ alive
    dead-from-here, dead, unreachable ─DOUBTED─▶ suspect

A host is judged by probes that were really sent, by the time since each was sent, and after
everything that had come was read. Our own lateness judges nobody. The first miss makes a
suspect; a burst of further probes confirms it, or any answer, however late, clears it. Silence
from the start is no death. Pure: times are arguments, monotonic nanoseconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MS = 1_000_000

SHORTEST_WAIT_NS = 10 * MS
LONGEST_WAIT_NS = 50 * MS
FIRST_WAIT_NS = 20 * MS
"""How long an answer is waited for: four times the host's slowest of late, within bounds."""
WAIT_FACTOR = 4
FADING = 128
"""Of a host's slowest answer, each further answer takes away one part in so many."""

BURST_NS = 4 * MS
"""Shortest time between two probes of a burst: one in each turn that comes in time."""
CONFIRM_PROBES = 4
"""Probes of the burst that must have had their whole wait, whatever the time."""
CORROBORATING_PROBES = 2
"""... and from how many on the other hosts are asked whether they too are silent."""

KEPT_NS = 2_000_000_000
"""An answer to a probe that is older says nothing any more."""
UNSENT_NS = 1_000_000_000
"""How long nothing could be sent to a host before nothing is known of it."""


class State(StrEnum):
    """What we hold of a host."""

    UNKNOWN = "unknown"
    ALIVE = "alive"
    SUSPECT = "suspect"
    DEAD_FROM_HERE = "dead-from-here"
    DEAD = "dead"
    UNREACHABLE = "unreachable"


class Signal(StrEnum):
    """What moves a host from one state to another."""

    ANSWERED = "answered"
    MISSED = "missed"
    UNSENT = "unsent"
    CONFIRMED = "confirmed"
    AGREED = "agreed"
    DISAGREED = "disagreed"
    RECOVERED = "recovered"
    DOUBTED = "doubted"


FALLEN = frozenset({State.DEAD_FROM_HERE, State.DEAD, State.UNREACHABLE})

MOVES: Mapping[tuple[State, Signal], State] = {
    (State.UNKNOWN, Signal.ANSWERED): State.ALIVE,
    (State.UNKNOWN, Signal.MISSED): State.SUSPECT,
    (State.ALIVE, Signal.MISSED): State.SUSPECT,
    (State.ALIVE, Signal.UNSENT): State.UNKNOWN,
    (State.SUSPECT, Signal.ANSWERED): State.ALIVE,
    (State.SUSPECT, Signal.UNSENT): State.UNKNOWN,
    (State.SUSPECT, Signal.CONFIRMED): State.DEAD_FROM_HERE,
    (State.DEAD_FROM_HERE, Signal.AGREED): State.DEAD,
    (State.DEAD_FROM_HERE, Signal.DISAGREED): State.UNREACHABLE,
    (State.UNREACHABLE, Signal.AGREED): State.DEAD,
    **dict.fromkeys(((state, Signal.RECOVERED) for state in FALLEN), State.ALIVE),
    **dict.fromkeys(((state, Signal.DOUBTED) for state in FALLEN), State.SUSPECT),
}
"""Every legal move; a signal without a row in the present state is ignored."""


def combined(states: Iterable[State]) -> State:
    """Return what is held of a host with several addresses: it lives if any of them answers.

    An address of which nothing is known speaks neither for it nor against it.
    """
    found = set(states)
    return next((state for state in _FIRST_OF if state in found), State.UNKNOWN)


_FIRST_OF = (
    State.ALIVE,
    State.SUSPECT,
    State.DEAD_FROM_HERE,
    State.UNREACHABLE,
    State.DEAD,
)
"""Of the states of a host's addresses, the first of these is the host's."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One move of one host; `evidence` are the figures on which it stands, times in ms."""

    slot: int
    was: State
    state: State
    signal: Signal
    evidence: Mapping[str, object]


@dataclass(slots=True)
class Watch:
    """One host. `out` holds what was sent and not answered: tick to time, oldest first.

    `answered` is the time at which the newest probe that was answered was sent; None if none
    was ever. `missed` is when the probe was sent whose miss made it a suspect; older ones count
    no more.
    """

    slot: int
    canary: bool = False
    state: State = State.UNKNOWN
    known: bool = False
    out: dict[int, int] = field(default_factory=dict)
    wait: int = FIRST_WAIT_NS
    slowest: int = 0
    answered: int | None = None
    missed: int = 0
    sent: int = 0
    unsent: int | None = None
    errno: int = 0
    good: int = 0
    fell: int = 0

    def move(self, signal: Signal, now: int) -> Moved | None:
        """Take a signal; None where it means nothing in the present state."""
        state = MOVES.get((self.state, signal))
        if state is None:
            return None
        evidence = self.evidence(now)
        was, self.state, self.good = self.state, state, 0
        if state is State.DEAD_FROM_HERE:
            self.fell = now
        if state is State.ALIVE:
            self.fell = 0
        return Moved(self.slot, was, state, signal, evidence)

    def hear(self, tick: int, now: int) -> int | None:
        """Take an answer; return when its probe was sent, None if it never was, or long ago.

        Probes that were sent before it need no answer any more.
        """
        sent = self.out.pop(tick, None)
        if sent is None:
            return None
        # This runs for every answer there is: no calls, and little else.
        took, slowest = now - sent, self.slowest
        if took > slowest or took < slowest - (slowest >> 4):
            if took < slowest:
                took = slowest - (slowest - took) // FADING
            self.slowest = took
            wait = WAIT_FACTOR * took
            wait = max(wait, SHORTEST_WAIT_NS)
            self.wait = min(LONGEST_WAIT_NS, wait)
        if self.answered is None or sent > self.answered:
            self.answered = sent
        if self.out:
            self.out = {one: at for one, at in self.out.items() if at > sent}
        self.known = True
        return sent

    def unanswered(self, now: int) -> list[int]:
        """Return when the probes after the missed one were sent that had their whole wait."""
        until = now - self.wait
        return [at for at in self.out.values() if self.missed < at <= until]

    def forget_old(self, now: int) -> None:
        """Forget probes whose answers would say nothing any more."""
        until = now - KEPT_NS
        if self.out and next(iter(self.out.values())) < until:
            self.out = {tick: at for tick, at in self.out.items() if at >= until}

    def evidence(self, now: int) -> dict[str, object]:
        """Return the figures of the present judgement."""
        silent = [at for at in self.out.values() if at >= self.missed]
        figures: dict[str, object] = {
            "wait_ms": self.wait / MS,
            "unanswered": len(silent),
            "sent_ms_ago": [round((now - at) / MS, 3) for at in silent[:8]],
        }
        if self.state in {State.SUSPECT, *FALLEN}:
            figures["silent_ms"] = round((now - self.missed) / MS, 3)
        if self.answered is not None:
            figures["last_answered_ms_ago"] = round((now - self.answered) / MS, 3)
        if self.unsent is not None:
            figures |= {"unsent_ms": round((now - self.unsent) / MS, 3), "errno": self.errno}
        return figures
