"""The process that hears beats by datagram, with real sockets."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from faultwire.domain.datagrams import DatagramTerms, seal
from faultwire.liveness.beats import Beats, bound
from faultwire.telemetry.clock import SystemClock

SECONDS = 60


class Counts:
    """Implements `ports.Meter`."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts[labels["result"]] += amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        raise AssertionError(name)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        raise AssertionError(name)


class Stand:
    """The real process, and a socket that sends to it."""

    def __init__(self) -> None:
        self.meter = Counts()
        self.beats = Beats(bound("127.0.0.1", 0), SystemClock(), self.meter)
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.task = asyncio.create_task(self.beats.run())

    def send(self, datagram: bytes) -> None:
        self._sock.sendto(datagram, ("127.0.0.1", self.beats.port))

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(SECONDS):
            while not true():  # noqa: ASYNC110  another process changes it
                await asyncio.sleep(0.005)

    async def opened(self) -> DatagramTerms:
        found: list[DatagramTerms | None] = [None]

        def tried() -> bool:
            found[0] = self.beats.open()
            return found[0] is not None

        await self.until(tried)
        assert found[0] is not None
        return found[0]

    async def beaten(self, terms: DatagramTerms, sequence: int) -> int:
        """Send one beat until it is heard; return when that was."""
        before = self.beats.last(terms)

        def heard() -> bool:
            self.send(seal(terms, sequence))
            return self.beats.last(terms) > before

        await self.until(heard)
        return self.beats.last(terms)

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.beats.stop()
        self._sock.close()


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """Give a running process."""
    made = Stand()
    yield made
    await made.close()


async def test_beats_arrive_with_the_time_of_the_machine(stand: Stand) -> None:
    """A beat that another process heard has a time that compares with ours."""
    terms, clock = await stand.opened(), SystemClock()
    assert stand.beats.last(terms) == 0
    began = clock.mono_ns()
    assert began < await stand.beaten(terms, 1) < clock.mono_ns()
    stand.send(b"noise")
    await stand.until(lambda: stand.beats.count("refused"))


async def test_sessions_have_slots_and_keys_of_their_own(stand: Stand) -> None:
    """No two sessions share a key; the void terms of one tell nothing of the next."""
    first = await stand.opened()
    await stand.beaten(first, 1)
    stand.beats.close(first)
    stand.beats.close(first)
    assert stand.beats.last(first) == 0
    second = await stand.opened()
    assert second.key != first.key
    assert second.slot != first.slot
    await stand.beaten(second, 1)


async def test_a_process_that_died_is_started_again(stand: Stand) -> None:
    """Sessions go on under their keys, and what was heard before is no beat a second time."""
    terms = await stand.opened()
    at = await stand.beaten(terms, 5)
    assert stand.beats.child is not None
    stand.beats.child.kill()
    await stand.until(lambda: stand.beats.child is None)
    assert stand.beats.open() is None
    await stand.until(lambda: stand.beats.child is not None)
    refused = stand.beats.count("refused")
    stand.send(seal(terms, 5))
    await stand.until(lambda: stand.beats.count("refused") > refused)
    assert stand.beats.last(terms) == at
    assert await stand.beaten(terms, 6) > at


async def test_what_came_is_told_as_figures(stand: Stand) -> None:
    """Datagrams are counted by result."""
    terms = await stand.opened()
    await stand.beaten(terms, 1)
    await stand.until(lambda: stand.meter.counts["taken"] == 1)
