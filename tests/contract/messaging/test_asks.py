"""Questions between servers over real sockets: answered, asked again, done once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from faultwire.domain.errors import Unavailable
from faultwire.messaging.asks import MOST_BYTES, Asks
from faultwire.messaging.pokes import Pokes

KEY = bytes(32)


def _nothing(_: object) -> None:
    pass


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Pokes, Pokes]]:
    """Give the sockets of two servers of one installation."""
    made = (Pokes(KEY, _nothing, _nothing), Pokes(KEY, _nothing, _nothing))
    for one in made:
        await one.start("127.0.0.1", 0)
    yield made
    for one in made:
        one.stop()


async def test_a_question_has_its_answer(pair: tuple[Pokes, Pokes]) -> None:
    """Several at once each get their own."""
    here, there = pair

    async def answer(question: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"twice": 2 * question["number"]}

    there.asks.answer_by(answer)
    found = await asyncio.gather(
        *(here.asks.ask(there.address, {"number": n}, 5) for n in range(20))
    )
    assert [one["twice"] for one in found] == [2 * n for n in range(20)]


async def test_nobody_there_is_known_in_time(pair: tuple[Pokes, Pokes]) -> None:
    """A server that is gone, or one of another installation, answers nothing."""
    here, there = pair
    address = there.address
    there.stop()
    with pytest.raises(Unavailable):
        await here.asks.ask(address, {}, 0.05)
    stranger = Pokes(bytes([7]) * 32, _nothing, _nothing)
    await stranger.start("127.0.0.1", 0)
    with pytest.raises(Unavailable):
        await here.asks.ask(stranger.address, {}, 0.05)
    stranger.stop()


async def test_a_defect_and_nobody_who_answers_are_told(pair: tuple[Pokes, Pokes]) -> None:
    """Who asks need not wait for the deadline."""
    here, there = pair
    assert "failure" in await here.asks.ask(there.address, {}, 5)

    async def broken(question: Mapping[str, Any]) -> Mapping[str, Any]:
        raise KeyError(question["missing"])

    there.asks.answer_by(broken)
    assert await here.asks.ask(there.address, {}, 5) == {"failure": "internal error"}

    async def large(question: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"value": "x" * MOST_BYTES}

    there.asks.answer_by(large)
    assert "too large" in (await here.asks.ask(there.address, {}, 5))["failure"]
    with pytest.raises(Unavailable):
        await here.asks.ask(there.address, {"value": "x" * MOST_BYTES}, 5)


async def test_what_is_asked_again_is_done_once() -> None:
    """A lost answer costs time: the question comes again and the same answer goes out."""
    done: list[int] = []
    lost = [True]
    ends: dict[str, Asks] = {}

    def to_there(body: bytes, _: object) -> None:
        ends["there"].asked(body, "here")

    def to_here(body: bytes, _: object) -> None:
        if lost.pop() if lost else False:
            return
        ends["here"].answered(body)

    ends["here"] = Asks(to_there, _nothing_sent)
    ends["there"] = Asks(_nothing_sent, to_here)

    async def answer(question: Mapping[str, Any]) -> Mapping[str, Any]:
        done.append(question["number"])
        return {"done": len(done)}

    ends["there"].answer_by(answer)
    assert await ends["here"].ask("there", {"number": 1}, 5) == {"done": 1}
    assert done == [1]


def _nothing_sent(_: bytes, __: object) -> None:
    pass


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": 1}', b'{"id": "x", "ask": 1}'])
async def test_noise_changes_nothing(body: bytes) -> None:
    """What is no question and no answer is passed over."""
    asks = Asks(_nothing_sent, _nothing_sent)
    asks.asked(body, "x")
    asks.answered(body)
