"""Who is connected, and who has to go when there are too many.

Without limits whoever can connect could hold memory and file descriptors, without a token.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from faultwire.ports import Meter

LOOK_SECONDS = 1.0
SLOW_SECONDS = 2.0
"""From so long on a connection without a request gives way to those that come from there."""
REFUSED_SECONDS = 1.0
"""How long one that is turned away has to take its answer."""
HELD_BYTES = 134_217_728
"""Answers that nobody takes, all connections together; beyond it those that wait longest go."""
STRANGERS_AT_ONCE = 200.0
STRANGERS_A_SECOND = 20.0
"""Sessions without a valid credential that one source may ask for: more are not looked at."""
SOURCES_KEPT = 4096
FEWEST, MOST = 64, 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may take, and all of them; seconds and counts.

    A body may take `body_seconds`, and as much longer as it comes with `body_rate` bytes a
    second. `connections` counts those that speak HTTP, sessions of agents apart; 0: a quarter of
    the files that we may open. `unproven` is for each source: connections without a request yet.
    """

    head_seconds: float = 10.0
    body_seconds: float = 30.0
    body_rate: int = 16_384
    reader_seconds: float = 20.0
    keep_alive_seconds: int = 5
    connections: int = 0
    unproven: int = 256


def connections_of(wanted: int, files: int) -> int:
    """Return how many connections are held at most, given the files that may be open."""
    room = max(FEWEST, files // 4)
    return min(wanted or MOST, room)


class Guest(Protocol):
    """A connection as the crowd sees it."""

    source: str
    arrived: float

    def idle(self) -> bool:
        """Return whether it waits for a further request, and owes nothing."""

    def held(self) -> int:
        """Return the bytes that are written and not taken yet."""

    def cut(self) -> None:
        """End it at once."""

    def dismiss(self) -> None:
        """End it as one that is idle."""


class Crowd:
    """The connections of one listener; on the event loop.

    `proxied`: all come from one address, so that none is judged by it. `known` tells a
    credential that is valid now.
    """

    def __init__(
        self,
        limits: Limits,
        files: int,
        meter: Meter | None = None,
        *,
        proxied: bool = False,
    ) -> None:
        """Begin with nobody."""
        self.limits = limits
        self.most = connections_of(limits.connections, files)
        self.known: Callable[[str], bool] = lambda _: False
        self._meter = meter
        self._proxied = proxied
        self._guests: OrderedDict[Guest, None] = OrderedDict()
        self._unproven: dict[str, OrderedDict[Guest, None]] = {}
        self._full: OrderedDict[Guest, None] = OrderedDict()
        self._strangers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are connected, sessions apart."""
        return len(self._guests)

    def enter(self, guest: Guest, now: float) -> bool:
        """Take a connection; False: there is no room for it."""
        waiting = self._unproven.setdefault(guest.source, OrderedDict())
        if len(waiting) >= self.limits.unproven and not self._proxied:
            slow = next(iter(waiting))
            if now - slow.arrived < SLOW_SECONDS:
                return self._refuse("source")
            self._count("slow")
            slow.cut()
            self.leave(slow)
            waiting = self._unproven.setdefault(guest.source, OrderedDict())
        if len(self._guests) >= self.most and not self._make_room():
            if not waiting:
                del self._unproven[guest.source]
            return self._refuse("connections")
        self._guests[guest] = None
        waiting[guest] = None
        self._tell()
        return True

    def proven(self, guest: Guest) -> None:
        """Note that a connection made a request."""
        waiting = self._unproven.get(guest.source)
        if waiting is not None and waiting.pop(guest, 0) is None and not waiting:
            del self._unproven[guest.source]

    def served(self, guest: Guest) -> None:
        """Note that a connection was answered last of all."""
        if guest in self._guests:
            self._guests.move_to_end(guest)

    def leave(self, guest: Guest) -> None:
        """Count a connection no more; harmless when it is not counted."""
        if self._guests.pop(guest, 0) is None:
            self._tell()
        self._full.pop(guest, None)
        self.proven(guest)

    def stranger(self, source: str, now: float) -> bool:
        """Return whether a session without a valid credential may still be looked at."""
        if self._proxied:
            return True
        left, since = self._strangers.pop(source, (STRANGERS_AT_ONCE, now))
        left = min(STRANGERS_AT_ONCE, left + (now - since) * STRANGERS_A_SECOND)
        allowed = left >= 1.0
        self._strangers[source] = (left - allowed, now)
        if len(self._strangers) > SOURCES_KEPT:
            self._strangers.popitem(last=False)
        return allowed or self._refuse("strangers")

    def filled(self, guest: Guest) -> None:
        """Note that a connection does not take what is written; make room where all hold much."""
        self._full[guest] = None
        while sum(one.held() for one in self._full) > HELD_BYTES:
            longest, _ = self._full.popitem(last=False)
            self._count("reader")
            longest.cut()

    def drained(self, guest: Guest) -> None:
        """Note that it took it."""
        self._full.pop(guest, None)

    def overdue(self, reason: str) -> None:
        """Count a connection that was cut because it did not go on."""
        self._count(reason)

    def _make_room(self) -> bool:
        # Those that were served longest ago stand first.
        for guest in list(self._guests)[:FEWEST]:
            if guest.idle():
                guest.dismiss()
                self.leave(guest)
                return True
        return False

    def _tell(self) -> None:
        if self._meter is not None:
            self._meter.gauge("faultwire_connections", len(self._guests))

    def _refuse(self, reason: str) -> bool:
        self._count(reason)
        return False

    def _count(self, reason: str) -> None:
        if self._meter is not None:
            self._meter.count("faultwire_connections_refused_total", reason=reason)
