"""What a guest agent is: the calls that it takes, and what it says of itself.

The way to the server is another module's: a connection of its own (`guestlink`), or the bus.
"""

import asyncio
import os
import platform
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from faultwire import __version__
from faultwire.domain.errors import FaultwireError, RpcError
from faultwire.domain.faults import FAULT_TYPES, GUEST_DOWN
from faultwire.messaging.table import CONDUCTOR, GUESTAGENT
from faultwire.ports import Clock
from faultwire.ports.rpc import Incoming

BAD = frozenset({"CRASHED", "FAILED"})
"""Words for a database that does not serve; the guest reports it down itself."""

UNKNOWN = "UNKNOWN"
PROC = Path("/proc")
_NS = 1_000_000_000
_KIB = 1024

Say = Callable[[str], None]
Call = Callable[[str, str, Mapping[str, object]], Awaitable[object]]
"""Calls API, method, arguments, and returns the answer; raises an RpcError."""


class Duties(Protocol):
    """The database that an agent looks after."""

    async def status(self) -> str:
        """Return how the database is, as one word; empty where nobody knows."""

    async def restart(self, reason: str) -> str | None:
        """Restart the database and say what came of it; None: there is nothing to restart.

        Raises a FaultwireError where that failed.
        """


class NoDuties:
    """Implements `Duties` for an agent that only answers."""

    async def status(self) -> str:
        """Return nothing."""
        return ""

    async def restart(self, reason: str) -> None:
        """Return None."""
        del reason


class Guest:
    """One guest agent; implements the API `guestagent`. On one event loop.

    `boot_id` names this process and `sequence` grows with each heartbeat, so that nothing hangs
    on this machine's clock. `on_restart` is called where a restart is asked for and there is no
    database to restart: the agent itself begins anew then.
    """

    def __init__(self, name: str, clock: Clock, say: Say, duties: Duties) -> None:
        """Begin with nothing said."""
        self.name = name
        self.boot_id = uuid.uuid4().hex
        self.sequence = 0
        self.status = ""
        self.on_restart: Callable[[], None] = lambda: None
        self._clock = clock
        self._say = say
        self._duties = duties
        self._began = clock.mono_ns()
        self._told_bad = False

    # ------------------------------------------------------------ guestagent

    async def rpc_ping(self, incoming: Incoming) -> object:
        """Answer True: it proves that calls arrive, and nothing of the database (S208)."""
        del incoming
        return True

    async def restart(self, incoming: Incoming, reason: str | None) -> object:
        """Restart the database; where there is none that we know of, the agent begins anew."""
        del incoming
        self._say(f"asked to restart: {reason or 'no reason given'}")
        said = await self._duties.restart(reason or "")
        if said is None:
            self.on_restart()
            return {"restarted": "agent"}
        self._say(f"restarted: {said}")
        return {"restarted": "database", "said": said}

    async def get_diagnostics(self, incoming: Incoming, sections: Sequence[str] | None) -> object:
        """Answer figures of the agent, its process and its machine; all, or these sections."""
        del incoming
        known: Mapping[str, Callable[[], object]] = {
            "agent": self._agent,
            "process": _process,
            "machine": _machine,
        }
        wanted = known if sections is None else [one for one in sections if one in known]
        return {name: known[name]() for name in wanted}

    def _agent(self) -> object:
        return {
            "version": __version__,
            "rpc_version": str(GUESTAGENT.newest),
            "boot_id": self.boot_id,
            "sequence": self.sequence,
            "uptime_seconds": round((self._clock.mono_ns() - self._began) / _NS, 3),
            "service_status": self.status,
        }

    # ------------------------------------------------------------ what it says

    def renew(self) -> None:
        """Be another process from now on, as far as anybody can tell."""
        self.boot_id, self.sequence = uuid.uuid4().hex, 0

    async def look(self) -> None:
        """Find out how the database is."""
        try:
            self.status = await self._duties.status()
        except FaultwireError as error:
            self._say(f"how the database is cannot be found out: {error}")
            self.status = UNKNOWN

    def beat(self, *, goodbye: bool = False) -> Mapping[str, object]:
        """Return the arguments of the next heartbeat."""
        self.sequence += 1
        payload: dict[str, object] = {"service_status": self.status}
        if goodbye:
            payload["goodbye"] = True
        return {
            "instance_id": self.name,
            "payload": payload,
            "sent": self._clock.wall_ns() / _NS,
            "rpc_version": str(GUESTAGENT.newest),
            "boot_id": self.boot_id,
            "sequence": self.sequence,
        }

    async def tell(self, call: Call) -> object:
        """Send one heartbeat, and report the database where it went bad or well again.

        Returns what the conductor answers to the heartbeat; raises an RpcError.
        """
        await self.look()
        answer = await call(CONDUCTOR.name, "heartbeat", self.beat())
        bad = self.status in BAD
        if bad != self._told_bad:
            kind = FAULT_TYPES[GUEST_DOWN]
            arguments: dict[str, object] = {
                "instance_id": self.name,
                "fault_type": kind.name if bad else kind.clear,
                "details": {"service_status": self.status},
            }
            try:
                await call(CONDUCTOR.name, "report_fault", arguments)
            except RpcError as error:
                self._say(f"the database is {self.status}, which could not be reported: {error}")
            else:
                self._told_bad = bad
        return answer


def _process() -> object:
    found = {"pid": os.getpid(), "python": platform.python_version()}
    try:
        pages = int((PROC / "self" / "statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return found
    return {**found, "rss_kib": pages * os.sysconf("SC_PAGE_SIZE") // _KIB}


def _machine() -> object:
    found: dict[str, object] = {"load": list(os.getloadavg()), "cpus": os.cpu_count()}
    try:
        lines = (PROC / "meminfo").read_text().splitlines()
        memory = {line.partition(":")[0]: line.split()[1] for line in lines if ":" in line}
        found["memory_kib"] = int(memory["MemTotal"])
        found["memory_available_kib"] = int(memory["MemAvailable"])
    except (OSError, ValueError, KeyError, IndexError):
        pass
    return found


async def first_of(*tasks: "asyncio.Task[str]") -> str:
    """Return what the first of some tasks returns, and end the others."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return "; ".join(task.result() for task in done)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
