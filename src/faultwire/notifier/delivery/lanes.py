"""Who may be sent now: order per alarm, windows per destination, ceilings; pure.

All times are monotonic nanoseconds and arguments. Every call costs constant time, whatever
waits; only `overdue` looks at each slow try.

- A chain is an alarm's deliveries to one destination: strictly one after the other.
- A destination (project and URL) has a window: one try at once, twice as many with each success,
  one again after a failure. Failing, it rests; then one try finds out whether it is back.
- An origin (scheme, host, port) and the whole have ceilings.
"""

import heapq
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import count

from faultwire.domain.alarms import Delivery
from faultwire.notifier.delivery.ceilings import STANDINGS, UNKNOWN, WELL, Ceiling, Standing

PROVEN_NS = 600_000_000_000
"""How long a success vouches for a destination."""
PARDONS = 3
"""How often one delivery is tried early because its destination is back."""
IDLE_KEPT = 4096
"""Destinations without deliveries whose standing is remembered."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of tries at once, and times in nanoseconds."""

    ceiling: int = 1024
    origin_ceiling: int = 512
    window: int = 32
    slow_ns: int = 500_000_000
    deadline_ns: int = 5_000_000_000


@dataclass(slots=True, eq=False)
class _Origin:
    name: str
    ceiling: Ceiling
    destinations: int = 0
    runnable: tuple["deque[_Destination]", ...] = field(
        default_factory=lambda: tuple(deque() for _ in STANDINGS)
    )
    offered: list[bool] = field(default_factory=lambda: [False for _ in STANDINGS])


@dataclass(slots=True, eq=False)
class _Destination:
    key: tuple[str, str]
    origin: _Origin
    window: int = 1
    in_flight: int = 0
    failures: int = 0
    failed_ns: int = 0
    resting_until_ns: int = 0
    proven_until_ns: int = 0
    queued: bool = False
    timed: bool = False
    chains: "dict[str, _Chain]" = field(default_factory=dict)
    # A heap: the oldest delivery first, so that what is too old is seen to be.
    ready: "list[tuple[int, int, _Chain]]" = field(default_factory=list)
    pardonable: "dict[_Chain, None]" = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Chain:
    destination: _Destination
    items: deque[Delivery]
    due_ns: int | None = None
    pardons: int = 0


@dataclass(slots=True, eq=False)
class Flight:
    """One try under way; `overdue` says why it has to end, empty while it need not.

    Who makes the try sets `started_ns`, in the order of `take`; it is not overdue before.
    """

    delivery: Delivery
    standing: Standing
    taken_ns: int
    chain: _Chain
    started_ns: int = 0
    slow: bool = False
    yielded: bool = False
    overdue: str = ""


