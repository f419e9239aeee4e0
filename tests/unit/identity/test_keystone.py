"""Tokens of Keystone: asked once, remembered for as long as is said, and no longer."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from faultwire.domain.accounts import Caller, Role
from faultwire.domain.errors import Forbidden, Unauthenticated, Unavailable
from faultwire.domain.ids import ProjectId, UserId
from faultwire.identity.keystone import LONGEST_TOKEN, KeystoneTokens, read
from faultwire.identity.keystone_settings import Settings
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.clock import ManualClock
from faultwire.testing.keystone import FakeKeystone, Grant

SETTINGS = Settings(token_cache_seconds=60, grace_seconds=300, refused_cache_seconds=5)
MEMBER = Grant("ada", "east", frozenset({"member", "reader", "Auditor"}))
OURS = Caller(UserId("local"), "local", ProjectId("p"))


class Ours:
    """Our own accounts: one token, one credential."""

    def token(self, token: str) -> Caller:
        """Know one."""
        if token != "ours":
            raise Unauthenticated("no")
        return OURS

    def bound(self, credential: str) -> Caller:
        """Know one."""
        if credential != "agent/h1:s":
            raise Unauthenticated("no")
        return OURS


class World:
    """A Keystone, a clock, and who remembers."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        """Know nobody."""
        self.clock = ManualClock()
        self.keystone = FakeKeystone(self.clock)
        self.metrics = Metrics()
        self.tokens = KeystoneTokens(self.keystone, Ours(), self.clock, self.metrics, settings)

    def counted(self, result: str) -> float:
        """Return how many tokens ended so."""
        name = "faultwire_keystone_tokens_total"
        return self.metrics.registry.get_sample_value(name, {"result": result}) or 0.0

    async def settle(self) -> None:
        """Let what runs in the background run."""
        for _ in range(10):
            await asyncio.sleep(0)


async def test_a_token_is_asked_once_and_says_who_speaks() -> None:
    """User, project, roles and end are Keystone's; the second look asks nobody."""
    world = World()
    token = world.keystone.issue(MEMBER)
    caller = await world.tokens.caller(token)
    assert (caller.user, caller.project, caller.project_name) == ("ada", "east", "project east")
    assert caller.roles == {Role.MEMBER, Role.READER}
    assert caller.more_roles == {"auditor"}
    assert await world.tokens.caller(token) is caller
    assert world.keystone.asked == [("token", token)]


async def test_many_looks_at_one_token_are_one_question() -> None:
    """A hundred requests at once ask Keystone once, and one that leaves takes nobody along."""
    world = World()
    world.keystone.held = asyncio.Event()
    token = world.keystone.issue(MEMBER)
    looks = [asyncio.create_task(world.tokens.caller(token)) for _ in range(100)]
    await world.settle()
    looks[0].cancel()
    world.keystone.held.set()
    callers = await asyncio.gather(*looks, return_exceptions=True)
    assert isinstance(callers[0], asyncio.CancelledError)
    assert {caller.user for caller in callers[1:] if isinstance(caller, Caller)} == {"ada"}
    assert len(world.keystone.asked) == 1


async def test_a_revoked_token_is_refused_within_the_stated_time() -> None:
    """It is remembered for token_cache_seconds and not a moment longer, however often used."""
    world = World()
    token = world.keystone.issue(MEMBER)
    await world.tokens.caller(token)
    world.keystone.revoke(token)
    world.clock.advance(29)
    await world.tokens.caller(token)
    world.clock.advance(31)
    with pytest.raises(Unauthenticated):
        await world.tokens.caller(token)


async def test_a_token_in_use_is_asked_again_before_it_has_to_be() -> None:
    """After half of its time the question goes out behind the answer; nobody waits for it."""
    world = World()
    token = world.keystone.issue(MEMBER)
    await world.tokens.caller(token)
    world.clock.advance(30)
    world.keystone.held = asyncio.Event()
    await world.tokens.caller(token)
    await world.tokens.caller(token)
    await world.settle()
    assert len(world.keystone.asked) == 2
    world.keystone.held.set()
    await world.settle()
    world.clock.advance(59)
    world.keystone.up = False
    await world.tokens.caller(token)
    assert world.counted("grace") == 0


async def test_a_token_ends_when_it_says_so() -> None:
    """What is remembered never outlives the token itself."""
    world = World()
    token = world.keystone.issue(MEMBER, 10_000_000_000)
    await world.tokens.caller(token)
    world.clock.advance(10)
    world.keystone.up = False
    with pytest.raises(Unauthenticated):
        await world.tokens.caller(token)


