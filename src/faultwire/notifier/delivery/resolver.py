"""Names to addresses, on threads of their own, every address judged before it is used.

A look-up in the system's resolver cannot be broken off. So the number at once is bounded; names
that never answered share half of the slots, and names that hung last time half of these. Whoever
asks for a name that is being looked up shares the answer.
"""

import asyncio
import contextlib
import socket
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from faultwire.notifier.delivery import guard
from faultwire.notifier.delivery.ceilings import Ceiling, Standing
from faultwire.notifier.delivery.guard import ForbiddenAddress, Rules
from faultwire.notifier.settings import Settings
from faultwire.ports import Clock

Addresses = Sequence[tuple[int, str]]
"""Address family and address, in the order of preference."""

Lookup = Callable[[str, int], Addresses]
"""Looks a name up for an address family; blocks; raises OSError."""

FAILED_S = 5
"""How long a name that was not found is not asked for again."""
NAMES_KEPT = 4096

_S = 1_000_000_000


class NameFailed(OSError):
    """A name leads nowhere at present; the text says why and names no server."""


@dataclass(slots=True)
class _Name:
    """What is known of a name: `addresses` or `failure` until then; `standing` for longer."""

    until_ns: int = 0
    addresses: Addresses = ()
    failure: str = ""
    standing: Standing = Standing.FRESH


Key = tuple[str, int]


@dataclass(slots=True, eq=False)
class _Asked:
    """A look-up that somebody waits for, or that a slot is busy with."""

    answer: asyncio.Future[Addresses]
    waiters: int = 0
    started: bool = False


class GuardedResolver(AbstractResolver):
    """Implements aiohttp's resolver; used on one event loop.

    `resolve` raises ForbiddenAddress if any address of the name may not be reached, NameFailed
    if there is none in time.
    """

    def __init__(
        self, rules: Rules, settings: Settings, clock: Clock, lookup: Lookup | None = None
    ) -> None:
        """Look up by `lookup`, which is called on threads; the system's resolver by default."""
        self._rules = rules
        self._clock = clock
        self._lookup = lookup or system_lookup
        self._keep_ns = settings.resolver_cache_s * _S
        self._deadline_s = settings.resolver_deadline_ms / 1000
        self._slots = Ceiling(settings.resolver_slots)
        self._names: OrderedDict[Key, _Name] = OrderedDict()
        self._asked: dict[Key, _Asked] = {}
        self._waiting: tuple[deque[Key], ...] = (deque(), deque(), deque())

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name, all of them allowed."""
        addresses = await self._addresses((host, int(family)))
        for _, address in addresses:
            self.judge(address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=found,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, address in addresses
        ]

    def judge(self, address: str) -> None:
        """Raise ForbiddenAddress unless a connection to the address may be made."""
        kind = guard.forbidden(ip_address(address), self._rules)
        if kind is not None:
            raise ForbiddenAddress(address, kind)

    async def close(self) -> None:
        """Forget who waits; look-ups under way end by themselves and change nothing."""
        for asked in self._asked.values():
            asked.answer.cancel()
        for queue in self._waiting:
            queue.clear()

    async def _addresses(self, key: Key) -> Addresses:
        name = self._names.get(key)
        if name is not None and name.until_ns > self._clock.mono_ns():
            self._names.move_to_end(key)
            if name.failure:
                raise NameFailed(name.failure)
            return name.addresses
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = _Asked(asyncio.get_running_loop().create_future())
            self._waiting[name.standing if name else Standing.FRESH].append(key)
            self._start_waiting()
        asked.waiters += 1
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asyncio.shield(asked.answer)
        except TimeoutError:
            if asked.started and self._asked.get(key) is asked:
                self._keep(key).standing = Standing.SUSPECT
            raise NameFailed("the name was not resolved in time") from None
        finally:
            asked.waiters -= 1
            if not (asked.waiters or asked.started):
                # Nobody wants to know any more; the queue skips it.
                del self._asked[key]

    def _start_waiting(self) -> None:
        for standing in Standing:
            queue = self._waiting[standing]
            while queue and self._slots.room(standing):
                key = queue.popleft()
                asked = self._asked.get(key)
                if asked is not None and not asked.started:
                    asked.started = True
                    self._slots.start(standing)
                    self._run(key, standing)

    def _run(self, key: Key, standing: Standing) -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            addresses: Addresses = ()
            failure = ""
            try:
                addresses = self._lookup(*key)
            except socket.gaierror as error:
                failure = f"the name was not resolved: {error.strerror}"
            except (OSError, UnicodeError):
                failure = "the name was not resolved"
            # A loop that is closed by now has nobody who waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._ended, key, standing, addresses, failure)

        # A daemon: the process does not wait for a name server in order to end.
        threading.Thread(target=work, name="resolver", daemon=True).start()

    def _ended(self, key: Key, standing: Standing, addresses: Addresses, failure: str) -> None:
        self._slots.end(standing)
        if not failure and not addresses:
            failure = "the name has no address"
        name = self._keep(key)
        name.addresses, name.failure = addresses, failure
        name.until_ns = self._clock.mono_ns() + (FAILED_S * _S if failure else self._keep_ns)
        name.standing = Standing.FRESH if failure else Standing.PROVEN
        answer = self._asked.pop(key).answer
        if not answer.done():
            if failure:
                answer.set_exception(NameFailed(failure))
                # Marks it as seen: perhaps nobody waits any more.
                answer.exception()
            else:
                answer.set_result(addresses)
        self._start_waiting()

    def _keep(self, key: Key) -> _Name:
        name = self._names.setdefault(key, _Name())
        self._names.move_to_end(key)
        while len(self._names) > NAMES_KEPT:
            self._names.popitem(last=False)
        return name


def system_lookup(host: str, family: int) -> Addresses:
    """Look a name up as the system does: hosts file, then name servers."""
    rows = socket.getaddrinfo(host, None, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
    return list(dict.fromkeys((int(found), str(sockaddr[0])) for found, *_, sockaddr in rows))
