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
from collections.abc import Callable, Iterable
from itertools import count

from faultwire.domain.alarms import Delivery
from faultwire.notifier.delivery.ceilings import STANDINGS, UNKNOWN, WELL, Ceiling, Standing
from faultwire.notifier.delivery.places import Chain, Destination, Flight, Origin, Sizes

PROVEN_NS = 600_000_000_000
"""How long a success vouches for a destination."""
PARDONS = 3
"""How often one delivery is tried early because its destination is back."""
STALLED_NS = 100_000_000
"""How long a try may take before what it waits for is taken to be the receiver."""
MOVING = 16
"""Fewest tries that end while one becomes slow, if nobody has to give way for room."""
IDLE_KEPT = 4096
"""Destinations without deliveries whose standing is remembered."""


class Lanes:
    """Deliveries that are owed and held in memory, and the tries under way."""

    def __init__(self, sizes: Sizes) -> None:
        """Start empty."""
        self._sizes = sizes
        self._ceiling = Ceiling(sizes.ceiling)
        self._origins: dict[str, Origin] = {}
        self._destinations: dict[tuple[str, str], Destination] = {}
        self._idle: OrderedDict[tuple[str, str], Destination] = OrderedDict()
        self._offers: tuple[deque[Origin], ...] = tuple(deque() for _ in STANDINGS)
        self._flights: dict[Flight, None] = {}
        self._timers: list[tuple[int, int, Chain | Destination]] = []
        self._order = count()
        # Tries that ended by themselves, and how many there were at looks of late.
        self._landed = 0
        self._looks: deque[tuple[int, int]] = deque()
        # Destinations that could start one, by standing.
        self._runnable = [0 for _ in STANDINGS]

    def __len__(self) -> int:
        """Return how many tries are under way."""
        return len(self._flights)

    def backlog(self, standings: Iterable[Standing] = STANDINGS) -> bool:
        """Whether a destination of such standing could take one more, ceilings aside."""
        return any(self._runnable[one] for one in standings)

    def admit(self, delivery: Delivery, now_ns: int) -> None:
        """Take a delivery behind those of the same alarm and destination."""
        destination = self._destination((delivery.project, delivery.url))
        chain = destination.chains.get(delivery.ordering)
        if chain is None:
            chain = Chain(destination, deque((delivery,)))
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
    ) -> bool:
        """End a try that failed: `delivery`, as it is now, is due after the wait.

        Its destination rests for `rest_ns`. A pardonable delivery is tried as soon as something
        gets through to the destination. False: it was forgotten, and is gone from here now.
        """
        failures = self.failures_after(flight)
        if flight.forgotten:
            self.drop(flight, now_ns)
            return False
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
        return True

    def forget(self, ours: Callable[[tuple[str, str]], bool]) -> list[Delivery]:
        """Let go of what is not under way to the destinations that are `ours` no more; return it.

        What is under way ends as it may, and is not tried again.
        """
        flying = {flight.chain: flight for flight in self._flights}
        gone: list[Delivery] = []
        for destination in [one for one in self._destinations.values() if not ours(one.key)]:
            for ordering, chain in tuple(destination.chains.items()):
                flight = flying.get(chain)
                if flight is not None:
                    flight.forgotten = True
                    gone.extend(tuple(chain.items)[1:])
                    chain.items = deque((flight.delivery,))
                else:
                    gone.extend(chain.items)
                    chain.due_ns = None
                    del destination.chains[ordering]
            destination.ready.clear()
            destination.pardonable.clear()
            if not destination.chains and not destination.queued:
                self._rest(destination)
        return gone

    def remember(self, ours: Callable[[tuple[str, str]], bool]) -> None:
        """Repeat what is under way to the destinations that are `ours` again, should it fail."""
        for flight in self._flights:
            if flight.forgotten and ours(flight.chain.destination.key):
                flight.forgotten = False

    def flying(self) -> Iterable[Flight]:
        """Return the tries under way."""
        return self._flights

    def stalled(self, now_ns: int) -> int:
        """Return how many tries wait for receivers that are known, or seen, not to answer soon."""
        long_ago = now_ns - STALLED_NS
        return sum(
            one.standing is Standing.SUSPECT or 0 < one.started_ns <= long_ago
            for one in self._flights
        )

    def overdue(self, now_ns: int) -> list[Flight]:
        """Return the tries that have to end now; each is returned once."""
        found = []
        moving = self._moving(now_ns)
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
            if self._must_yield(flight, moving=moving):
                found.append(flight)
        return found

    def due(self, now_ns: int) -> bool:
        """Make ready what has waited long enough; return whether there was anything."""
        found = False
        while self._timers and self._timers[0][0] <= now_ns:
            due_ns, _, waited = heapq.heappop(self._timers)
            if isinstance(waited, Destination):
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

    def _destination(self, key: tuple[str, str]) -> Destination:
        found = self._destinations.get(key)
        if found is None:
            name = "/".join(key[1].split("/", 3)[:3]).lower()
            origin = self._origins.get(name)
            if origin is None:
                origin = Origin(name, Ceiling(self._sizes.origin_ceiling))
                self._origins[name] = origin
            origin.destinations += 1
            found = self._destinations[key] = Destination(key, origin)
        elif not found.chains:
            self._idle.pop(key, None)
        return found

    def _standing(self, destination: Destination, now_ns: int) -> Standing:
        if destination.failures:
            return Standing.SUSPECT
        return WELL if destination.proven_until_ns > now_ns else UNKNOWN

    def _arm(self, destination: Destination, now_ns: int) -> None:
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

    def _offer(self, origin: Origin, standing: Standing) -> None:
        if not origin.offered[standing] and origin.ceiling.room(standing):
            origin.offered[standing] = True
            self._offers[standing].append(origin)

    def _start(self, origin: Origin, standing: Standing, now_ns: int) -> Flight | None:
        destination = origin.runnable[standing].popleft()
        self._runnable[standing] -= 1
        destination.queued = False
        if (
            self._standing(destination, now_ns) is not standing
            or destination.in_flight >= destination.window
            or destination.resting_until_ns > now_ns
            or not destination.ready
        ):
            # It changed while it stood here.
            self._arm(destination, now_ns)
            if not destination.chains:
                self._rest(destination)
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

    def _land(self, flight: Flight) -> Destination:
        del self._flights[flight]
        self._landed += not flight.overdue
        destination = flight.chain.destination
        destination.in_flight -= 1
        destination.origin.ceiling.end(flight.standing, flight.slow, flight.yielded)
        self._ceiling.end(flight.standing, flight.slow, flight.yielded)
        return destination

    def _after(self, destination: Destination, now_ns: int) -> None:
        if destination.ready:
            self._arm(destination, now_ns)
        elif not destination.chains:
            self._rest(destination)
        # There is room where there may have been none.
        origin = destination.origin
        for standing in STANDINGS:
            if origin.runnable[standing]:
                self._offer(origin, standing)

    def _forward(self, chain: Chain) -> None:
        delivery = chain.items.popleft()
        chain.pardons = 0
        if chain.items:
            self._ready(chain)
        else:
            del chain.destination.chains[delivery.ordering]

    def _ready(self, chain: Chain) -> None:
        destination = chain.destination
        if chain.due_ns is not None:
            chain.due_ns = None
            destination.pardonable.pop(chain, None)
        entry = (chain.items[0].created_ns, next(self._order), chain)
        heapq.heappush(destination.ready, entry)

    def _pardon(self, destination: Destination) -> None:
        for chain in tuple(destination.pardonable):
            chain.pardons += 1
            self._ready(chain)

    def _rest(self, destination: Destination) -> None:
        self._idle[destination.key] = destination
        while len(self._idle) > IDLE_KEPT:
            key, gone = self._idle.popitem(last=False)
            del self._destinations[key]
            gone.origin.destinations -= 1
            if not gone.origin.destinations:
                del self._origins[gone.origin.name]

    def _time(self, due_ns: int, waiting: Chain | Destination) -> None:
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

    def _moving(self, now_ns: int) -> bool:
        """Return whether so many tries end that room comes soon: then all are slow, not hung."""
        looks = self._looks
        looks.append((now_ns, self._landed))
        while looks[0][0] < now_ns - self._sizes.slow_ns:
            looks.popleft()
        return self._landed - looks[0][1] >= max(MOVING, self._sizes.ceiling // 16)

    def _must_yield(self, flight: Flight, *, moving: bool) -> bool:
        """Have a slow try give way where first tries wait; a known bad one keeps its share."""
        if flight.standing is Standing.SUSPECT:
            return False
        origin = flight.chain.destination.origin
        waiting = len(origin.runnable[UNKNOWN])
        crowded = not moving and self._ceiling.wants(self._runnable[UNKNOWN])
        if crowded or origin.ceiling.wants(waiting):
            origin.ceiling.yielding += 1
            self._ceiling.yielding += 1
            flight.yielded = True
            flight.overdue = "no answer while others waited"
            return True
        return False
