"""This process among the others on its database: membership, pokes, and shares of work."""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultwire.app.away import Away
from faultwire.app.listen import parse_address
from faultwire.app.writer import ReaderThreads
from faultwire.domain.errors import Unavailable
from faultwire.domain.shares import Member, ShareKind
from faultwire.liveness.cluster_settings import Settings
from faultwire.liveness.members import MemberWatch, wanted_shares, working
from faultwire.messaging.asks import Answerer, Question
from faultwire.messaging.pokes import Look, Pokes
from faultwire.ports import Clock, Meter
from faultwire.store import Engine, StoredMembers, StoredShares

log = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
KEY = "pokes"

_MS = 1_000_000
_S = 1000.0

ROLES = ("serve", "evaluator", "sender", "taskmanager", "conductor")

WORKERS = {ShareKind.EVENTS: "evaluator", ShareKind.OUTBOX: "sender"}
"""Who does which kind of work; where there is none of them, every server does it."""

LOOKS = {
    Look.EVENTS: "evaluator",
    Look.OUTBOX: "sender",
    Look.SECRETS: "sender",
}
"""Whom a poke concerns; the rest concerns servers. Others learn by being behind."""

Adopt = Callable[[frozenset[int]], Awaitable[None]]
"""Takes up shares."""

Release = Callable[[frozenset[int]], Awaitable[frozenset[int]]]
"""Lets go of shares; returns those in which something is under way still."""

NO_SHARES: frozenset[int] = frozenset()


def origin_of(member: str) -> str:
    """Return the name of this process and of the boot of its machine (at most 64 characters)."""
    try:
        boot = BOOT_ID.read_text().strip().replace("-", "")
    except OSError:
        boot = socket.gethostname()[:32]
    return f"{boot}:{member}"


