"""Tests of endpoints: signed, guarded, and silent about addresses."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from faultwire.domain import signature
from faultwire.domain.errors import TooOften, Unavailable
from faultwire.domain.ids import ProjectId
from faultwire.notifier.delivery import guard
from faultwire.notifier.delivery.endpoint import ELSEWHERE, MOST, MOST_EACH, Endpoints
from faultwire.notifier.settings import Settings
from faultwire.telemetry.clock import SystemClock
from faultwire.testing import sink
from faultwire.testing.clock import ManualClock

P = ProjectId("p")
FRESH = signature.new_secret(b"f" * 32)
KEPT = signature.new_secret(b"k" * 32)


class Stand:
    """Endpoints of two projects, of which one has a secret, and a receiver."""

    def __init__(self, received: sink.Sink, addresses: list[Any]) -> None:
        self.sink = received
        self.endpoints = Endpoints(
            guard.Rules(loopback=True),
            Settings(deadline_ms=2000),
            SystemClock(),
            lambda project: [KEPT] if project == "kept" else [],
            lambda host, family: addresses,
        )

    async def ask(self, url: str, project: str = P) -> str:
        """Test an endpoint."""
        return await self.endpoints.ask(ProjectId(project), url, "d-1", {"a": 1}, FRESH)


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """Give a receiver, and names that all lead into a private network."""
    async with sink.Sink() as received:
        made = Stand(received, [(socket.AF_INET, "10.1.2.3")])
        yield made
        await made.endpoints.close()


@pytest.mark.parametrize(("project", "secret"), [("p", FRESH), ("kept", KEPT)])
async def test_a_test_is_signed_like_every_webhook(
    stand: Stand, project: str, secret: str
) -> None:
    """With the project's newest secret, or the one that it is about to get."""
    assert await stand.ask(stand.sink.url("/x"), project) == ""
    (came,) = stand.sink.requests
    assert orjson.loads(came.body) == {"a": 1}
    now_s = SystemClock().wall_ns() // 1_000_000_000
    assert signature.verify([secret], came.headers, came.body, now_s) == "d-1"


async def test_what_came_back_is_said(stand: Stand) -> None:
    """By status, and without what the answer's body says."""
    for status, said in (
        (500, "HTTP 500"),
        (404, "HTTP 404"),
        (302, "redirect refused (HTTP 302)"),
    ):
        url = stand.sink.on(
            f"/{status}", sink.answer(status, b"inside", "location: http://10.0.0.1/")
        )
        assert await stand.ask(url) == said


async def test_no_address_is_told(stand: Stand) -> None:
    """A name that leads inside is refused, and where it leads is not said."""
    assert await stand.ask("http://inside.example/") == ELSEWHERE
    assert await stand.ask("http://user:secret@inside.example/") == (
        "the callback holds a user name or password; requests are signed instead"
    )


async def test_tests_under_way_are_bounded(stand: Stand) -> None:
    """Hung endpoints hold a few places of their project, then 429, and some of all, then 503."""
    gate = asyncio.Event()
    url = stand.sink.on("/held", sink.held(gate))
    each = [asyncio.ensure_future(stand.ask(url, f"p{n}")) for n in range(7) for _ in range(4)]
    more = [asyncio.ensure_future(stand.ask(url, "one")) for _ in range(MOST_EACH)]
    await stand.sink.wait_for(lambda: len(stand.sink.requests) == MOST)
    with pytest.raises(TooOften, match=r"4 callbacks of the project .* again in 2 s") as caught:
        await stand.ask(url, "one")
    assert caught.value.seconds == 2
    with pytest.raises(Unavailable, match="too many callbacks"):
        await stand.ask(url, "another")
    gate.set()
    assert {*await asyncio.gather(*each, *more)} == {""}
    assert await stand.ask(url, "one") == ""


async def test_a_project_tests_so_often_in_a_minute() -> None:
    """More is refused, with the seconds to wait; other projects are not concerned."""
    clock = ManualClock()
    async with sink.Sink() as received:
        endpoints = Endpoints(
            guard.Rules(loopback=True), Settings(callback_tests=3), clock, lambda project: []
        )

        async def ask(project: str = P) -> str:
            return await endpoints.ask(ProjectId(project), received.url("/"), "d", {}, FRESH)

        assert [await ask() for _ in range(3)] == [""] * 3
        with pytest.raises(TooOften, match=r"3 callbacks tested .* again in 20 s") as caught:
            await ask()
        assert caught.value.seconds == 20
        assert await ask("q") == ""
        clock.advance(20)
        assert await ask() == ""
        with pytest.raises(TooOften):
            await ask()
        assert len(received.requests) == 5
        await endpoints.close()
