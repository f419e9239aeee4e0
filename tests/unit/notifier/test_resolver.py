"""Names to addresses: judged, shared, cached, and never all slots for hung names."""

import asyncio
import socket
import threading
from collections.abc import Callable

import pytest

from faultwire.notifier.delivery.guard import ForbiddenAddress, Rules
from faultwire.notifier.delivery.resolver import (
    Addresses,
    GuardedResolver,
    NameFailed,
    system_lookup,
)
from faultwire.notifier.settings import Settings
from faultwire.testing.clock import ManualClock

PUBLIC = [(int(socket.AF_INET), "93.184.216.34")]


class Names:
    """A scripted name server that counts; names that start with ``hang`` wait for the gate."""

    def __init__(self) -> None:
        self.answers: dict[str, Addresses | Exception] = {}
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.running = 0

    def __call__(self, host: str, family: int) -> Addresses:
        self.asked.append(host)
        if host.startswith("hang"):
            self.running += 1
            self.gate.wait(20)
            self.running -= 1
        answer = self.answers.get(host, PUBLIC)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def _resolver(names: Names, clock: ManualClock, **settings: int) -> GuardedResolver:
    options = {"resolver_slots": 8, "resolver_deadline_ms": 5000, **settings}
    return GuardedResolver(Rules(), Settings(**options), clock, names)


async def test_a_public_name_is_resolved(names: Names, clock: ManualClock) -> None:
    """The answer has the addresses, the port asked for, and needs no further look-up."""
    (found,) = await _resolver(names, clock).resolve("example.org", 443)
    assert (found["host"], found["port"]) == ("93.184.216.34", 443)
    assert found["flags"] & socket.AI_NUMERICHOST


@pytest.mark.parametrize(
    "address",
    ["10.0.0.5", "127.0.0.1", "169.254.169.254", "::1", "fe80::1%1", "::ffff:10.0.0.5", "0.0.0.0"],  # noqa: S104
)
async def test_a_name_of_a_forbidden_address_is_refused(
    names: Names, clock: ManualClock, address: str
) -> None:
    """One forbidden address among good ones is enough; the error names the address alone."""
    names.answers["evil.example"] = [*PUBLIC, (int(socket.AF_INET), address)]
    with pytest.raises(ForbiddenAddress) as caught:
        await _resolver(names, clock).resolve("evil.example", 80)
    assert address in str(caught.value)
    assert "evil" not in str(caught.value)


async def test_answers_are_kept_for_a_while(names: Names, clock: ManualClock) -> None:
    """Half a minute of requests cost one look-up, failures a few seconds of it."""
    resolver = _resolver(names, clock)
    names.answers["gone.example"] = socket.gaierror(socket.EAI_NONAME, "Name not known")
    for _ in range(3):
        await resolver.resolve("example.org")
        with pytest.raises(NameFailed, match="Name not known"):
            await resolver.resolve("gone.example")
    assert sorted(names.asked) == ["example.org", "gone.example"]
    clock.advance(6)
    with pytest.raises(NameFailed):
        await resolver.resolve("gone.example")
    await resolver.resolve("example.org")
    assert names.asked.count("gone.example") == 2
    assert names.asked.count("example.org") == 1
    clock.advance(30)
    await resolver.resolve("example.org")
    assert names.asked.count("example.org") == 2


async def test_who_asks_together_shares_one_lookup(names: Names, clock: ManualClock) -> None:
    """A hundred that ask for one name cost one thread; one that gives up harms nobody."""
    resolver = _resolver(names, clock)
    asking = [asyncio.create_task(resolver.resolve("hang.example")) for _ in range(100)]
    await _until(lambda: names.running == 1)
    asking[0].cancel()
    names.gate.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(isinstance(result, list) for result in results) == 99
    assert names.asked == ["hang.example"]


async def test_hung_names_leave_half_of_the_slots_to_proven_ones(
    names: Names, clock: ManualClock
) -> None:
    """With twenty names that hang, a name that answered before is looked up at once."""
    resolver = _resolver(names, clock)
    await resolver.resolve("good.example")
    clock.advance(31)
    asking = [asyncio.create_task(resolver.resolve(f"hang{n}.example")) for n in range(20)]
    await _until(lambda: names.running == 4)
    assert await resolver.resolve("good.example")
    assert names.running == 4
    names.gate.set()
    await asyncio.gather(*asking)
    assert len(names.asked) == 22


async def test_a_lookup_that_hangs_fails_in_time(names: Names, clock: ManualClock) -> None:
    """The deadline holds although the thread cannot be broken off."""
    resolver = _resolver(names, clock, resolver_deadline_ms=50)
    with pytest.raises(NameFailed, match="not resolved in time"):
        await resolver.resolve("hang.example")
    names.gate.set()
    await _until(lambda: names.running == 0)


async def test_names_that_hung_have_the_fewest_slots(names: Names, clock: ManualClock) -> None:
    """A name that hung last time does not keep a new name waiting."""
    resolver = _resolver(names, clock, resolver_deadline_ms=50, resolver_slots=4)
    for number in range(2):
        with pytest.raises(NameFailed):
            await resolver.resolve(f"hang{number}.example")
    names.gate.set()
    await _until(lambda: names.running == 0)
    await asyncio.sleep(0)
    names.gate.clear()
    clock.advance(60)
    hung = [asyncio.create_task(resolver.resolve(f"hang{n}.example")) for n in range(2)]
    await _until(lambda: names.running >= 1)
    assert await resolver.resolve("new.example")
    await asyncio.gather(*hung, return_exceptions=True)
    names.gate.set()


async def test_a_name_without_addresses_fails(names: Names, clock: ManualClock) -> None:
    """An empty answer is no connection to anywhere."""
    names.answers["empty.example"] = []
    with pytest.raises(NameFailed, match="no address"):
        await _resolver(names, clock).resolve("empty.example")


async def test_a_label_that_cannot_be_encoded_fails(names: Names, clock: ManualClock) -> None:
    """What the system's resolver chokes on is an ordinary failure."""
    names.answers["odd.example"] = UnicodeError("label too long")
    with pytest.raises(NameFailed):
        await _resolver(names, clock).resolve("odd.example")


async def test_close_lets_nobody_wait(names: Names, clock: ManualClock) -> None:
    """Who waits for a name while we stop is released."""
    resolver = _resolver(names, clock)
    asking = asyncio.create_task(resolver.resolve("hang.example"))
    await _until(lambda: names.running == 1)
    await resolver.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    names.gate.set()
    await _until(lambda: names.running == 0)


def test_the_system_knows_this_machine() -> None:
    """The system's own resolver finds localhost without a network."""
    assert any(address in {"127.0.0.1", "::1"} for _, address in system_lookup("localhost", 0))


async def _until(true: Callable[[], bool]) -> None:
    """Let the loop run until threads have come so far."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  another thread changes it
            await asyncio.sleep(0)
