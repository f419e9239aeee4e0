"""Acts, beside the lane: who hears which host, what is counted and logged, what is asked again."""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import islice
from typing import Any, Protocol

from faultwire.app.core import Core
from faultwire.domain.accounts import User
from faultwire.domain.changes import Change
from faultwire.domain.errors import Conflict, FaultwireError, NotFound
from faultwire.domain.guard_changes import ActsNoted, HoldSaved
from faultwire.domain.guard_commands import ActOnFault
from faultwire.domain.guarding import Guarded, Sign
from faultwire.domain.ids import HostName, ServerId, UserId
from faultwire.domain.pings import Ping, PingState
from faultwire.domain.states import AgentState
from faultwire.inspector.acting import Guards
from faultwire.inspector.again import FORCING, waits_for_verdict
from faultwire.inspector.guard_settings import Settings
from faultwire.inspector.limits import PROBES, Signs, counted
from faultwire.liveness.settings import Settings as Liveness
from faultwire.monitors.combining import Icmp
from faultwire.ports import AgentSessions, Clock, Intake, Meter
from faultwire.resourcemap.acts import ActBook
from faultwire.resourcemap.holds import Holds

log = logging.getLogger(__name__)

SHOWN = 100
"""The newest acts that are shown."""

SPOKEN_FOR = 256
"""Servers of a host that are looked at for an answer."""

AGAIN_SECONDS = 0.1
"""How soon it is noticed that nobody hears a host any more on which there is a verdict."""

_MS = 1_000_000

_AWAITED = {
    "expected": "its agent was connected before our start, and is waited for",
    "returning": "its agent's connection closed just now, and is waited for",
    "doubted": "its agent is being judged again",
}
"""States of an agent in which its verdict is still to come."""

_PROBED = {
    Icmp.ALIVE: (Sign(PROBES, "it answers probes"),),
    Icmp.UNSURE: (Sign("probing", "it is being looked at"),),
    Icmp.UNREACHABLE: (Sign("probing", "it answers other vantage points"),),
    Icmp.ISOLATED: (Sign("probing", "we are cut off ourselves, and cannot know"),),
}