class Cluster:
    """Membership of one process; on the event loop. `start`, then `run`, then `stop`."""

    def __init__(
        self, engine: Engine, role: str, settings: Settings, clock: Clock, meter: Meter
    ) -> None:
        """Draw an id; touch nothing yet."""
        self._meter = meter
        self.id = secrets.token_hex(8)
        self.origin = origin_of(self.id)
        self._role = role
        self._settings = settings
        self._clock = clock
        self._stored = StoredMembers(engine)
        self._threads = ReaderThreads(1)
        self._watch = MemberWatch(settings.silence_ms * _MS, 2 * settings.beat_ms * _MS)
        self._beats = 0
        self._away = Away("the other processes cannot be seen")
        self._kinds: dict[ShareKind, Work] = {}
        self._engine = engine
        self._listeners: dict[Look, list[Callable[[], None]]] = {look: [] for look in Look}
        self._lost: list[Callable[[Member], None]] = []
        self._doubted: Callable[[str], None] = lambda _: None
        self._pokes: Pokes | None = None
        self._answerer: Answerer | None = None
        self._self: Member | None = None

    def member(self) -> Member:
        """Return this process; only after `start`."""
        if self._self is None:
            message = "the process has not joined yet"
            raise Unavailable(message)
        return self._self

    def on(self, look: Look, call: Callable[[], None]) -> None:
        """Have a function called when a poke says that there is something of a kind."""
        for one in look:
            self._listeners[one].append(call)

    def on_lost(self, call: Callable[[Member], None]) -> None:
        """Have a function called for each process that is taken for gone."""
        self._lost.append(call)

    def on_doubt(self, call: Callable[[str], None]) -> None:
        """Have a function called with each host whose session here another process doubts."""
        self._doubted = call

    def doubt(self, holder: Member, host: str) -> None:
        """Ask another process whether the session that it has of a host is alive."""
        if self._pokes is not None:
            self._pokes.doubt(host, holder.address)

    def on_ask(self, answerer: Answerer) -> None:
        """Have questions of other servers answered; call it before `start`."""
        self._answerer = answerer

    async def ask(self, holder: Member, question: Question, seconds: float) -> Question:
        """Ask another server; raises Unavailable where no answer comes in time."""
        if self._pokes is None:
            raise Unavailable("the process has not joined yet")
        return await self._pokes.asks.ask(holder.address, question, seconds)

    def work(
        self, kind: ShareKind, adopt: Adopt, release: Release, patience_ms: int = 0
    ) -> "Work":
        """Take part in one kind of work; call it before `start`.

        A share that is released while something is under way in it is given away once that is
        over, or after `patience_ms`.
        """
        shares = StoredShares(self._engine, kind)
        hands = Hands(adopt, release, patience_ms * _MS, self._clock)
        self._kinds[kind] = Work(self.id, WORKERS[kind], shares, self._threads, hands)
        return self._kinds[kind]

    async def start(self) -> None:
        """Join: from now on others see this process, and poke it."""
        fresh = secrets.token_hex(32)
        key: Any = await self._threads(self._stored.key, KEY, fresh)
        self._pokes = Pokes(bytes.fromhex(key), self._poked, self._asked)
        if self._answerer is not None:
            self._pokes.asks.answer_by(self._answerer)
        address = parse_address(self._settings.listen, "[cluster] listen")
        await self._pokes.start(address.host, address.port)
        self._self = Member(
            self.id,
            self._role,
            f"{socket.gethostname()}:{os.getpid()}",
            self._pokes.address,
            self._clock.wall_ns(),
        )
        await self._threads(self._stored.join, self._self)
        await self.look()
        await self.deal()

    async def stop(self) -> None:
        """Leave: hand over the shares and take the row away, so that others need not wait."""
        try:
            async with self._beating():
                for work in self._kinds.values():
                    await work.let_go()
            await self._threads(self._stored.remove, [self.id])
        except Unavailable as error:
            log.warning("this process could not take its leave of the others: %s", error.detail)
        if self._pokes is not None:
            self.poke(Look.JOURNAL)
            self._pokes.stop()
        self._threads.close()

    @contextlib.asynccontextmanager
    async def _beating(self) -> AsyncIterator[None]:
        """Show signs of life meanwhile: what takes its time must not look like death."""
        beats = asyncio.create_task(self._again(self.look, self._away), name="last beats")
        try:
            yield
        finally:
            beats.cancel()
            await asyncio.gather(beats, return_exceptions=True)

    async def run(self) -> None:
        """Show signs of life and keep the shares as they should be, until cancelled.

        To take up a share may take long. So it is a task of its own: the beats go on.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again(self.look, self._away), name="beats")
            group.create_task(self._again(self.deal, Away("shares stay as they are")))

    async def _again(self, work: Callable[[], Awaitable[None]], away: Away) -> None:
        while True:
            await self._clock.sleep(self._settings.beat_ms / _S)
            try:
                await work()
                away.back()
            except Unavailable as error:
                away.failed(error)

    async def look(self) -> None:
        """Beat once and see who lives; raises Unavailable."""
        self._beats += 1
        members: Any = await self._threads(self._stored.beat, self.id, self._beats)
        now = self._clock.mono_ns()
        if not any(member.id == self.id for member in members):
            log.warning("the others took this process for gone; it joins again")
            await self._threads(self._stored.join, self.member())
        self._watch.observe(members, now)
        await self._forget_gone(now)
        live = self.live()
        for role in ROLES:
            count = sum(1 for member in live if member.role == role)
            self._meter.gauge("faultwire_members", count, role=role)

    async def deal(self) -> None:
        """Take or let go of shares, as the living share them out; raises Unavailable."""
        for kind, work in self._kinds.items():
            await work.reconcile(self.live())
            self._meter.gauge("faultwire_shares", len(work.owned), kind=kind.value)

    def live(self) -> tuple[Member, ...]:
        """Return the processes that live, this one among them."""
        others = [one for one in self._watch.live(self._clock.mono_ns()) if one.id != self.id]
        return (*others, self.member())

    def silences(self) -> tuple[tuple[Member, int], ...]:
        """Return the processes that are stored, each with the ns since its last sign of life."""
        seen = self._watch.silences(self._clock.mono_ns())
        return tuple((one, 0 if one.id == self.id else silent) for one, silent in seen)

    def poke(self, look: Look) -> None:
        """Tell whom it concerns that there is something to look at; never waits."""
        if self._pokes is None:
            return
        live = self.live()
        for one in Look:
            if not look & one:
                continue
            concerned = working(live, LOOKS.get(one, "serve"))
            others = [member.address for member in concerned if member.id != self.id]
            self._pokes.send(one, others)
            if len(others) < len(concerned):
                self._poked(one)

    def _asked(self, host: str) -> None:
        self._doubted(host)

    def _poked(self, look: Look) -> None:
        for one, calls in self._listeners.items():
            if look & one:
                for call in calls:
                    call()

    async def _forget_gone(self, now: int) -> None:
        gone = [member for member in self._watch.gone(now) if member.id != self.id]
        if not gone:
            return
        for member in gone:
            log.warning("%s %s is gone; its work is taken over", member.role, member.name)
            self._meter.count("faultwire_members_lost_total", role=member.role)
            for call in self._lost:
                call(member)
        await self._threads(self._stored.remove, [member.id for member in gone])


@dataclass(frozen=True, slots=True)
class Hands:
    """What takes up and lets go of shares, and for how long a busy one is kept back."""

    adopt: Adopt
    release: Release
    patience_ns: int
    clock: Clock


class Work:
    """The shares of one kind that this process owns."""

    def __init__(
        self, member: str, role: str, stored: StoredShares, threads: ReaderThreads, hands: Hands
    ) -> None:
        """Own nothing yet."""
        self._member = member
        self._role = role
        self._stored = stored
        self._threads = threads
        self._hands = hands
        self.owned: frozenset[int] = NO_SHARES
        # Released and not given away yet, with the time until which they may be kept.
        self._leaving: dict[int, int] = {}

    async def reconcile(self, live: Iterable[Member]) -> None:
        """Own what this process should, of what is free or belonged to one that is gone."""
        live = tuple(live)
        alive = {member.id for member in live}
        wanted = wanted_shares(self._member, working(live, self._role))
        rows: Any = await self._threads(self._stored.all)
        mine = frozenset(row.number for row in rows if row.owner == self._member)
        lost, surplus = self.owned - mine, mine - wanted
        if lost or surplus:
            self.owned = self.owned & mine & wanted
            await self._give(surplus, await self._hands.release(lost | surplus))
        free = [
            row
            for row in rows
            if row.number in wanted and row.number not in mine and row.owner not in alive
        ]
        taken: Any = await self._threads(self._stored.take, self._member, free)
        new = (taken | (mine & wanted)) - self.owned
        if new:
            await self._hands.adopt(new)
            self.owned |= new
            for share in new:
                self._leaving.pop(share, None)

    async def let_go(self) -> None:
        """Give all shares back, each as soon as nothing is under way in it."""
        left, self.owned = self.owned | frozenset(self._leaving), NO_SHARES
        while left:
            left = await self._give(left, await self._hands.release(left))

    async def _give(self, shares: frozenset[int], busy: frozenset[int]) -> frozenset[int]:
        """Give shares away; return those that are kept a little: busy, and not for too long."""
        now_ns = self._hands.clock.mono_ns()
        until_ns = now_ns + self._hands.patience_ns
        self._leaving = {share: self._leaving.get(share, until_ns) for share in shares & busy}
        kept = frozenset(share for share, until in self._leaving.items() if now_ns < until)
        await self._threads(self._stored.give, self._member, shares - kept)
        self._leaving = {share: self._leaving[share] for share in kept}
        return kept
