"""Own interfaces of the host: whether each has a carrier, told as soon as that changes."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from faultwire.liveness.local import Carriers, LinkNews
from faultwire.ports import Clock

LOOK_SECONDS = 0.02
"""How often carriers are asked for: a look takes microseconds."""


class Interfaces:
    """Looks at named interfaces; `changed` is called when one of them is otherwise."""

    def __init__(self, names: Iterable[str], clock: Clock, changed: Callable[[], None]) -> None:
        """Look once: `states` holds from now on."""
        self._names = tuple(names)
        self._clock = clock
        self._changed = changed
        self._carriers = Carriers()
        self._carriers.watch(self._names)
        self._news = LinkNews()
        self._awake = asyncio.Event()
        self.states: Mapping[str, bool] = self._look()

    async def run(self) -> None:
        """Look regularly, and when the system tells of links, until cancelled."""
        loop, file = asyncio.get_running_loop(), self._news.file
        if file is not None:
            loop.add_reader(file, self._told)
        try:
            while True:
                await self._rest()
                found = self._look()
                if found != self.states:
                    self.states = found
                    self._changed()
        finally:
            if file is not None:
                loop.remove_reader(file)
            self._news.close()
            self._carriers.close()

    async def _rest(self) -> None:
        self._awake.clear()
        sleep = asyncio.create_task(self._clock.sleep(LOOK_SECONDS))
        wake = asyncio.create_task(self._awake.wait())
        try:
            await asyncio.wait((sleep, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sleep, wake):
                task.cancel()
            await asyncio.gather(sleep, wake, return_exceptions=True)

    def _told(self) -> None:
        self._news.drain()
        self._awake.set()

    def _look(self) -> dict[str, bool]:
        down = self._carriers.down()
        return {name: name not in down for name in self._names}
