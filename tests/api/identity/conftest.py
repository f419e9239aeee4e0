"""A fresh cloud for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.api.identity import world as worlds


@pytest.fixture
async def world() -> AsyncIterator[worlds.World]:
    """Give a cloud that has just been started for the first time."""
    async with worlds.running() as started:
        yield started
