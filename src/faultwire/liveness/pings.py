"""What sweeps servers, as the server's loop sees it: addresses by slot, and the process."""

import asyncio
import logging
import sys
from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from faultwire.domain.errors import Unavailable
from faultwire.liveness import sweeping
from faultwire.liveness.parse import LONGEST_US, NEVER, SILENT
from faultwire.liveness.settings import Settings

log = logging.getLogger(__name__)

LINE_BYTES = 1 << 24
START_SECONDS = 20.0
DEADLINE_SECONDS = 15.0
"""A sweep of few; one of many may take a millisecond more for each, as fping does."""
AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of some addresses together; `at` is the oldest look, None: never all."""

    answered: bool
    silent: bool
    at: int | None
    took_us: int | None = None


class Table:
    """Addresses that are pinged and the newest answer of each; a few bytes for each slot."""

    def __init__(self) -> None:
        """Know no address."""
        self._slots: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._uses = array("I")
        self._free: list[int] = []
        self._took = array("I")
        self._at = array("q")
        self._placed = array("q")

    def __len__(self) -> int:
        """Return how many addresses there are."""
        return len(self._slots)

    def use(self, address: str, now: int) -> tuple[int, bool]:
        """Return the slot of an address, and whether it is new."""
        slot = self._slots.get(address)
        if slot is not None:
            self._uses[slot] += 1
            return slot, False
        if self._free:
            slot = self._free.pop()
        else:
            slot = len(self._uses)
            for column in (self._uses, self._took, self._at, self._placed):
                column.append(0)
        self._slots[address], self._names[slot] = slot, address
        self._uses[slot], self._took[slot], self._placed[slot] = 1, NEVER, now
        return slot, True

    def drop(self, slot: int) -> bool:
        """Use a slot once less; return whether nobody does any more."""
        self._uses[slot] -= 1
        if self._uses[slot]:
            return False
        del self._slots[self._names.pop(slot)]
        self._free.append(slot)
        return True

    def take(self, slots: Sequence[int], took: Sequence[int], begun: int) -> None:
        """Take the answers of a sweep that began then; to slots of today only."""
        for slot, one in zip(slots, took, strict=True):
            if self._placed[slot] <= begun:
                self._took[slot], self._at[slot] = one, begun

    def stale(self, slots: Iterable[int], since: int) -> list[int]:
        """Return those of which nothing was heard since then."""
        took, at = self._took, self._at
        return [slot for slot in slots if took[slot] == NEVER or at[slot] < since]

    def heard(self, slots: Sequence[int]) -> Heard:
        """Return what is known of addresses together: one that answers is enough."""
        took, at = self._took, self._at
        quickest = min((took[slot] for slot in slots), default=NEVER)
        if quickest <= LONGEST_US:
            when = max(at[slot] for slot in slots if took[slot] <= LONGEST_US)
            return Heard(answered=True, silent=False, at=when, took_us=quickest)
        known = bool(slots) and all(took[slot] != NEVER for slot in slots)
        when_all = min(at[slot] for slot in slots) if known else None
        silent = known and all(took[slot] == SILENT for slot in slots)
        return Heard(answered=False, silent=silent, at=when_all)


class Sweeps(Protocol):
    """Sweeps slots that stand for addresses; `testing.pinging` has one without a system."""

    @property
    def engine(self) -> str:
        """Return the name of what sweeps, for evidence."""

    def place(self, slot: int, address: str) -> None:
        """Let a slot stand for an address; what is no address stays unknown."""

    def clear(self, slot: int) -> None:
        """Let a slot stand for nothing."""

    async def sweep(self, slots: Sequence[int]) -> "array[int]":
        """Return for each slot, in order, what `engines.SweepEngine.sweep` does.

        One at a time. Raises Unavailable saying what to do.
        """

    async def stop(self) -> None:
        """Release what sweeps."""


class SweepProcess:
    """Implements `Sweeps`: keeps the process, which is started when it is first needed.

    On the event loop. One that ended, or did not answer in time, is started anew by the next
    sweep.
    """

    def __init__(self, settings: Settings) -> None:
        """Start nothing yet."""
        options = sweeping.options_of(settings)
        self._options = options
        self._places: dict[int, str] = {}
        self._news: dict[int, str | None] = {}
        self._child: asyncio.subprocess.Process | None = None
        self._number = 0
        self.engine = str(options["engine"])

    def place(self, slot: int, address: str) -> None:
        """Let a slot stand for an address; what is no address stays unknown."""
        self._places[slot] = self._news[slot] = address

    def clear(self, slot: int) -> None:
        """Let a slot stand for nothing."""
        self._places.pop(slot, None)
        self._news[slot] = None

    async def sweep(self, slots: Sequence[int]) -> "array[int]":
        """Return what was found of each slot; raises Unavailable."""
        done = False
        try:
            if self._child is None:
                async with asyncio.timeout(START_SECONDS):
                    await self._start()
            async with asyncio.timeout(DEADLINE_SECONDS + 0.005 * len(slots)):
                found = await self._ask(slots)
            done = True
        except TimeoutError:
            raise Unavailable("a sweep did not end in time") from None
        except (OSError, ValueError) as error:
            raise Unavailable(str(error)) from None
        finally:
            # An answer that is still to come would pass for the next one's.
            if not done:
                await self.stop()
        return found

    async def stop(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        if child.returncode is None:
            child.kill()
        await asyncio.shield(child.wait())

    async def _start(self) -> None:
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", sweeping.__name__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        self._news = dict(self._places)
        self._say(self._options)
        told = await self._line()
        for cost in told["costs"]:
            log.warning("pinging servers: %s", cost)
        log.info("servers are pinged by %s", self.engine)

    async def _ask(self, slots: Sequence[int]) -> "array[int]":
        news, self._news = self._news, {}
        gone = [slot for slot, address in news.items() if address is None]
        new = [(slot, address) for slot, address in news.items() if address is not None]
        if gone:
            self._say({"clear": gone})
        for begin in range(0, len(new), AT_ONCE):
            self._say({"place": new[begin : begin + AT_ONCE]})
            await self._drain()
        self._number += 1
        self._say({"sweep": self._number, "slots": sweeping.packed(array("I", slots))})
        await self._drain()
        answer = await self._line()
        found = sweeping.unpacked(str(answer["took"]))
        if answer["swept"] != self._number or len(found) != len(slots):
            raise ValueError("what sweeps answered something else")
        return found

    def _say(self, line: object) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.write(orjson.dumps(line) + b"\n")

    async def _drain(self) -> None:
        if self._child is not None and self._child.stdin is not None:
            await self._child.stdin.drain()

    async def _line(self) -> dict[str, Any]:
        if self._child is None or self._child.stdout is None:
            raise OSError("the process that sweeps is gone")
        raw = await self._child.stdout.readline()
        if not raw:
            raise OSError("the process that sweeps ended")
        line: dict[str, Any] = orjson.loads(raw)
        if "trouble" in line:
            raise OSError(str(line["trouble"]))
        return line


def all_of(slots: Iterable[Collection[int]]) -> list[int]:
    """Return each slot of some once, in order."""
    return list(dict.fromkeys(slot for some in slots for slot in some))
