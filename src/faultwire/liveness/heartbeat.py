"""The heartbeat engine: which hosts' agents are there, and which are held to be dead.

::

    absent ─AWAITED─▶ expected ───LATE──┐
    connected ─BROKE─▶ returning ─LATE──┤
    connected ────────────────────LATE──┴─▶ dead
    connected ─LEFT─▶ gone
    dead ─VETOED─▶ doubted ─LATE─▶ dead
    absent, expected, returning, dead, doubted, gone ─CAME─▶ connected

Pure: times are arguments, monotonic nanoseconds. A beat only notes the time; deadlines stand in
a heap and are looked at again when they ripen, so that a change costs O(log n).
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from faultwire.domain.ids import HostName
from faultwire.liveness.stalls import PRUNED_AT, Stalls

_MS = 1_000_000

GRAIN_NS = 50_000_000
"""Silences are looked at together so often, before they are long enough to count."""


class Waits(Protocol):
    """How long is waited."""

    @property
    def agent_silence_ms(self) -> int:
        """Silence of a connected agent that counts."""

    @property
    def agent_return_ms(self) -> int:
        """How long one may take to be back whose connection closed without goodbye."""


class State(StrEnum):
    """What we hold of a host's agent."""

    ABSENT = "absent"
    EXPECTED = "expected"
    CONNECTED = "connected"
    RETURNING = "returning"
    DEAD = "dead"
    DOUBTED = "doubted"
    GONE = "gone"


class Signal(StrEnum):
    """What moves a host from one state to another."""

    AWAITED = "awaited"
    CAME = "came"
    BROKE = "broke"
    LEFT = "left"
    LATE = "late"
    VETOED = "vetoed"


MOVES: Mapping[tuple[State, Signal], State] = {
    (State.ABSENT, Signal.AWAITED): State.EXPECTED,
    (State.ABSENT, Signal.CAME): State.CONNECTED,
    (State.EXPECTED, Signal.CAME): State.CONNECTED,
    (State.EXPECTED, Signal.LATE): State.DEAD,
    (State.CONNECTED, Signal.BROKE): State.RETURNING,
    (State.CONNECTED, Signal.LEFT): State.GONE,
    (State.CONNECTED, Signal.LATE): State.DEAD,
    (State.RETURNING, Signal.CAME): State.CONNECTED,
    (State.RETURNING, Signal.LATE): State.DEAD,
    (State.DEAD, Signal.CAME): State.CONNECTED,
    (State.DEAD, Signal.VETOED): State.DOUBTED,
    (State.DOUBTED, Signal.CAME): State.CONNECTED,
    (State.DOUBTED, Signal.LATE): State.DEAD,
    (State.GONE, Signal.CAME): State.CONNECTED,
}
"""Every legal move; a signal without a row in the present state is ignored."""


class VerdictKind(StrEnum):
    """Why a host is held to be dead."""

    CLOSED = "closed"
    SILENT = "silent"
    NOT_BACK = "not back after start"
    STILL_GONE = "not back after a stall of ours"


VERDICTS: Mapping[State, VerdictKind] = {
    State.RETURNING: VerdictKind.CLOSED,
    State.CONNECTED: VerdictKind.SILENT,
    State.EXPECTED: VerdictKind.NOT_BACK,
    State.DOUBTED: VerdictKind.STILL_GONE,
}
"""The states that wait, and the verdict when the wait is over."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A host is dead, and the figures that say so.

    `since` is when the wait began: the last sign of life, the closing of the connection, or our
    start. `age_ns` is how long ago that was, our own stalls included; `limit_ns` what was allowed
    without them. `seen` is the last sign of life; None if there was none since our start.
    `put_off_ns` is how long the verdict was put off because we were late ourselves.
    """

    host: HostName
    kind: VerdictKind
    since: int
    age_ns: int
    limit_ns: int
    seen: int | None
    put_off_ns: int = 0