class Lanes:
    """Deliveries that are owed and held in memory, and the tries under way."""

    def __init__(self, sizes: Sizes) -> None:
        """Start empty."""
        self._sizes = sizes
        self._ceiling = Ceiling(sizes.ceiling)
        self._origins: dict[str, _Origin] = {}
        self._destinations: dict[tuple[str, str], _Destination] = {}
        self._idle: OrderedDict[tuple[str, str], _Destination] = OrderedDict()
        self._offers: tuple[deque[_Origin], ...] = tuple(deque() for _ in STANDINGS)
        self._flights: dict[Flight, None] = {}
        self._timers: list[tuple[int, int, _Chain | _Destination]] = []
        self._order = count()
        # Destinations that could start one, by standing.
        self._runnable = [0 for _ in STANDINGS]

    def __len__(self) -> int:
        """Return how many tries are under way."""
        return len(self._flights)

    @property
    def backlog(self) -> bool:
        """Whether a destination could take one more, ceilings aside."""
        return any(self._runnable)

    def admit(self, delivery: Delivery, now_ns: int) -> None:
        """Take a delivery behind those of the same alarm and destination."""
        destination = self._destination((delivery.project, delivery.url))
        chain = destination.chains.get(delivery.ordering)
        if chain is None:
            chain = _Chain(destination, deque((delivery,)))
            destination.chains[delivery.ordering] = chain
            self._ready(chain)
            self._arm(destination, now_ns)
        else:
            chain.items.append(delivery)

    def take(self, now_ns: int) -> Flight | None:
        """Start the next try; None while nothing may start."""
        again = True
        while again:
            again = False
            for standing in STANDINGS:
                offers = self._offers[standing]
                while offers and self._ceiling.room(standing):
                    origin = offers.popleft()
                    origin.offered[standing] = False
                    if not origin.runnable[standing] or not origin.ceiling.room(standing):
                        continue
                    flight = self._start(origin, standing, now_ns)
                    if origin.runnable[standing]:
                        self._offer(origin, standing)
                    if flight is not None:
                        return flight
                    again = True
        return None

    def done(self, flight: Flight, now_ns: int, *, success: bool) -> None:
        """End a try that was the last of its delivery; the next of its chain may start."""
        destination = self._land(flight)
        destination.failures = 0
        destination.resting_until_ns = 0
        if success:
            destination.window = min(self._sizes.window, destination.window * 2)
            if not flight.slow:
                destination.proven_until_ns = now_ns + PROVEN_NS
            if destination.pardonable:
                self._pardon(destination)
        else:
            destination.window = 1
            destination.proven_until_ns = 0
        self._forward(flight.chain)
        self._after(destination, now_ns)

    def drop(self, flight: Flight, now_ns: int) -> None:
        """End a try that was not made, for good; its destination is judged as before."""
        destination = self._land(flight)
        self._forward(flight.chain)
        self._after(destination, now_ns)

    def failures_after(self, flight: Flight) -> int:
        """Return how often in a row its destination has failed if this try failed, too.

        Tries that were under way together count once.
        """
        destination = flight.chain.destination
        return destination.failures + (flight.taken_ns >= destination.failed_ns)

    def again(
        self,
        flight: Flight,
        delivery: Delivery,
        now_ns: int,
        wait_ns: int,
        rest_ns: int,
        *,
        pardonable: bool,
    ) -> None:
        """End a try that failed: `delivery`, as it is now, is due after the wait.

        Its destination rests for `rest_ns`. A pardonable delivery is tried as soon as something
        gets through to the destination.
        """
        failures = self.failures_after(flight)
        destination = self._land(flight)
        if failures > destination.failures:
            destination.failures = failures
            destination.failed_ns = now_ns
            destination.resting_until_ns = now_ns + rest_ns
        destination.window = 1
        destination.proven_until_ns = 0
        chain = flight.chain
        chain.items[0] = delivery
        chain.due_ns = now_ns + wait_ns
        self._time(chain.due_ns, chain)
        if pardonable and chain.pardons < PARDONS:
            destination.pardonable[chain] = None
        self._after(destination, now_ns)

    def overdue(self, now_ns: int) -> list[Flight]:
        """Return the tries that have to end now; each is returned once."""
        found = []
        for flight in self._flights:
            if not flight.started_ns:
                break
            age_ns = now_ns - flight.started_ns
            if age_ns < self._sizes.slow_ns:
                break
            if flight.overdue:
                continue
            if age_ns >= self._sizes.deadline_ns:
                flight.overdue = "timeout"
                found.append(flight)
                continue
            self._note_slow(flight)
            if self._must_yield(flight):
                found.append(flight)
        return found

    def due(self, now_ns: int) -> bool:
        """Make ready what has waited long enough; return whether there was anything."""
        found = False
        while self._timers and self._timers[0][0] <= now_ns:
            due_ns, _, waited = heapq.heappop(self._timers)
            if isinstance(waited, _Destination):
                waited.timed = False
                self._arm(waited, now_ns)
                found = True
            elif waited.due_ns == due_ns:
                self._ready(waited)
                self._arm(waited.destination, now_ns)
                found = True
        return found

    def next_due_ns(self) -> int | None:
        """Return when `due` has something to do at the latest."""
        return self._timers[0][0] if self._timers else None

    def _destination(self, key: tuple[str, str]) -> _Destination:
        found = self._destinations.get(key)
        if found is None:
            name = "/".join(key[1].split("/", 3)[:3]).lower()
            origin = self._origins.get(name)
            if origin is None:
                origin = _Origin(name, Ceiling(self._sizes.origin_ceiling))
                self._origins[name] = origin
            origin.destinations += 1
            found = self._destinations[key] = _Destination(key, origin)
        elif not found.chains:
            self._idle.pop(key, None)
        return found

    def _standing(self, destination: _Destination, now_ns: int) -> Standing:
        if destination.failures:
            return Standing.SUSPECT
        return WELL if destination.proven_until_ns > now_ns else UNKNOWN

    def _arm(self, destination: _Destination, now_ns: int) -> None:
        """Put a destination where `take` finds it, if it has something that may start."""
        if (
            destination.queued
            or not destination.ready
            or destination.in_flight >= destination.window
        ):
            return
        if destination.resting_until_ns > now_ns:
            if not destination.timed:
                destination.timed = True
                self._time(destination.resting_until_ns, destination)
            return
        standing = self._standing(destination, now_ns)
        destination.queued = True
        destination.origin.runnable[standing].append(destination)
        self._runnable[standing] += 1
        self._offer(destination.origin, standing)

    def _offer(self, origin: _Origin, standing: Standing) -> None:
        if not origin.offered[standing] and origin.ceiling.room(standing):
            origin.offered[standing] = True
            self._offers[standing].append(origin)

    def _start(self, origin: _Origin, standing: Standing, now_ns: int) -> Flight | None:
        destination = origin.runnable[standing].popleft()
        self._runnable[standing] -= 1
        destination.queued = False
        if (
            self._standing(destination, now_ns) is not standing
            or destination.in_flight >= destination.window
            or destination.resting_until_ns > now_ns
        ):
            # It changed while it stood here.
            self._arm(destination, now_ns)
            return None
        chain = heapq.heappop(destination.ready)[2]
        flight = Flight(chain.items[0], standing, now_ns, chain)
        destination.in_flight += 1
        origin.ceiling.start(standing)
        self._ceiling.start(standing)
        self._flights[flight] = None
        if destination.ready:
            self._arm(destination, now_ns)
        return flight

    def _land(self, flight: Flight) -> _Destination:
        del self._flights[flight]
        destination = flight.chain.destination
        destination.in_flight -= 1
        destination.origin.ceiling.end(flight.standing, flight.slow, flight.yielded)
        self._ceiling.end(flight.standing, flight.slow, flight.yielded)
        return destination

    def _after(self, destination: _Destination, now_ns: int) -> None:
        if destination.ready:
            self._arm(destination, now_ns)
        elif not destination.chains:
            self._rest(destination)
        # There is room where there may have been none.
        origin = destination.origin
        for standing in STANDINGS:
            if origin.runnable[standing]:
                self._offer(origin, standing)

    def _forward(self, chain: _Chain) -> None:
        delivery = chain.items.popleft()
        chain.pardons = 0
        if chain.items:
            self._ready(chain)
        else:
            del chain.destination.chains[delivery.ordering]

    def _ready(self, chain: _Chain) -> None:
        destination = chain.destination
        if chain.due_ns is not None:
            chain.due_ns = None
            destination.pardonable.pop(chain, None)
        entry = (chain.items[0].created_ns, next(self._order), chain)
        heapq.heappush(destination.ready, entry)

    def _pardon(self, destination: _Destination) -> None:
        for chain in tuple(destination.pardonable):
            chain.pardons += 1
            self._ready(chain)

    def _rest(self, destination: _Destination) -> None:
        self._idle[destination.key] = destination
        while len(self._idle) > IDLE_KEPT:
            key, gone = self._idle.popitem(last=False)
            del self._destinations[key]
            gone.origin.destinations -= 1
            if not gone.origin.destinations:
                del self._origins[gone.origin.name]

    def _time(self, due_ns: int, waiting: _Chain | _Destination) -> None:
        heapq.heappush(self._timers, (due_ns, next(self._order), waiting))

    def _note_slow(self, flight: Flight) -> None:
        if flight.slow:
            return
        flight.slow = True
        destination = flight.chain.destination
        destination.proven_until_ns = 0
        destination.window = max(1, destination.window // 2)
        if flight.standing is WELL:
            destination.origin.ceiling.held += 1
            self._ceiling.held += 1

    def _must_yield(self, flight: Flight) -> bool:
        """Have a slow try give way where first tries wait; a known bad one keeps its share."""
        if flight.standing is Standing.SUSPECT:
            return False
        origin = flight.chain.destination.origin
        waiting = len(origin.runnable[UNKNOWN])
        if origin.ceiling.wants(waiting) or self._ceiling.wants(self._runnable[UNKNOWN]):
            origin.ceiling.yielding += 1
            self._ceiling.yielding += 1
            flight.yielded = True
            flight.overdue = "no answer while others waited"
            return True
        return False
