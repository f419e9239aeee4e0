"""The draft's method for code that runs inside the server (S134)."""

from faultwire.domain.accounts import Actor
from faultwire.domain.ids import HostName
from faultwire.domain.services import UpdateHost
from faultwire.ports import Intake


class HostAPI:
    """Marks hosts down through the one lane, as ``PUT /os-hosts/{host}`` does."""

    def __init__(self, intake: Intake) -> None:
        """Take the lane."""
        self._intake = intake

    async def set_host_down(self, context: Actor, host_name: str) -> None:
        """Force a host's service down and stop its servers, in one commit (S117-S119).

        `context` is who asks, for the audit record. Returns once it is durable; raises NotFound
        for an unknown host, Unavailable where nothing was changed.
        """
        await self._intake.submit(UpdateHost(HostName(host_name), context, down=True))
