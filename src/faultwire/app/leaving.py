"""Servers leave a dead host of a cloud: asked for, watched until they stand elsewhere, told."""

import asyncio

from faultwire.domain.accounts import Actor
from faultwire.domain.changes import Change, ServersSaved
from faultwire.domain.errors import Conflict, Invalid, Unavailable
from faultwire.domain.ids import ServerId
from faultwire.domain.notices import ServerNotice, TakeNotices
from faultwire.domain.remote_acts import STOPPED, RemoteAct, Standing
from faultwire.domain.states import VmState
from faultwire.ports import Clock, Intake, Inventory
from faultwire.ports.clouds import CloudApi

FIRST_LOOK, LONGEST_LOOK = 1.0, 10.0
"""Seconds until the cloud is asked how far it is: at first, and at most."""

LOOKS = 3
"""How often a server that nothing is done to may be seen on its old host, and well.

Nova says at the end of an evacuation that it is active, and afterwards where.
"""

_NS = 1_000_000_000
_STATES = frozenset(VmState)


def host_in_cloud(host: str) -> str:
    """Return what a cloud calls a host that we may call CLOUD/HOST."""
    return host.rpartition("/")[2]


class Leaving:
    """Does one evacuation after the other, or several at once; on the event loop."""

    def __init__(self, intake: Intake, inventory: Inventory, clock: Clock, seconds: float) -> None:
        """Take the map, where it is told of what moved, and how long a server may take."""
        self._intake = intake
        self._inventory = inventory
        self._clock = clock
        self._within_ns = int(seconds * _NS)
        self._awaited: dict[str, asyncio.Event] = {}

    def follow(self, change: Change) -> None:
        """Take a committed change: the map may know before we ask."""
        if self._awaited and isinstance(change, ServersSaved):
            for server in change.servers:
                if server.id in self._awaited:
                    self._awaited[server.id].set()

    async def leave(self, api: CloudApi, act: RemoteAct) -> None:
        """Return once the server stands on another host, and the map knows.

        Raises what the cloud does; Conflict while it cannot begin yet, Invalid where it could not.
        """
        place = host_in_cloud(act.place)
        try:
            await api.evacuate(act.target, place, stopped=act.wanted == STOPPED)
        except Conflict:
            # It may have been asked before, by a process that ended.
            if not await self._arrived(act, await api.standing(act.target)):
                raise
            return
        self._awaited[act.target] = asyncio.Event()
        try:
            await self._arrival(api, act)
        finally:
            del self._awaited[act.target]

    async def _arrival(self, api: CloudApi, act: RemoteAct) -> None:
        until, wait, idle = self._clock.mono_ns() + self._within_ns, FIRST_LOOK, 0
        while not self._away(act):
            await self._news(act, wait)
            try:
                if self._away(act):
                    return
                found = await api.standing(act.target)
                if await self._arrived(act, found):
                    return
                idle = 0 if found.task else idle + 1
                if idle >= LOOKS or (idle and found.vm_state == VmState.ERROR):
                    raise _given_up(found)
            except Unavailable:
                if self._clock.mono_ns() > until:
                    raise
            if self._clock.mono_ns() > until:
                seconds = self._within_ns // _NS
                raise Invalid("", f"the cloud has not brought it up elsewhere in {seconds} s")
            wait = min(2 * wait, LONGEST_LOOK)

    async def _news(self, act: RemoteAct, seconds: float) -> None:
        """Wait until the map was told of the server, or it is time to ask."""
        event = self._awaited[act.target]
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        event.clear()

    def _away(self, act: RemoteAct) -> bool:
        server = self._inventory.server(ServerId(act.target))
        return server is not None and bool(server.host) and server.host != act.origin

    async def _arrived(self, act: RemoteAct, found: Standing) -> bool:
        """Return whether the cloud has it elsewhere, which the map then knows."""
        if not found.host or found.host == host_in_cloud(act.origin) or found.task:
            return False
        await self._tell(act, found)
        return True

    async def _tell(self, act: RemoteAct, found: Standing) -> None:
        """Have the map say what the cloud says."""
        prefix = act.origin.removesuffix(host_in_cloud(act.origin))
        state = VmState(found.vm_state) if found.vm_state in _STATES else None
        notice = ServerNotice(act.target, host=f"{prefix}{found.host}", vm_state=state)
        await self._intake.submit(TakeNotices((notice,), (), Actor(f"cloud {act.cloud}")))


def _given_up(found: Standing) -> Invalid:
    why = found.trouble or f"it is {found.vm_state} on {found.host or 'no host'}"
    return Invalid("", f"the cloud did not bring it up elsewhere: {why}")
