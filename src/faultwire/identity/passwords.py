"""Passwords: hashed with bcrypt, two at a time, on threads of their own."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import bcrypt

from faultwire.domain.accounts import User
from faultwire.domain.errors import Invalid, Unavailable
from faultwire.identity.settings import Settings
from faultwire.identity.throttle import NS, Limits, Throttle, network_of
from faultwire.ports import Clock

T = TypeVar("T")

AT_ONCE = 2
LONGEST_BYTES = 72
"""What bcrypt looks at; a longer password is refused, never cut."""


def checked(password: str, field: str) -> bytes:
    """Return a password's bytes; raises Invalid naming the field for one that cannot be kept."""
    raw = password.encode()
    if not raw:
        raise Invalid(field, "a password may not be empty")
    if len(raw) > LONGEST_BYTES:
        raise Invalid(field, f"a password has at most {LONGEST_BYTES} bytes, not {len(raw)}")
    if b"\0" in raw:
        raise Invalid(field, "a password may not hold a NUL")
    return raw


class Passwords:
    """Hashes and checks passwords without holding up the event loop (bcrypt frees the GIL).

    A login is slowed by failures before it, see `throttle`; unknown and disabled users cost what
    known ones cost. Belongs to the event loop; `close` ends the threads.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Start no thread before the first password comes."""
        self._settings = settings
        self._clock = clock
        self._throttle = Throttle(
            Limits(settings.account_failures, settings.source_failures, settings.longest_delay)
        )
        self._threads = ThreadPoolExecutor(AT_ONCE, "passwords")
        self._free = asyncio.Semaphore(AT_ONCE)
        self._waiting: Counter[str] = Counter()
        # A hash that no password has, of the same cost as a true one.
        self._nobody = f"$2b${settings.bcrypt_rounds:02d}$" + "." * 53

    async def hash(self, password: str, field: str) -> str:
        """Return a password's hash; raises Invalid naming the field, Unavailable when busy."""
        raw = checked(password, field)
        with self._place(""):
            async with self._free:
                salt = bcrypt.gensalt(self._settings.bcrypt_rounds)
                return (await self._run(bcrypt.hashpw, raw, salt)).decode()

    async def verify(
        self, user: User | None, password: str, account: str, source: str, field: str
    ) -> bool:
        """Return whether an enabled user has this password.

        `account` is the name or id that was given, whether or not there is such a user; `source`
        is where from. Raises Invalid naming the field for a password over its length,
        Unavailable when too many logins wait.
        """
        raw = checked(password, field)
        # A user without a password is like nobody.
        hashed = (user.password_hash if user else "") or self._nobody
        with self._place(source):
            right = await self._when_due(raw, hashed, account, source)
        if right and user is not None and user.enabled:
            self._throttle.succeeded(source, account)
            return True
        return False

    async def _when_due(self, raw: bytes, hashed: str, account: str, source: str) -> bool:
        """Check once the login has waited as long as failures by then demand.

        Looked at again after each wait, so that guesses sent side by side do not all go by the
        count of the moment at which they came.
        """
        began = self._clock.mono_ns()
        while True:
            async with self._free:
                now = self._clock.mono_ns()
                wait_ns = began + self._throttle.delay_ns(source, account, now) - now
                if wait_ns <= 0:
                    right = await self._run(bcrypt.checkpw, raw, hashed.encode())
                    if not right:
                        self._throttle.failed(source, account, self._clock.mono_ns())
                    return bool(right)
            await self._clock.sleep(wait_ns / NS)

    @contextmanager
    def _place(self, source: str) -> Iterator[None]:
        """Hold one of the places; a source that is slowed holds a quarter of them at most."""
        place, most = network_of(source), self._settings.waiting_logins
        mine = self._waiting[place]
        slowed = self._throttle.slowed(source, self._clock.mono_ns())
        if self._waiting.total() >= most or (slowed and mine >= max(1, most // 4)):
            raise Unavailable("too many logins are waiting; try again later")
        self._waiting[place] += 1
        try:
            yield
        finally:
            self._waiting[place] -= 1
            if not self._waiting[place]:
                del self._waiting[place]

    async def _run(self, function: Callable[..., T], *args: bytes) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def close(self) -> None:
        """End the threads once their work is done; nothing may be asked any more."""
        self._threads.shutdown(wait=True)
