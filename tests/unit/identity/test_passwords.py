"""Passwords: their form, the equal work, the slow-down in time."""

import asyncio
from collections.abc import Iterator

import pytest

from faultwire.domain.accounts import User
from faultwire.domain.errors import Invalid, Unavailable
from faultwire.domain.ids import UserId
from faultwire.identity.passwords import Passwords
from faultwire.identity.settings import Settings
from faultwire.testing.clock import ManualClock

FIELD = "user.password"
RIGHT = "right"


class Desk:
    """Passwords under a clock by hand, and a count of what bcrypt was asked."""

    def __init__(self, **changes: object) -> None:
        settings = {"bcrypt_rounds": 4, "longest_delay": 8.0, **changes}
        self.clock = ManualClock()
        self.passwords = Passwords(Settings(**settings), self.clock)
        self.checked = 0
        run = self.passwords._run

        async def counted(function: object, *args: bytes) -> object:
            self.checked += 1
            return await run(function, *args)

        self.passwords._run = counted

    async def user(self, password: str = RIGHT, *, enabled: bool = True) -> User:
        hashed = await self.passwords.hash(password, FIELD)
        self.checked = 0
        return User(UserId("u"), "u", hashed, 1, enabled)

    async def verify(self, user: User | None, password: str, source: str = "192.0.2.1") -> bool:
        return await self.passwords.verify(user, password, "u", source, FIELD)


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Give a desk and end its threads."""
    made = Desk()
    yield made
    made.passwords.close()


async def test_a_password_is_right_or_wrong(desk: Desk) -> None:
    """Only the password that was hashed fits, and only an enabled user's."""
    user = await desk.user("right")
    assert await desk.verify(user, "right")
    assert not await desk.verify(user, "Right")
    assert not await desk.verify(await desk.user(enabled=False), "right", "198.51.100.1")


@pytest.mark.parametrize("known", [True, False])
async def test_an_unknown_user_costs_what_a_known_one_costs(desk: Desk, known: bool) -> None:
    """A name cannot be found out by how much work its login is."""
    user = await desk.user() if known else None
    assert not await desk.verify(user, "wrong")
    assert desk.checked == 1


async def test_a_user_without_a_password_is_like_nobody(desk: Desk) -> None:
    """No password opens an account that has none, and the work is the same."""
    assert not await desk.verify(User(UserId("u"), "u", "", 1), "x")
    assert desk.checked == 1


@pytest.mark.parametrize("password", ["", "p" * 73, "é" * 37, "a\0b"])
async def test_a_password_that_cannot_be_kept_is_invalid(desk: Desk, password: str) -> None:
    """Empty, longer than 72 bytes, or with a NUL: refused by name, never cut."""
    with pytest.raises(Invalid) as refused:
        await desk.passwords.hash(password, FIELD)
    assert refused.value.field == FIELD
    with pytest.raises(Invalid):
        await desk.verify(None, password)
    assert desk.checked == 0


async def test_72_bytes_are_all_looked_at(desk: Desk) -> None:
    """Two long passwords that differ in their last byte are two passwords."""
    user = await desk.user("p" * 71 + "a")
    assert await desk.verify(user, "p" * 71 + "a")
    assert not await desk.verify(user, "p" * 71 + "b")


async def test_guesses_side_by_side_wait_for_each_others_failures() -> None:
    """Guesses that came together are not all judged by the count at which they came."""
    desk = Desk(account_failures=1)
    guesses = [asyncio.create_task(desk.verify(None, "wrong")) for _ in range(6)]
    await desk.clock.asleep(4)
    # Two were looked at at once, as there are two threads; the others wait for the clock.
    assert desk.checked == 2
    desk.clock.advance(8.0)
    assert await asyncio.gather(*guesses) == [False] * 6
    assert desk.checked == 6
    desk.passwords.close()


async def test_the_right_password_gets_in_under_attack(desk: Desk) -> None:
    """A login under attack waits as long as the limit says, and is then judged by its merit."""
    user = await desk.user()
    for _ in range(10):
        desk.passwords._throttle.failed("198.51.100.1", "u", desk.clock.mono_ns())
    login = asyncio.create_task(desk.verify(user, RIGHT))
    await desk.clock.asleep()
    assert desk.checked == 0
    desk.clock.advance(8.0)
    assert await login


async def test_places_are_bounded() -> None:
    """Beyond the places a login is refused as Unavailable and may come back."""
    desk = Desk(waiting_logins=2, account_failures=1)
    assert not await desk.verify(None, "wrong")
    waiting = [asyncio.create_task(desk.verify(None, "wrong")) for _ in range(2)]
    await desk.clock.asleep(2)
    with pytest.raises(Unavailable):
        await desk.verify(None, "wrong", "203.0.113.1")
    desk.clock.advance(8.0)
    assert await asyncio.gather(*waiting) == [False, False]
    late = asyncio.create_task(desk.verify(None, "wrong", "203.0.113.1"))
    await desk.clock.asleep()
    desk.clock.advance(8.0)
    assert await late is False
    desk.passwords.close()
