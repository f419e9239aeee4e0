"""Sweeps: every target is asked once, and only those that are silent are asked again.

Each target has its own patience: it is asked again once it was silent for as long as an answer is
waited for, whatever the others do. Pure: times are arguments, monotonic nanoseconds; `next` is
called with a time that was read before everything that had come was taken. How many requests may
be under way follows from what was lost: the window grows by a step with each whole sweep and is
halved by losses.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from faultwire.liveness.suspicion import MS

BATCH = 128
"""Requests that go out at once; more overflow the queues of devices."""
NARROWEST, FIRST, WIDEST = 16, 256, 512
STEP = 32
LOST_PERCENT = 1
"""Losses that a window does not answer for."""
UNSENT_PAUSE_NS = 5 * MS
"""How long nothing is sent after the system refused something."""
LUMP_NS = 5 * MS
"""How long the end of a wait may be put off, so that many end at once."""
CROWD_NS = 20 * MS
"""A request that is older fills no queue any more: who is dead holds nobody else up."""


class Window:
    """How many requests may be under way; kept from sweep to sweep."""

    def __init__(self) -> None:
        """Begin in the middle."""
        self.size = FIRST

    def went(self, lost: int, sent: int) -> None:
        """Take what was lost of a sweep: what answered only when it was asked again."""
        if lost * 100 > sent * LOST_PERCENT:
            self.shrink()
        else:
            self.size = min(WIDEST, self.size + STEP)

    def shrink(self) -> None:
        """Be narrower: something is full."""
        self.size = max(NARROWEST, self.size // 2)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often each target is asked, and how long each answer is waited for."""

    passes: int = 3
    wait_ns: int = 20 * MS


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found; `unknown` could not be asked, by the system's number of the error.

    `took` is how long answers took, in nanoseconds, as far as that was told.
    """

    alive: frozenset[int]
    dead: frozenset[int]
    unknown: Mapping[int, int]
    asked: int
    took: Mapping[int, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class _Under:
    """A batch under way: which asking of its targets it is, 1 the first."""

    at: int
    number: int
    slots: Sequence[int]


class Sweep:
    """One sweep: ask `next` what to send, say what became of it, until `done`."""

    def __init__(self, slots: Iterable[int], patience: Patience, window: Window) -> None:
        """Sweep these targets; the first batch may be asked for at once."""
        self._patience = patience
        self._window = window
        self._all = list(slots)
        self._silent = set(self._all)
        self._begun = 0
        self._again: dict[int, list[int]] = {}
        self._under: deque[_Under] = deque()
        self._crowd: deque[_Under] = deque()
        self._crowded: set[int] = set()
        self._repeated: set[int] = set()
        self._unsent: dict[int, int] = {}
        self._took: dict[int, int] = {}
        self._pause = 0
        self._asked = 0
        self._lost = 0
        self._number = 1
        self.done = not self._all

    def next(self, now: int) -> Sequence[int]:
        """Return whom to ask now; none: wait, for answers or until the next call."""
        self._expire(now)
        free = min(BATCH, self._window.size - len(self._crowded))
        if self.done or free <= 0 or now < self._pause:
            return ()
        if self._again:
            return self._repeat(free)
        some = self._all[self._begun : self._begun + free]
        self._begun += len(some)
        self._number = 1
        return some

    def until(self, now: int) -> int:
        """Return when there may be something to do again if no answer comes before."""
        waited = self._patience.wait_ns + LUMP_NS
        times = [self._under[0].at + waited] if self._under else []
        if self._again or self._begun < len(self._all):
            if now < self._pause:
                times.append(self._pause)
            elif self._crowd:
                times.append(self._crowd[0].at + CROWD_NS)
        return min(times, default=now)

    def sent(self, slots: Sequence[int], at: int) -> None:
        """Note requests that the system took."""
        if slots:
            batch = _Under(at, self._number, slots)
            self._under.append(batch)
            self._crowd.append(batch)
            self._crowded.update(slots)
            self._asked += len(slots)
            if self._unsent:
                for slot in slots:
                    self._unsent.pop(slot, None)

    def unsent(self, slots: Mapping[int, int], now: int) -> None:
        """Note requests that the system refused, with its numbers of the errors.

        They are asked again when those are that went out now.
        """
        if slots:
            self._unsent.update(slots)
            self._under.append(_Under(now, self._number, tuple(slots)))
            self._window.shrink()
            self._pause = now + UNSENT_PAUSE_NS

    def answered(self, slots: Sequence[int], took: Iterable[int] = ()) -> None:
        """Take answers, and how long each took."""
        self._silent.difference_update(slots)
        self._crowded.difference_update(slots)
        self._took.update(zip(slots, took, strict=False))
        if self._repeated:
            late = self._repeated.intersection(slots)
            self._lost += len(late)
            self._repeated -= late
        if not self._silent:
            self._finish()

    def result(self) -> Swept:
        """Return what was found; only of a sweep that is done."""
        unknown = {slot: no for slot, no in self._unsent.items() if slot in self._silent}
        alive = frozenset(self._all) - self._silent
        dead = frozenset(self._silent - unknown.keys())
        return Swept(alive, dead, unknown, self._asked, self._took)

    def _repeat(self, most: int) -> Sequence[int]:
        """Return some of those that are to be asked again."""
        number, slots = next(iter(self._again.items()))
        some, rest = slots[:most], slots[most:]
        if rest:
            self._again[number] = rest
        else:
            del self._again[number]
        self._number = number
        self._repeated.update(some)
        return some

    def _expire(self, now: int) -> None:
        """Wait no longer for what was asked too long ago."""
        while self._crowd and now - self._crowd[0].at >= CROWD_NS:
            self._crowded.difference_update(self._crowd.popleft().slots)
        while self._under and now - self._under[0].at >= self._patience.wait_ns:
            gone = self._under.popleft()
            silent = [slot for slot in gone.slots if slot in self._silent]
            if silent and gone.number < self._patience.passes:
                self._again.setdefault(gone.number + 1, []).extend(silent)
        if not self._under and not self._again and self._begun >= len(self._all):
            self._finish()

    def _finish(self) -> None:
        if not self.done:
            self.done = True
            self._window.went(self._lost, len(self._all))
