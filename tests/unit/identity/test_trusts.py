"""Tokens of who trusts us: ready when they are needed, and nobody waits where there is none."""

import asyncio

import pytest

from faultwire.domain.errors import NotFound, Unavailable
from faultwire.identity.trusts import KeptTrustTokens
from faultwire.testing.clock import ManualClock
from faultwire.testing.keystone import FakeKeystone, Grant

MINE = Grant("ada", "east", frozenset({"member"}))


class World:
    """A Keystone with a trust, and who keeps tokens."""

    def __init__(self) -> None:
        """Make one trust."""
        self.clock = ManualClock()
        self.keystone = FakeKeystone(self.clock)
        self.tokens = KeptTrustTokens(self.keystone, self.clock, 5.0)

    async def trust(self) -> str:
        """Return a new trust."""
        token = self.keystone.issue(MINE)
        return await self.keystone.create_trust(
            token, user="ada", project="east", roles=["member"]
        )

    @property
    def fetched(self) -> int:
        """How often a token was fetched."""
        return sum(asked[0] == "trust_token" for asked in self.keystone.asked)


async def settle() -> None:
    """Let what runs in the background run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_token_is_fetched_ahead_and_once() -> None:
    """Warmed, it is there; a hundred who want it are one fetch."""
    world = World()
    first, second = await world.trust(), await world.trust()
    world.tokens.warm(first)
    await settle()
    assert world.fetched == 1
    world.keystone.up = False
    assert await world.tokens.token(first)
    world.keystone.up = True
    tokens = await asyncio.gather(*(world.tokens.token(second) for _ in range(100)))
    assert len(set(tokens)) == 1
    assert world.fetched == 2


async def test_a_token_is_renewed_before_it_ends() -> None:
    """In the background, five minutes before; one that is about to end is not sent."""
    world = World()
    trust = await world.trust()
    first = await world.tokens.token(trust)
    running = asyncio.create_task(world.tokens.run())
    await world.clock.asleep()
    world.clock.advance(3600 - 299)
    await settle()
    assert world.fetched == 2
    assert await world.tokens.token(trust) != first
    running.cancel()


async def test_while_keystone_is_away_one_waits_and_others_know() -> None:
    """The first finds it out; for a second nobody asks; then it is asked again."""
    world = World()
    trust = await world.trust()
    world.keystone.up = False
    for _ in range(3):
        with pytest.raises(Unavailable):
            await world.tokens.token(trust)
    assert world.fetched == 1
    world.keystone.up = True
    world.clock.advance(1)
    assert await world.tokens.token(trust)


async def test_a_trust_that_is_gone_says_so() -> None:
    """Its action can never run again."""
    world = World()
    trust = await world.trust()
    await world.keystone.delete_trust(trust, "")
    with pytest.raises(NotFound):
        await world.tokens.token(trust)


async def test_a_fetch_that_hangs_ends() -> None:
    """It has a deadline, and closing ends what is under way."""
    world = World()
    tokens = KeptTrustTokens(world.keystone, world.clock, 0.05)
    trust = await world.trust()
    world.keystone.held = asyncio.Event()
    with pytest.raises(Unavailable):
        await tokens.token(trust)
    world.tokens.warm(trust)
    await world.tokens.close()