async def test_a_refused_token_is_refused_for_a_while_without_a_question() -> None:
    """Guessing costs Keystone little; a token that becomes valid is taken soon."""
    world = World()
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await world.tokens.caller("guess")
    assert len(world.keystone.asked) == 1
    world.clock.advance(5)
    with pytest.raises(Unauthenticated):
        await world.tokens.caller("guess")
    assert len(world.keystone.asked) == 2


@pytest.mark.parametrize("text", ["", "a" * (LONGEST_TOKEN + 1), "caf\xe9", "a\x00b", "a\nb"])
async def test_what_can_be_no_token_is_asked_nobody(text: str) -> None:
    """Nothing hostile reaches Keystone in a header of ours."""
    world = World()
    with pytest.raises(Unauthenticated):
        await world.tokens.caller(text)
    assert world.keystone.asked == []


async def test_while_keystone_is_away_known_tokens_go_on_and_new_ones_wait() -> None:
    """Known: until the grace is over. New: 503, also at once while one question is under way."""
    world = World()
    known, new = world.keystone.issue(MEMBER), world.keystone.issue(MEMBER)
    await world.tokens.caller(known)
    world.keystone.up = False
    world.clock.advance(60)
    assert (await world.tokens.caller(known)).user == "ada"
    with pytest.raises(Unavailable):
        await world.tokens.caller(new)
    assert len(world.keystone.asked) == 2
    world.clock.advance(299)
    assert (await world.tokens.caller(known)).user == "ada"
    world.clock.advance(1)
    with pytest.raises(Unavailable):
        await world.tokens.caller(known)
    world.keystone.up = True
    world.clock.advance(1)
    assert (await world.tokens.caller(known)).user == "ada"
    assert (await world.tokens.caller(new)).user == "ada"


async def test_a_keystone_that_hangs_is_waited_for_once() -> None:
    """A question has a deadline; while one finds out, others are told at once."""
    world = World(replace(SETTINGS, timeout=0.1))
    world.keystone.held = asyncio.Event()
    token = world.keystone.issue(MEMBER)
    with pytest.raises(Unavailable):
        await world.tokens.caller(token)
    world.clock.advance(1)
    looks = [asyncio.create_task(world.tokens.caller(f"token{n}")) for n in range(50)]
    answers = await asyncio.gather(*looks, return_exceptions=True)
    assert {type(one) for one in answers} == {Unavailable}
    assert len(world.keystone.asked) == 2
    await world.tokens.close()


async def test_what_keystone_refuses_to_us_says_nothing_of_the_caller() -> None:
    """Our own account being barred is our trouble: 503, not 401."""
    world = World()

    async def barred(subject: str) -> Any:
        raise Forbidden(f"no {subject}")

    world.keystone.token = barred  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await world.tokens.caller("abc")


async def test_memory_is_bounded() -> None:
    """Of more tokens than are remembered the least used is forgotten, refused ones too."""
    world = World(replace(SETTINGS, token_cache=2))
    first, *others = [world.keystone.issue(MEMBER) for _ in range(3)]
    await world.tokens.caller(first)
    for token in others:
        await world.tokens.caller(token)
    for number in range(5):
        with pytest.raises(Unauthenticated):
            await world.tokens.caller(f"guess{number}")
    await world.tokens.caller(first)
    assert len(world.keystone.asked) == 9


async def test_our_own_accounts_count_only_where_both_are_wanted() -> None:
    """Credentials of agents do always."""
    world, both = World(), World(replace(SETTINGS, embedded_identity=True))
    assert await both.tokens.caller("ours") is OURS
    assert both.tokens.token("ours") is OURS
    assert both.keystone.asked == []
    with pytest.raises(Unauthenticated):
        await world.tokens.caller("ours")
    with pytest.raises(Unauthenticated):
        world.tokens.token("ours")
    assert world.tokens.bound("agent/h1:s") is OURS


@pytest.mark.parametrize(
    "document", [{}, {"token": None}, {"token": {"user": "x"}}, {"token": {"user": {"id": "a"}}}]
)
def test_an_answer_that_makes_no_sense_is_no_answer(document: dict[str, Any]) -> None:
    """Whatever stands in Keystone's place says nothing of the caller."""
    with pytest.raises(Unavailable):
        read(document)
