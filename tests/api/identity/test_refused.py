"""Logins that are refused, and who hears of them."""

from tests.api.identity.world import World, running


async def noted(world: World, name: str, password: str) -> list[tuple[str, str, str]]:
    """Return what is told of one login."""
    told: list[tuple[str, str, str]] = []
    world.signin.on_refused(lambda *refused: told.append(refused))
    await world.post_login(name, password)
    return told


async def test_a_wrong_password_is_told_with_its_address() -> None:
    """The account's name and where it came from go into the audit record."""
    async with running() as world:
        assert await noted(world, "admin", "wrong") == [("login.refused", "admin", "127.0.0.1")]


async def test_what_is_no_account_is_not_named() -> None:
    """A password in the field of the name is kept nowhere."""
    async with running() as world:
        told = await noted(world, "my secret password", "x")
        assert told == [("login.refused", "(no such user)", "127.0.0.1")]


async def test_a_right_password_is_not_told() -> None:
    """Only refusals are."""
    async with running() as world:
        token = await world.log_in()
        assert token
        told: list[tuple[str, str, str]] = []
        world.signin.on_refused(lambda *refused: told.append(refused))
        await world.log_in()
        assert told == []
