"""Sweeps: every target is asked once, and only those that are silent are asked again.

Pure: times are arguments, monotonic nanoseconds. How many requests may be under way follows
from what was lost: the window grows by a step with each whole sweep and is halved by losses.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from faultwire.liveness.suspicion import MS

BATCH = 128
"""Requests that go out at once; more overflow the queues of devices."""
NARROWEST, FIRST, WIDEST = 16, 256, 512
STEP = 32
LOST_PERCENT = 1
"""Losses that a window does not answer for."""
UNSENT_PAUSE_NS = 5 * MS
"""How long nothing is sent after the system refused something."""


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
    """What a sweep found; `unknown` could not be asked, by the system's number of the error."""

    alive: frozenset[int]
    dead: frozenset[int]
    unknown: Mapping[int, int]
    asked: int


@dataclass(slots=True)
class _Under:
    """A batch under way."""

    at: int
    slots: Sequence[int]


class Sweep:
    """One sweep: ask `next` what to send, say what became of it, until `done`."""

    def __init__(self, slots: Iterable[int], patience: Patience, window: Window) -> None:
        """Sweep these targets; the first batch may be asked for at once."""
        self._patience = patience
        self._window = window
        self._all = list(slots)
        self._silent = set(self._all)
        self._todo: Sequence[int] = self._all
        self._begun = 0
        self._under: deque[_Under] = deque()
        self._out = 0
        self._unsent: dict[int, int] = {}
        self._pause = 0
        self._asked = 0
        self._lost = 0
        self.number = 1
        self.done = not self._all

    def next(self, now: int) -> Sequence[int]:
        """Return whom to ask now; none: wait, for answers or until the next call."""
        self._expire(now)
        if self._begun >= len(self._todo) and not self._under:
            self._turn_over()
        free = min(BATCH, self._window.size - self._out)
        if self.done or free <= 0 or now < self._pause:
            return ()
        some = self._todo[self._begun : self._begun + free]
        self._begun += len(some)
        return some

    def until(self, now: int) -> int:
        """Return when there may be something to do again if no answer comes before."""
        if now < self._pause:
            return self._pause
        return self._under[0].at + self._patience.wait_ns if self._under else now

    def sent(self, slots: Sequence[int], at: int) -> None:
        """Note requests that the system took."""
        if slots:
            self._under.append(_Under(at, slots))
            self._out += len(slots)
            self._asked += len(slots)
            if self._unsent:
                for slot in slots:
                    self._unsent.pop(slot, None)

    def unsent(self, slots: Mapping[int, int], now: int) -> None:
        """Note requests that the system refused, with its numbers of the errors."""
        if slots:
            self._unsent.update(slots)
            self._window.shrink()
            self._pause = now + UNSENT_PAUSE_NS

    def answered(self, slots: Sequence[int]) -> None:
        """Take answers."""
        before = len(self._silent)
        self._silent.difference_update(slots)
        came = before - len(self._silent)
        if self.number > 1:
            self._lost += came
        self._out = max(0, self._out - came)
        if not self._silent:
            self._finish()

    def result(self) -> Swept:
        """Return what was found; only of a sweep that is done."""
        unknown = {slot: no for slot, no in self._unsent.items() if slot in self._silent}
        alive = frozenset(self._all) - self._silent
        return Swept(alive, frozenset(self._silent - unknown.keys()), unknown, self._asked)

    def _expire(self, now: int) -> None:
        """Wait no longer for what was asked too long ago."""
        while self._under and now - self._under[0].at >= self._patience.wait_ns:
            gone = self._under.popleft()
            self._out -= sum(slot in self._silent for slot in gone.slots)
        if not self._under:
            self._out = 0

    def _turn_over(self) -> None:
        """Ask the silent ones again, unless that was done often enough."""
        if self.number >= self._patience.passes:
            self._finish()
            return
        self.number += 1
        self._todo = sorted(self._silent)
        self._begun = 0

    def _finish(self) -> None:
        if not self.done:
            self.done = True
            self._window.went(self._lost, len(self._all))
