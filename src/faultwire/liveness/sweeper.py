"""Runs sweeps over a real wire, on a thread or in a process of their own: calls wait."""

from collections.abc import Callable, Iterable, Sequence

from faultwire.liveness.icmp import IcmpWire
from faultwire.liveness.packets import TICKS
from faultwire.liveness.suspicion import MS
from faultwire.liveness.sweeps import Patience, Sweep, Swept, Window

GATHER_SECONDS = 0.001
FEW = 128
"""Fewer answers than these are not worth a turn: some more may gather meanwhile."""


class Sweeper:
    """Sweeps over one wire, one at a time; the window is kept from one to the next."""

    def __init__(self, wire: IcmpWire, mono_ns: Callable[[], int]) -> None:
        """Take a wire on which nobody else sends or takes; its slots are placed by the caller."""
        self._wire = wire
        self._mono_ns = mono_ns
        self._tick = 0
        self.window = Window()

    def sweep(self, slots: Iterable[int], patience: Patience) -> Swept:
        """Return who answers; it takes as long as the patience for the silent ones."""
        wire, mono_ns = self._wire, self._mono_ns
        sweep = Sweep(slots, patience, self.window)
        first = self._tick = (self._tick + 1) % (TICKS - patience.passes)
        while not sweep.done:
            now = mono_ns()
            some = sweep.next(now)
            if some:
                refused = wire.send(some, first + sweep.number - 1)
                taken = [slot for slot in some if slot not in refused] if refused else some
                sweep.sent(taken, mono_ns())
                sweep.unsent(refused, now)
            heard = self._heard(first)
            sweep.answered(heard)
            if not some and len(heard) < FEW and not sweep.done:
                self._rest(sweep, gather=bool(heard))
        self._tick = first + patience.passes
        return sweep.result()

    def _heard(self, first: int) -> Sequence[int]:
        """Return who answered this sweep; an answer to the one before says nothing of now."""
        taken = self._wire.take()
        if not taken.slots or min(taken.ticks) >= first:
            return taken.slots
        both = zip(taken.slots, taken.ticks, strict=True)
        return [slot for slot, tick in both if tick >= first]

    def _rest(self, sweep: Sweep, *, gather: bool) -> None:
        """Wait for answers, and for some more of them while they come one by one."""
        if gather:
            self._wire.wait(GATHER_SECONDS, answers=False)
            return
        now = self._mono_ns()
        self._wire.wait(max(0.0, (sweep.until(now) - now) / 1e9))


PATIENT = Patience(passes=2, wait_ns=250 * MS)
"""As patient as the field's ``fping -r1 -t200``: half a second for a dead target."""
