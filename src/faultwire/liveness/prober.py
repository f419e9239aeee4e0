"""The prober: steady probes to every host, bursts to suspects, and what follows from answers.

Each turn first reads the clock, then everything that has come, then judges, then sends. So a
turn that comes late judges nobody by time in which nothing was read or sent.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from faultwire.liveness.icmp import Wire, family_of
from faultwire.liveness.isolation import Health, Limits, Standing
from faultwire.liveness.packets import BATCH, TICKS
from faultwire.liveness.settings import Settings
from faultwire.liveness.suspicion import MS, Moved, State
from faultwire.liveness.watching import Terms, Vote, Watches, alone

TURN_NS = 5 * MS
"""A turn takes place so often."""
LOOKED_AT_DROPS = 20
"""Turns between two looks at what was dropped at our sockets, while nobody is suspect."""
APART = 4
"""Steady probes go out in each turn of so many, and their answers are taken in the one after it.

Fewer and larger batches cost less; the turns between take place while somebody is suspect, or has
not answered by then.
"""
AT_ONCE = 256
"""Probes that a turn sends at most: more would overflow the queues of devices."""


@dataclass(frozen=True, slots=True)
class Target:
    """A host and the address at which it is probed; `held` is what was held of it before."""

    host: str
    address: str
    held: State = State.UNKNOWN


@dataclass(frozen=True, slots=True)
class HostMoved:
    """A host moved, at a monotonic time; `lag_ns` is how late the turn came that saw it."""

    host: str
    moved: Moved
    at: int
    lag_ns: int


@dataclass(frozen=True, slots=True)
class Stood:
    """Our own standing is another one, for these reasons."""

    standing: Standing
    reasons: tuple[str, ...]
    at: int


@dataclass(slots=True)
class Counts:
    """What happened since the start; `lag_ns` is the latest turn since it was last asked for."""

    sent: int = 0
    answers: int = 0
    refused: int = 0
    unsent: int = 0
    lag_ns: int = 0


@dataclass(slots=True)
class _Place:
    """A target's place: the wire and the bucket that it is probed with."""

    target: Target
    wire: Wire
    slot: int
    canary: bool


@dataclass(slots=True)
class _Line:
    """One wire, who is probed by it in which turn of a period, and what waits to be sent."""

    wire: Wire
    buckets: list[dict[int, None]]
    queue: dict[int, None] = field(default_factory=dict)
    dropped: int = 0
    used: bool = False


