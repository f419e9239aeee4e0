"""Forgets what subscribers were told of resources that are gone, a slice at a time."""

import asyncio
from collections.abc import Awaitable, Callable

from faultwire.app.core import Core
from faultwire.domain.subscriptions import ForgetWatches, Watch
from faultwire.notifier.evaluator.subscribing import gone
from faultwire.ports import Intake

FORGET_SECONDS = 600.0
"""Between two looks: a watch that nobody needs costs a row and a little memory meanwhile."""

BATCH = 500
"""Watches of one command: it is over before anybody waits for it."""

SLICE = 256


def forgetting(core: Core, lane: Intake) -> Callable[[], Awaitable[None]]:
    """Return what looks at all watches once a call; a call raises Unavailable.

    It looks beside the lane, which decides on what was found: others may have news meanwhile.
    """
    subscriptions, inventory = core.indexes.subscriptions, core.indexes.inventory

    async def forget() -> None:
        found: list[Watch] = []
        for number, watch in enumerate(subscriptions.over(), 1):
            if gone(watch, inventory):
                found.append(watch)
            if len(found) == BATCH:
                await lane.submit(ForgetWatches(tuple(found)))
                found.clear()
            if number % SLICE == 0:
                await asyncio.sleep(0)
        if found:
            await lane.submit(ForgetWatches(tuple(found)))

    return forget
