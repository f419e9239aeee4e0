"""Calls to guests, by whichever way a guest is reached: our session, another server's, the bus."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from faultwire.domain.errors import NoConsumer, RpcError
from faultwire.domain.guests import RPC_PING, TOPIC, GuestStatus, Ping, Verdict
from faultwire.domain.ids import GuestId
from faultwire.domain.resources import Guest
from faultwire.ports import Clock, Meter
from faultwire.ports.rpc import Answer, RpcClient

_MS = 1_000_000
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


class Afar(Protocol):
    """Guests whose sessions other servers on the same database have."""

    def holds(self, guest: str) -> bool:
        """Return whether another server has the session of a guest."""

    async def call(
        self, method: str, arguments: Mapping[str, object], guest: str, deadline_s: float
    ) -> object:
        """Have the call made there; raises an RpcError within the deadline."""


class Nowhere:
    """Implements `Afar` where there is no other server."""

    def holds(self, guest: str) -> bool:
        """Return False."""
        del guest
        return False

    async def call(
        self, method: str, arguments: Mapping[str, object], guest: str, deadline_s: float
    ) -> object:
        """Is not called."""
        del method, arguments, guest, deadline_s
        raise AssertionError


class GuestCalls:
    """Implements `ports.rpc.RpcClient` for calls to guests, and passes others on.

    A guest with a session here is called there; any other over the bus, where there is one; and
    one that nobody serves there by the server that has its session.
    """

    def __init__(
        self,
        local: RpcClient,
        here: Callable[[str], bool],
        bus: RpcClient | None = None,
        afar: Afar | None = None,
    ) -> None:
        """Take the ways; `here` tells of a guest that has its session here."""
        self._local = local
        self._here = here
        self._bus = bus or local
        self._afar_first = bus is None
        self._afar: Afar = afar or Nowhere()

    def neighbours(self, afar: Afar) -> None:
        """Have other servers on the same database call guests too."""
        self._afar = afar

    async def call(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: str | None = None,
        deadline_s: float,
    ) -> object:
        """Return the peer's answer; raises an RpcError within the deadline."""
        way = self._way(api, to)
        if to is None or not self._is_afar(api, to):
            return await way.call(api, method, arguments, to=to, deadline_s=deadline_s)
        if not self._afar_first:
            try:
                return await way.call(api, method, arguments, to=to, deadline_s=deadline_s)
            except NoConsumer:
                pass
        return await self._afar.call(method, arguments, to, deadline_s)

    async def cast(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: str | None = None,
        deadline_s: float = 5.0,
    ) -> None:
        """Return once it is on its way; raises an RpcError."""
        way = self._way(api, to)
        await way.cast(api, method, arguments, to=to, deadline_s=deadline_s)

    async def fan_out(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: Sequence[str],
        deadline_s: float,
    ) -> Mapping[str, Answer]:
        """Call all of these at once under one deadline; each by its own way."""
        ours = [name for name in to if self._here(name)]
        theirs = [name for name in to if self._is_afar(api, name)]
        known = {*ours, *theirs} if self._afar_first else set(ours)
        rest = [name for name in to if name not in known]
        ways: list[Awaitable[Mapping[str, Answer]]] = [
            way.fan_out(api, method, arguments, to=some, deadline_s=deadline_s)
            for way, some in ((self._local, ours), (self._bus, rest))
            if some
        ]
        found: dict[str, Answer] = {}
        if self._afar_first:
            ways.append(self._all_afar(method, arguments, theirs, deadline_s))
        for answers in await asyncio.gather(*ways):
            found.update(answers)
        if not self._afar_first:
            # The bus says at once that nobody serves a topic: hardly any of the time is spent.
            left = [name for name in theirs if isinstance(found[name].error, NoConsumer)]
            found.update(await self._all_afar(method, arguments, left, deadline_s))
        return found

    async def _all_afar(
        self,
        method: str,
        arguments: Mapping[str, object],
        guests: Sequence[str],
        deadline_s: float,
    ) -> Mapping[str, Answer]:
        asked = (self._answer(method, arguments, guest, deadline_s) for guest in guests)
        return dict(zip(guests, await asyncio.gather(*asked), strict=True))

    def _is_afar(self, api: str, to: str) -> bool:
        return api == TOPIC and not self._here(to) and self._afar.holds(to)

    def can_send(
        self, api: str, method: str, arguments: Mapping[str, object], *, to: str | None = None
    ) -> bool:
        """Return whether a call with these arguments would be sent, in whatever form."""
        return self._way(api, to).can_send(api, method, arguments, to=to)

    def _way(self, api: str, to: str | None) -> RpcClient:
        ours = api == TOPIC and to is not None and self._here(to)
        return self._local if ours else self._bus

    async def _answer(
        self, method: str, arguments: Mapping[str, object], guest: str, deadline_s: float
    ) -> Answer:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            value = await self._afar.call(method, arguments, guest, deadline_s)
        except RpcError as error:
            return Answer(None, error, (loop.time() - began) * 1000)
        return Answer(value, None, (loop.time() - began) * 1000)


