"""What a process has beside the rest where it shares its database with others."""

import secrets as random
from collections.abc import Awaitable, Callable
from typing import Any

from faultwire.app.cluster import NO_SHARES, Cluster, Work
from faultwire.app.core import Core, Others, Tools, evaluator_of
from faultwire.app.feed import Feed, Owner
from faultwire.app.lane import Lane
from faultwire.app.life import Life
from faultwire.app.replica import Replica, TellingCommit
from faultwire.app.tail import Secrets, Tail, Takes
from faultwire.app.writer import ReaderThreads
from faultwire.domain.changes import SessionMoved
from faultwire.domain.errors import Unavailable
from faultwire.domain.shares import ShareKind
from faultwire.identity.tokens import KEY_BYTES
from faultwire.liveness.cluster_settings import Settings
from faultwire.messaging.pokes import Look
from faultwire.notifier.evaluator.owed import QueueingEvaluator
from faultwire.notifier.evaluator.publishing import published
from faultwire.store import Engine, SharedLedger, StoredMembers
from faultwire.store.journal_codec import EVERYTHING, Topic
from faultwire.store.outbox import StoredOutbox

PRUNE_SECONDS = 30.0
AWAY_SECONDS = 1.0
"""Between two looks at a database that is away."""

PRUNED_AT_ONCE = 20
"""Small transactions of one round."""

FOLLOWED = {
    # A project that is gone takes its subscriptions along, and that is told with its secrets.
    "evaluator": frozenset({Topic.ALARMS, Topic.SECRETS}),
    "sender": frozenset({Topic.SECRETS}),
}
"""What the memory of a role has; a server has everything."""

_MS = 1000.0
_MINUTE_NS = 60_000_000_000


class Neighbours:
    """Joins ledger, membership and the two kinds of shared work; on the event loop.

    Made before memory is filled, joined after: what others commit in between is in the journal.
    """

    def __init__(self, engine: Engine, role: str, settings: Settings, tools: Tools) -> None:
        """Touch nothing yet but the end of the order of commits; raises Unavailable."""
        self._engine = engine
        self._settings = settings
        self._clock = tools.clock
        self.cluster = Cluster(engine, role, settings, tools.clock, tools.metrics)
        self.ledger = SharedLedger(
            engine, self.cluster.origin, tools.clock.wall_ns, FOLLOWED.get(role, EVERYTHING)
        )
        self._began = self.ledger.place()
        self.ledger.begin_at(self._began)
        self._threads = ReaderThreads(1)
        self._closers: list[Callable[[], None]] = [self._threads.close]
        self.replica: Replica | None = None
        self._evaluating: Work | None = None

    def follow(self, core: Core) -> Replica:
        """Return what brings the news of others into the memory of this process.

        Reads the database at the first call, at a start.
        """
        if self.replica is None:
            self.replica = Replica(self.ledger, core.writer, core.memory)
            core.memory.apply(SessionMoved(*row) for row in StoredMembers(self._engine).sessions())
        return self.replica

    def others(self, core: Core) -> Others:
        """Return what the chain needs to live with others."""
        replica = self.follow(core)
        return Others(
            TellingCommit(core.writer, self.cluster.poke),
            QueueingEvaluator(
                core.indexes.alarms.owned,
                core.indexes.subscriptions.owned,
                published if core.publish else lambda _: False,
            ),
            replica.catch_up,
        )

    async def token_key(self) -> bytes:
        """Return the key under which every process of the installation signs tokens."""
        stored = StoredMembers(self._engine)
        fresh = random.token_hex(KEY_BYTES)
        key: Any = await self._threads(stored.key, "tokens", fresh)
        return bytes.fromhex(key)

    def evaluate(self, core: Core, lane: Lane) -> Feed:
        """Take part in evaluating; returns what must run."""
        feed: Feed

        async def learn() -> None:
            await lane.caught_up()
            if lane.cut_off:
                message = "what others committed cannot be read"
                raise Unavailable(message)

        async def adopt(shares: frozenset[int]) -> None:
            del shares
            # What the owner before made of events must be known: the next ones build on it.
            await learn()
            feed.poke()

        async def release(shares: frozenset[int]) -> frozenset[int]:
            del shares
            await feed.quiet()
            return NO_SHARES

        work = self._evaluating = self.cluster.work(ShareKind.EVENTS, adopt, release)
        evaluator = evaluator_of(core.indexes, publish=core.publish)
        owner = Owner(lambda: work.owned, learn, evaluator, core.tools.metrics)
        feed = Feed(self.ledger, lane, self._clock, owner, self._look_seconds)
        self.cluster.on(Look.EVENTS, feed.poke)
        self._closers.append(feed.close)
        return feed

    def evaluated(self) -> frozenset[int]:
        """Return the shares of projects whose alarms this process evaluates now."""
        return self._evaluating.owned if self._evaluating is not None else frozenset()

    def send(self, sender: Takes, core: Core, lane: Lane) -> Tail:
        """Take part in sending; returns what must run."""
        secrets = Secrets(
            lambda project: bool(core.indexes.directory.secrets(project)), lane.caught_up
        )
        stored = StoredOutbox(self._engine)
        tail = Tail(stored, sender, self._clock, self._look_seconds, secrets)
        tail.begin_at(self._began.seq)
        self.cluster.work(ShareKind.OUTBOX, tail.adopt, tail.release, sender.longest_ms)
        self.cluster.on(Look.OUTBOX, tail.poke)
        self._closers.append(tail.close)
        return tail

    async def join(self, lane: Lane, life: Life) -> None:
        """Be one of several from now on: seen, poked, and in step with the others."""
        cluster = self.cluster
        cluster.on(Look.JOURNAL | Look.SECRETS, lane.news)
        await cluster.start()
        life.release.push_async_callback(cluster.stop)
        life.watch(cluster.run(), "membership")
        life.watch(self.keep_up(lane), "journal")

    async def keep_up(self, lane: Lane) -> None:
        """Have the lane look for news that nobody told of, until cancelled."""
        while True:
            pause = AWAY_SECONDS if lane.cut_off else 0.0
            await self._clock.sleep(max(self._look_seconds, pause))
            lane.news()

    async def prune(self, write: Callable[[Callable[[], int]], Awaitable[int]]) -> None:
        """Delete what is old of the journal; a call now and then."""
        before = self._clock.wall_ns() - self._settings.journal_minutes * _MINUTE_NS
        for _ in range(PRUNED_AT_ONCE):
            if not await write(lambda: self.ledger.prune(before)):
                return

    @property
    def _look_seconds(self) -> float:
        return self._settings.look_ms / _MS

    def close(self) -> None:
        """End the threads."""
        for close in self._closers:
            close()
