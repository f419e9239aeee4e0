"""The service manager: told when we serve, and that the event loop turns (sd_notify(3))."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, MutableMapping

from faultwire.ports import Clock

log = logging.getLogger(__name__)

SIGNS_PER_PERIOD = 3
"""Signs of life in the time after which the manager would kill us."""

_US = 1_000_000


class Supervisor:
    """Speaks to a service manager's socket; without one it says nothing."""

    def __init__(self, address: str, watchdog_seconds: float = 0.0) -> None:
        """Take the socket's address (empty: there is no manager) and its patience (0: endless)."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_seconds = watchdog_seconds

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> "Supervisor":
        """Return the manager that started us, and take its marks out of the environment.

        Children are not to speak in our name.
        """
        address = environment.pop("NOTIFY_SOCKET", "")
        patience, process = (
            environment.pop("WATCHDOG_USEC", ""),
            environment.pop("WATCHDOG_PID", ""),
        )
        ours = process in {"", str(os.getpid())}
        seconds = int(patience) / _US if ours and patience.isdecimal() else 0.0
        return cls(address, seconds)

    def tell(self, text: str) -> None:
        """Send a message; that nobody takes it is no error of ours."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaking:
            speaking.setblocking(False)
            try:
                speaking.sendto(text.encode(), self._address)
            except OSError as error:
                log.debug("the service manager does not listen: %s", error)

    async def keep_telling(self, clock: Clock) -> None:
        """Say that the loop turns, until cancelled; returns at once where nobody asks."""
        while self._address and self._watchdog_seconds:
            self.tell("WATCHDOG=1")
            await clock.sleep(self._watchdog_seconds / SIGNS_PER_PERIOD)


@contextlib.asynccontextmanager
async def serving(clock: Clock) -> AsyncIterator[None]:
    """Say that we serve from now on, that we live meanwhile, and at the end that we stop."""
    manager = Supervisor.of(os.environ)
    manager.tell("READY=1")
    telling = asyncio.create_task(manager.keep_telling(clock), name="signs of life")
    try:
        yield
    finally:
        manager.tell("STOPPING=1")
        telling.cancel()