@dataclass(slots=True)
class _Watch:
    """One host; `armed` is the time of its one entry in the heap that counts.

    `pulse` tells when the session was last heard elsewhere; `asked` is when it was asked to speak
    on its connection, `put_off` when a verdict was put off first.
    """

    state: State = State.ABSENT
    session: str = ""
    since: int = 0
    limit: int = 0
    seen: int | None = None
    armed: int | None = None
    pulse: Callable[[], int] | None = None
    asked: int = 0
    put_off: int = 0


class Heartbeats:
    """The state of every host's agent; not thread-safe, one caller."""

    def __init__(self, settings: Waits) -> None:
        """Begin with no host."""
        self._silence = settings.agent_silence_ms * _MS
        self._return = settings.agent_return_ms * _MS
        self._watches: dict[HostName, _Watch] = {}
        self._heap: list[tuple[int, HostName]] = []
        self._quiet: list[HostName] = []
        self._stalls = Stalls()
        self._prune_at = PRUNED_AT

    def __iter__(self) -> Iterator[HostName]:
        """Return the hosts that are not ABSENT."""
        return iter(self._watches)

    def __contains__(self, host: object) -> bool:
        """Return whether a host is not ABSENT."""
        return host in self._watches

    def state(self, host: HostName) -> State:
        """Return the state of a host; ABSENT for one never heard of."""
        watch = self._watches.get(host)
        return watch.state if watch else State.ABSENT

    def seen(self, host: HostName) -> int | None:
        """Return the time of a host's last sign of life."""
        watch = self._watches.get(host)
        return self._heard(watch).seen if watch else None

    def seen_after(self, mark: int) -> Iterator[tuple[HostName, int]]:
        """Return the hosts that gave a sign of life after `mark`, each with its last."""
        for host, watch in self._watches.items():
            seen = self._heard(watch).seen
            if seen is not None and seen > mark:
                yield host, seen

    def expected(self, host: HostName, now: int, grace_ns: int) -> bool:
        """Wait for a host whose agent was there when we stopped; only if it is unknown yet."""
        return self._move(host, Signal.AWAITED, now, grace_ns) is not None

    def connected(self, host: HostName, session: str, now: int) -> bool:
        """Take a new session (a name that is not empty); False while another one lives."""
        watch = self._move(host, Signal.CAME, now, self._silence)
        if watch is None:
            return False
        watch.session = session
        watch.seen = now
        return True

    def beat(self, host: HostName, session: str, now: int) -> bool:
        """Note a sign of life; False for a session that is over."""
        watch = self._watches.get(host)
        if watch is None or watch.session != session:
            return False
        watch.since = watch.seen = now
        return True

    def listen(self, host: HostName, session: str, now: int, pulse: Callable[[], int]) -> bool:
        """Look for signs of life of a session elsewhere too; False for one that is over.

        `pulse` returns the time of the last one, 0 if there was none. It is asked when a wait
        ripens. Half-way through its silence the session is `quiet`.
        """
        watch = self._watches.get(host)
        if watch is None or watch.session != session:
            return False
        watch.pulse = pulse
        self._arm(host, watch, _grain(now + watch.limit // 2))
        return True

    def quiet(self) -> tuple[HostName, ...]:
        """Return the hosts that should be asked to speak on their connections; each once."""
        found, self._quiet = tuple(self._quiet), []
        return found

    def closed(self, host: HostName, session: str, now: int, *, goodbye: bool) -> bool:
        """Note the end of a session; False for one that was over already."""
        watch = self._watches.get(host)
        if watch is None or watch.session != session:
            return False
        self._move(host, Signal.LEFT if goodbye else Signal.BROKE, now, self._return)
        return True

    def doubt(self, host: HostName, now: int) -> bool:
        """Judge a host anew, from now on: the verdict on it did not hold; False unless DEAD."""
        return self._move(host, Signal.VETOED, now, self._silence) is not None

    def forget(self, host: HostName) -> None:
        """Watch a host no longer; it is ABSENT again."""
        self._watches.pop(host, None)

    def stalled(self, lag_ns: int, now: int) -> None:
        """Extend every running wait by as much of the last `lag_ns` as it has waited through."""
        self._stalls.add(lag_ns, now)
        if len(self._stalls) >= self._prune_at:
            waits = (watch.since for watch in self._watches.values() if watch.state in VERDICTS)
            self._stalls.forget(min(waits, default=now))
            self._prune_at = max(PRUNED_AT, 2 * len(self._stalls))

    def due(self, now: int) -> tuple[Verdict, ...]:
        """Return the hosts whose wait is over; each is DEAD from now on and said once."""
        return tuple(self._condemn(host, watch, now) for host, watch in self._late(now))

    def put_off(self, now: int, by_ns: int) -> int:
        """Judge nobody now, look again `by_ns` later; return how many verdicts that puts off."""
        late = list(self._late(now))
        for host, watch in late:
            if watch.put_off <= watch.since:
                watch.put_off = now
            self._arm(host, watch, now + by_ns)
        return len(late)

    def next_deadline(self) -> int | None:
        """Return a time before which nobody is due; None while nobody waits."""
        while self._heap:
            at, host = self._heap[0]
            watch = self._watches.get(host)
            if watch is not None and watch.armed == at and watch.state in VERDICTS:
                return at
            heapq.heappop(self._heap)
            if watch is not None and watch.armed == at:
                watch.armed = None
        return None

    def _move(self, host: HostName, signal: Signal, now: int, limit: int) -> _Watch | None:
        watch = self._watches.get(host) or _Watch()
        state = MOVES.get((watch.state, signal))
        if state is None:
            return None
        self._watches[host] = watch
        watch.state = state
        watch.session = ""
        watch.pulse = None
        watch.since = now
        watch.limit = limit
        if state in VERDICTS:
            self._arm(host, watch, now + limit)
        return watch

    def _arm(self, host: HostName, watch: _Watch, at: int) -> None:
        # An earlier entry stays: when it ripens, the wait is measured anew.
        if watch.armed is None or at < watch.armed:
            watch.armed = at
            heapq.heappush(self._heap, (at, host))

    def _late(self, now: int) -> Iterator[tuple[HostName, _Watch]]:
        while self._heap and self._heap[0][0] <= now:
            at, host = heapq.heappop(self._heap)
            watch = self._watches.get(host)
            if watch is None or watch.armed != at:
                continue
            watch.armed = None
            if watch.state not in VERDICTS:
                continue
            self._heard(watch)
            waited = now - watch.since - self._stalls.within(watch.since, now)
            half = watch.limit // 2
            if waited >= watch.limit:
                yield host, watch
            elif watch.pulse is None or waited >= half:
                self._arm(host, watch, now + watch.limit - waited)
                self._ask(host, watch, now)
            else:
                self._arm(host, watch, _grain(now + half - waited))

    def _ask(self, host: HostName, watch: _Watch, now: int) -> None:
        if watch.pulse is not None and watch.asked <= watch.since:
            watch.asked = now
            self._quiet.append(host)

    @staticmethod
    def _heard(watch: _Watch) -> _Watch:
        """Return the watch, with what was heard elsewhere by now."""
        if watch.pulse is not None:
            at = watch.pulse()
            if at > watch.since:
                watch.since = watch.seen = at
        return watch

    def _condemn(self, host: HostName, watch: _Watch, now: int) -> Verdict:
        waited = now - watch.since
        put_off = now - watch.put_off if watch.put_off > watch.since else 0
        kind = VERDICTS[watch.state]
        verdict = Verdict(host, kind, watch.since, waited, watch.limit, watch.seen, put_off)
        self._move(host, Signal.LATE, now, 0)
        return verdict


def _grain(at: int) -> int:
    return -(-at // GRAIN_NS) * GRAIN_NS
