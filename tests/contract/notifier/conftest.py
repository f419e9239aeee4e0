"""A sender, and a consumer that does as it is told."""

from collections.abc import AsyncIterator

import pytest

from faultwire.testing.sink import Sink
from tests.contract.notifier.bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.outbox.unavailable = False
    for sender in made.senders:
        await sender.stop(0)


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as made:
        yield made
