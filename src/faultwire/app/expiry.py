"""Removes what is old while the server runs, a batch at a time and in nobody's way."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

from faultwire.app.core import Core
from faultwire.store import EXPIRED, Engine, Retention, embedded_file, old, remove
from faultwire.store.retention import Keys

EXPIRY_SECONDS = 10.0
"""Between two rounds: with a batch of each kind in each, millions of rows a day can go."""


def expiry(core: Core, engine: Engine, settings: Retention) -> Callable[[], Awaitable[None]]:
    """Return what removes at most one batch of each kind a call; a call raises Unavailable.

    It looks on a reader's thread and removes where that disturbs no commit.
    """
    tools = core.tools
    # SQLite has one writer at a time: ours, then.
    embedded = embedded_file(engine) is not None

    async def expire() -> None:
        for kind in EXPIRED:
            found = await core.reader(old, engine, kind, settings, tools.clock.wall_ns())
            if found:
                work = partial(remove, engine, kind, cast("Keys", found))
                gone = await core.writer.run(work) if embedded else await core.reader(work)
                tools.metrics.count("faultwire_expired_rows_total", cast("int", gone), kind=kind)

    return expire