class Watching(Protocol):
    """The part of `app.life.Life` that is needed here."""

    def watch(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run it for as long as the process lives."""


class Ears:
    """Implements `inspector.limits.Signs` by asking everybody who may hear a host.

    Monitors join with a function from a host to the signs that they have now; it is called on
    the loop while a decision is made, and must cost microseconds.
    """

    def __init__(self) -> None:
        """Hear nobody until somebody joins."""
        self._sources: list[Signs] = []

    def join(self, source: Signs) -> None:
        """Ask this one too from now on."""
        self._sources.append(source)

    def __call__(self, host: HostName) -> tuple[Sign, ...]:
        """Return every sign of life that there is of a host."""
        return tuple(sign for source in self._sources for sign in source(host))


def ears_of(core: Core, settings: Settings) -> Ears:
    """Set the guards of the core, and return the ears by which they hear; monitors join them."""
    ears = Ears()
    core.guards = Guards(settings, core.indexes.acts, ears)
    return ears


def guarded(
    book: ActBook, user: Callable[[UserId], User | None] = lambda _: None
) -> Callable[[], Guarded]:
    """Return what tells how the guards stand; whose word it was by name, where that is known."""

    def name(by: str) -> str:
        found = user(UserId(by))
        return found.name if found is not None else by

    def look() -> Guarded:
        hold = replace(book.hold, by=name(book.hold.by))
        windows = tuple(replace(one, by=name(one.by)) for one in book.windows())
        newest = tuple(book.acts())[-SHOWN:]
        acts = tuple(replace(one, asked_by=name(one.asked_by)) for one in newest)
        return Guarded(hold, windows, acts)

    return look


def hear_agents(
    ears: Ears, core: Core, sessions: AgentSessions, liveness: Liveness, member: str
) -> None:
    """Let agents be heard: those whose sessions are here by their beats, others by their state."""
    clock = core.tools.clock
    fresh_ns = (liveness.heartbeat_ms + liveness.heartbeat_ms // 2) * _MS

    def heard(host: HostName) -> tuple[Sign, ...]:
        at, session = core.indexes.sessions.at(host)
        if session and at != member:
            known = core.indexes.inventory.host(host)
            if known is not None and known.agent is AgentState.CONNECTED:
                return (Sign("agent", "its agent is connected to another server"),)
            return ()
        status = sessions.status(host)
        if status is not None and status.state in _AWAITED:
            return (Sign("agent", _AWAITED[status.state]),)
        if status is None or status.seen_ns is None or status.state != "connected":
            return ()
        age = clock.wall_ns() - status.seen_ns
        if age >= fresh_ns:
            return ()
        return (Sign("agent", f"its agent gave a sign of life {age // _MS} ms ago"),)

    ears.join(heard)


def hear_probes(ears: Ears, held: Callable[[HostName], Icmp]) -> None:
    """Let answers to probes be heard, by what the vantage points together hold of a host.

    As long as they do not know, nobody does: silence proves nothing while it is we who are cut
    off, or while a host is being looked at. Their verdict has the guards asked again.
    """

    def heard(host: HostName) -> tuple[Sign, ...]:
        return _PROBED.get(held(host), ())

    ears.join(heard)


def hear_servers(
    core: Core, seen: Callable[[ServerId], Ping], sweep_ms: int, most: int = SPOKEN_FOR
) -> None:
    """Let servers speak for their hosts, where that is wanted: one that answers is enough.

    What answered in the last sweep counts until the next one is over.
    """
    ears, clock = core.guards.signs, core.tools.clock
    if not core.guards.settings.vantage_servers or not isinstance(ears, Ears):
        return
    fresh_ns = (sweep_ms + sweep_ms // 2) * _MS

    def heard(host: HostName) -> tuple[Sign, ...]:
        entry = core.indexes.inventory.entry(host)
        now = clock.wall_ns()
        for server in islice(entry.servers if entry else (), most):
            ping = seen(server.id)
            if ping.state is PingState.ALIVE and now - (ping.checked_ns or 0) < fresh_ns:
                return (Sign("servers", f"its server {server.id} answers pings"),)
        return ()

    ears.join(heard)


def watch_acts(core: Core, lane: Intake, ears: Ears, life: Watching) -> None:
    """Count and log what guards say, and ask again where a sign of life is over."""
    tools = core.tools
    tools.metrics.gauge("faultwire_acts_held", core.indexes.acts.hold.held)
    core.memory.follow(lambda change: _note(change, tools.metrics))
    life.watch(_Again(core.indexes.holds, lane, ears, tools.clock).run(), "acts asked again")


def _note(change: Change, metrics: Meter) -> None:
    match change:
        case ActsNoted(_, acts, refused):
            for one in acts:
                result = "shadow" if one.shadow else "done"
                metrics.count("faultwire_acts_total", kind=one.kind.value, result=result)
            for lost in refused:
                metrics.count("faultwire_acts_total", kind=lost.kind.value, result="refused")
                what = f"{lost.kind.value} {lost.host}".rstrip()
                log.warning("not done: %s: %s: %s", what, lost.guard, lost.words)
        case HoldSaved(hold):
            metrics.gauge("faultwire_acts_held", hold.held)
            if hold.held:
                log.warning("all acts are held by %s: %s", hold.by, hold.reason or "no reason")
            else:
                log.warning("acts are no longer held")
        case _:
            pass


class _Again:
    """Asks once more for hosts that were spared because somebody heard them."""

    def __init__(self, holds: Holds, lane: Intake, ears: Ears, clock: Clock) -> None:
        self._holds = holds
        self._lane = lane
        self._ears = ears
        self._clock = clock

    async def run(self) -> None:
        while True:
            await self._clock.sleep(AGAIN_SECONDS)
            for fault in self._holds.live_of(FORCING):
                if fault.host is None or not waits_for_verdict(fault):
                    continue
                if counted(self._ears(fault.host), fault):
                    continue
                try:
                    await self._lane.submit(ActOnFault(fault.id))
                except (NotFound, Conflict):
                    continue
                except FaultwireError as error:
                    log.warning("acts on fault %s could not be asked for: %s", fault.id, error)
