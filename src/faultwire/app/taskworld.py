"""What tasks are done to: the map and the lane of the process that does them."""

from collections.abc import Callable
from typing import Protocol

from faultwire.domain.computing import EvacuateServer
from faultwire.domain.guest_commands import MoveTask
from faultwire.domain.ids import HostName, ServerId
from faultwire.domain.remote_acts import ABOUT, RemoteKind
from faultwire.domain.tasks import Task
from faultwire.ports import Intake, Inventory
from faultwire.resourcemap.remote_acts import RemoteBook


class World(Protocol):
    """What tasks are done to."""

    async def task(self, task: str) -> Task | None:
        """Return a task that is not over, None for any other; raises Unavailable."""

    async def move(self, task: Task) -> None:
        """Note how far a task is; raises Unavailable."""

    async def servers_on(self, host: str) -> tuple[str, ...]:
        """Return the servers that stand on a host; raises Unavailable."""

    async def evacuate(self, server: str, target: str | None, task: Task) -> None:
        """Bring a server up elsewhere; raises Refused where it cannot be, Unavailable."""

    async def outcome(self, server: str, host: str) -> str | None:
        """Return what came of it: None while it is under way, empty once away, or why not."""


class LaneWorld:
    """Implements `World` in the server itself."""

    def __init__(
        self,
        intake: Intake,
        inventory: Inventory,
        known: Callable[[str], Task | None],
        remote: RemoteBook,
    ) -> None:
        """Take the lane, the map, the tasks that are not over, and what clouds are owed."""
        self._intake = intake
        self._inventory = inventory
        self._known = known
        self._remote = remote

    async def task(self, task: str) -> Task | None:
        """Return a task that is not over."""
        return self._known(task)

    async def move(self, task: Task) -> None:
        """Note how far a task is."""
        await self._intake.submit(MoveTask(task))

    async def servers_on(self, host: str) -> tuple[str, ...]:
        """Return the servers that stand on a host."""
        entry = self._inventory.entry(HostName(host))
        return tuple(server.id for server in entry.servers) if entry is not None else ()

    async def evacuate(self, server: str, target: str | None, task: Task) -> None:
        """Bring a server up elsewhere."""
        place = HostName(target) if target is not None else None
        command = EvacuateServer(ServerId(server), task.actor, place, no_fence=task.no_fence)
        await self._intake.submit(command)

    async def outcome(self, server: str, host: str) -> str | None:
        """Return what came of it: at once here, later in a cloud that is not ours."""
        act = self._remote.on((ABOUT[RemoteKind.EVACUATE], server))
        if act is not None and act.kind is RemoteKind.EVACUATE:
            return None
        found = self._inventory.server(ServerId(server))
        if found is None or found.host != host:
            return ""
        return self._remote.stayed(server) or f"it stands on {host}"
