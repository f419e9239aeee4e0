"""The process that probes, as the server's loop sees it: on loopback, with real sockets."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import HostName
from faultwire.liveness.icmp import IcmpWire
from faultwire.liveness.isolation import Standing
from faultwire.liveness.probes import Probes, Seen
from faultwire.liveness.settings import Engine, Settings
from faultwire.liveness.suspicion import State
from faultwire.telemetry.clock import SystemClock

SECONDS = 60

SETTINGS = Settings(engine=Engine.ICMP, realtime=False, canaries=("127.0.0.1",))

HOSTS = {HostName(f"h{number}"): (f"127.0.0.{number}",) for number in range(1, 21)}


class Counts:
    """Implements `ports.Meter`."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts[labels["result"]] += amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        assert name == "faultwire_probed_hosts"

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        assert name == "faultwire_probing_lag_seconds"


class Stand:
    """Implements `liveness.probes.Listener`."""

    def __init__(self) -> None:
        self.meter = Counts()
        self.probes = Probes(SETTINGS, SystemClock(), self.meter)
        self.probes.listen(self)
        self.seen: list[Seen] = []
        self.starts = 0
        self._news = asyncio.Condition()

    def started(self) -> None:
        self.starts += 1
        self._wake()

    def moved(self, seen: Seen) -> None:
        self.seen.append(seen)
        self._wake()

    def stood(self, standing: Standing, reasons: tuple[str, ...], at: int) -> None:
        self._wake()

    def _wake(self) -> None:
        self._task = asyncio.create_task(self._notify())

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def wait_for(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(true)

    def alive(self) -> bool:
        return all(self.probes.state(host) is State.ALIVE for host in HOSTS)


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """Give a running process that probes loopback addresses."""
    try:
        IcmpWire(2).close()
    except Unavailable as error:
        pytest.skip(error.detail)
    made = Stand()
    made.probes.probe(HOSTS, {})
    task = asyncio.create_task(made.probes.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_hosts_answer_and_leave(stand: Stand) -> None:
    """Hosts that were given before and after the start are probed until they leave."""
    await stand.wait_for(stand.alive)
    late = HostName("late")
    stand.probes.probe({late: ("127.0.1.1",)}, {})
    await stand.wait_for(lambda: stand.probes.state(late) is State.ALIVE)
    stand.probes.leave([late, HostName("never")])
    assert stand.probes.state(late) is State.UNKNOWN
    assert stand.probes.trouble is None


async def test_a_process_that_ends_is_started_again_and_knows_what_was_held(
    stand: Stand,
) -> None:
    """Kill -9: another one probes the same hosts, and who answered before still counts."""
    await stand.wait_for(stand.alive)
    first = stand.probes.child
    assert first is not None
    first.kill()
    begun = len(stand.seen)
    await stand.wait_for(lambda: stand.starts == 2)
    await stand.wait_for(lambda: len(stand.seen) >= begun + len(HOSTS))
    assert stand.probes.child is not first
    assert stand.alive()


async def test_an_address_that_cannot_be_probed_stops_nobody(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    """A host of an unknown interface is named in the log, and all others are probed."""
    stand.probes.probe({HostName("odd"): ("fe80::1%nosuch0",)}, {})
    await stand.wait_for(stand.alive)
    assert "host odd cannot be probed" in caplog.text
