"""The sender: takes what is owed, sends it, retries it, and has the ledger record what came of it.

One event loop, one pool of connections, at most as many tasks as tries under way. A task takes
the next try itself when one is over, so that a burst costs no tasks of its own.
"""

import asyncio
import logging
import resource
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from random import Random

from faultwire.domain.alarms import Attempt, Delivery, DeliveryState
from faultwire.domain.ids import DeliveryId
from faultwire.domain.shares import ALL_SHARES, share_of
from faultwire.notifier.delivery import guard, schedule
from faultwire.notifier.delivery.ceilings import UNKNOWN, WELL
from faultwire.notifier.delivery.lanes import Lanes
from faultwire.notifier.delivery.loading import Loading
from faultwire.notifier.delivery.pacing import LOOK_S, Pace
from faultwire.notifier.delivery.places import Flight, sizes_of
from faultwire.notifier.delivery.post import Poster
from faultwire.notifier.delivery.quota import Quota
from faultwire.notifier.delivery.resolver import GuardedResolver
from faultwire.notifier.delivery.schedule import Kind, Outcome
from faultwire.notifier.delivery.settling import Settling
from faultwire.notifier.delivery.trying import Office, Try, Trying
from faultwire.notifier.delivery.wiring import Wiring
from faultwire.notifier.settings import Settings

log = logging.getLogger(__name__)

FIRST_SLICE, SLICE = 4, 32
"""Deliveries taken, and tries started, before others are served: few at first, so that one is soon
on its way, then more, because a batch costs less."""
STORED_MS = 1000
"""What storing a result may take after a try was broken off."""
STUCK_DEADLINES = 4
"""Deadlines of a try after which a sender that has work and ends none is stuck."""
TICK_S = 0.05
"""How often tries under way are looked at for their deadline."""
IDLE_S = 0.1

_S = 1_000_000_000


