"""Runs sweeps over real wires, on a thread or in a process of their own: calls wait.

Each turn first reads the clock, then everything that has come, then judges, then asks. So a turn
that comes late judges nobody by time in which nothing was read.
"""

from collections.abc import Callable, Iterable, Sequence

from faultwire.liveness.icmp import IcmpWire, rest
from faultwire.liveness.packets import BATCH, TICKS
from faultwire.liveness.suspicion import MS
from faultwire.liveness.sweeps import Patience, Sweep, Swept, Window

GATHER_SECONDS = 0.001
FEW = 128
"""Fewer answers than these are not worth a turn: some more may gather meanwhile."""


class Sweeper:
    """Sweeps over one wire, one at a time; the window is kept from one to the next."""

    def __init__(self, wire: IcmpWire, mono_ns: Callable[[], int]) -> None:
        """Take a wire on which nobody else sends or takes; its slots are placed by the caller."""
        self._mono_ns = mono_ns
        self._tick = 0
        self._sent: dict[int, int] = {}
        self._sweep = Sweep((), Patience(), Window())
        self.wire = wire
        self.window = Window()
        self.heard = 0

    def sweep(self, slots: Iterable[int], patience: Patience) -> Swept:
        """Return who answers; it takes as long as the patience for the silent ones."""
        self.begin(slots, patience)
        run((self,), self._mono_ns)
        return self.result()

    def begin(self, slots: Iterable[int], patience: Patience) -> None:
        """Begin a sweep; `turn` it until it is done."""
        self._sent = {}
        self._sweep = Sweep(slots, patience, self.window)

    @property
    def done(self) -> bool:
        """Whether the sweep is over."""
        return self._sweep.done

    def until(self, now: int) -> int:
        """Return when there may be something to do again if no answer comes before."""
        return self._sweep.until(now)

    def result(self) -> Swept:
        """Return what was found; only of a sweep that is done."""
        return self._sweep.result()

    def turn(self) -> bool:
        """Take what came, judge, and ask; return whether the next turn need not wait."""
        sweep, now = self._sweep, self._mono_ns()
        self._take()
        some = sweep.next(now)
        if some:
            self._ask(some)
        return bool(some) or self.heard >= FEW

    def _ask(self, some: Sequence[int]) -> None:
        # Each batch has its tick: by that an answer tells which asking it is to, and its age.
        tick = self._tick = (self._tick + 1) % TICKS
        before = self._mono_ns()
        refused = self.wire.send(some, tick)
        self._sent[tick] = before
        taken = [slot for slot in some if slot not in refused] if refused else some
        at = self._mono_ns()
        self._sweep.sent(taken, at)
        self._sweep.unsent(refused, at)

    def _take(self) -> None:
        """Take everything that has come; an answer to an earlier sweep says nothing of now."""
        self.heard = 0
        while True:
            taken = self.wire.take()
            slots, ticks = taken.slots, taken.ticks
            if slots:
                now = self._mono_ns()
                ages = {tick: now - self._sent[tick] for tick in set(ticks) & self._sent.keys()}
                if len(ages) < len(set(ticks)):
                    both = [row for row in zip(slots, ticks, strict=True) if row[1] in ages]
                    slots, ticks = [slot for slot, _ in both], [tick for _, tick in both]
                self._sweep.answered(slots, map(ages.__getitem__, ticks))
                self.heard += len(slots)
            if len(taken.slots) + taken.refused < BATCH:
                return


def run(sweepers: Iterable[Sweeper], mono_ns: Callable[[], int]) -> None:
    """Turn sweeps that have begun, side by side, until all are done."""
    active = [one for one in sweepers if not one.done]
    while active:
        busy = [one.turn() for one in active]
        active = [one for one in active if not one.done]
        if not active or any(busy):
            continue
        if any(one.heard for one in active):
            # They come one by one: let some more gather.
            rest((), GATHER_SECONDS)
            continue
        now = mono_ns()
        until = min(one.until(now) for one in active)
        rest([one.wire for one in active], max(0.0, (until - now) / 1e9))


PATIENT = Patience(passes=2, wait_ns=250 * MS)
"""As patient as the field's ``fping -r1 -t200``: half a second for a dead target."""
