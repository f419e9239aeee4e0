"""Servers that are pinged: which addresses they have, what was heard, and when to ask again."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address

from faultwire.domain.changes import (
    Change,
    PortsRemoved,
    PortsSaved,
    ServersRemoved,
    ServersSaved,
)
from faultwire.domain.errors import TooOften, Unavailable
from faultwire.domain.ids import PortId, ProjectId, ServerId
from faultwire.domain.pings import UNKNOWN, Ping, PingState
from faultwire.domain.resources import Server
from faultwire.liveness.pings import Sweeps, Table, all_of
from faultwire.ports import Clock, Inventory, Meter

log = logging.getLogger(__name__)

FRESH_MS = 5000
"""How old an answer may be where nobody says, or three regular sweeps if these take longer."""
SWEEPS_OLD = 3
LONGEST_SECONDS = 60.0
"""How long whoever asks waits for a sweep."""
BREATH = 500
"""Servers after which everybody else is served once."""

_MS = 1_000_000
_US = 1000
_MINUTE_NS = 60_000_000_000


class Allowance:
    """How many sweeps each project had within the last minute; pure."""

    def __init__(self, per_minute: int) -> None:
        """Take how many there may be; negative: any number."""
        self._most = per_minute
        self._had: dict[ProjectId, deque[int]] = {}

    def take(self, project: ProjectId, now: int) -> None:
        """Have one more; raises TooOften with the seconds until there may be another."""
        if self._most < 0:
            return
        for other in [name for name, had in self._had.items() if now - had[-1] >= _MINUTE_NS]:
            del self._had[other]
        had = self._had.get(project, deque())
        while had and now - had[0] >= _MINUTE_NS:
            had.popleft()
        if len(had) >= self._most:
            wait = -(-(had[0] + _MINUTE_NS - now) // 1_000_000_000) if had else 60
            raise TooOften(
                f"This was asked too often: at most {self._most} sweeps a minute; ask again in"
                f" {wait} s, or without a small 'fresh', which asks nobody anew.",
                wait,
            )
        had.append(now)
        self._had[project] = had


class ServerPings:
    """Implements `ports.Pinger`; on the event loop, `run` must be running.

    Each server process sweeps for itself. Sweeps are one at a time: what is wanted meanwhile is
    one sweep together.
    """

    def __init__(
        self,
        sweeps: Sweeps,
        inventory: Inventory,
        clock: Clock,
        meter: Meter,
        *,
        every_ms: int,
        per_minute: int,
    ) -> None:
        """Take what sweeps; `every_ms` 0: only what is asked for is swept."""
        self._sweeps = sweeps
        self._inventory = inventory
        self._clock = clock
        self._meter = meter
        self._every = every_ms * _MS
        self._usual = max(FRESH_MS, SWEEPS_OLD * every_ms) * _MS
        self._allowance = Allowance(per_minute)
        self._table = Table()
        self._slots: dict[ServerId, tuple[int, ...]] = {}
        self._left_out: set[ServerId] = set()
        self._owners: dict[PortId, ServerId] = {}
        self._dirty: dict[ServerId, None] = {}
        self._wanted: dict[int, None] = {}
        self._next: asyncio.Future[None] | None = None
        self._kick = asyncio.Event()
        self._trouble = ""
        self._listener: Callable[[int], None] = lambda _: None

    @property
    def engine(self) -> str:
        """Return the name of what sweeps."""
        return self._sweeps.engine

    def listen(self, call: Callable[[int], None]) -> None:
        """Have a function called after each regular sweep with the time at which it began."""
        self._listener = call

    def monitored(self) -> Iterable[ServerId]:
        """Return the servers with addresses that regular sweeps ask."""
        return (name for name in self._slots if name not in self._left_out)

    # ------------------------------------------------------------ the map

    def begin(self) -> None:
        """Know the servers of the map; their addresses are read when they are needed."""
        for port in self._inventory.ports():
            self._own(port.id, port.server)
        self._dirty.update((server.id, None) for server in self._inventory.servers())

    def follow(self, change: Change) -> None:
        """Note servers whose addresses may be others."""
        if isinstance(change, ServersSaved):
            self._dirty.update((server.id, None) for server in change.servers)
        elif isinstance(change, ServersRemoved):
            self._dirty.update(dict.fromkeys(change.servers))
        elif isinstance(change, PortsSaved):
            for port in change.ports:
                self._own(port.id, port.server)
        elif isinstance(change, PortsRemoved):
            for name in change.ports:
                self._own(name, None)

    def _own(self, port: PortId, server: ServerId | None) -> None:
        before = self._owners.pop(port, None)
        if server is not None:
            self._owners[port] = server
        for one in (before, server):
            if one is not None:
                self._dirty[one] = None

    async def _settle(self) -> None:
        """Read the addresses of servers that changed, with a breath now and then."""
        count = 0
        while self._dirty:
            self._read(next(iter(self._dirty)))
            count += 1
            if count % BREATH == 0:
                await self._clock.sleep(0)

    def _read(self, name: ServerId) -> None:
        self._dirty.pop(name, None)
        server = self._inventory.server(name)
        found: dict[str, None] = {}
        if server is not None:
            found.update(dict.fromkeys(server.addresses))
            for port in self._inventory.ports_of(name):
                found.update(dict.fromkeys(port.addresses))
        before, now = self._slots.pop(name, ()), self._clock.mono_ns()
        used = [self._table.use(address, now) for address in found if _pingable(address)]
        for (slot, new), address in zip(used, filter(_pingable, found), strict=True):
            if new:
                self._sweeps.place(slot, address)
        for slot in before:
            if self._table.drop(slot):
                self._sweeps.clear(slot)
        if used:
            self._slots[name] = tuple(slot for slot, _ in used)
        self._left_out.discard(name)
        if server is not None and server.monitored is False:
            self._left_out.add(name)

    # ------------------------------------------------------------ ports.Pinger

    def seen(self, server: ServerId) -> Ping:
        """Return the newest answer; unknown for a server without addresses."""
        slots = self._slots.get(server)
        if not slots:
            return UNKNOWN
        heard = self._table.heard(slots)
        checked = None
        if heard.at is not None:
            checked = self._clock.wall_ns() - (self._clock.mono_ns() - heard.at)
        if heard.answered:
            return Ping(PingState.ALIVE, checked, (heard.took_us or 0) * _US)
        return Ping(PingState.DEAD if heard.silent else PingState.UNKNOWN, checked)

    async def refresh(
        self, servers: Sequence[Server], fresh_ms: int | None, project: ProjectId
    ) -> None:
        """Have no answer about these servers be older than that; raises TooOften, Unavailable."""
        asked = self._clock.mono_ns()
        since = asked - (self._usual if fresh_ms is None else fresh_ms * _MS)
        if fresh_ms == 0:
            # Not even an answer of this very moment will do.
            since += 1
        await self._settle()
        stale: list[int] = []
        for begin in range(0, len(servers), BREATH):
            slots = all_of(self._slots.get(one.id, ()) for one in servers[begin : begin + BREATH])
            stale += self._table.stale(slots, since)
            if begin:
                await self._clock.sleep(0)
        if stale:
            self._allowance.take(project, asked)
            await self._swept(stale)

    async def _swept(self, slots: Iterable[int]) -> None:
        self._wanted.update(dict.fromkeys(slots))
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        self._kick.set()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await asyncio.shield(self._next)
        except TimeoutError:
            raise Unavailable("Servers cannot be pinged now: sweeps take too long.") from None

    # ------------------------------------------------------------ sweeping

    async def run(self) -> None:
        """Sweep regularly, and when somebody asks, until cancelled."""
        due = self._clock.mono_ns() if self._every else None
        try:
            while True:
                await self._until(due)
                now = self._clock.mono_ns()
                regular = due is not None and now >= due
                await self._sweep(regular=regular)
                if due is not None and regular:
                    due = max(due + self._every, self._clock.mono_ns())
        finally:
            await self._sweeps.stop()

    async def _until(self, due: int | None) -> None:
        """Return when somebody asks, or when the next regular sweep is due."""
        if due is None:
            await self._kick.wait()
            return
        rest = (due - self._clock.mono_ns()) / 1_000_000_000
        if rest <= 0:
            return
        waits = [
            asyncio.ensure_future(self._kick.wait()),
            asyncio.ensure_future(self._clock.sleep(rest)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def _sweep(self, *, regular: bool) -> None:
        self._kick.clear()
        await self._settle()
        wanted, self._wanted = self._wanted, {}
        waiting, self._next = self._next, None
        if regular:
            wanted.update(
                dict.fromkeys(slot for name in self.monitored() for slot in self._slots[name])
            )
        slots, begun = list(wanted), self._clock.mono_ns()
        failed: Unavailable | None = None
        try:
            if slots:
                self._table.take(slots, await self._sweeps.sweep(slots), begun)
                self._meter.count("faultwire_pings_total", len(slots))
                seconds = (self._clock.mono_ns() - begun) / 1_000_000_000
                self._meter.observe("faultwire_sweep_seconds", seconds)
        except Unavailable as error:
            failed = error
        finally:
            if waiting is not None and not waiting.done() and failed is None:
                waiting.set_result(None)
        self._note(failed)
        if failed is not None and waiting is not None and not waiting.done():
            waiting.set_exception(failed)
            # Whoever asked may be gone; nobody else is to be told.
            waiting.exception()
        elif regular and failed is None:
            self._listener(begun)

    def _note(self, failed: Unavailable | None) -> None:
        """Log a trouble once, and its end."""
        trouble = failed.detail if failed is not None else ""
        if trouble != self._trouble:
            if trouble:
                log.warning("servers cannot be pinged: %s", trouble)
            else:
                log.info("servers can be pinged again")
        self._trouble = trouble


def _pingable(address: str) -> bool:
    """Return whether one machine answers for an address: groups of them are not asked."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return not (found.is_multicast or found.is_unspecified)