class Sender:
    """Implements `ports.Outbox`; everything on the event loop of `start`."""

    def __init__(self, wiring: Wiring, settings: Settings, rules: guard.Rules) -> None:
        """Do nothing yet; `rules` are those of `guard.rules_of`."""
        self._wiring = wiring
        self._settings = settings
        self._rules = rules
        self._clock = wiring.clock
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        sizes = sizes_of(settings, files)
        self._lanes = Lanes(sizes)
        self._pace = Pace(sizes.ceiling)
        self._quota = Quota(settings.pending_quota)
        self._loading = Loading(wiring.read, wiring.store, self._quota, wiring.clock, self._admit)
        self._trying = Trying(
            self._lanes,
            Office(
                rules,
                schedule.limits_of(settings),
                wiring.clock,
                wiring.probe,
                wiring.secrets,
                self._record,
                # Spreads retries; no secret hangs on it.
                wiring.random or Random(),  # noqa: S311
                self._quota.forget_one,
                wiring.trace,
                wiring.trusts,
            ),
        )
        self.drafts = self._trying.drafts
        self._settling = Settling(wiring.settle, wiring.clock, self._busy, self._settled)
        self._inbox: deque[Delivery] = deque()
        self._finals: dict[DeliveryId, Delivery] = {}
        self._seconds: list[float] = []
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._flying: dict[Flight, asyncio.Task[None]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._poster: Poster | None = None
        self._prepared: deque[Try] = deque()
        self._over: deque[Try] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loaded = False
        # None: everything is ours.
        self._shares: frozenset[int] | None = None
        self._adopting: frozenset[int] = frozenset()
        self._stopping = False
        self._pumping = False
        self._pacing = False
        self._slice = FIRST_SLICE
        self._moved_ns = 0

    def __len__(self) -> int:
        """Return how many deliveries are held in memory."""
        return len(self._quota)

    def hurries(self) -> bool:
        """Whether deliveries wait for their turn that are likely to arrive."""
        return bool(self._prepared or self._inbox or self._lanes.backlog((WELL, UNKNOWN)))

    @property
    def longest_ms(self) -> int:
        """Return after how long a try is over and what came of it stored, as a rule."""
        return self._settings.deadline_ms + STORED_MS

    async def start(self, *, load: bool = True) -> None:
        """Open the pool and take what the store says is owed; returns when it is taken.

        Deliveries that are woken before that are found in the store. Without `load` nothing is
        ours until it is adopted. Raises Invalid for settings that cannot be.
        """
        self._loop = asyncio.get_running_loop()
        resolver = GuardedResolver(self._rules, self._settings, self._clock, self._wiring.lookup)
        self._poster = Poster(resolver, self._settings, self._clock, self._wiring.bus)
        # What was woken until now is in the store.
        self._inbox.clear()
        self._settling.start()
        self._watch = asyncio.create_task(self._watching(), name="notifier-watch")
        if not load:
            self._own(frozenset())
        taken = await self._loading.all() if load else 0
        self._loading.start()
        self._loaded = True
        if taken:
            log.info("%d deliveries were owed and are sent now", taken)

    async def adopt(self, shares: frozenset[int]) -> None:
        """Take what is owed in these shares, and what is woken of them from now on.

        Returns when what the store has is taken, as far as there is room. What is held or was
        finished by this sender is not taken twice. Raises Unavailable: then they are not ours.
        """
        if self._shares is None:
            return
        self._own(self._shares | shares)
        self._lanes.remember(self._ours)
        self._adopting |= shares
        try:
            await self._loading.adopt(shares)
        except BaseException:
            self.release(shares)
            raise
        finally:
            self._adopting -= shares

    def release(self, shares: frozenset[int]) -> None:
        """Forget what is owed in these shares and not being sent at this moment.

        What is being sent ends as it may: its result is stored, and it is not tried again here.
        """
        self._own((ALL_SHARES if self._shares is None else self._shares) - shares)
        ours = self._ours
        gone = [one for one in self._inbox if not ours(one.destination)]
        self._inbox = deque(one for one in self._inbox if ours(one.destination))
        now_ns = self._clock.mono_ns()
        for one in tuple(self._prepared):
            delivery = one.flight.delivery
            if not ours(delivery.destination):
                self._prepared.remove(one)
                self._lanes.drop(one.flight, now_ns)
                gone.append(delivery)
        gone += self._lanes.forget(ours)
        self._trying.forget(gone)
        self._quota.forget(gone, ours)
        self._poke()

    def busy(self, shares: frozenset[int]) -> frozenset[int]:
        """Return those of the shares in which something is being sent, or is not stored as sent.

        Whoever took these up now would send it again.
        """
        destinations = {flight.chain.destination.key for flight in self._lanes.flying()}
        destinations.update(delivery.destination for delivery in self._finals.values())
        return shares.intersection(share_of(*one) for one in destinations)

    def _own(self, shares: frozenset[int]) -> None:
        self._shares = shares
        self._loading.restrict(shares)

    def _ours(self, destination: tuple[str, str]) -> bool:
        return self._shares is None or share_of(*destination) in self._shares

    async def stop(self, drain_seconds: float) -> None:
        """Start nothing more, let tries under way end for so long, and store what came of them.

        The rest stays owed, as it was, and is sent after the next start.
        """
        self._stopping = True
        await self._loading.stop()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=drain_seconds)
        ending = [task for task in (*self._tasks, self._watch) if task is not None]
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
        self._trying.judge(self._over)
        self._over.clear()
        await self._settling.stop(max(drain_seconds, 1.0))
        if self._poster is not None:
            await self._poster.close()

    def expect(self, deliveries: Sequence[Delivery]) -> None:
        """Hear what may become owed soon; `drafts.write` makes it ready."""
        self.drafts.expect(deliveries if self._loaded else ())

    def wake(self, deliveries: Iterable[Delivery]) -> None:
        """Take deliveries that have just become owed; never blocks, never fails."""
        self.drafts.end()
        self._inbox.extend(deliveries)
        self._poke()

    def stuck(self) -> str | None:
        """Return what is wrong if webhooks wait and nothing has come of any for too long."""
        if not self._busy() or not self._loaded:
            self._moved_ns = self._clock.mono_ns()
            return None
        idle_s = (self._clock.mono_ns() - self._moved_ns) / _S
        if idle_s < STUCK_DEADLINES * self._settings.deadline_ms / 1000:
            return None
        return f"webhooks wait, and for {idle_s:.0f} s nothing came of any"

    def _poke(self) -> None:
        if not self._pumping and self._loop is not None and not self._stopping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Judge, take, prepare and start a slice each: batches cost less than one at a time."""
        self._pumping = False
        if self._stopping:
            return
        if self._over:
            over = [self._over.popleft() for _ in range(min(self._slice, len(self._over)))]
            self._pace.note(len(over))
            self._trying.judge(over)
        for _ in range(min(self._slice, len(self._inbox))):
            self._take(self._inbox.popleft())
        self._prepare()
        if self._start_tries() or self._inbox or self._over:
            self._slice = min(SLICE, self._slice * 2)
            self._poke()
        elif not self._prepared:
            self._slice = FIRST_SLICE

    def _take(self, delivery: Delivery) -> None:
        if not self._loaded or (
            self._adopting and share_of(*delivery.destination) in self._adopting
        ):
            self._quota.park(delivery)
        elif self._quota.take(delivery):
            self._lanes.admit(delivery, self._clock.mono_ns())
            return
        self._loading.look()

    def _admit(self, delivery: Delivery) -> None:
        self._lanes.admit(delivery, self._clock.mono_ns())
        self._poke()

    def _prepare(self) -> None:
        """Have a slice of tries ready, so that a task finds the next one at once."""
        for _ in range(self._slice - len(self._prepared)):
            flight = self._lanes.take(self._clock.mono_ns())
            if flight is None:
                return
            ready = self._trying.prepare(flight)
            if ready is not None:
                self._prepared.append(ready)
        if not self._prepared:
            # All of them were over before they began; there may be more.
            self._poke()

    def _start_tries(self) -> bool:
        """Start tasks for what is prepared, as many as may run; return whether one was."""
        started = self._start_some()
        if self._prepared and not self._pacing:
            now_ns = self._clock.mono_ns()
            self._pace.begin(now_ns)
            self._pace.pass_over(self._lanes.stalled(now_ns))
            started = self._start_some() or started
            self._keep_pace()
        return started

    def _start_some(self) -> bool:
        poster, started = self._poster, False
        while poster is not None and self._prepared and len(self._tasks) < self._pace.slots:
            work = self._work(poster, self._prepared.popleft())
            task = asyncio.create_task(work, name="notifier-try")
            self._tasks[task] = None
            task.add_done_callback(self._gone)
            started = True
        return started

    def _look_at_pace(self) -> None:
        """Let more tries run at once if that is what they wait for."""
        self._pacing = False
        if self._prepared:
            self._pace.pass_over(self._lanes.stalled(self._clock.mono_ns()))
            self._pace.look(self._clock.mono_ns(), len(self._tasks))
            self._keep_pace()
        else:
            self._pace.rest()
        self._poke()

    def _keep_pace(self) -> None:
        if self._loop is not None and not self._stopping:
            self._pacing = True
            self._loop.call_later(LOOK_S, self._look_at_pace)

    async def _work(self, poster: Poster, first: Try) -> None:
        """Make one prepared try after the other until there is none."""
        one: Try | None = first
        clock, task = self._clock, asyncio.current_task()
        while one is not None and task is not None:
            flight = one.flight
            one.began_ns, one.began_mono_ns = clock.wall_ns(), clock.mono_ns()
            flight.started_ns = one.began_mono_ns
            self._flying[flight] = task
            try:
                await self._trying.post(poster, one)
            except asyncio.CancelledError:
                if not flight.overdue:
                    raise
                task.uncancel()
                one.outcome = one.outcome or Outcome(Kind.UNREACHABLE, flight.overdue)
            except Exception:
                log.exception("a delivery could not be tried; this is a defect")
                one.outcome = Outcome(Kind.ANSWERED, "internal error")
            del self._flying[flight]
            one.ended_ns, one.ended_mono_ns = clock.wall_ns(), clock.mono_ns()
            self._over.append(one)
            self._poke()
            one = self._prepared.popleft() if self._prepared and not self._stopping else None

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._poke()

    def _busy(self) -> bool:
        return bool(self._prepared or self._inbox or self._lanes.backlog())

    async def _watching(self) -> None:
        """End what is overdue and start what has waited long enough."""
        while True:
            await self._clock.sleep(self._pause_s())
            try:
                self._look()
            except Exception:
                log.exception("deliveries could not be looked after; this is a defect")

    def _pause_s(self) -> float:
        if len(self._lanes):
            return TICK_S
        due_ns = self._lanes.next_due_ns()
        if due_ns is None:
            return IDLE_S
        return min(IDLE_S, max(TICK_S, (due_ns - self._clock.mono_ns()) / _S))

    def _look(self) -> None:
        now_ns = self._clock.mono_ns()
        for flight in self._lanes.overdue(now_ns):
            task = self._flying.get(flight)
            if task is not None:
                task.cancel()
        if self._lanes.due(now_ns):
            self._poke()
        if self._poster is not None and not self._busy():
            self._poster.tidy()

    def _record(self, delivery: Delivery, attempt: Attempt, seconds: float) -> None:
        if attempt.state is not DeliveryState.PENDING:
            self._finals[delivery.id] = delivery
        self._seconds.append(seconds)
        self._moved_ns = self._clock.mono_ns()
        self._settling.add(attempt)

    def _settled(self, attempts: Sequence[Attempt]) -> None:
        """Let go of what is durable and final; count."""
        meter = self._wiring.meter
        for attempt in attempts:
            if attempt.state is not DeliveryState.PENDING:
                delivery = self._finals.pop(attempt.delivery_id, None)
                if delivery is not None:
                    self._quota.release(delivery)
        for state, amount in Counter(str(one.state) for one in attempts).items():
            meter.count("faultwire_deliveries_total", amount, outcome=state)
        for seconds in self._seconds:
            meter.observe("faultwire_delivery_seconds", seconds)
        self._seconds.clear()
        meter.gauge("faultwire_deliveries_pending", len(self._quota))
        self._loading.look()
