"""Pings of servers, as the compute face asks for them."""

from collections.abc import Sequence
from typing import Protocol

from faultwire.domain.ids import ProjectId, ServerId
from faultwire.domain.pings import Ping
from faultwire.domain.resources import Server


class Pinger(Protocol):
    """What is known of servers' answers to pings; on the event loop."""

    def seen(self, server: ServerId) -> Ping:
        """Return the newest answer; unknown for a server without addresses."""

    async def refresh(
        self, servers: Sequence[Server], fresh_ms: int | None, project: ProjectId
    ) -> None:
        """Have no answer about these servers be older than that; None: than is usual.

        0 asks them now. `project` is who asks. Raises TooOften where it had too many sweeps of
        late, Unavailable saying what to do where nothing can be asked.
        """
