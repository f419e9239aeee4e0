"""A fresh cloud for each test of the fault and alarming faces."""

from collections.abc import AsyncIterator

import pytest

from tests.api import cloud as clouds


@pytest.fixture
async def cloud() -> AsyncIterator[clouds.Cloud]:
    """Give a cloud with two hosts, three servers and two tenants."""
    async with clouds.running() as started:
        yield started