class GuestPinger:
    """Implements `ports.guests.Pinger`."""

    def __init__(
        self,
        rpc: RpcClient,
        known: Callable[[GuestId], Guest | None],
        clock: Clock,
        meter: Meter,
        seconds: float,
    ) -> None:
        """Take who calls, the map, and how long one ping waits (D10)."""
        self._rpc = rpc
        self._known = known
        self._clock = clock
        self._meter = meter
        self._seconds = seconds

    async def ping(self, guest: GuestId) -> Ping:
        """Return the verdict on a guest within the deadline; never raises."""
        began = self._clock.mono_ns()
        failure: RpcError | None = None
        try:
            await self._rpc.call(TOPIC, RPC_PING, {}, to=guest, deadline_s=self._seconds)
        except RpcError as error:
            failure = error
        return self._verdict(guest, failure, (self._clock.mono_ns() - began) / _MS)

    async def ping_all(self, guests: Iterable[str], deadline_s: float) -> tuple[Ping, ...]:
        """Return the verdicts on all of these, in their order, under one deadline."""
        wanted = tuple(map(GuestId, dict.fromkeys(guests)))
        there = [guest for guest in wanted if self._known(guest) is not None]
        answers = await self._rpc.fan_out(TOPIC, RPC_PING, {}, to=there, deadline_s=deadline_s)
        found = []
        for guest in wanted:
            answer = answers.get(guest)
            if answer is None:
                self._meter.count("faultwire_guest_pings_total", verdict=Verdict.UNKNOWN.value)
                found.append(Ping(guest, Verdict.UNKNOWN, 0.0, "no such guest"))
            else:
                found.append(self._verdict(guest, answer.error, answer.waited_ms))
        return tuple(found)

    def _verdict(self, guest: GuestId, failure: RpcError | None, waited_ms: float) -> Ping:
        word = "ok" if failure is None else failure.verdict
        verdict = _VERDICTS.get(word, Verdict.FAILED)
        self._meter.count("faultwire_guest_pings_total", verdict=verdict.value)
        return Ping(guest, verdict, waited_ms, failure.reason if failure is not None else "")


class GuestVersions:
    """Implements `ports.rpc.PeerVersions` for guests: each speaks what it last said."""

    def __init__(self, known: Callable[[GuestId], Guest | None]) -> None:
        """Take the map."""
        self._known = known

    def lowest(self, api: str, to: str | None) -> str | None:
        """Return the version that a guest said; None for one that said none, and for others."""
        guest = self._known(GuestId(to)) if api == TOPIC and to is not None else None
        return (guest.version or None) if guest is not None else None


Stored = Callable[[], Awaitable[Mapping[GuestId, int]]]
StoredOne = Callable[[GuestId], Awaitable[int | None]]


class LastHeard:
    """Implements `ports.guests.HeardGuests`: by our own ears, and those of other servers."""

    def __init__(
        self,
        status: Callable[[GuestId], GuestStatus | None],
        guests: Callable[[], Iterable[Guest]],
        stored: Stored | None = None,
        stored_one: StoredOne | None = None,
    ) -> None:
        """Take who knows here; `stored` where other processes store what they hear."""
        self._status = status
        self._guests = guests
        self._stored = stored
        self._stored_one = stored_one

    async def heard(self, guest: GuestId) -> int | None:
        """Return the wall ns of a guest's last sign of life."""
        status = self._status(guest)
        ours = status.heard_ns if status is not None else None
        theirs = await self._stored_one(guest) if self._stored_one is not None else None
        return max((one for one in (ours, theirs) if one is not None), default=None)

    async def all_heard(self) -> Mapping[GuestId, int]:
        """Return that of every guest that was ever heard."""
        found = dict(await self._stored()) if self._stored is not None else {}
        for guest in self._guests():
            status = self._status(guest.id)
            if status is not None and status.heard_ns is not None:
                found[guest.id] = max(status.heard_ns, found.get(guest.id, 0))
        return found