class Prober:
    """Probes hosts through wires; not thread-safe, one caller that calls `turn` regularly."""

    def __init__(
        self,
        settings: Settings,
        wires: Mapping[int, Wire],
        mono_ns: Callable[[], int],
        carriers_down: Callable[[], tuple[str, ...]] = tuple,
        vote: Vote = alone,
    ) -> None:
        """Probe nobody; `wires` are by address family."""
        limits = Limits(
            settings.isolation_percent, settings.isolation_hosts, settings.confirm_ms * MS
        )
        terms = Terms(settings.confirm_ms * MS, settings.recover_answers, limits)
        self._mono_ns = mono_ns
        self._carriers_down = carriers_down
        self._buckets = max(1, settings.probe_ms * MS // TURN_NS)
        self._lines = {
            family: _Line(wire, [{} for _ in range(self._buckets)], dropped=wire.dropped())
            for family, wire in wires.items()
        }
        self._places: dict[str, _Place] = {}
        self._by_slot: dict[int, _Place] = {}
        self._free: list[int] = []
        self._slots = 0
        self._tick = 0
        self._calm = False
        self._last = mono_ns() // TURN_NS
        self.watches = Watches(terms, vote)
        self.counts = Counts()

    # ------------------------------------------------------------ who is probed

    def add(self, target: Target, *, canary: bool = False) -> None:
        """Probe a host, or probe it at another address; raises ValueError where that cannot be.

        A host that keeps its address keeps its state. One whose address is another is judged
        anew; what was held of it still counts.
        """
        name = f"canary {target.address}" if canary else target.host
        held = self._places.get(name)
        if held is not None and held.target.address == target.address:
            return
        line = self._lines.get(family_of(target.address))
        if line is None:
            raise ValueError(f"{target.address}: no socket for this family")
        before = target.held if held is None else self.watches.state(held.slot)
        if held is not None:
            self.remove(name)
        slot = self._free.pop() if self._free else self._slots
        try:
            line.wire.place(slot, target.address)
        except ValueError:
            if slot < self._slots:
                self._free.append(slot)
            raise
        self._slots = max(self._slots, slot + 1)
        place = _Place(target, line.wire, slot, canary)
        self._places[name] = self._by_slot[slot] = place
        line.buckets[self._bucket(slot)][slot] = None
        line.used = True
        self.watches.add(slot, before, canary=canary)

    def remove(self, host: str) -> None:
        """Probe a host no longer; harmless for one that is not probed."""
        place = self._places.pop(host, None)
        if place is None:
            return
        slot = place.slot
        line = self._lines[family_of(place.target.address)]
        line.buckets[self._bucket(slot)].pop(slot, None)
        line.queue.pop(slot, None)
        line.wire.clear(slot)
        self.watches.remove(slot)
        del self._by_slot[slot]
        self._free.append(slot)

    def doubt(self, host: str) -> None:
        """Judge a dead host anew: the verdict on it did not hold."""
        place = self._places.get(host)
        if place is not None:
            self.watches.doubt(place.slot, self._mono_ns())

    def settle(self, host: str, *, agreed: bool) -> None:
        """Say what the vantage points hold of a host that is dead from here."""
        place = self._places.get(host)
        if place is not None:
            self.watches.settle(place.slot, agreed=agreed, now=self._mono_ns())

    def states(self) -> dict[str, State]:
        """Return the state of every host, canaries left out."""
        return {
            name: self.watches.state(place.slot)
            for name, place in self._places.items()
            if not place.canary
        }

    def next_turn(self) -> int:
        """Return when the next turn is due: the regular one, or one to confirm a suspect."""
        number = self._last + 1
        ahead = number % APART
        held = self.watches.suspecting or self.watches.isolation.holds
        if ahead > 1 and self._calm and not held:
            number += APART - ahead
        regular, due = number * TURN_NS, self.watches.due()
        return regular if due is None else min(regular, due)

    # ------------------------------------------------------------ a turn

    def turn(self) -> list[HostMoved | Stood]:
        """Take what came, judge, send; return what moved."""
        now = self._mono_ns()
        lag = max(0, now - self.next_turn())
        self.counts.lag_ns = max(self.counts.lag_ns, lag)
        dropped = sum(self._take(line, now) for line in self._lines.values() if line.used)
        judged = self.watches.judge(now, Health(self._carriers_down(), dropped))
        said: list[HostMoved | Stood] = [
            HostMoved(place.target.host, moved, now, lag)
            for moved in judged.moved
            if (place := self._by_slot.get(moved.slot)) is not None
        ]
        if judged.standing is not None:
            said.append(Stood(judged.standing, self.watches.isolation.reasons, now))
        self._queue(self.watches.wanted(now))
        self._queue_due(now // TURN_NS)
        self._tick = (self._tick + 1) % TICKS
        for line in self._lines.values():
            self._send(line)
        unsent = any(line.queue for line in self._lines.values())
        self._calm = not unsent and not self.watches.awaiting
        return said

    def _take(self, line: _Line, now: int) -> int:
        """Take everything that has come; return how many replies were lost at the socket."""
        while True:
            taken = line.wire.take()
            self.watches.answered(taken.slots, taken.ticks, now)
            self.counts.answers += len(taken.slots)
            self.counts.refused += taken.refused
            if len(taken.slots) + taken.refused < BATCH:
                break
        if not self.watches.suspecting and self._tick % LOOKED_AT_DROPS:
            return 0
        before, line.dropped = line.dropped, line.wire.dropped()
        return line.dropped - before

    def _bucket(self, slot: int) -> int:
        """Return the turn of a period in which a slot is probed."""
        return slot * APART % self._buckets

    def _queue(self, slots: Iterable[int]) -> None:
        for slot in slots:
            place = self._by_slot[slot]
            self._lines[family_of(place.target.address)].queue[slot] = None

    def _queue_due(self, last: int) -> None:
        """Queue the steady probes of every turn since the last one; of one period at most."""
        for number in range(max(self._last, last - self._buckets) + 1, last + 1):
            for line in self._lines.values():
                line.queue.update(line.buckets[number % self._buckets])
        self._last = max(self._last, last)

    def _send(self, line: _Line) -> None:
        if not line.queue:
            return
        slots = list(line.queue)
        slots, rest = slots[:AT_ONCE], slots[AT_ONCE:]
        line.queue = dict.fromkeys(rest)
        refused = line.wire.send(slots, self._tick)
        # Not before the system took them: a probe is never held to be older than it is.
        at = self._mono_ns()
        taken = [slot for slot in slots if slot not in refused] if refused else slots
        self.watches.sent(taken, self._tick, at)
        self.counts.sent += len(taken)
        self.counts.unsent += len(refused)
        for slot, error in refused.items():
            self.watches.unsent(slot, error, at)
