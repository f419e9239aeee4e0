"""Pokes over real sockets: taken when ours, passed over when not."""

import asyncio
import socket

import pytest

from faultwire.domain.errors import Invalid
from faultwire.messaging.pokes import Look, Pokes

KEY = bytes(32)


class Taken:
    """Collects what a process was told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[object] = asyncio.Queue()

    def pokes(self, key: bytes = KEY) -> Pokes:
        return Pokes(key, self.told.put_nowait, self.told.put_nowait)


@pytest.fixture
async def pair() -> tuple[Taken, Pokes, Pokes]:
    """Give a process that listens, its socket, and another's socket."""
    taken = Taken()
    here, there = taken.pokes(), Taken().pokes()
    await here.start("127.0.0.1", 0)
    await there.start("127.0.0.1", 0)
    return taken, here, there


async def test_a_poke_says_what_to_look_at(pair: tuple[Taken, Pokes, Pokes]) -> None:
    """Several things at once are one poke; a doubt names its host."""
    taken, here, there = pair
    there.send(Look.JOURNAL | Look.OUTBOX, [here.address])
    assert await taken.told.get() == Look.JOURNAL | Look.OUTBOX
    there.doubt("compute-ü.example", here.address)
    assert await taken.told.get() == "compute-ü.example"
    here.stop()
    there.stop()


async def test_what_is_not_ours_is_passed_over(pair: tuple[Taken, Pokes, Pokes]) -> None:
    """Another key, a cut or altered datagram, and noise change nothing."""
    taken, here, there = pair
    stranger = Taken().pokes(bytes([7]) * 32)
    await stranger.start("127.0.0.1", 0)
    stranger.send(Look.EVENTS, [here.address])
    host, port = here.address.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        for data in (b"", b"FW1", b"FW1\x01", bytes(16), bytes(65_000), b"FW1\x01" + bytes(16)):
            noise.sendto(data, (host, int(port)))
    there.send(Look.EVENTS, [here.address])
    assert await taken.told.get() == Look.EVENTS
    assert taken.told.empty()
    for one in (here, there, stranger):
        one.stop()


async def test_nobody_waits_for_who_is_gone(pair: tuple[Taken, Pokes, Pokes]) -> None:
    """A poke to a closed port, to no address, or after the end raises nothing."""
    taken, here, there = pair
    gone = here.address
    here.stop()
    there.send(Look.EVENTS, [gone, "nonsense", "[::1]:1", ""])
    there.doubt("h", gone)
    there.stop()
    there.send(Look.EVENTS, [gone])
    assert taken.told.empty()


async def test_an_address_that_cannot_be_had_is_named() -> None:
    """The option is in the error."""
    with pytest.raises(Invalid, match=r"\[cluster\] listen"):
        await Taken().pokes().start("192.0.2.1", 1)
